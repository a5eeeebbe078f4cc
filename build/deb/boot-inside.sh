# Runs in the emulated computer of boot.sh, as root, after everything was started; powers it off at the end.
set -u
failed=0
check() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@"; then echo "inside: ok: $what"; else echo "inside: FAILED: $what" && failed=1; fi
}
said() { journalctl -b --no-pager -u "$1" | grep -q -- "$2"; }
# eventually tries for two minutes.
eventually() {
	local end=$((SECONDS + 120))
	until "$@" 2>/dev/null; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
}
token='correct horse battery'
status() { curl -sS -H "Authorization: Bearer $token" http://127.0.0.1:8470/api/v1/status; }
says() { status | grep -q -- "$1"; }
clips() { curl -sS -H "Authorization: Bearer $token" http://127.0.0.1:8470/api/v1/clips; }
lists() { clips | grep -q -- "$1"; }

check "clipd is ready" eventually systemctl is-active --quiet clipd.service
check "settings came from the boot partition" says '"name":"porch"'
check "the host is named" test "$(cat /proc/sys/kernel/hostname)" = porch
check "nothing secret stays there" test ! -e /boot/firmware/clipd.toml.txt
check "clipd.log says the state" eventually grep -q 'state: *active: ready' /boot/firmware/clipd.log
check "no sign-in link beside a chosen token" sh -c '! grep -q login /boot/firmware/clipd.log'

# A recorder that is another user: the lease on its file needs the capability, the group brings the bytes.
install -d -o clipd-recorder -g clipd -m 2770 /var/lib/clipd/recordings/front
install -o clipd-recorder -g clipd -m 0660 /sample.mp4 /var/lib/clipd/recordings/front/a.mp4
check "another user's recording is a clip" eventually lists front/a.mp4
check "by a lease, not by waiting" sh -c '! journalctl -b -u clipd.service | grep -qi "lease.*not permitted"'

check "the clock is not trusted yet" says '"clock_synced":false'
mkdir -p /run/systemd/timesync
: >/run/systemd/timesync/synchronized
check "the hardened unit sees that the clock is set" eventually says '"clock_synced":true'

# A disk that comes later, where the package's folder was.
mount -t tmpfs -o mode=0770,uid=$(id -u clipd),gid=$(id -g clipd) disk /var/lib/clipd/recordings
check "a disk mounted later is seen" eventually says 'storage_problem":"[^"]'
umount /var/lib/clipd/recordings
check "and that it went" eventually says 'storage_problem":""'
check "the recording is still a clip" lists front/a.mp4

pid() { systemctl show --value -p MainPID clipd.service; }
before=$(pid)
kill -9 "$before"
check "what was killed starts again" eventually sh -c "[ \$(systemctl show --value -p MainPID clipd.service) != $before ] && curl -sf http://127.0.0.1:8470/readyz"
check "reload" systemctl reload clipd.service
check "still running after it" eventually curl -sf -o /dev/null http://127.0.0.1:8470/readyz

# What admins set of an image: clipd may not, and root does it under its own hardening.
config() { curl -sS -H "Authorization: Bearer $token" "$@"; }
put() { config -X PUT -H 'Content-Type: application/json' -d "$1" -o /dev/null -w '%{http_code}' http://127.0.0.1:8470/api/v1/config; }
configured() { config http://127.0.0.1:8470/api/v1/config | grep -q -- "$1"; }
profile=/etc/NetworkManager/system-connections/clipd-wifi.nmconnection
check "an admin sets the recorder" test "$(put '{"recorder":{"fps":12}}')" = 202
check "root does it" eventually grep -qx FPS=12 /etc/clipd/recorder.env
check "and clipd knows" eventually configured '"fps":12.*"pending":false'
check "the wish is gone" test ! -e /var/lib/clipd/state/wish.json
check "an admin sets the Wi-Fi" test "$(put '{"wifi":{"ssid":"shed","password":"eight or more","country":"AT"}}')" = 202
check "it is on trial" eventually configured '"confirm_within":[0-9]'
check "with a profile of root's alone" test "$(stat -c '%a %U' $profile)" = '600 root'
systemctl kill -s KILL clipd-apply.service
check "what ends the trial undoes it" eventually test ! -e $profile
check "and that is told" eventually configured '"undone":"the box was started anew'
check "once more" test "$(put '{"wifi":{"ssid":"shed","password":"eight or more","country":"AT"}}')" = 202
check "on trial again" eventually configured '"confirm_within":[0-9]'
config -X POST http://127.0.0.1:8470/api/v1/config/confirm
check "confirmed, it stays" eventually configured '"ssid":"shed".*"confirm_within":null,"pending":false,"undone":""'
check "and is in place" test -e $profile

# An upgrade while a clip downloads. In the clip, 30 MB stand in a box that players skip (ISO/IEC 14496-12 §8.1.2).
{ cat /sample.mp4 && printf '\001\311\303\210free' && head -c 30000000 /dev/urandom; } >/big.mp4
install -o clipd-recorder -g clipd -m 0660 /big.mp4 /var/lib/clipd/recordings/front/b.mp4
check "a large recording is a clip" eventually lists front/b.mp4
ids() { clips | grep -o '"id":"[^"]*"' | sort; }
ids >/ids
export HOME=/root CLIPCTL_URL=http://127.0.0.1:8470 CLIPCTL_TOKEN=$token
clipctl pull --rate 1MB --layout '{name}' /pulled >/pull.log 2>&1 &
pull=$!
pulled() { [ "$(find /pulled -size +2M | wc -l)" = 1 ]; }
check "it downloads" eventually pulled
kill -STOP $pull # however long the upgrade takes
version=$(dpkg-deb -f /new/newer.deb Version)
check "the newer package installs" dpkg -i /new/newer.deb
check "the newer version runs" eventually says "\"version\":\"$version\""
check "in the middle of the download" test "$(stat -c %s /pulled/.clipctl/*.part)" -lt 30000000
kill -CONT $pull
check "which ends well" wait $pull
check "with every byte" cmp /big.mp4 /pulled/b.mp4
same() { ids | cmp - /ids; }
check "each clip is what it was" same
check "the settings are those of before" says '"name":"porch"'

# Updates by bundle, as on the card image, under the unit's hardening.
mkdir -p /etc/systemd/system/clipd.service.d
cp /new/update.conf /etc/systemd/system/clipd.service.d/
cp /new/update.pub /usr/lib/clipd/
systemctl daemon-reload
systemctl restart clipd.service
check "the launcher starts the packaged version" eventually says '"packaged":"'
running() { says "\"running\":\"$1\""; }
check "a good bundle is taken" clipctl update /new/good.update
check "and runs" running 2.0
check "as a process of the unit" sh -c '[ "$(readlink /proc/$(systemctl show --value -p MainPID clipd.service)/exe | cut -d/ -f1-5)" = /var/lib/clipd/versions ]'
check "a broken one is not kept" sh -c '! clipctl update /new/broken.update'
check "the version before it runs" running 2.0
check "and says so" says 'the update to 3.0 was rolled back'
check "nothing watches any more" eventually sh -c '! readlink /proc/[0-9]*/exe | grep -q clipd-launch'

echo 'nmae = "x"' >>/etc/clipd/clipd.toml
systemctl restart clipd.service
check "a configuration that cannot work is not tried again" eventually sh -c '[ "$(systemctl show --value -p ExecMainStatus clipd.service)" = 2 ] && systemctl is-failed --quiet clipd.service'
sed -i '/nmae/d' /etc/clipd/clipd.toml
systemctl start clipd.service
check "mended, it runs" eventually curl -sf -o /dev/null http://127.0.0.1:8470/readyz

systemctl start clipd-recorder@front
check "the recorder says what it lacks" eventually said clipd-recorder@front 'ffmpeg is not installed'
check "exit within 30 s" timeout 30 systemctl stop clipd.service

[ $failed = 0 ] && echo "inside: everything is in order" || journalctl -b --no-pager -u 'clipd*' | tail -n 60
systemctl poweroff --force
