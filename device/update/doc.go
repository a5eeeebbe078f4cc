// Package update keeps versions of clipd beside the packaged one and decides which of them runs. It may touch the versions
// folder and nothing else; it runs no program (cmd/clipd-launch does) and knows no HTTP (device and httpd do).
//
// # Words
//
// A bundle is one file with one version of clipd for one architecture, signed. The packaged version is the program on the
// read-only root: it is the last resort and never goes away. The chosen version is what starts; while it is on trial it
// has not been ready and healthy yet. The previous version is what starts if the chosen one fails.
//
// # A bundle
//
//	clipd-update 1\n                       the format
//	{"version":…,"arch":…,"built":…,"files":[{"name":"clipd","size":…,"sha256":…}]}\n
//	base64 of an ed25519 signature (RFC 8032) over both lines, with their ends\n
//	the bytes of each file in that order, and nothing behind them
//
// The three lines are the head. Nothing of it is looked at before the signature is found good.
//
// # The folder
//
//	versions/lock        held by whoever changes the choice (flock)
//	versions/choice      which version starts, and how often it was started without becoming healthy (choice.go)
//	versions/incoming/   a bundle on its way; whatever is found there is removed
//	versions/NAME/       a version: head, and its files
//
// # Procedures
//
// Take: unpack into incoming -> fsync files and folder -> rename -> fsync the folder -> write the choice. A crash before
// the last step leaves the choice as it was; after it the new version is on trial.
//
// Start: verify the chosen version -> count the start -> run it. What cannot be verified, is older than the packaged
// version, or was started three times without becoming healthy gives way to the previous one.
//
// Keep: a version that is ready and healthy ends its trial and its count. Fail: a version on trial that is neither after a
// minute gives way. Both take the lock, so that only one of them happens.
//
// # Whom this trusts
//
// The folder belongs to the user clipd runs as, so what is in it is believed only as far as it is signed, at every start
// anew, by a program and a key from the read-only root: a daemon that was taken over can bring back a signed version not
// older than the packaged one, and nothing else. Between the check and the start nobody else may run as that user; systemd
// has ended every process of the unit by then.
//
// What is newer is told by the time of the commit a version was built from, which is signed with it, and not by the name
// of the version. A version older than the one that runs is taken only if that is asked for (a mistake, mostly); one older
// than the packaged version never is, so that a card which is flashed anew runs what was flashed.
package update
