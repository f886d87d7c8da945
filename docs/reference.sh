#!/usr/bin/env bash
# Writes docs/reference.md: builds the extension, installs it into a throw-away server and runs docs/reference.sql there.
#   docs/reference.sh        ("make reference")
# PG_CONFIG chooses the server; the committed page is that of PostgreSQL 15.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
pg_config=${PG_CONFIG:-pg_config}
bin=$("$pg_config" --bindir)
run=$(mktemp -d /tmp/dataops-reference.XXXXXX)
chmod 755 "$run"

cleanup() {
	if [ -f "$run/cluster/data/PG_VERSION" ]; then "$top/test/cluster.sh" "$run/cluster" '' stop; fi
	rm -rf "$run"
}
trap cleanup EXIT

make -s -C "$top" TEST= PG_CONFIG="$pg_config" all
make -s -C "$top" TEST= PG_CONFIG="$pg_config" install DESTDIR="$run/stage" >/dev/null
PG_CONFIG=$pg_config "$top/test/cluster.sh" "$run/cluster" "$run/stage" start
"$bin/psql" -Xq -h "$run/cluster" -U postgres -d postgres -c 'CREATE EXTENSION dataops'
"$bin/psql" -XAtq -h "$run/cluster" -U postgres -d postgres -f "$top/docs/reference.sql" >"$run/reference.md"
mv "$run/reference.md" "$top/docs/reference.md"
echo "docs/reference.md is written."
