// Package store is the catalogue of a box: which clips there are, in what order, what happened to them, and how far each
// reader has come; and the small files beside it that keep what people decided. It is the only importer of bbolt.
//
// It may touch the state folder and nothing else: it never opens, moves or removes a recording, and knows no socket, no
// clock but the one it is given, and no other package of clipd.
//
// # Words
//
// The words are those of README.md. Further ones:
//
//   - row: a clip as the catalogue keeps it; the clip, its stage, and whether it is marked.
//   - stage: seen (walked: the id answers), probed, listed. A listed clip is in listings, totals and counts.
//   - marked: about to be removed; the row neither answers nor is listed, until it is forgotten (or unmarked).
//   - pending: neither listed nor marked.
//   - facet: what listings filter by beside camera and start: pinned, pushed, complete, has a poster.
//   - spot: a place in a listing, start and id.
//   - change: one write transaction in the making.
//   - lane: what rests as a whole when it cannot be reached: a configured target, or a free URL's origin.
//   - consumer: who fetches clips and acknowledges those it has; its number stands for its name in acks.
//   - answer: what a request was answered, kept so that it is answered again and not done again.
//   - salvaged: taken from a damaged catalogue, waiting for its clip to be listed in this one.
//   - sealed: a value that ends with a CRC-32C over its bucket's name, a NUL, its key and itself, so that a value which
//     comes to lie under another key is known to be wrong. Bbolt itself checks only its two meta pages.
//
// # Files in the state folder
//
//	catalogue.db        the bbolt file described below
//	catalogue.db.new    one being created or compacted; removed at the next start
//	catalogue.db.bad-N  one that was set aside; the two newest are kept
//	running             there while the catalogue is open: at start it means that the last stop was unclean
//	stopped             the boot in which the catalogue was last closed: in another one the power may have gone since, which
//	                    counts as an unclean stop
//	lock                who holds its flock may do anything with the files above
//	ballast             1 MiB that is given up when the disk is full and a removal needs room
//	pins                the ids of pinned clips, a line each, and a last line with their CRC-32C
//	tokens              roles and SHA-256 of tokens and sign-in codes, JSON; tokens.lock is flocked while it changes
//	admin-token         the secret of the first admin token
//	link-key            32 bytes that links are signed with
//	session-key         32 bytes that session cookies are signed with
//	problems            what is wrong with the box, a line each; it keeps its 4 KiB, and others write it
//	box-id              the box id, and the board's serial number for which it was made
//
// The small files outlive the catalogue. Each is replaced by WriteFile: temporary name, fsync, rename, fsync of the folder.
//
// # Format of the catalogue
//
// Pages have 4096 bytes on every machine. Numbers in keys are big-endian, signed ones with the sign bit flipped, so that
// bytes sort as they do. In values they are varints (encoding/binary), times are seconds and nanoseconds, strings have a
// length before them. A value is sealed unless it is empty or says no more than a clip row that is read with it does.
//
//	bucket   key                                        value
//	meta     "schema" "generation" "root" "sums"        the format's version; random id of this catalogue; marker of the
//	                                                    root it is about; running totals (sums in totals.go)
//	         "boot"                                     what the wall clock of one boot showed before it was trusted
//	                                                    (boot.go), not there where it always was
//	         "side"                                     totals of the five buckets below (sideSums in side.go), not there
//	                                                    before the first of them is
//	clips    id                                         row: version, stage, flags, fields in the order of row.go
//	paths    path                                       id (not sealed)
//	index    camera number (4) facet (1) start (8) id   empty; start in milliseconds
//	pending  stage (1) id                               empty
//	marked   id                                         empty
//	cameras  name                                       number, bytes, and clips for each of the 16 facets
//	hours    camera number (4) hour (4)                 clips and bytes with a start in that hour (UTC)
//	journal  seq (8)                                    event: version, flags, fields in the order of journal.go, its clip
//	cursors  name                                       seq
//	partial  path                                       size, mtime, since, reason
//
// A catalogue of the first days has none of the next five; they are made when it is opened. Only one that took the place of
// a damaged one has the last, until DropSalvaged.
//
//	pushes    id target                      version, dead, URL, error, added, next, attempts, size; waiting or dead
//	due       lane NUL next (8) id target    empty; next in milliseconds; the waiting pushes
//	acks      id                             numbers (4) of the consumers that have the clip
//	consumers name                           number (4), seq, listed clips it has, when it was last seen
//	requests  'a' SHA-256 of verb and        number (8), when, the answer
//	              transaction
//	          'o' number (8)                 the key of that answer: the order in which they are forgotten
//	salvaged  'a' id, or 'p' id target       what that row of acks, or of pushes, had
//
// There is one index for all listings: a range for each camera and facet. A listing merges the ranges that its filters
// allow, so that it looks at no row which it does not tell, whatever the filter; ranges that are empty (the camera's row
// knows) are not opened. Changing a pin moves one index row.
//
// # Invariants
//
// The numbers are those of the whole program; those that this package keeps:
//
//  2. A clip row and its clip_added commit together, so do its removal and clip_removed. All writing of clip rows is in
//     change.replace, which keeps paths, index, pending, marked, cameras, hours and sums in step; Verify recounts them all.
//     All writing of push rows is in change.replacePush, which keeps due and its totals in step.
//  3. A cursor is where SetCursor put it; the store never moves one.
//  4. Removal is Mark, unlink, fsync of the folder, Forget; Marked tells what was begun.
//  5. Forget touches no file. PinsErr tells that the pins are not known.
//  6. The disk is the truth: a catalogue that is missing, damaged or too new is set aside and rebuilt by a scan. Ids come
//     from path, size and mtime (MakeID) and pins from their file, so that both are the old ones.
//
// Further ones:
//
//   - A seq is given once. After an unclean stop, or where a meta page is torn, the next one leaves 1,000 out: a card may
//     have lied about a flush.
//   - What Apply has answered is on disk, and so is what reads return: one that begins while a commit is being flushed, and
//     sees it already, waits for the flush (durable.go).
//   - An op that fails undoes no other op.
//   - No read holds a transaction across anything that blocks; what reads return shares no memory with the file.
//   - A push or acks have a clip row: they go with it. A consumer's number is given once, in salvaged acks too, so that acks
//     which name a dropped or a lost one mean nothing.
//   - A damaged record is never returned. Reads leave it out and count it (Damaged); a writer that meets it fails that op,
//     commits its neighbours, and makes Wait return: the next start verifies, sets aside and rebuilds.
//
// # Opening
//
//  1. Take the flock on lock (2 s at most, then ErrLocked). Remove catalogue.db.new.
//  2. The last stop was unclean if running is there, or if it was not in this boot: then a card may have lost what it had
//     said it had flushed, a page among whole ones too, which no checksum of a record can tell.
//  3. If there is a catalogue: read both metas, of which one must be valid; the file must be as long as the newer one
//     says, since bbolt maps it and a missing page is a fatal SIGBUS; the list of free pages must name none twice and none
//     that is in use. A torn meta counts as an unclean stop: bbolt falls back by one transaction.
//  4. After an unclean stop, verify: in a child process, since bbolt panics in goroutines of its own. A child that dies of
//     it has found damage; one that cannot be started has not, and the rows are checked here.
//  5. Check the schema. A file of which more than half is free is compacted.
//  6. What 3 to 5 found damaged or too new is renamed to catalogue.db.bad-N. Any other error ends the start.
//     From a damaged one the acks, consumers and pushes whose checksums hold are copied into the new one first
//     (salvage.go), 100,000 acks and pushes at most and for 2 minutes at most. They count again when their clip is listed, in the
//     transaction of its clip_added; a clip's own come first. The file is read without bbolt, page by page, for rows can be
//     told by their checksum alone; free pages, which have rows as they once were, are left out where the list of them can
//     be read. Else a push that was done or dropped may come back: sent twice is better than never. Acks of a consumer
//     whose own row is lost are lost too. Salvaging that fails is logged, and the start goes on without.
//  7. If there is none now, create: under the temporary name, all buckets in one transaction, fsync, rename, fsync of the
//     folder.
//  8. Make running durable. Only now open the file for writing.
//  9. Make rows and state/pins agree: the file is the truth; a missing one is written from the rows.
//
// # Writing
//
// One goroutine writes (writer.go).
//
//  1. It takes everybody who waits in Apply, up to 256 callers or 1,024 ops; who is alone does not wait.
//  2. Each op checks before it writes. One that fails without having written is answered with its error; one that fails (or
//     panics) after that has the change rolled back and made again without it.
//  3. Totals, hours and cameras are written, and the journal's start is cut if it is longer than 200,000 rows or 64 MiB.
//  4. Pins that were decided are written to state/pins, then the change is committed, then the pins of clips that went are
//     dropped: a crash in between never unpins what is there.
//  5. "Full" (ENOSPC or EDQUOT from write, the file's own limit) means that nothing was done: removals are tried again by
//     themselves, then with the ballast's room, then the others one by one. Any other error of Commit means that what is on
//     disk is unknown: Apply fails from now on, Wait returns, and running stays. A flush is never tried again.
//
// # Bbolt
//
// The options (openBolt) and their reasons: Timeout, for a locked file must not hang the start. PageSize 4096, for a Pi 5
// would pick 16 KiB. FreelistType map. NoFreelistSync and NoSync never: without the first most damaged pages kill the
// process, the second is what loses data. MaxSize, and InitialMmapSize the same (2 GiB; 256 MiB on 32 bit), so that a writer
// never waits for readers to map the file anew. AllocSize 1 MiB after opening, for with the default it refuses to grow at
// half of MaxSize. FillPercent 0.9 where rows come only at the end: the journal, and clips that are newer than all others.
package store
