#!/usr/bin/env bash
# Downloads one package of wheels.txt, unless a copy with the right checksum is kept, and prints the file:
#   test/wheel.sh NAME
# Copies are kept in ${XDG_CACHE_HOME:-~/.cache}/dataops/wheels, so later calls need no network.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
kept=${XDG_CACHE_HOME:-$HOME/.cache}/dataops/wheels
name=$1

die() { echo "test/wheel.sh: $*" >&2; exit 1; }

find_whole() {
	local file
	for file in "$kept/${name//-/_}"-*.whl; do
		if [ -f "$file" ] && echo "${line##*sha256:}  $file" | sha256sum --check --status; then
			echo "$file"
			return 0
		fi
	done
	return 1
}

line=$(grep "^$name==" "$here/wheels.txt") || die "$name is not in wheels.txt"
mkdir -p "$kept"
find_whole && exit
/usr/bin/python3 -m pip --quiet --disable-pip-version-check download --no-deps --only-binary :all: \
	--require-hashes --dest "$kept" --requirement <(echo "$line") >&2 ||
	die "cannot download ${line%% *}: it is needed once, from the network"
find_whole || die "${line%% *} came under another name"
