// What happens on the box, as it happens, with one stream for all tabs of this browser: kept by a shared worker; where
// there is none, by the tab that holds a lock, which tells the others; where there is no lock either (they need HTTPS),
// by each tab while it is looked at.

import { root } from './dom.js'
import { Hub } from './hub.js'

const url = new URL(root + 'api/v1/events', location.href).href
const { stream, seq } = document.body.dataset

let last = Number(seq) // the last event this tab has seen
let tell = () => {}
let told = ''

// live starts it. on(event) gets events in order; state(word) gets "on", "off" or "out" when that changes.
export function live(on, state) {
  tell = ({ event, state: word }) => {
    if (word && word !== told) state(told = word)
    if (!event || (event.seq <= last && event.event_type !== 'gap')) return
    last = event.seq
    on(event)
  }
  const link = open()
  addEventListener('pageshow', e => { if (e.persisted) link.join() })
  addEventListener('pagehide', () => link.leave())
  addEventListener('online', () => link.poke())
  document.addEventListener('visibilitychange', () => { if (!document.hidden) link.poke() })
  link.join()
}

function open() {
  if (self.SharedWorker) return byWorker()
  if (self.BroadcastChannel && navigator.locks) return byLock()
  return alone()
}

function byWorker() {
  const worker = new SharedWorker(new URL(root + stream, location.href), { type: 'module', name: url }), { port } = worker
  port.onmessage = ({ data }) => tell(data)
  let way = {
    join: () => port.postMessage({ join: { url, seq: last } }),
    leave: () => port.postMessage({ leave: true }),
    poke: () => port.postMessage({ poke: true }),
  }
  worker.onerror = () => { way = alone(); way.join() } // its file could not be fetched
  return { join: () => way.join(), leave: () => way.leave(), poke: () => way.poke() }
}

function byLock() {
  const channel = new BroadcastChannel(url)
  let hub = null
  const lead = () => {
    hub = new Hub()
    const all = message => { channel.postMessage({ message }); tell(message) }
    hub.join(all, url, last)
    return new Promise(() => {}) // the lock goes with the tab
  }
  channel.onmessage = ({ data }) => {
    if (data.message) tell(data.message)
    if (data.join !== undefined) hub?.catchUp(message => channel.postMessage({ message }), data.join)
    if (data.poke) hub?.poke()
  }
  navigator.locks.request(url, lead)
  return {
    join: () => channel.postMessage({ join: last }),
    leave: () => {},
    poke: () => hub ? hub.poke() : channel.postMessage({ poke: true }),
  }
}

function alone() {
  const hub = new Hub()
  const member = message => tell(message)
  const look = () => {
    if (!document.hidden) return hub.journal && !hub.journal.over ? hub.poke() : hub.join(member, url, last)
    hub.leave(member)
    hub.journal?.end()
  }
  document.addEventListener('visibilitychange', look)
  return { join: look, leave: () => hub.journal?.end(), poke: () => {} }
}
