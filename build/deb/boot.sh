#!/bin/bash
# Boots a Debian with the package clipd in an emulated computer and tries the units under its systemd: what the hardening
# must not blind, what restarts and what does not, clipd-boot, an upgrade to the package NEWER while a clip downloads, and
# updates by bundle. boot.sh KERNEL ROOT PACKAGES NEWER BUNDLES: ROOT is a tar of Debian, PACKAGES a folder with the packages
# of the box and its client, BUNDLES one with good.update, broken.update and update.pub.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernel=$(realpath "$1") tar=$(realpath "$2") packages=$(realpath "$3") newer=$(realpath "$4") bundles=$(realpath "$5")

work=$(mktemp -d)
trap 'umount "$work/root/proc" 2>/dev/null || true; rm -rf "$work"' EXIT
root=$work/root
mkdir "$root"
tar -C "$root" -xf "$tar" --exclude=./dev/*
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 600 "$root/dev/console" c 5 1
mount -t proc proc "$root/proc"

cp "$packages"/clip*_amd64.deb "$root/"
mkdir "$root/new"
cp "$newer" "$root/new/newer.deb"
cp "$bundles"/* "$here/../image/box/usr/lib/systemd/system/clipd.service.d/update.conf" "$root/new/"
cp "$here/boot-inside.sh" "$root/inside.sh"
cp "$here/../sample/sample.mp4" "$root/sample.mp4"
chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -c 'dpkg -i /*.deb && rm /*.deb && passwd -d root >/dev/null'
mkdir -p "$root/boot/firmware"
printf '\357\273\277name = "porch"\r\n[first_boot]\r\nhostname = "porch"\r\ntoken = "correct horse battery"\r\n' >"$root/boot/firmware/clipd.toml.txt"
# What an image has: the mark that the system is clipd's to change, and NetworkManager, of which a stand-in joins anything.
mkdir -p "$root/usr/lib/clipd/image" "$root/etc/NetworkManager/system-connections"
printf '#!/bin/sh\n' >"$root/usr/local/bin/nmcli"
chmod +x "$root/usr/local/bin/nmcli"
cat >"$root/etc/systemd/system/inside.service" <<'END'
[Unit]
After=multi-user.target clipd-boot-log.service
[Service]
Type=oneshot
ExecStart=/bin/bash /inside.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=graphical.target default.target
END
mkdir -p "$root/etc/systemd/system/default.target.wants"
ln -s /etc/systemd/system/inside.service "$root/etc/systemd/system/default.target.wants/"
# An initramfs cannot be the root of a mount namespace; a tmpfs can.
cat >"$root/init" <<'END'
#!/bin/bash
mount -t tmpfs -o size=80%,mode=0755 root /mnt
cp -a /bin /boot /etc /home /lib* /media /opt /root /sbin /srv /usr /var /new /inside.sh /sample.mp4 /mnt/
mkdir -p /mnt/{dev,proc,sys,run,tmp,mnt}
exec switch_root /mnt /sbin/init
END
chmod +x "$root/init"
umount "$root/proc"
(cd "$root" && find . -path ./usr/share/doc -prune -o -path ./usr/share/locale -prune -o -print0 | cpio --null -o -H newc --quiet | gzip -1) >"$work/initrd"

# no_timer_check: on a busy host the emulated timer is late, and the kernel would take it for broken.
qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nodefaults -no-user-config -display none -no-reboot -serial stdio \
	-kernel "$kernel" -initrd "$work/initrd" -append "console=ttyS0 panic=-1 no_timer_check mitigations=off systemd.show_status=0 quiet" | tee "$work/console"
grep -q '^inside: everything is in order' "$work/console"
