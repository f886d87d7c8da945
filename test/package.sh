#!/usr/bin/env bash
# Downloads one package of packages.txt, unless a copy with the right checksum is kept, and prints the file:
#   test/package.sh NAME
# Copies are kept in ${XDG_CACHE_HOME:-~/.cache}/dataops/packages, so later calls need no network.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
kept=${XDG_CACHE_HOME:-$HOME/.cache}/dataops/packages
name=$1

die() { echo "test/package.sh: $*" >&2; exit 1; }

find_whole() {
	local file
	for file in "$kept/${name//-/_}"-*.whl "$kept/$name"-*.tgz; do
		if [ -f "$file" ] && echo "${line##*sha256:}  $file" | sha256sum --check --status; then
			echo "$file"
			return 0
		fi
	done
	return 1
}

download_wheel() {
	/usr/bin/python3 -m pip --quiet --disable-pip-version-check download --no-deps --only-binary :all: \
		--require-hashes --dest "$kept" --requirement <(echo "$line") >&2
}

download_npm() {
	local version=${line%% *}
	command -v npm >/dev/null || die "$name is downloaded by npm, and there is no npm here"
	npm --silent pack "$name@${version##*==}" --pack-destination "$kept" >/dev/null
}

line=$(grep -E "^(npm:)?$name==" "$here/packages.txt") || die "$name is not in packages.txt"
mkdir -p "$kept"
find_whole && exit
case $line in
npm:*) download_npm ;;
*) download_wheel ;;
esac || die "cannot download ${line%% *}: it is needed once, from the network"
find_whole || die "${line%% *} is not the file that is expected"
