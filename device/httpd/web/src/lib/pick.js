// Selecting clips: a click, shift and a click for all between, or everything the filter matches; then one deed for all.

import { $, $$ } from './dom.js'
import { ask } from './box.js'
import { query } from './view.js'
import { midnight, startOf } from './zone.js'
import { complain } from './toast.js'
import { pin, push, remove, zip } from './deeds.js'
import { marked, removed } from './list.js'

const most = 10_000 // clips selected by filter

const picked = new Map() // id to size
let whole = null // the query that everything picked is the answer to
let anchor = '' // the clip that was ticked last: its card may be made anew

// picks starts it once; it works for every list that is shown later.
export function picks() {
  document.addEventListener('click', click)
  document.addEventListener('change', e => { if (e.target.matches('.pick')) show() })
  document.addEventListener('submit', e => { if (e.target.matches('#pick')) { e.preventDefault(); act('zip') } })
  document.addEventListener('cards', show)
  document.addEventListener('keydown', e => { if (e.key === 'Escape' && picked.size && !$('dialog')) clear() })
}

function click(e) {
  if (e.target.matches('.pick')) tick(e.target, e.shiftKey)
  const deed = e.target.closest('#pick [data-do]')?.dataset.do
  if (deed && deed !== 'zip') act(deed)
}

function tick(box, shift) {
  const all = $$('.pick')
  const from = shift ? all.findIndex(b => b.value === anchor) : -1
  const between = from < 0 ? null : [from, all.indexOf(box)].sort((a, b) => a - b)
  for (const b of between ? all.slice(between[0], between[1] + 1) : [box]) set(b, box.checked)
  anchor = box.value
  show()
}

function set(box, on) {
  whole = null
  on ? picked.set(box.value, Number(box.closest('.card').dataset.size)) : picked.delete(box.value)
}

function clear() {
  picked.clear()
  whole = null
  show()
}

// drop forgets a clip that is no more.
export function drop(id) {
  if (picked.delete(id)) { whole = null; show() }
}

// show makes the boxes and the bar say what is picked.
export function show() {
  for (const box of $$('.pick')) box.checked = picked.has(box.value)
  const bar = $('#pick')
  if (!bar) return
  bar.toggleAttribute('data-some', picked.size > 0)
  const sum = [...picked.values()].reduce((a, b) => a + b, 0)
  $('[data-count]', bar).textContent = `${picked.size} selected, ${bytes(sum)}`
}

function bytes(n) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  while (n >= 999.5 && units.length > 1) { n /= 1000; units.shift() }
  return `${n < 9.95 && units[0] !== 'bytes' ? n.toFixed(1) : Math.round(n)} ${units[0]}`
}

// matching is the page's filter as the API has it: a span for a day.
export function matching() {
  const q = query(), out = new URLSearchParams()
  for (const name of ['camera', 'pinned', 'pushed']) if (q.get(name)) out.set(name, q.get(name))
  if (q.get('day')) {
    const from = startOf(q.get('day'))
    out.set('from', new Date(from).toISOString())
    out.set('to', new Date(midnight(from, 1)).toISOString())
  }
  return out
}

async function all() {
  const q = matching()
  const found = new Map()
  for (let next = ''; ;) {
    const part = new URLSearchParams(q)
    part.set('limit', 1000)
    if (next) part.set('cursor', next)
    const { clips, next: more } = await ask('GET', 'clips?' + part)
    for (const c of clips) found.set(c.id, c.size)
    if (!(next = more)) break
    if (found.size >= most) throw new Error('More than 10,000 clips match. Narrow the filter to a camera or a day')
  }
  picked.clear()
  for (const [id, size] of found) picked.set(id, size)
  whole = q.toString()
  show()
}

async function act(deed) {
  const ids = [...picked.keys()]
  try {
    switch (deed) {
      case 'all': return await all()
      case 'none': return clear()
      case 'zip': if (ids.length) await zip(ids, whole); return
      case 'pin': case 'unpin': (await pin(ids, deed === 'pin')).forEach(id => marked(id, 'pinned', deed === 'pin')); return
      case 'push': return await push(ids)
      case 'delete': clear(); return remove(ids, removed)
    }
  } catch (err) {
    complain(err)
  }
}
