// What can be done with clips, one or many: pin, push, delete with time to think better of it, link, download.

import { make, root } from './dom.js'
import { ask, problem } from './box.js'
import { complain, toast } from './toast.js'

const grace = 10 // seconds before a deletion is sent

const many = (n, did) => n === 1 ? `Clip ${did}` : `${n} clips ${did}`

// each does one thing to all ids, in turn, and says how it went. It resolves to the ids it was done to.
async function each(ids, did, one) {
  const done = []
  const close = ids.length > 20 ? toast(`Working on ${ids.length} clips…`, { seconds: 600 }) : () => {}
  let wrong = null
  for (const id of ids) {
    try {
      await one(id)
      done.push(id)
    } catch (err) {
      wrong ??= err
      if (!err.status || err.status === 403) break // the rest would fare no better
    }
  }
  close()
  if (done.length) toast(many(done.length, did))
  if (wrong) complain(wrong)
  return done
}

export const pin = (ids, on) => each(ids, on ? 'pinned: retention leaves it alone' : 'unpinned', id => ask(on ? 'PUT' : 'DELETE', `clips/${id}/pin`))

// doomed are the clips that are about to be deleted: no list shows them.
export const doomed = new Set()

// remove hides the clips at once and deletes them after a while; until then nothing has been sent, and closing the page
// keeps them. hide(id) returns a function that shows the clip again.
export function remove(ids, hide) {
  for (const id of ids) doomed.add(id)
  const back = new Map(ids.map(id => [id, hide(id)]))
  const show = some => {
    some.reverse().forEach(id => { doomed.delete(id); back.get(id)() })
    document.dispatchEvent(new Event('stale'))
  }
  const send = async () => {
    const gone = new Set(await each(ids, 'deleted', id => ask('DELETE', `clips/${id}`)))
    if (gone.size < ids.length) show(ids.filter(id => !gone.has(id)))
  }
  const timer = setTimeout(send, grace * 1000)
  const text = ids.length === 1 ? 'The clip will be deleted in 10 seconds' : `${ids.length} clips will be deleted in 10 seconds`
  toast(text, { seconds: grace, action: { name: 'Undo', do: () => { clearTimeout(timer); show([...ids]) } } })
}

// push asks for a target where there are several, and queues the clips.
export async function push(ids) {
  const targets = (document.body.dataset.targets || '').split('\n').filter(Boolean)
  if (!targets.length) return toast('No target is set up on this box. An admin adds one under Settings.', { seconds: 8 })
  const target = targets.length === 1 ? targets[0] : await choose(targets)
  if (target) await each(ids, 'queued for ' + target, id => ask('POST', `clips/${id}/push`, { target }))
}

function choose(targets) {
  return new Promise(resolve => {
    const select = make('select', { id: 'target' }, ...targets.map(text => make('option', { text })))
    const d = dialog('Push to a target', make('label', { for: 'target', text: 'Target' }), select)
    d.foot.append(make('button', { type: 'button', class: 'button main', text: 'Push', onclick: () => { resolve(select.value); d.close() } }))
    d.box.addEventListener('close', () => resolve(''))
  })
}

// dialog opens a dialog with a heading, and a row of buttons that begins with one to close it.
export function dialog(title, ...content) {
  const close = () => box.close()
  const foot = make('div', { class: 'row' }, make('button', { type: 'button', class: 'button', text: 'Close', onclick: close }))
  const box = make('dialog', { 'aria-label': title }, make('h2', { text: title }), make('div', { class: 'stack' }, ...content), foot)
  box.addEventListener('close', () => box.remove())
  document.body.append(box)
  box.showModal()
  return { box, foot, close }
}

// link makes a link that works without signing in, copies it, and shows it: not every browser lets a page copy.
export async function link(id) {
  try {
    const { url, expires } = await ask('POST', `clips/${id}/link`, { ttl: '24h' })
    const field = make('input', { id: 'shared', readonly: true, value: url })
    const until = expires ? `It works until ${new Date(expires).toLocaleString()}, for whoever has it.` : 'It works for a day, for whoever has it.'
    const where = document.body.dataset.public ? '' : 'It works only in this network, as no public_url is set.'
    const told = make('p', { role: 'status' })
    const d = dialog('Link to this clip', make('label', { for: 'shared', text: 'Anyone with this link can watch the clip' }), field,
      make('p', { class: 'dim', text: until }), where ? make('p', { class: 'notice', text: where }) : '', told)
    const copy = async () => { told.textContent = await copied(field) ? 'Copied.' : 'Copy it from the field: this browser does not let pages copy.' }
    d.foot.append(make('button', { type: 'button', class: 'button main', text: 'Copy', onclick: copy }))
    await copy()
  } catch (err) {
    complain(err)
  }
}

// copied tries the clipboard; over plain HTTP only the old way is there.
async function copied(field) {
  field.select()
  if (navigator.clipboard) return navigator.clipboard.writeText(field.value).then(() => true, () => false)
  return document.execCommand('copy')
}

const urlIds = 500 // design.md: at most so many ids in an address

// zip downloads clips in one file. whole is a query of the list, not empty, that they are everything of. The box is asked
// for the head first, since a download that fails says nothing in words.
export async function zip(ids, whole) {
  const query = ids.length <= urlIds ? ids.map(id => 'id=' + id).join('&') : whole
  if (!query) return post(ids)
  const href = root + 'archive.zip?' + query
  const head = await fetch(href, { method: 'HEAD' }).catch(() => null)
  if (!head?.ok) throw await refusal(href, head)
  make('a', { href, download: '' }).click()
}

// refusal is why the box gives no archive: a HEAD has no body, so it is asked once more.
async function refusal(href, head) {
  if (!head) return new Error('The box cannot be reached. Is it switched on and in this network?')
  return problem(await fetch(href, { headers: { Accept: 'application/problem+json' } }))
}

function post(ids) {
  const form = make('form', { method: 'post', action: root + 'archive.zip', hidden: true }, ...ids.map(id => make('input', { name: 'id', value: id })))
  document.body.append(form)
  form.submit()
  form.remove()
}
