// One clip: the picture, what can be done with it, and keys. The browser seeks by itself, by Range.

import { $, make, mayOperate } from './dom.js'
import { problem } from './box.js'
import { go } from './view.js'
import { toast } from './toast.js'
import { link, pin, push, remove } from './deeds.js'

const aFrame = 1 / 25 // seconds, until the picture has told its own

let frame = aFrame
let speed = 1 // goes on with the next clip

// player makes the view that is shown work, if it is one clip's.
export function player() {
  const video = $('.stage video')
  if (!video) return
  frame = aFrame
  const at = /#t=([\d.]+)/.exec(location.hash)
  if (at) seek(video, Number(at[1]))
  video.playbackRate = video.defaultPlaybackRate = speed
  const choice = $('[data-do="speed"]')
  choice.value = String(speed)
  choice.addEventListener('change', () => { speed = Number(choice.value); video.playbackRate = video.defaultPlaybackRate = speed })
  video.addEventListener('error', () => unplayable(video))
  video.addEventListener('loadedmetadata', () => { if (!video.videoWidth) unplayable(video) })
  video.addEventListener('timeupdate', () => document.dispatchEvent(new CustomEvent('playing', { detail: video.currentTime })))
  if (video.error) unplayable(video)
  const trouble = $('[data-trouble]')
  if (trouble && !video.error) trouble.hidden = true
  measure(video)
}

function seek(video, seconds) {
  const set = () => { video.currentTime = Math.min(seconds, video.duration || seconds) }
  video.readyState > 0 ? set() : video.addEventListener('loadedmetadata', set, { once: true })
}

// measure learns how long a frame is from two that follow each other.
function measure(video) {
  let before = 0
  video.requestVideoFrameCallback?.(function each(_, { mediaTime }) {
    const gap = mediaTime - before
    before = mediaTime
    if (gap > 0.004 && gap < 0.2) frame = gap
    if (frame === aFrame) video.requestVideoFrameCallback(each)
  })
}

// unplayable says in words why there is no picture: what the box answers, or what is known of such clips.
async function unplayable(video) {
  const text = await refusal(video.src) || 'This browser cannot play the clip, or the file is damaged. Download it and open it in VLC.'
  if (!video.isConnected) return
  const trouble = $('.trouble') || make('p', { class: 'notice trouble', text })
  trouble.hidden = false
  trouble.setAttribute('role', 'alert')
  $('.side').prepend(trouble)
  video.replaceWith(make('p', { class: 'none', text: 'No picture in this browser' }))
  $('.tools [data-js]').hidden = true
}

async function refusal(src) {
  const answer = await fetch(src, { headers: { Range: 'bytes=0-0' } }).catch(() => null)
  if (!answer) return 'The box cannot be reached. Is it switched on and in this network?'
  return answer.ok ? '' : (await problem(answer)).message
}

// playerKeys starts buttons and keys once; they work for every clip that is shown later.
export function playerKeys() {
  document.addEventListener('click', e => {
    const button = e.target.closest('.player [data-do]')
    if (button) deed(button.dataset.do, button)
  })
  document.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey || $('dialog') || !$('.player') || e.target.closest('input, select, textarea, clip-timeline')) return
    if (key(e.key, e.target)) e.preventDefault()
  })
}

function key(name, on) {
  const video = $('.stage video')
  switch (name) {
    case 'n': case 'PageDown': return step('next')
    case 'p': case 'PageUp': return step('prev')
    case 'Escape': if (document.fullscreenElement) return false; $('[data-back]').click(); return true
    case 'Delete': if (mayOperate) deed('delete'); return mayOperate
  }
  if (!video || (on === video && name !== ',' && name !== '.')) return false // it has keys of its own
  switch (name) {
    case ',': deed('back'); return true
    case '.': deed('forward'); return true
    case 'f': deed('full'); return true
    case 'ArrowLeft': video.currentTime -= 5; return true
    case 'ArrowRight': video.currentTime += 5; return true
    case ' ': if (on.closest('button, a')) return false; video.paused ? video.play() : video.pause(); return true
  }
  return false
}

function step(rel) {
  const a = $(`.steps a[rel="${rel}"]`)
  a?.click()
  return Boolean(a)
}

function deed(name, button) {
  const video = $('.stage video'), { id } = $('.player').dataset
  switch (name) {
    case 'back': case 'forward': video.pause(); video.currentTime += name === 'back' ? -frame : frame; return
    case 'full': return void (document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen())
    case 'link': return void link(id)
    case 'push': return void push([id])
    case 'pin': return void toggle(id, button)
    case 'delete': return gone(id)
  }
}

// happened is told of events about the clip that is shown: somebody else may have done it.
export function happened(type) {
  const pinned = { clip_pinned: true, clip_unpinned: false }[type]
  if (pinned !== undefined) $('.tools [data-do="pin"]')?.setAttribute('aria-pressed', pinned)
  if (type === 'clip_removed') toast('This clip has been deleted', { seconds: 10 })
}

async function toggle(id, button) {
  const on = button.getAttribute('aria-pressed') !== 'true'
  if ((await pin([id], on)).length) button.setAttribute('aria-pressed', on)
}

// gone goes on to the next clip while there is still time to undo.
function gone(id) {
  const here = location.href
  const on = $('.steps a[rel="prev"]') || $('.steps a[rel="next"]') || $('[data-back]')
  remove([id], () => () => go(here))
  go(on.href)
}
