// From a time to the clip that covers it, or else the nearest one.

import { ask } from './box.js'
import { address, go } from './view.js'
import { complain, toast } from './toast.js'
import { matching } from './pick.js'

// jump plays what camera ("" for any) has at time.
export async function jump(time, camera) {
  try {
    const before = await one({ to: time + 1 }, 'newest', camera)
    if (before && time < Date.parse(before.start) + before.duration * 1000) return play(before, time)
    const after = await one({ from: time }, 'oldest', camera)
    const found = !before || (after && Date.parse(after.start) - time < time - Date.parse(before.start) - before.duration * 1000) ? after : before
    if (!found) return toast('There is no clip to jump to')
    play(found, time)
  } catch (err) {
    complain(err)
  }
}

async function one(span, order, camera) {
  const q = matching()
  q.delete('from'); q.delete('to')
  if (camera) q.set('camera', camera)
  for (const [name, ms] of Object.entries(span)) q.set(name, new Date(ms).toISOString())
  q.set('order', order)
  q.set('limit', 1)
  return (await ask('GET', 'clips?' + q)).clips[0]
}

// play shows clip from the moment asked for, which the address names too.
function play(clip, time) {
  const into = (time - Date.parse(clip.start)) / 1000
  const at = into > 1 && into < clip.duration ? '#t=' + into.toFixed(1) : ''
  return go(address({ clip: clip.id, day: '', cursor: '' }) + at)
}
