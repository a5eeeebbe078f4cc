#!/bin/bash
# Builds the card image bin/image/clipd-arm64.img, its .xz, and the manifest for Raspberry Pi Imager. The base root file
# system is kept in the user's cache and made again only when ./packages, ./rootfs.sh, ./native.sh or ./base change. Needs root.
# KEY is the private key of updates, whose .pub goes into the image. QUICK=1 leaves out .xz and manifest, which the tests do not need.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

out=bin/image cache=${XDG_CACHE_HOME:-$HOME/.cache}/clipd
key=${KEY:-$HOME/.config/clipd/update.key}
mkdir -p "$out" "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# base prints the path of the base root file system, building it if there is none of this list.
base() {
	local hash file
	hash=$(cd "$here" && cat packages rootfs.sh native.sh $(find base -type f | sort) | sha256sum | cut -c1-12)
	file=$cache/base-arm64-$hash.tar
	if [ ! -e "$file" ]; then
		echo "building the base root file system; this takes a quarter of an hour" >&2
		"$here/rootfs.sh" "$file.part" >&2
		mv "$file.part" "$file"
	fi
	echo "$file"
}

# fill makes the root file system of a box: Debian, the files of ./box, the packages of this tree.
fill() {
	mkdir "$work/root"
	tar -C "$work/root" -xf "$1" --exclude='./dev/*'
	# Who holds the private key may sign updates of this box (make key); without one it takes none.
	if [ -e "${key%.key}.pub" ]; then install -D -m 644 "${key%.key}.pub" "$work/root/usr/lib/clipd/update.pub"; fi
	# Before the packages, so that dpkg keeps the configuration of the image.
	cp -r --no-preserve=ownership "$here/box/." "$here/finish.sh" "$work/root/"
	OUT=$work/root build/deb/build.sh arm64
	"$here/../foreign.sh" aarch64 chroot "$work/root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
		sh -c '/finish.sh /*.deb'
	rm "$work/root/finish.sh"
	# The firmware starts its own copies, on the boot partition.
	rm "$work/root"/boot/vmlinuz-* "$work/root"/boot/initrd.img-*
	# The firmware reads this; the root is read-only from the first moment on.
	echo "console=ttyS1,115200 console=tty1 root=PARTUUID=c11bd001-02 ro rootwait fsck.mode=skip cfg80211.ieee80211_regdom=00" \
		>"$work/root/boot/firmware/cmdline.txt"
}

# card lays the partitions out.
card() {
	local size
	size=$(($(du -sm --exclude=boot/firmware "$work/root" | cut -f1) * 115 / 100 + 64))
	sed "s/@ROOT@/$size/" "$here/genimage.cfg" >"$work/genimage.cfg"
	genimage --config "$work/genimage.cfg" --rootpath "$work/root" --tmppath "$work/tmp" --inputpath "$work" --outputpath "$work/out" --loglevel 1
	mv "$work/out/clipd-arm64.img" "$out/"
}

file=$(base)
fill "$file"
card
if [ -z "${QUICK:-}" ]; then
	xz -T0 -3 -k -f "$out/clipd-arm64.img"
	"$here/manifest.sh" "$out/clipd-arm64.img" >"$out/clipd-arm64.rpi-imager-manifest"
fi
ls -l "$out"
