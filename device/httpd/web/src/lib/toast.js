// A toast says what just happened, and may offer one thing to do about it. Screen readers read it out.

import { $, make } from './dom.js'

// toast shows text for some seconds and returns a function that takes it away. action is {name, do}.
export function toast(text, { action, seconds = 5, wrong = false } = {}) {
  const box = make('div', { class: wrong ? 'toast wrong' : 'toast' }, make('span', { text }))
  const close = () => { clearTimeout(timer); box.remove() }
  if (action) box.append(make('button', { type: 'button', text: action.name, onclick: () => { close(); action.do() } }))
  const timer = setTimeout(close, seconds * 1000)
  $('#toasts').append(box)
  return close
}

// complain shows what went wrong, in the words of the box where it gave some.
export const complain = err => toast(err.message, { wrong: true, seconds: 10 })
