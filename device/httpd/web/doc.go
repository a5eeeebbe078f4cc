// Package web is what people see in a browser: the pages as HTML, and the style sheet, modules and pictures they load,
// embedded. It knows nothing of requests or the catalogue: it is given what to show, in words, as the types of its
// views. Nothing it makes asks anything of any host but the box.
//
// # How a page is made
//
// A page is plain HTML that works without scripts; scripts then make it live. HTML is written by Put (see HTML), whose
// formats are constants and whose arguments are escaped for the place where they stand. There is no other way to add
// text, and the policy of every page (Policy) allows nothing inline: no style or on… attributes, no script elements but
// those of the layout.
//
// To add a page:
//
//  1. A view: a file here with a struct of words and a method View(h *HTML) that writes what stands inside <main>.
//     The layout around it is Page's; its line in the head of every page is one in nav (layout.go), with the role that
//     may see it.
//  2. A handler in package httpd that fills the struct and calls writePage, and its route.
//  3. If it needs scripts or its own styles: src/entry/NAME.js and src/entry/NAME.css, named in Page.Modules and
//     Page.Styles. Everything in src/entry becomes one file for browsers; what it imports (from ../lib, ../css) is
//     bundled into it. Shared modules are in src/lib, one subject each; each says at its top what it is for.
//  4. make web, and commit dist with the sources. A test fails while dist is older than src.
//
// Elements that scripts or tests look for carry data- attributes and roles with names; classes are for looks alone.
// Everything in dist may have 40 kB compressed, of which the administration's pages have 12; a test adds it up. It is
// stored compressed by gzip, as it is sent: browsers accept nothing better over plain HTTP.
package web
