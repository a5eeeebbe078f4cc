// Reading the journal of the box as it grows: server-sent events (WHATWG HTML §9.2) over fetch. EventSource would do but
// for two things: it does not tell that the box's heartbeat has stopped, as after a laptop slept, and it gives up on 503.

const silence = 35_000 // ms without a byte; the box says something every 15 s
const patience = 10_000 // ms until the box answers at all
const pauses = [500, 1000, 2000, 4000, 8000]

// Journal follows the journal at url from seq on. tell(event) gets each event once and in order; state(word) gets
// "on", "off" (the box cannot be reached; it goes on trying) and "out" (the session has ended; it stops).
export class Journal {
  constructor(url, seq, tell, state) {
    Object.assign(this, { url, seq, tell, state, failures: 0, heard: 0, wake: () => {} })
    this.run()
  }

  async run() {
    while (!this.over) {
      await this.connect().catch(() => {})
      if (this.over) return
      this.failures++
      if (this.failures > 1 || this.hung) this.state('off')
      await this.pause(pauses[Math.min(this.failures, pauses.length) - 1] * (0.75 + Math.random() / 2))
    }
  }

  // connect resolves when the stream ends.
  async connect() {
    this.stop = new AbortController()
    this.heard = Date.now()
    this.hung = false
    let limit = patience
    const guard = setInterval(() => { if (Date.now() - this.heard > limit) this.hang() }, 2000)
    try {
      const answer = await fetch(this.url, {
        headers: { Accept: 'text/event-stream', 'Last-Event-ID': String(this.seq) }, signal: this.stop.signal, cache: 'no-store',
      })
      if (answer.status === 401 || answer.status === 403) return this.end('out')
      if (!answer.ok) return
      this.failures = 0
      limit = silence
      this.state('on')
      await this.read(answer.body.pipeThrough(new TextDecoderStream()).getReader())
    } finally {
      clearInterval(guard)
    }
  }

  async read(reader) {
    let text = ''
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      this.heard = Date.now()
      const blocks = (text + value).split('\n\n')
      text = blocks.pop()
      for (const b of blocks) this.block(b)
    }
  }

  block(text) {
    const data = text.split('\n').find(line => line.startsWith('data: '))
    if (!data) return // a heartbeat
    const event = JSON.parse(data.slice(6))
    this.seq = event.seq
    this.tell(event)
  }

  pause(ms) {
    return new Promise(done => {
      const timer = setTimeout(done, ms)
      this.wake = () => { clearTimeout(timer); done() }
    })
  }

  // poke is for when the browser has reason to think that something changed: it woke up, or is back in a network.
  poke() {
    this.wake()
    if (Date.now() - this.heard > 20_000) this.hang()
  }

  // hang gives up a connection that says nothing any more.
  hang() {
    this.hung = true
    this.stop?.abort()
  }

  end(word) {
    this.over = true
    this.stop?.abort()
    if (word) this.state(word)
  }
}
