#!/bin/sh
# Prints the configuration that the package installs: build/clipd.example.toml with every setting commented out, so that
# later versions may change their defaults. The names of the tables stay, so that taking away one # is enough.
cat <<'END'
# clipd reads this file at its start. Every setting is commented out and shows its default: take away the # before what
# you change, then run: systemctl restart clipd
END
sed -e '1,/^$/d' -e '/^[a-z_]\{1,\} = /s/^/# /' "$(dirname "$0")/../clipd.example.toml"
