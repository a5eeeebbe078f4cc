// The pages for admins, and the box's health: they work without this. It asks before what cannot be taken back, copies,
// counts down, and keeps the health page up to date.

import { $, $$, make } from '../lib/dom.js'

document.documentElement.classList.add('live')
$('.tabs [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }) // on a narrow screen it may be out of sight

// What cannot be taken back is asked about in the button itself: the second click does it.
addEventListener('click', event => {
  const button = event.target.closest('[data-sure]')
  if (!button || button.classList.contains('armed')) return
  event.preventDefault()
  const text = button.textContent
  button.classList.add('armed')
  button.removeAttribute('aria-label')
  button.textContent = button.dataset.sure
  button.addEventListener('blur', () => { button.classList.remove('armed'); button.textContent = text }, { once: true })
})

for (const code of $$('[data-copy]')) {
  if (!navigator.clipboard) break // only where the page came over HTTPS
  const button = make('button', { type: 'button', class: 'button small', text: 'Copy', onclick: copy })
  async function copy() {
    await navigator.clipboard.writeText(code.textContent)
    button.textContent = 'Copied'
  }
  code.after(' ', button)
}

for (const code of $$('[data-open]')) {
  const url = new URL(code.textContent)
  if (/^https?:$/.test(url.protocol)) code.replaceWith(make('a', { href: url.href, text: code.textContent }))
}

for (const span of $$('[data-countdown]')) {
  const end = performance.now() + 1000 * span.dataset.countdown
  setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000)
    if (left < -2) location.reload()
    span.textContent = Math.max(0, left)
  }, 1000)
}

// refresh shows what has changed in the part of the page marked live, unless somebody is at work in it. What has not
// changed stays, so that screen readers do not read it out again.
async function refresh() {
  const old = $('[data-live]')
  if (document.hidden || $('details[open]', old)) return
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' } }).catch(() => null)
  if (answer?.status === 401) return location.reload()
  document.documentElement.classList.toggle('stale', !answer?.ok)
  if (!answer?.ok) return
  const fresh = $('[data-live]', new DOMParser().parseFromString(await answer.text(), 'text/html'))
  if (!fresh) return
  const [before, after] = [[...old.children], [...fresh.children]]
  if (before.length !== after.length) return old.replaceChildren(...after)
  before.forEach((e, i) => e.isEqualNode(after[i]) || e.contains(document.activeElement) || e.replaceWith(after[i]))
}

if ($('[data-live]')) {
  setInterval(refresh, 5000)
  addEventListener('visibilitychange', refresh)
}
