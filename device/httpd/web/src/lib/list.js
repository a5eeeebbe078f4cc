// The list of clips: more of it as one scrolls, pieces far away given back, and what changes on the box merged in
// without moving what one looks at. A piece is a .chunk, with days in it, with cards in them.

import { $, $$, make } from './dom.js'
import { page } from './view.js'
import { complain, toast } from './toast.js'
import { doomed } from './deeds.js'

const near = 1500 // px beyond the screen within which pieces are there
const most = 12 // pieces that keep their cards

let loading = false

// grow is called with every list that is shown; it watches its ends.
export function grow() {
  const more = $('.pages .older')
  if (more) watch(more)
  for (const chunk of $$('.chunk')) watch(chunk)
}

const sight = new IntersectionObserver(seen => {
  for (const { target, isIntersecting } of seen) {
    target.near = isIntersecting
    if (isIntersecting && target.matches('.older')) older(target)
    if (isIntersecting && target.gone) refill(target)
  }
}, { rootMargin: `${near}px 0px` })

const watch = e => sight.observe(e)

// older appends the piece that the link leads to, and takes over that piece's link to the next.
async function older(link) {
  if (loading) return
  loading = true
  try {
    const doc = await page(link.href)
    if (!link.isConnected) return
    const chunk = document.adoptNode($('.chunk', doc))
    chunk.href = link.href
    dedupe(chunk)
    $('#list').insertBefore(chunk, $('#list > .pages'))
    fill(chunk)
    watch(chunk)
    spare()
    const next = $('.pages .older', doc)
    if (next) link.href = next.getAttribute('href')
    else link.remove()
  } catch (err) {
    complain(err)
  } finally {
    loading = false
    sight.unobserve(link) // told again where it is
    if (link.isConnected) watch(link)
  }
  document.dispatchEvent(new Event('cards'))
}

// fill moves cards up into the last row of the day that the piece before broke off in.
function fill(chunk) {
  const before = chunk.previousElementSibling?.querySelector('.day:last-child')
  const first = $('.day', chunk)
  if (!before || before.dataset.day !== first?.dataset.day) return
  first.classList.add('goes-on')
  const grid = $('.grid', before)
  const columns = getComputedStyle(grid).gridTemplateColumns.split(' ').length
  const gap = (columns - grid.children.length % columns) % columns
  grid.append(...$$('.card', first).slice(0, gap))
  if (!$('.card', first)) first.remove()
}

function dedupe(chunk) {
  for (const card of $$('.card', chunk)) if (doomed.has(card.dataset.id) || cardOf(card.dataset.id)) card.remove()
}

// spare empties the pieces furthest away, leaving their height.
function spare() {
  const full = $$('.chunk').filter(c => !c.gone && c.href)
  const far = full.filter(c => !c.near && !$('.pick:checked', c))
  for (const chunk of far.slice(0, Math.max(0, full.length - most))) {
    chunk.style.height = chunk.offsetHeight + 'px'
    chunk.replaceChildren()
    chunk.gone = true
  }
}

async function refill(chunk) {
  chunk.gone = false
  try {
    const fresh = $('.chunk', await page(chunk.href))
    dedupe(fresh)
    chunk.replaceChildren(...fresh.childNodes)
    chunk.style.height = ''
    spare()
  } catch (err) {
    chunk.gone = true
    complain(err)
  }
  document.dispatchEvent(new Event('cards'))
}

export const cardOf = id => $(`#list .card[data-id="${CSS.escape(id)}"]`)

// refresh asks for the first piece again and merges it in. It resolves to how many cards are new.
export async function refresh() {
  const href = location.href
  const doc = await page(href)
  if (location.href !== href || $('#view').dataset.view !== 'list') return 0
  for (const part of ['.when .strip ol', '.summary', '.cameras']) replace(part, doc)
  const there = $('.chunk'), fresh = $('.chunk', doc)
  if (!$('.day', there) || !$('.day', fresh) || Boolean($('.when')) !== Boolean($('.when', doc))) {
    $('#main').replaceChildren(...$('#main', doc).childNodes)
    return -1
  }
  const known = new Set($$('.card').map(c => c.dataset.id))
  mergeDays(there, fresh)
  document.dispatchEvent(new Event('cards'))
  return $$('.card', there).filter(c => !known.has(c.dataset.id)).length
}

function replace(part, doc) {
  const old = $(part), fresh = $(part, doc)
  if (!old || !fresh || old.outerHTML === fresh.outerHTML) return
  const { scrollLeft } = old
  old.replaceWith(fresh)
  fresh.scrollLeft = scrollLeft
}

// mergeDays makes the days of there those of fresh; what lies beyond the end of fresh stays.
function mergeDays(there, fresh) {
  const end = $$('.day', fresh).at(-1)
  const wanted = new Set($$('.day', fresh).map(d => d.dataset.day))
  for (const day of $$('.day', there)) {
    if (!wanted.has(day.dataset.day) && !(day.dataset.day < end.dataset.day)) day.remove()
  }
  for (const card of $$('.card', fresh)) { // what stood first a moment ago may stand apart now
    const old = cardOf(card.dataset.id)
    if (old && old.closest('.day').dataset.day !== card.closest('.day').dataset.day) old.remove()
  }
  let place = there.firstElementChild
  for (const day of $$('.day', fresh)) {
    const old = $(`.day[data-day="${day.dataset.day}"]`, there)
    if (old) {
      mergeCards($('.grid', old), $('.grid', day), day === end)
      $('h2', old).textContent = $('h2', day).textContent
      place = old.nextElementSibling
    } else {
      there.insertBefore(day, place)
    }
  }
}

function mergeCards(grid, fresh, open) {
  const wanted = [...fresh.children].filter(c => !doomed.has(c.dataset.id))
  const ids = new Set(wanted.map(c => c.dataset.id))
  const old = new Map([...grid.children].map(c => [c.dataset.id, c]))
  const last = [...grid.children].findLastIndex(c => ids.has(c.dataset.id))
  const beyond = open ? [...grid.children].slice(last + 1).filter(c => !ids.has(c.dataset.id)) : []
  const cards = wanted.map(card => {
    const same = old.get(card.dataset.id)
    if (!same) { cardOf(card.dataset.id)?.remove(); return card }
    return $('.badges', same).textContent === $('.badges', card).textContent && $('.name', same).textContent === $('.name', card).textContent &&
      Boolean($('.thumb img', same)) === Boolean($('.thumb img', card)) ? same : keepTick(same, card)
  })
  const all = [...cards, ...beyond]
  if (all.length === grid.children.length && all.every((c, i) => c === grid.children[i])) return
  grid.replaceChildren(...all)
}

function keepTick(old, card) {
  $('.pick', card).checked = $('.pick', old).checked
  return card
}

// removed takes a clip's card away; it returns a function that puts it back.
export function removed(id) {
  const card = cardOf(id)
  if (!card) return () => {}
  const { parentElement: grid, nextElementSibling: next } = card
  card.remove()
  grid.closest('.day').hidden = !grid.children.length
  return () => {
    grid.closest('.day').hidden = false
    grid.insertBefore(card, next?.parentElement === grid ? next : null)
  }
}

// marked shows on a clip's card that it is pinned, or pushed, or no longer. It is false where there is no card.
export function marked(id, word, on) {
  const card = cardOf(id)
  if (!card) return false
  const text = { pinned: 'Pinned', pushed: 'Pushed' }[word]
  const badges = $('.badges', card)
  const badge = [...badges.children].find(b => b.textContent === text)
  if (on && !badge) badges.append(make('span', { class: 'badge', text }))
  if (!on) badge?.remove()
  if (word === 'pinned') on ? card.dataset.pinned = '' : delete card.dataset.pinned
  return true
}

// arrived tells that clips came while one looks further down.
let told = null
let came = 0
export function arrived(n) {
  if (scrollY < 300) { came = 0; return }
  told?.()
  came += n
  const text = came === 1 ? 'A new clip arrived' : `${came} new clips arrived`
  told = toast(text, { seconds: 15, action: { name: 'Show', do: () => { came = 0; scrollTo({ top: 0, behavior: 'smooth' }) } } })
}
