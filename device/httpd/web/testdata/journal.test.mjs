// The stream of events against a server that misbehaves, and the hub that shares it among tabs.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import test from 'node:test'

import { Hub } from '../src/lib/hub.js'
import { Journal } from '../src/lib/journal.js'

// box is a server whose n-th request is answered by the n-th of answers, and later ones by the last.
async function box(t, ...answers) {
  const asked = []
  const server = createServer((request, response) => {
    asked.push(request.headers['last-event-id'])
    answers[Math.min(asked.length, answers.length) - 1](response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${server.address().port}/`, asked }
}

const stream = (text, end) => response => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.write(text)
  if (end) response.end()
}

const event = seq => `id: ${seq}\nevent: clip_added\ndata: {"seq":${seq},"event_type":"clip_added"}\n\n`

// until resolves when the journal has told an event with seq, with everything it told until then.
function follow(t, url, seq, last) {
  const told = [], states = []
  return new Promise(resolve => {
    const j = new Journal(url, seq, e => { told.push(e.seq); if (e.seq === last) resolve({ told, states }) }, s => states.push(s))
    t.after(() => j.end())
  })
}

test('a stream that breaks is resumed after the last event', async t => {
  const { url, asked } = await box(t, stream('retry: 3000\n\n' + event(8) + event(9) + 'id: 10\nevent: clip_ad', true), stream(': still here\n\n' + event(10)))
  const { told } = await follow(t, url, 7, 10)
  assert.deepEqual(told, [8, 9, 10])
  assert.deepEqual(asked, ['7', '9'])
})

test('a box that is busy is asked again, and said to be away', async t => {
  const busy = response => { response.writeHead(503); response.end() }
  const { url } = await box(t, busy, busy, stream(event(1)))
  const { states } = await follow(t, url, 0, 1)
  assert.deepEqual(states, ['off', 'on'])
})

test('an event in pieces is told once it is whole', async () => {
  const told = []
  const j = Object.assign(Object.create(Journal.prototype), { tell: e => told.push(e.seq) })
  const pieces = [...event(1) + ': still here\n\n' + event(2)] // by characters
  await j.read({ read: async () => pieces.length ? { value: pieces.shift() } : { done: true } })
  assert.deepEqual(told, [1, 2])
  assert.equal(j.seq, 2)
})

test('a session that has ended is not asked for again', async t => {
  const { url, asked } = await box(t, response => { response.writeHead(401); response.end() })
  const word = await new Promise(resolve => new Journal(url, 0, () => {}, resolve))
  assert.equal(word, 'out')
  assert.equal(asked.length, 1)
})

test('who joins later gets what it missed, or a gap', async t => {
  const { url } = await box(t, stream(event(5) + event(6) + event(7)))
  const hub = new Hub()
  t.after(() => hub.journal.end())
  const first = []
  await new Promise(resolve => hub.join(m => { if (m.event) first.push(m.event.seq); if (m.event?.seq === 7) resolve() }, url, 4))
  const told = seq => {
    const got = []
    hub.join(m => m.event && got.push(m.event.event_type === 'gap' ? 'gap' : m.event.seq), url, seq)
    return got
  }
  assert.deepEqual(first, [5, 6, 7])
  assert.deepEqual(told(5), [6, 7])
  assert.deepEqual(told(7), [])
  assert.deepEqual(told(3), ['gap'])
})

test('the hub forgets old events, and says so', async t => {
  let all = ''
  for (let i = 1; i <= 300; i++) all += event(i)
  const { url } = await box(t, stream(all))
  const hub = new Hub()
  t.after(() => hub.journal.end())
  await new Promise(resolve => hub.join(m => m.event?.seq === 300 && resolve(), url, 0))
  const got = []
  hub.join(m => m.event && got.push(m.event.event_type), url, 10)
  assert.deepEqual(got, ['gap'])
  const most = []
  hub.join(m => m.event && most.push(m.event.seq), url, 44)
  assert.equal(most.length, 256)
})
