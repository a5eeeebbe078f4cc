// Package store is the catalogue of a box: which clips there are, in what order, what happened to them, and how far each
// reader has come; and the small files beside it that keep what people decided.
package store
