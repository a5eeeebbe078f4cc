// The page of clips: the list and the player, live.

import { $, make } from '../lib/dom.js'
import { live } from '../lib/live.js'
import { address, go, query, views } from '../lib/view.js'
import { arrived, cardOf, grow, marked, refresh, removed } from '../lib/list.js'
import { frames } from '../lib/frames.js'
import { doomed } from '../lib/deeds.js'
import { drop, picks, show as showPicked } from '../lib/pick.js'
import { happened, player, playerKeys } from '../lib/player.js'
import { start as startTimeline } from '../lib/timeline.js'
import { jump } from '../lib/jump.js'
import { complain } from '../lib/toast.js'
import { clock, now } from '../lib/zone.js'

document.documentElement.classList.add('live')

let stale = false // the first piece of the list is not what it would be now
let refreshing = null

// shown makes the view that is in place work; way says how one came to it.
function shown() {
  const strip = $('.strip ol'), chosen = $('.strip [aria-current]')
  if (chosen) {
    const middle = box => { const { left, width } = box.getBoundingClientRect(); return left + width / 2 }
    strip.scrollLeft += middle(chosen) - middle(strip)
  }
  if ($('#view').dataset.view === 'player') return player()
  cards()
  grow()
  if (stale) update()
}

function cards() {
  for (const id of doomed) cardOf(id)?.remove()
  frames()
  showPicked()
}

// update merges in what is new, once at a time; a page nobody looks at waits until somebody does.
function update() {
  if (document.hidden || $('#view').dataset.view !== 'list' || query().get('cursor')) { stale = true; return }
  if (refreshing) { stale = true; return }
  stale = false
  refreshing = refresh().then(n => { if (n < 0) shown(); else if (n > 0) arrived(n) }, complain)
    .finally(() => { refreshing = null; if (stale) setTimeout(update, 500) })
}

function event(e) {
  if (e.id && e.id === $('.player')?.dataset.id) happened(e.event_type)
  switch (e.event_type) {
    case 'clip_removed': removed(e.id); drop(e.id); break
    case 'clip_pinned': return mark(e.id, 'pinned', true)
    case 'clip_unpinned': return mark(e.id, 'pinned', false)
    case 'push_done': return mark(e.id, 'pushed', true)
    case 'clip_added': case 'gap': case 'time_corrected': case 'storage_problem': case 'storage_ok': break
    default: return
  }
  update()
  later()
}

function mark(id, word, on) {
  if (!marked(id, word, on)) stale = true // on a card that is not shown now
}

let timer = null
function later() { // the timeline is in less of a hurry
  clearTimeout(timer)
  timer = setTimeout(() => $('clip-timeline')?.load(true), 1500)
}

// state says when the box cannot be reached, and when it is back.
function state(word) {
  $('#away')?.remove()
  document.documentElement.classList.toggle('away', word !== 'on')
  if (word === 'off') tell(`The box cannot be reached since ${clock(now())}. What you see is from before; this page goes on by itself when the box is back.`)
  if (word === 'out') tell('You are signed out. ', make('a', { href: './', text: 'Sign in again' }))
}

function tell(text, ...more) {
  const p = make('p', { id: 'away', class: 'notice', role: 'alert', text })
  p.append(...more)
  $('#main').before(p)
}

startTimeline()
picks()
playerKeys()
views(shown)
live(event, state)

document.addEventListener('cards', cards)
document.addEventListener('stale', update)
document.addEventListener('visibilitychange', () => { if (stale) update() })
document.addEventListener('jump', ({ detail }) => jump(detail.time, detail.camera))
document.addEventListener('playing', ({ detail }) => {
  const line = $('clip-timeline'), start = Number(line?.dataset.at)
  if (start) { line.at = start + detail * 1000; line.draw() }
})
document.addEventListener('change', e => {
  const form = e.target.closest('#filter')
  if (form) go(address(Object.fromEntries(['day', 'pinned', 'pushed'].map(name => [name, form.elements[name].value]))))
})
