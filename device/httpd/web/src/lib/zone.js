// Days and times where the box is, which may be another zone than the browser's.

const changes = (document.body.dataset.zones || '0:0').split(',').map(c => c.split(':').map(Number)) // [from in Unix seconds, seconds ahead]

// offset is how many milliseconds the box is ahead of UTC at ms.
export function offset(ms) {
  const [, seconds] = changes.find(([from]) => ms / 1000 >= from) || changes.at(-1)
  return seconds * 1000
}

const local = ms => new Date(ms + offset(ms))
const two = n => String(n).padStart(2, '0')
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export const date = ms => local(ms).toISOString().slice(0, 10)
export const clock = ms => `${two(local(ms).getUTCHours())}:${two(local(ms).getUTCMinutes())}`
export const seconds = ms => `${clock(ms)}:${two(local(ms).getUTCSeconds())}`
export const dayName = ms => `${days[local(ms).getUTCDay()]} ${local(ms).getUTCDate()} ${months[local(ms).getUTCMonth()]}`

// midnight is the begin of the box's day that is days after the one ms is in.
export function midnight(ms, days = 0) {
  const day = Math.floor((ms + offset(ms)) / 864e5) + days
  const guess = day * 864e5
  const at = guess - offset(guess)
  return guess - offset(at)
}

// startOf is the midnight that a date such as 2026-11-22 begins with.
export const startOf = text => midnight(Date.parse(text + 'T12:00:00Z') - offset(Date.parse(text)))

const begun = Date.now() - Number(document.body.dataset.now)
export const now = () => Date.now() - begun // by the box's clock
