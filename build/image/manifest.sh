#!/bin/bash
# manifest.sh IMAGE: prints the manifest with which Raspberry Pi Imager offers IMAGE.xz, with host name, Wi-Fi and ssh key
# to be set there (init_format). URL says where the .xz will be downloaded from; without it, it is the file beside.
set -eu
image=$1
icon='<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" fill="#223"/><circle cx="20" cy="20" r="11" fill="#fff"/><circle cx="20" cy="20" r="5" fill="#c33"/></svg>'
jq -n --arg url "${URL:-file://$(realpath "$image.xz")}" --arg icon "data:image/svg+xml;base64,$(base64 -w0 <<<"$icon")" \
	--arg sha256 "$(sha256sum "$image" | cut -d' ' -f1)" --arg xz "$(sha256sum "$image.xz" | cut -d' ' -f1)" \
	--argjson size "$(stat -c %s "$image")" --argjson download "$(stat -c %s "$image.xz")" \
	--arg date "$(date -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" +%F)" '
{os_list: [{
	name: "clipd camera box",
	description: "Keeps, announces and serves the clips of a USB camera (Pi 3, 4, Zero 2 W)",
	icon: $icon,
	url: $url,
	extract_size: $size,
	extract_sha256: $sha256,
	image_download_size: $download,
	image_download_sha256: $xz,
	release_date: $date,
	devices: ["pi4-64bit", "pi3-64bit"],
	init_format: "systemd"
}]}'
