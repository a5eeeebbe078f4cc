#!/bin/bash
# rootfs.sh FILE: builds the base root file system, Debian trixie for arm64 with the packages of ./packages and the files
# of ./base, as a tar. It comes from the mirror that this machine's own apt uses.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
list=$(sed -e 's/#.*//' "$here/packages" | grep . | paste -sd,)
# Nobody reads these on a box; the licences stay.
without=(--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*'
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
# What ffmpeg's libraries name and a box without a screen never loads: half of what they would take on the card.
for path in '/usr/lib/udev/hwdb.d/*' '/usr/lib/*/libLLVM*' '/usr/lib/*/libgallium*' '/usr/lib/*/dri/*' '/usr/lib/*/libz3*' \
	'/usr/lib/modules/*/kernel/drivers/gpu/drm/amd/*' '/usr/lib/modules/*/kernel/drivers/gpu/drm/radeon/*' \
	'/usr/lib/modules/*/kernel/drivers/gpu/drm/nouveau/*' '/usr/lib/modules/*/kernel/drivers/infiniband/*' \
	'/usr/lib/modules/*/kernel/drivers/net/ethernet/mellanox/*'; do
	without+=(--dpkgopt="path-exclude=$path")
done
# The hook comes before the kernel, whose installation makes the initramfs with what is in base/.
exec "$here/../foreign.sh" aarch64 mmdebstrap --mode=root --arch=arm64 --variant=minbase --skip=check/qemu --components=main,non-free-firmware \
	--aptopt='APT::Install-Recommends "false"' "${without[@]}" \
	--dpkgopt=force-confdef --dpkgopt=force-confold --include="$list" \
	--essential-hook="copy-in $here/base/etc /" \
	--essential-hook="$here/native.sh lend \"\$1\"" --customize-hook="$here/native.sh return \"\$1\"" \
	trixie "$1" "deb $mirror trixie main non-free-firmware" "deb $mirror trixie-updates main non-free-firmware"
