// Package device is the box: its configuration, and Run, which builds the parts, ties them together and runs them as
// tasks. It decides the order of start and stop and who may do what; every part's own work is in its own package below.
//
// # The flow of one clip
//
//	recorder closes a file
//	  watch   yields the path
//	  ingest  settled? probe it, hash it
//	  store   clip row, index rows and journal row in one transaction
//	  announce  journal row -> MQTT, cursor moves on PUBACK
//	  client GETs the URL in the message
//	  httpd   id -> row -> file beneath the root -> sendfile
//
// # Start
//
//  1. Config is read and checked; anything wrong with it ends the process with exit code 2.
//  2. The catalogue is verified (in a child process after an unclean stop) and opened, or set aside and made anew.
//  3. The root is looked at: is it there, and is it the one the catalogue is about?
//  4. Removals that a crash interrupted are finished.
//  5. Listeners are bound.
//  6. Watches are placed, or the root's absence is stated.
//  7. READY=1.
//  8. The scan.
//  9. Retention, once that has ended.
//
// A broker that is down, a missing root or a long scan delay none of this.
//
// # Stop
//
// Tasks end in the reverse order of their start: HTTP first (no new requests, transfers get 10 s, event streams end),
// then ingest, the posters, the pushes and the requests, then the announcer (which says "offline"), then the embedded broker, then the catalogue is closed. The
// first task that fails stops all the same way, and the process exits non-zero for systemd to start it again.
//
// # Lives
//
// Settings change while the process runs: over HTTP (settings.go) or by a configuration file that SIGHUP reads again. A
// change ends one life of the box as a stop does and begins the next as a start does (life.go), with three differences.
// The listening sockets stay, so that clients wait in the kernel's queue for the moment it takes (ports.go). Downloads
// under way go on (transfers.go). And settings that the box cannot be built with, or that change how it is reached and are
// not confirmed within two minutes, are undone.
//
// What is saved over HTTP stands in state/settings.toml, the text before it in settings.toml.old. What waits to be
// confirmed stands in settings.toml.trial, which no start of the process reads: a crash or a power cut at any moment
// leaves the box as it was last reached. Secrets stand in files of their own, secret-*, named anew each time, so that
// settings that come back find theirs.
package device
