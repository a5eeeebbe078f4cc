// Package browser tests the dashboard as people use it: real Chromium, the real clipd, recordings that ffmpeg made, over
// loopback. It holds no code that ships, and its module is its own, so that what drives the browser is in no list of what
// clipd is made of.
//
// Every tab that a test opens is watched to its end: a violation of the page's policy, an error in the console, or a
// request to any host but the box fails the test that opened it.
//
// Nothing here waits for time to pass: tab.wait returns once the page is as the test wants it, or fails after patience.
package browser
