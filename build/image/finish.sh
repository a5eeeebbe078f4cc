#!/bin/sh
# Runs inside the root file system, as root: installs clipd and sets what makes a box of Debian. The arguments are packages.
set -eu

# The data partition that one image leaves is used by the next: the numbers of its owners must not change.
for user in clipd:870 clipd-recorder:871; do
	groupadd --system --gid "${user#*:}" "${user%:*}"
	useradd --system --uid "${user#*:}" --gid "${user%:*}" --home-dir /var/lib/clipd --no-create-home --shell /usr/sbin/nologin "${user%:*}"
done

dpkg --force-confdef --force-confold -i "$@"
rm "$@"

# One camera records by itself; what it records stands in recorder.env.
systemctl enable clipd-recorder@front.service clipd-ssh-keys.service clipd-account.service
systemctl enable ssh.service avahi-daemon.service NetworkManager.service systemd-timesyncd.service
# For who prefers it to the embedded broker.
systemctl disable mosquitto.service
# An image has one disk and no administrator who looks at timers.
for timer in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer; do
	systemctl disable "$timer" 2>/dev/null || true
done
# The host keys are clipd-ssh-keys.service's, on the data partition.
systemctl mask e2scrub_reap.service systemd-firstboot.service sshd-keygen.service

# NetworkManager reads profiles only where nobody else can.
chmod 600 /usr/lib/NetworkManager/system-connections/*
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
: >/etc/machine-id
echo clipd >/etc/hostname
printf '127.0.0.1\tlocalhost\n127.0.1.1\tclipd\n::1\tlocalhost ip6-localhost ip6-loopback\n' >/etc/hosts
passwd -l root
rm -rf /var/log/journal /var/cache/apt/* /var/lib/apt/lists/*
