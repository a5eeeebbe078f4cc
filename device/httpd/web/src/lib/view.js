// Going from view to view without loading the page anew: the box makes the same HTML either way, and only what stands in
// <main> is exchanged. The address always names what is shown.

import { $, root } from './dom.js'
import { complain } from './toast.js'

const home = new URL(root, location.href)
let show = () => {} // called with the new <main> content in place
let asked = 0
let shown = location.href.split('#')[0] // what stands in <main>
let kept = null // the list that was left for a player: going back finds it as it was

// views calls shown(way) now and after every change of view; way is "load", "new" or "back".
export function views(shown) {
  show = shown
  addEventListener('popstate', () => { if (location.href.split('#')[0] !== shown) go(location.href, 'back') })
  document.addEventListener('click', follow)
  show('load')
}

// follow takes over plain clicks on addresses of the page.
function follow(e) {
  const a = e.target.closest('a[href]')
  if (!a || e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
  if (a.target || a.hasAttribute('download') || !ours(a)) return
  e.preventDefault()
  go(a.href)
}

const ours = a => a.origin === home.origin && a.pathname === home.pathname && !(a.hash && a.search === location.search)

// page fetches href and returns its document. It throws in words.
export async function page(href) {
  let answer
  try {
    answer = await fetch(href, { headers: { Accept: 'text/html' } })
  } catch {
    throw new Error('The box cannot be reached. Is it switched on and in this network?')
  }
  const text = await answer.text()
  const doc = new DOMParser().parseFromString(text, 'text/html')
  if (!$('#view', doc)) {
    if (answer.status === 401 || $('#token', doc)) location.reload() // the session has ended
    throw new Error($('h1', doc)?.textContent || 'The box answered ' + answer.status)
  }
  return doc
}

// go shows href. It resolves when that is done, or when something else is shown instead.
export async function go(href, way = 'new') {
  const mine = ++asked
  const list = $('#view[data-view="list"]')
  if (list && way === 'new') kept = { href: location.href, nodes: [...$('#main').childNodes], top: scrollY, title: document.title }
  if (!list && kept?.href === href) {
    if (way === 'new') history.pushState(null, '', href)
    return restore()
  }
  try {
    const doc = await page(href)
    if (mine !== asked) return
    if (way === 'new') history.pushState(null, '', href)
    swap(doc, way)
  } catch (err) {
    if (mine === asked) complain(err)
  }
}

function swap(doc, way) {
  document.title = doc.title
  shown = location.href.split('#')[0]
  const old = $('#main .strip ol')?.scrollLeft
  $('#main').replaceChildren(...$('#main', doc).childNodes)
  if (old !== undefined && $('#main .strip ol')) $('#main .strip ol').scrollLeft = old
  if (way === 'new') scrollTo(0, 0)
  show(way)
  const heading = $('#view h1')
  if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }) }
}

function restore() {
  const { nodes, top, title } = kept
  kept = null
  document.title = title
  shown = location.href.split('#')[0]
  $('#main').replaceChildren(...nodes)
  show('back')
  scrollTo(0, top)
}

// query is the parameters of the address, and address the page with others.
export const query = () => new URLSearchParams(location.search)

export function address(parameters) {
  const q = query()
  for (const [name, value] of Object.entries(parameters)) value ? q.set(name, value) : q.delete(name)
  const text = q.toString()
  return home.pathname + (text && '?' + text)
}
