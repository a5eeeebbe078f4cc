// Package image holds the card image (build.sh and what it reads) and its tests, which boot it in an emulated board:
// firmware aside, the kernel, the initramfs, the partitions and everything above are those of the card.
//
// The tests start qemu-system-aarch64, mtools, ssh and mosquitto, write below folders of their own and listen on loopback.
// `make image-test` runs them on what `make image` built; they take most of an hour.
package image
