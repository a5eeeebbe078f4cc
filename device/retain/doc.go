// Package retain decides which clips may go, in which order, and when nothing may be touched at all. It reads the
// catalogue, asks the root for its free space, and hands what must go to the function in Config that deletes; it deletes
// nothing itself, serves nothing and knows no broker.
//
// # Words
//
//   - rule: age, total size, free floor, or the quota of a class. All that are set hold at once.
//   - class: the clips that one [[keep.class]] matches, the first that fits; all others are the default class, and partial
//     files are one of their own.
//   - due: older than its class allows.
//   - held: somebody still waits for it, a consumer or target named in keep.undelivered or any push.
//   - last resort: held clips go where a rule about space cannot be kept otherwise.
//   - ask: an age pass that would delete so much that a person must confirm it.
//
// # Order
//
//  1. What is due goes, oldest first in each camera; what is held or being fetched waits.
//  2. Where a quota, the total size or the free floor is broken, the oldest go until there is a little room (slack). Clips
//     being fetched go after all others, held ones after those, as the last resort.
//  3. A pinned clip never goes. Nothing goes while Config.Off, the root or the pins give a reason against it.
//
// # What it costs
//
// Listings are read oldest first, a page at a time, from where the last look ended; the catalogue is walked as a whole
// once after the start, and only where there are classes, whose counts then follow the journal.
package retain
