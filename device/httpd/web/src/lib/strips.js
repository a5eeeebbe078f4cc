// Drawing the timeline on its canvas: a strip per camera, and the hours or days beneath.

import { plain } from './dom.js'
import { clock, dayName, midnight, offset } from './zone.js'

const foot = 22
const minute = 60e3, hour = 60 * minute, day = 24 * hour
const ticks = [minute, 5 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day]

// layout is where the strips are on a canvas of some width.
export function layout(width, rows) {
  const narrow = width < 640, many = rows > 8
  const row = many ? 14 : 24, gap = many ? 3 : 6
  const head = narrow ? 16 : 0, pitch = row + gap + head
  return {
    narrow, row, head, pitch, left: narrow ? 0 : 120, height: rows * pitch + foot,
    rowAt: y => Math.min(Math.max(Math.floor(y / pitch), 0), rows - 1),
  }
}

export function draw(canvas, view) {
  const width = canvas.clientWidth || canvas.parentElement.clientWidth
  if (!width) return
  const place = layout(width, view.rows.length)
  const scale = devicePixelRatio || 1
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(place.height * scale)) {
    canvas.width = Math.round(width * scale)
    canvas.height = Math.round(place.height * scale)
    canvas.style.height = place.height + 'px'
  }
  const c = canvas.getContext('2d')
  c.setTransform(scale, 0, 0, scale, 0, 0)
  c.clearRect(0, 0, width, place.height)
  const style = getComputedStyle(canvas)
  const pen = { c, place, width, view, color: name => paint(style.getPropertyValue(name), canvas), font: style.fontFamily }
  pen.x = t => place.left + (t - view.from) / (view.to - view.from) * (width - place.left)
  pen.ink = pen.color('--ink'); pen.dim = pen.color('--dim'); pen.line = pen.color('--line'); pen.raise = pen.color('--raise'); pen.accent = pen.color('--accent')
  axis(pen)
  view.rows.forEach((name, i) => strip(pen, name, i))
  for (const [at, colour] of [[view.now, pen.dim], [view.at, pen.ink], [view.cursor, pen.accent]]) if (at) mark(pen, at, colour)
}

// paint resolves light-dark(), which a canvas does not know.
const probe = document.createElement('i')
function paint(value, canvas) {
  if (!value.includes('light-dark')) return value
  probe.style.color = value
  canvas.parentElement.append(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  return found
}

function strip({ c, place, width, view, x, raise, dim, ink, accent, font }, name, i) {
  const { row } = place
  const top = i * place.pitch + place.head
  c.fillStyle = raise
  box(c, place.left, top, width - place.left, row, 5)
  c.save()
  c.beginPath()
  c.roundRect(place.left, top, width - place.left, row, 5)
  c.clip()
  c.fillStyle = accent
  for (const s of view.spans.of(name)) {
    if (s.to <= view.from || s.from >= view.to) continue
    c.globalAlpha = 0.35 + 0.65 * s.clips / view.spans.most
    const from = x(s.from), to = x(s.to)
    c.fillRect(from, top, Math.max(to - from - (to - from > 6 ? 1 : 0), 2), row)
  }
  c.restore()
  c.globalAlpha = 1
  c.fillStyle = i === view.row ? ink : dim
  c.font = `${i === view.row ? 650 : 500} 12px ${font}`
  c.textBaseline = 'middle'
  c.textAlign = 'left'
  c.fillText(fitted(c, plain(name), place.narrow ? width : place.left - 12), 0, place.narrow ? top - 8 : top + row / 2)
}

function box(c, ...sides) {
  c.beginPath()
  c.roundRect(...sides)
  c.fill()
}

function fitted(c, text, width) {
  if (c.measureText(text).width <= width) return text
  const all = [...text]
  while (all.length && c.measureText(all.join('') + '…').width > width) all.pop()
  return all.join('') + '…'
}

// axis draws the hours, or days, as many as there is room for.
function axis({ c, place, width, view, x, dim, line, font }) {
  const room = (width - place.left) / 64
  const tick = ticks.find(t => (view.to - view.from) / t <= room) || ticks.at(-1)
  const bottom = place.height - foot
  c.font = `12px ${font}`
  c.textBaseline = 'alphabetic'
  for (let t = first(view.from, tick); t <= view.to; t = next(t, tick)) {
    const text = tick >= day ? dayName(t) : t === midnight(t) && view.to - view.from > 26 * hour ? dayName(t) : clock(t)
    c.fillStyle = line
    c.fillRect(x(t), place.head, 1, bottom - place.head + 4)
    c.fillStyle = dim
    const half = c.measureText(text).width / 2
    c.textAlign = 'center'
    if (x(t) - half >= place.left - 2) c.fillText(text, Math.min(x(t), width - half), place.height - 5)
  }
}

const first = (from, tick) => tick >= day ? midnight(from) : Math.ceil((from + offset(from)) / tick) * tick - offset(from)
const next = (t, tick) => tick >= day ? midnight(t + hour, tick / day) : t + tick

function mark({ c, place, view, x }, at, colour) {
  if (at < view.from || at > view.to) return
  c.fillStyle = colour
  c.fillRect(x(at) - 1, 0, 2, place.height - foot + 4)
}
