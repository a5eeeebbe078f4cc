#!/bin/bash
# native.sh lend|return ROOT: lends a root file system of another processor programs of this machine with what they need,
# and takes all of it out again: unpacking packages and running their scripts is most of the work, and ten times as slow
# when it is emulated. Lent is only what packages of the essential set bring, which nothing replaces meanwhile, and nothing
# that an initramfs takes copies of.
set -eu
[ "$(dpkg --print-architecture)" != arm64 ] || exit 0
root=$2 libraries=$(dirname /usr/lib/*/perl-base)
programs='dpkg-deb perl dash sed basename dirname ln cat readlink realpath mkdir cp rm mv grep cut tr sort uniq head tail touch
	chmod ls stat find xargs'

case $1 in
lend)
	mkdir "$root/usr/lib64" && ln -s usr/lib64 "$root/lib64" # systemd wants a merged /usr
	for file in $(for p in $programs; do ldd "/usr/bin/$p"; done | grep -o '/[^ ]*' | sort -u); do
		install -D "$(realpath "$file")" "$root$file"
	done
	cp -a "$libraries/perl-base" "$root$libraries/"
	for p in $programs; do
		mv "$root/usr/bin/$p" "$root/root/$p.own"
		cp "/usr/bin/$p" "$root/usr/bin/$p"
	done
	;;
return)
	for p in $programs; do mv "$root/root/$p.own" "$root/usr/bin/$p"; done
	rm -r "${root:?}/lib64" "$root/usr/lib64" "$root$libraries"
	;;
esac
