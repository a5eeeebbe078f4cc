// Asking the box: JSON over /api/v1, with the session cookie. What the box refuses becomes an Error in its own words.

import { root } from './dom.js'

// ask resolves to the decoded answer, or null where there is none. path is below /api/v1/.
export async function ask(method, path, body) {
  let answer
  try {
    answer = await fetch(root + 'api/v1/' + path, {
      method, headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch {
    throw new Error('The box cannot be reached. Is it switched on and in this network?')
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json()
  throw await problem(answer)
}

// problem is the refusal in answer as an Error.
export async function problem(answer) {
  const p = await answer.json().catch(() => ({}))
  const err = new Error([p.title || 'The box answered ' + answer.status, p.detail].filter(Boolean).join('. '))
  return Object.assign(err, { type: p.type, status: answer.status })
}
