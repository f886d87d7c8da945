#!/usr/bin/env bash
# The benchmarks, from nothing: packages, build, a throw-away server with durability on, an API in C, run.py.
#   test/bench/bench.sh        ("make bench"; RECORDS=, ROUNDS=, ONLY="landing steps" and PEERS=1 as "make help" says)
# Everything lies in a directory /tmp/dataops-bench.* that is removed at the end, whatever that is; but what PEERS=1
# installs is kept in ${XDG_CACHE_HOME:-~/.cache}/dataops/peers.
# The report is build/bench/report.md; docs/benchmarks.md when all of it was run, with PEERS=1.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build/bench
"$top/test/install-dependencies.sh" demo
peers=
if [ "${PEERS:-0}" != 0 ]; then
	peers=${XDG_CACHE_HOME:-$HOME/.cache}/dataops/peers
	# without it they are left out, which the report says
	"$top/test/install-dependencies.sh" peers || true
fi
bin=$(pg_config --bindir)

home=$(mktemp -d /tmp/dataops-bench.XXXXXX)
chmod 755 "$home"
server=$home/server
cleanup() {
	if [ -f "$server/data/PG_VERSION" ]; then "$top/test/cluster.sh" "$server" '' stop; fi
	rm -rf "$home"
}
trap cleanup EXIT

make -s -C "$top" -j"$(nproc)" all
mkdir -p "$build" "$server/lake"
make -s -C "$top" install DESTDIR="$build/stage" >"$build/install.log" 2>&1 ||
	{ cat "$build/install.log" >&2; exit 1; }
cc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$build/api" "$top/test/bench/api.c" "$top/test/bench/records.c" -lpthread
cc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$build/multi" "$top/test/bench/multi.c" -lcurl
if [ "$(id -u)" = 0 ]; then chown -R postgres "$server"; fi

# A quarter of the memory, at most 4 GB, as one would give a server of this size.
buffers=$(awk '/^MemTotal/ { mb = int($2 / 4096); print (mb > 4096 ? 4096 : mb) }' /proc/meminfo)
CLUSTER_CONF="
fsync = on
shared_buffers = '${buffers}MB'
work_mem = '64MB'
maintenance_work_mem = '512MB'
max_wal_size = '16GB'
checkpoint_timeout = '1h'
autovacuum = off
jit = off
timezone = 'UTC'
dataops.file_root = '$server/lake'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'" "$top/test/cluster.sh" "$server" "$build/stage" start

/usr/bin/python3 "$top/test/bench/run.py" --psql "$bin/psql" --socket "$server" --api "$build/api" --scratch "$home" \
	--lake "$server/lake" --records "${RECORDS:-300000}" --rounds "${ROUNDS:-3}" --only "${ONLY:-}" --peers "$peers" \
	--report "$build/report.md" --published "$top/docs/benchmarks.md"
