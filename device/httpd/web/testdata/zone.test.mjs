// Days and times of a box in Berlin, seen from anywhere.

import assert from 'node:assert/strict'
import test from 'node:test'

globalThis.document = { body: { dataset: {
  now: '0', zones: '1792890000:3600,1774746000:7200,1761440400:3600,0:3600',
} } }
const { clock, date, dayName, midnight, startOf } = await import('../src/lib/zone.js')

const utc = text => Date.parse(text + 'Z')

test('times are the box’s', () => {
  assert.equal(clock(utc('2026-11-22T23:30')), '00:30')
  assert.equal(date(utc('2026-11-22T23:30')), '2026-11-23')
  assert.equal(clock(utc('2026-07-01T23:30')), '01:30')
  assert.equal(dayName(utc('2026-11-22T12:00')), 'Sun 22 Nov')
})

test('days have 23, 24 or 25 hours', () => {
  const hours = text => (midnight(startOf(text), 1) - startOf(text)) / 3600e3
  assert.equal(hours('2026-03-29'), 23)
  assert.equal(hours('2026-07-01'), 24)
  assert.equal(hours('2026-10-25'), 25)
  assert.equal(startOf('2026-10-25'), utc('2026-10-24T22:00'))
  assert.equal(startOf('2026-10-26'), utc('2026-10-25T23:00'))
})

test('midnight is the one before', () => {
  assert.equal(midnight(utc('2026-10-25T22:59:59')), utc('2026-10-24T22:00'))
  assert.equal(midnight(utc('2026-10-25T23:00')), utc('2026-10-25T23:00'))
  assert.equal(midnight(utc('2026-03-29T12:00'), -1), utc('2026-03-27T23:00'))
})

test('a day may begin at one o’clock', async () => { // in Beirut summer time begins at midnight
  globalThis.document.body.dataset.zones = '1774735200:10800,0:7200'
  const beirut = await import('../src/lib/zone.js?beirut')
  assert.equal(beirut.startOf('2026-03-29'), utc('2026-03-28T22:00'))
  assert.equal(beirut.startOf('2026-03-30'), utc('2026-03-29T21:00'))
})
