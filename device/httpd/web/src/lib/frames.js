// The first frame of clips without a poster, drawn by the browser itself: two at a time, since it has but six connections.

import { $, make } from './dom.js'

const atOnce = 2
const wanted = new Set()
const patience = 4 // failures in a row: then the clips are of a kind, or on a disk, that gives none

let busy = 0
let failed = 0

const sight = new IntersectionObserver(seen => {
  for (const { target, isIntersecting } of seen) isIntersecting ? wanted.add(target) : wanted.delete(target)
  next()
}, { rootMargin: '200px' })

// frames watches the places for frames in the cards that are shown.
export function frames() {
  for (const place of document.querySelectorAll('.frame[data-frame]:empty')) sight.observe(place)
}

function next() {
  while (busy < atOnce && wanted.size && failed < patience) {
    const [place] = wanted
    wanted.delete(place)
    sight.unobserve(place)
    if (place.isConnected && !$('canvas', place)) draw(place)
  }
}

function draw(place) {
  busy++
  const video = make('video', { muted: true, preload: 'metadata', playsinline: true, src: place.dataset.frame + '#t=0.1' })
  const done = () => {
    clearTimeout(timer)
    video.removeAttribute('src')
    video.load() // lets go of the connection
    busy--
    next()
  }
  const timer = setTimeout(done, 10_000)
  video.addEventListener('error', () => { failed++; done() }, { once: true })
  video.addEventListener('loadeddata', () => { failed = 0; paint(place, video); done() }, { once: true })
}

function paint(place, video) {
  const canvas = make('canvas', { width: 320, height: 180 })
  const scale = Math.max(320 / video.videoWidth, 180 / video.videoHeight)
  const w = video.videoWidth * scale, h = video.videoHeight * scale
  canvas.getContext('2d').drawImage(video, (320 - w) / 2, (180 - h) / 2, w, h)
  place.replaceChildren(canvas)
}
