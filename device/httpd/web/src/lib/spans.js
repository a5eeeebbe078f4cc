// What the timeline knows: how many clips each camera has in each step of the window, and, where the window is short,
// the clips themselves.

import { ask } from './box.js'

const minute = 60e3, hour = 60 * minute, day = 24 * hour
const shortest = 4 * hour // below, clips are asked for if one answer holds them
const most = 1000 // clips in one answer
const few = 300 // so few are shown one by one instead of counted

const steps = [1, 2, 3, 6, 12, 24].map(h => h * hour)

export class Spans {
  // changed is called when there is something new to draw. camera is the only one to ask about; '' for all.
  constructor(camera, changed) {
    Object.assign(this, { camera, changed })
    this.cameras = []
    this.clear()
    ask('GET', 'cameras').then(({ cameras }) => { this.add(cameras.map(c => c.name)); changed() }, () => {})
  }

  clear() {
    this.got = null // {from, to, step}: step 0 where by is clips
    this.by = new Map() // camera to [{from, to, clips}], in order
    this.most = 1
  }

  add(names) {
    const all = new Set([...this.cameras, ...names])
    this.cameras = [...all].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  }

  // want sees to it that [from, to) is known, and some more on both sides. fresh: even if it was before.
  want(from, to, fresh) {
    const width = to - from
    const step = width <= shortest ? 0 : steps.find(s => width / s <= 130) || day
    const g = this.got
    const closer = g?.counted && width <= (g.to - g.from) / 4 // there may be few enough now
    if (!fresh && !closer && g && g.step === step && g.from <= from && g.to >= to) return
    const whole = step || 10 * minute
    const ask = { from: Math.floor((from - width / 2) / whole) * whole, to: Math.ceil((to + width / 2) / whole) * whole, step }
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.load(ask), g ? 60 : 0)
  }

  async load(asked) {
    this.asked = asked
    const q = new URLSearchParams({ from: new Date(asked.from).toISOString(), to: new Date(asked.to).toISOString() })
    if (this.camera) q.set('camera', this.camera)
    try {
      const counts = await this.counts(q, asked.step || hour)
      const sum = [...counts.values()].flat().reduce((n, s) => n + s.clips, 0)
      const single = asked.step <= hour && sum <= (asked.step ? few : most)
      asked.counted = !asked.step && !single
      if (asked.step || !single) this.take(asked, counts)
      if (single) this.take(asked, await this.clips(q))
    } catch { /* the strips stay as they are; that the box is away is said elsewhere */ }
  }

  // take shows an answer, unless something else has been asked for since.
  take(asked, by) {
    if (this.asked !== asked) return
    this.got = asked
    this.by = by
    this.most = Math.max(1, ...[...by.values()].flat().map(s => s.clips))
    this.add(by.keys())
    this.changed()
  }

  async counts(q, step) {
    const { spans } = await ask('GET', `timeline?${q}&step=${step / 1000}`)
    return group(spans, s => ({ from: Date.parse(s.from), to: Date.parse(s.from) + step, clips: s.clips }))
  }

  async clips(q) {
    q.set('limit', most)
    q.set('order', 'oldest')
    const { clips } = await ask('GET', 'clips?' + q)
    return group(clips, c => ({ from: Date.parse(c.start), to: Date.parse(c.start) + Math.max(c.duration, 1) * 1000, clips: 1, id: c.id }))
  }

  of(camera) { return this.by.get(camera) || [] }

  // words is what there is at a time.
  words(camera, time) {
    const found = this.of(camera).find(s => s.from <= time && time < s.to)
    if (!found) return 'no clip'
    return found.id ? 'a clip' : found.clips === 1 ? '1 clip' : `${found.clips} clips`
  }
}

function group(list, one) {
  const by = new Map()
  for (const s of list) {
    if (!by.has(s.camera)) by.set(s.camera, [])
    by.get(s.camera).push(one(s))
  }
  return by
}
