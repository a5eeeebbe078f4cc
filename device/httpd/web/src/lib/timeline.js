// <clip-timeline>: one strip per camera, from a month down to minutes, showing where there are clips. It asks the box for
// counts, and for clips only where few fit into what it shows. A click, or Enter, jumps to a time.

import { make, plain } from './dom.js'
import { clock, date, dayName, midnight, now, seconds } from './zone.js'
import { Spans } from './spans.js'
import { draw, layout } from './strips.js'

const minute = 60e3, hour = 60 * minute, day = 24 * hour
const narrowest = 10 * minute, widest = 31 * day

export class ClipTimeline extends HTMLElement {
  connectedCallback() {
    const { camera, from, to, at } = this.dataset
    Object.assign(this, { camera, from: Number(from), to: Number(to), at: Number(at) || null, cursor: null, row: 0, hover: null })
    this.spans ??= new Spans(camera, () => this.draw())
    if (!this.canvas) this.build()
    this.size = new ResizeObserver(() => this.draw())
    this.size.observe(this)
    this.dark = matchMedia('(prefers-color-scheme: dark)')
    this.dark.onchange = () => this.draw()
    this.load()
  }

  disconnectedCallback() {
    this.size.disconnect()
    this.dark.onchange = null
  }

  build() {
    const button = (text, label, act) => make('button', { type: 'button', class: 'button', text, 'aria-label': label, title: label, onclick: act })
    this.label = make('output', { class: 'span' })
    this.tip = make('div', { class: 'tip', hidden: true })
    this.canvas = make('canvas', {
      tabindex: 0, role: 'slider', 'aria-label': 'Timeline: arrows move, Page keys turn, plus and minus zoom, Enter jumps',
      'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0,
    })
    this.append(make('div', { class: 'zoom' },
      button('‹', 'Earlier', () => this.turn(-1)), button('›', 'Later', () => this.turn(1)), this.label,
      button('−', 'Zoom out', () => this.zoom(2)), button('+', 'Zoom in', () => this.zoom(0.5)),
      button('Day', 'Show one day', () => this.fit(1)), button('Month', 'Show a month', () => this.fit(31))), make('div', { class: 'strips' }, this.canvas), this.tip)
    this.canvas.addEventListener('keydown', e => { if (this.key(e)) e.preventDefault() })
    this.canvas.addEventListener('wheel', e => this.wheel(e), { passive: false })
    for (const type of ['down', 'move', 'up', 'cancel', 'leave']) this.canvas.addEventListener('pointer' + type, e => this[type](e))
    this.canvas.addEventListener('blur', () => { this.cursor = null; this.draw() })
    this.fingers = new Map()
  }

  // load asks for what the window shows, and draws it as soon as it is there.
  load(fresh) {
    this.spans.want(this.from, this.to, fresh)
    this.draw()
  }

  draw() {
    if (!this.isConnected) return
    const { from, to } = this
    this.label.textContent = to - from > 26 * hour ? `${dayName(from)} – ${dayName(to - 1)}`
      : to - from > 20 * hour ? dayName(from) + ', ' + date(from).slice(0, 4) : `${dayName(from)} ${clock(from)} – ${clock(to)}`
    const cameras = this.spans.cameras.filter(c => !this.camera || c === this.camera)
    this.rows = cameras.length ? cameras : ['']
    this.row = Math.min(this.row, this.rows.length - 1)
    draw(this.canvas, { from, to, rows: this.rows, spans: this.spans, now: now(), at: this.at, cursor: this.cursor ?? this.hover?.time, row: this.cursor === null ? -1 : this.row })
  }

  // show moves the window to [from, to), within what makes sense.
  show(from, to) {
    const width = Math.min(Math.max(to - from, narrowest), widest)
    from = (from + to - width) / 2
    from = Math.min(from, midnight(now(), 2) - Math.min(width, 2 * day))
    Object.assign(this, { from, to: from + width })
    this.load()
  }

  turn(by) {
    const width = this.to - this.from
    if (width > 20 * hour && width < 26 * hour && this.from === midnight(this.from)) this.show(midnight(this.from, by), midnight(this.from, by + 1))
    else this.show(this.from + by * width, this.to + by * width)
  }

  zoom(factor, around = this.cursor ?? this.at ?? (this.from + this.to) / 2) {
    if (around < this.from || around > this.to) around = (this.from + this.to) / 2
    const width = Math.min(Math.max((this.to - this.from) * factor, narrowest), widest)
    const share = (around - this.from) / (this.to - this.from)
    this.show(around - share * width, around + (1 - share) * width)
  }

  fit(days) {
    const middle = this.cursor ?? this.at ?? (this.from + this.to) / 2
    if (days === 1) this.show(midnight(middle), midnight(middle, 1))
    else this.show(midnight(middle, -days + 1), midnight(middle, 1))
  }

  // point is the time and the camera under a pointer.
  point(e) {
    const box = this.canvas.getBoundingClientRect()
    const { left, rowAt } = layout(box.width, this.rows.length)
    const share = Math.min(Math.max((e.clientX - box.left - left) / (box.width - left), 0), 1)
    return { time: this.from + share * (this.to - this.from), row: rowAt(e.clientY - box.top), x: e.clientX - box.left }
  }

  jump(time, row) {
    this.dispatchEvent(new CustomEvent('jump', { bubbles: true, detail: { time: Math.round(time), camera: this.camera || this.rows[row] || '', width: this.to - this.from } }))
  }

  key(e) {
    const width = this.to - this.from
    const move = by => this.moveTo((this.cursor ?? this.at ?? (this.from + this.to) / 2) + by)
    switch (e.key) {
      case 'ArrowLeft': move(-width / (e.shiftKey ? 480 : 48)); return true
      case 'ArrowRight': move(width / (e.shiftKey ? 480 : 48)); return true
      case 'ArrowUp': this.row = Math.max(this.row - 1, 0); move(0); return true
      case 'ArrowDown': this.row = Math.min(this.row + 1, this.rows.length - 1); move(0); return true
      case 'PageUp': this.turn(-1); this.moveTo((this.from + this.to) / 2); return true
      case 'PageDown': this.turn(1); this.moveTo((this.from + this.to) / 2); return true
      case 'Home': this.moveTo(this.from); return true
      case 'End': this.moveTo(this.to); return true
      case '+': case '=': this.zoom(0.5); return true
      case '-': this.zoom(2); return true
      case 'Enter': case ' ': this.jump(this.cursor ?? (this.from + this.to) / 2, this.row); return true
    }
    return false
  }

  moveTo(time) {
    const width = this.to - this.from
    if (time < this.from || time > this.to) this.show(time - width / 2, time + width / 2)
    this.cursor = time
    const name = this.rows[this.row]
    this.canvas.setAttribute('aria-valuenow', Math.round(100 * (time - this.from) / (this.to - this.from)))
    this.canvas.setAttribute('aria-valuetext', `${dayName(time)} ${seconds(time)}, ${plain(name) || 'no camera'}, ${this.spans.words(name, time)}`)
    this.draw()
  }

  wheel(e) {
    if (!e.ctrlKey && Math.abs(e.deltaX) <= Math.abs(e.deltaY)) return // the page scrolls
    e.preventDefault()
    if (e.ctrlKey) return this.zoom(Math.exp(e.deltaY / 200), this.point(e).time)
    const by = e.deltaX / this.canvas.clientWidth * (this.to - this.from)
    this.show(this.from + by, this.to + by)
  }

  down(e) {
    if (e.button) return
    this.canvas.setPointerCapture(e.pointerId)
    this.fingers.set(e.pointerId, e.clientX)
    this.start = { x: e.clientX, from: this.from, to: this.to, moved: this.fingers.size > 1, span: this.span() }
  }

  span() {
    const [a, b] = [...this.fingers.values()]
    return b === undefined ? 0 : Math.max(Math.abs(a - b), 10)
  }

  move(e) {
    if (!this.fingers.has(e.pointerId)) return this.hint(e)
    this.fingers.set(e.pointerId, e.clientX)
    const { from, to, x, span } = this.start
    if (span) { // pinch
      const width = (to - from) * span / this.span(), middle = (from + to) / 2
      return this.show(middle - width / 2, middle + width / 2)
    }
    if (Math.abs(e.clientX - x) > 6) this.start.moved = true
    if (!this.start.moved) return
    const by = (x - e.clientX) / this.canvas.clientWidth * (to - from)
    this.show(from + by, to + by)
  }

  // hint says what is under the pointer.
  hint(e) {
    this.hover = this.point(e)
    const { time, row, x } = this.hover
    this.tip.hidden = false
    this.tip.textContent = `${this.to - this.from > 2 * day ? dayName(time) + ' ' : ''}${this.to - this.from < 2 * hour ? seconds(time) : clock(time)} · ${this.spans.words(this.rows[row], time)}`
    this.tip.style.setProperty('--x', Math.min(Math.max(x, 70), this.canvas.clientWidth - 70) + 'px')
    this.draw()
  }

  up(e) {
    const click = this.drop(e.pointerId) && !this.start.moved
    if (click && !this.fingers.size) {
      const { time, row } = this.point(e)
      this.jump(time, row)
    }
  }

  cancel(e) { this.drop(e.pointerId) }

  // drop lets go of a finger; one that stays goes on from where it is. It reports whether there was such a finger.
  drop(id) {
    const was = this.fingers.delete(id)
    for (const x of this.fingers.values()) this.start = { x, from: this.from, to: this.to, moved: true, span: this.span() }
    return was
  }

  leave() {
    this.hover = null
    this.tip.hidden = true
    this.draw()
  }
}

export const start = () => customElements.define('clip-timeline', ClipTimeline)
