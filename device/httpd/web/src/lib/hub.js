// One journal for many tabs: whoever joins gets what it missed, then every event as it comes.

import { Journal } from './journal.js'

const kept = 256 // events for tabs that join later

export class Hub {
  constructor() {
    this.members = new Set()
    this.ring = []
    this.word = 'on'
  }

  // join adds a member, a function of one message: {event} or {state}. It has every event up to seq already.
  join(member, url, seq) {
    this.members.add(member)
    if (!this.journal || this.journal.over) {
      this.from = seq
      this.journal = new Journal(url, seq, event => this.event(event), word => this.state(word))
    } else {
      this.catchUp(member, seq)
    }
    member({ state: this.word })
  }

  leave(member) {
    this.members.delete(member)
  }

  catchUp(member, seq) {
    if (seq < this.from) member({ event: { event_type: 'gap', seq: this.journal.seq } })
    else for (const event of this.ring) if (event.seq > seq) member({ event })
  }

  event(event) {
    this.ring.push(event)
    if (this.ring.length > kept) this.from = this.ring.shift().seq
    for (const m of this.members) m({ event })
  }

  state(word) {
    this.word = word
    for (const m of this.members) m({ state: word })
  }

  poke() {
    this.journal?.poke()
  }
}
