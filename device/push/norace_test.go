//go:build !race

package push

// racing: the race detector's own memory counts for nothing.
const racing = false
