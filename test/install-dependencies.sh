#!/usr/bin/env bash
# Installs what is missing on Debian 12, and says so; says nothing when all is there:
#   test/install-dependencies.sh demo|test|sanitize|peers   to build and try it, or also to test it, or also to do so with
#                                                           clang's sanitizers and fuzzers; or to benchmark other tools
# PostgreSQL's package would make and start a cluster "main" on port 5432: that is held back, and an existing
# cluster is not touched.
set -euo pipefail

demo_packages='build-essential pkg-config postgresql-15 postgresql-server-dev-15 postgresql-15-cron
	libcurl4-openssl-dev libjansson-dev libssl-dev zlib1g-dev libdeflate-dev python3'
test_packages='libipc-run-perl python3-pip dpkg-dev'
peers_packages='python3-venv'
sanitize_packages='clang-14 libclang-rt-14-dev llvm-14'

case ${1:-} in
demo) packages=$demo_packages ;;
test) packages="$demo_packages $test_packages" ;;
sanitize) packages="$demo_packages $test_packages $sanitize_packages" ;;
peers) packages="$demo_packages $peers_packages" ;;
*) echo "usage: test/install-dependencies.sh demo|test|sanitize|peers" >&2; exit 2 ;;
esac

die() { echo "install-dependencies: $*" >&2; exit 1; }

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
	die "no apt-get here. Install by hand what these Debian packages hold:" $packages

missing=()
for package in $packages; do
	installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
	as_root=()
elif command -v sudo >/dev/null; then
	as_root=(sudo)
else
	die "missing packages, and neither root nor sudo to install them: ${missing[*]}"
fi

log=$(mktemp)
hold=/etc/postgresql-common/createcluster.d/dataops-no-main-cluster.conf
cleanup() {
	rm -f "$log"
	if [ -n "${held:-}" ]; then "${as_root[@]}" rm -f "$hold"; fi
}
trap cleanup EXIT

# apt's talk is kept for the case that it fails; a line for each package shows the progress.
apt_get() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -y "$@" >"$log" 2>&1 ||
		{ tail -n 40 "$log" >&2; die "apt-get $1 failed; its last words are above"; }
}

echo "Installing ${#missing[@]} missing packages (about a minute on a fresh system): ${missing[*]}"
"${as_root[@]}" true || die "sudo did not let us install: ${missing[*]}"
if ! installed postgresql-15; then
	held=yes
	"${as_root[@]}" mkdir -p "$(dirname "$hold")"
	echo 'create_main_cluster = false' | "${as_root[@]}" tee "$hold" >/dev/null
fi
start=$SECONDS
echo "  reading package lists ..."
apt_get update
echo "  downloading ..."
apt_get install --no-install-recommends --download-only "${missing[@]}"
echo "  unpacking and configuring ..."
apt_get install --no-install-recommends "${missing[@]}"
for package in "${missing[@]}"; do
	installed "$package" || die "apt-get ended well, but $package is not installed"
done
echo "  done in $((SECONDS - start)) s"
