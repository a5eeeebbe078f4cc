//go:build race

package push

const racing = true
