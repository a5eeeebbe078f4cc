#!/bin/bash
# Checks what `make image` reads without building anything: scripts, units, the manifest. Needs neither root nor emulation.
set -eu
cd "$(dirname "$0")"

for script in *.sh ../foreign.sh base/etc/initramfs-tools/hooks/clipd base/etc/initramfs-tools/scripts/init-bottom/clipd \
	box/usr/lib/clipd/image/* box/usr/lib/raspberrypi-sys-mods/* box/usr/lib/userconf-pi/*; do
	bash -n "$script"
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Copies that name a program which exists, with the units of the package they add to.
cp -r box/etc/systemd/system/. ../../systemd/*.service ../../systemd/*.path "$scratch/"
rm -r "$scratch/kernel-command-line.service.d" "$scratch/ssh.service.d"
find "$scratch" -type f -exec sed -i -E 's#=(/usr/bin/(clipd|ssh-keygen)|/usr/lib/clipd/(image/)?[a-z-]+)#=/bin/true#' {} +
cp "$scratch/clipd-recorder@.service" "$scratch/clipd-recorder@front.service"
systemd-analyze verify --man=no --recursive-errors=no "$scratch"/*[^@].service "$scratch"/*.path "$scratch"/*.mount

head -c 100000 /dev/zero >"$scratch/card.img"
xz -k "$scratch/card.img"
./manifest.sh "$scratch/card.img" | jq -e '.os_list | length == 1 and (.[0] |
	.init_format == "systemd" and .extract_size == 100000 and (.extract_sha256 | test("^[0-9a-f]{64}$")) and
	([.name, .description, .icon, .url, .release_date] | all(length > 0)) and .image_download_size > 0 and (.devices | length > 0))' >/dev/null
