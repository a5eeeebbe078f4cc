// The worker that all tabs of this browser share: a browser opens only six connections to a box, and an event stream
// takes one for good.

import { Hub } from '../lib/hub.js'

const hub = new Hub()

self.addEventListener('connect', ({ ports: [port] }) => {
  const member = message => port.postMessage(message)
  port.onmessage = ({ data }) => {
    if (data.join) hub.join(member, data.join.url, data.join.seq)
    if (data.leave) hub.leave(member)
    if (data.poke) hub.poke()
  }
})
