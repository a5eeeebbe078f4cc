// Package httpd is the box over HTTP: it lists clips, hands out their bytes, tells what happens, and shows the page
// people open in a browser (folder web). It decides who may do what: Bearer tokens, browser sessions and signed links.
//
// It reads the catalogue and opens files only through root. It changes nothing itself but pins and tokens: removing a
// clip, adopting a disk and rotating the link key are functions it is given in Config. It holds no transaction and no
// lock while it writes to a client, and it never wraps an http.ResponseWriter: a wrapper without ReadFrom would turn
// sendfile(2) off.
package httpd
