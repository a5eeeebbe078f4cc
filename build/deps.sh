#!/bin/bash
# deps.sh SET...: sees to it that the programs of each SET (test, check, bench, vm, deb, image) are here. Installs what is missing with
# apt-get where that needs no password; else says what to install, which is an error only when CI is set (on a laptop,
# the tests that need them skip and say so).
set -eu

# One program a line: sets, program (or alternatives), Debian package.
programs='
test,bench  mosquitto                    mosquitto
test,bench  mosquitto_pub                mosquitto-clients
test,bench  ffmpeg                       ffmpeg
test        ffprobe                      ffmpeg
test        motion                       motion
test        ip                           iproute2
test        qemu-arm-static|qemu-arm     qemu-user-static
test,bench  strace                       strace
test        curl                         curl
test        jq                           jq
test        nginx                        nginx-light
test        unzip                        unzip
test        bsdtar                       libarchive-tools
test        python3                      python3
test        node                         nodejs
test        npm                          npm
test,bench  chromium                     chromium
test        mkfs.ext4                    e2fsprogs
test        losetup                      mount
check       systemd-analyze              systemd
check       jq                           jq
check       xz                           xz-utils
deb         lintian                      lintian
deb,image   mmdebstrap                   mmdebstrap
image       genimage                     genimage
image       qemu-aarch64-static          qemu-user-static
image       qemu-system-aarch64          qemu-system-arm
image       mcopy                        mtools
image       mkfs.vfat                    dosfstools
image       mkfs.ext4                    e2fsprogs
image       fdtput                       device-tree-compiler
image       ssh                          openssh-client
image       mosquitto                    mosquitto
image       mosquitto_rr                 mosquitto-clients
image       jq                           jq
image       xz                           xz-utils
deb         cpio                         cpio
deb         qemu-arm-static              qemu-user-static
vm,deb      qemu-system-x86_64           qemu-system-x86
vm          curl                         curl
vm          openssl                      openssl
vm          gnutls-cli                   gnutls-bin
vm          nginx                        nginx-light
'

export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

present() {
	local name
	for name in ${1//|/ }; do
		if command -v "$name" >/dev/null; then return; fi
	done
	return 1
}

# missing prints the packages of the wanted sets whose program is not found.
missing() {
	local sets program package set
	while read -r sets program package; do
		for set in "$@"; do
			if [[ ,$sets, == *,$set,* ]] && ! present "$program"; then echo "$package"; fi
		done
	done < <(grep . <<<"$programs") | sort -u
}

# install keeps Debian from starting the services that come with the packages: tests start their own.
install() {
	local root=() policy=/usr/sbin/policy-rc.d
	[ "$(id -u)" = 0 ] || root=(sudo -n)
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
		"${root[@]}" chmod +x $policy
		# shellcheck disable=SC2064 # the values of now
		trap "${root[*]} rm -f $policy" EXIT
	fi
	"${root[@]}" apt-get update -qq
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# npm_package FOLDER PACKAGE@VERSION installs what Debian does not have into bin/FOLDER. The folder's name begins with a dot
# so that go does not look for packages in it.
npm_package() {
	local dir
	dir=$(dirname "$0")/../bin/$1
	if [ -d "$dir/node_modules/${2%@*}" ]; then return; fi
	echo "installing $2 into bin/$1"
	timeout 180 npm install --prefix "$dir" --no-audit --no-fund --ignore-scripts --omit=optional --loglevel=error "$2" ||
		echo "$2 could not be installed; tests need it" >&2
}

# finish is the end of it once every program is here.
finish() {
	if [[ " $* " == *" test "* ]]; then
		present node-red || npm_package .node-red node-red@4.1.15
		npm_package .axe axe-core@4.14.1
	fi
	exit 0
}

mapfile -t packages < <(missing "$@")
if [ ${#packages[@]} = 0 ]; then finish "$@"; fi

if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
	echo "installing ${packages[*]}"
	install "${packages[@]}" || true
	mapfile -t packages < <(missing "$@")
	if [ ${#packages[@]} = 0 ]; then finish "$@"; fi
fi

echo "missing: install the Debian packages: ${packages[*]}" >&2
[ -z "${CI:-}" ]
