#!/usr/bin/env bash
# The demo, from nothing: packages, build, a throw-away server with pg_cron, an exchange to fetch from, demo.sql.
#   docs/demo/demo.sh start|stop        ("make demo", "make demo-stop")
# DATA=file.json replays a recording, LIVE=1 asks the real exchange; by default the candles are generated.
# CLOUD=emulators puts the lake into a bucket and the warehouse into BigQuery, on counterparts of both on this machine;
# without it they are a folder of the server and a schema of its database.
# Everything is kept in .demo/ of this clone. Where the server's user cannot enter the clone, or its path is too
# long for a socket, a directory /tmp/dataops-demo.* holds the server or a link to it until "make demo-stop".
# A second start uses what is running, and runs demo.sql again.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
home=$top/.demo
live_api=https://api.binance.com
socket_path_limit=107
socket_name=/.s.PGSQL.5432

die() { echo "demo: $*" >&2; exit 1; }
say() { echo "==> $*"; }

as_server() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# Where the server lives; chosen once, so that "stop" and a second start find it.
choose_place() {
	local link
	if [ -f "$home/place" ]; then
		run=$(cat "$home/place")
		if [ -d "$run" ]; then return; fi
	fi
	mkdir -p "$home"
	run=$home/run
	if ! as_server test -x "$home"; then
		run=$(mktemp -d /tmp/dataops-demo.XXXXXX)/run
		chmod 755 "${run%/run}"
	elif [ $((${#run} + ${#socket_name})) -gt "$socket_path_limit" ]; then
		link=$(mktemp -d /tmp/dataops-demo.XXXXXX)/run
		chmod 755 "${link%/run}"
		mkdir -p "$run"
		ln -s "$run" "$link"
		run=$link
	fi
	mkdir -p "$run/lake"
	chmod 700 "$run"
	if [ "$(id -u)" = 0 ]; then chown -R postgres "$run/"; fi
	echo "$run" >"$home/place"
}
build() {
	local start=$SECONDS files
	files=$(find "$top/src" -name '*.c' | wc -l)
	say "Building the extension ($files C files)"
	make -s -C "$top" -j"$(nproc)" all
	make -s -C "$top" install DESTDIR="$home/stage" >"$home/install.log" 2>&1 ||
		{ cat "$home/install.log" >&2; die "could not install into $home/stage"; }
	# The copy that cluster.sh made where the server cannot read ours; files in use must be replaced, not changed.
	if [ -d "$run/stage" ]; then cp -r --remove-destination "$home/stage/." "$run/stage/"; fi
	echo "    done in $((SECONDS - start)) s"
}

sql() { "$bin/psql" -Xq -v ON_ERROR_STOP=1 -h "$run" "$@"; }

start_server() {
	if as_server "$bin/pg_ctl" -D "$run/data" status >/dev/null 2>&1; then
		say "Using the server that is running"
		return
	fi
	say "Starting a throw-away PostgreSQL server, reachable by the socket in $run only"
	CLUSTER_CONF="
shared_preload_libraries = 'pg_cron'
cron.database_name = 'demo'
cron.use_background_workers = on
dataops.file_root = '$run/lake'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8, ${live_api#https://}'" \
		"$top/test/cluster.sh" "$run" "$home/stage" start
}

# What an administrator does once: a database with its ordinary owner, who may use pg_cron and, as a store, a folder
# of the server or what the network has.  The owner creates the extension.
prepare_database() {
	if [ "$(sql -U postgres -d postgres -Atc "SELECT count(*) FROM pg_database WHERE datname = 'demo'")" = 1 ]; then
		return
	fi
	sql -U postgres -d postgres <<-'SQL'
		CREATE ROLE analyst LOGIN;
		CREATE DATABASE demo OWNER analyst;
		\connect demo
		SET client_min_messages = warning;
		CREATE EXTENSION pg_cron;
		GRANT USAGE ON SCHEMA cron TO analyst;
		\connect demo analyst
		SET client_min_messages = warning;
		CREATE EXTENSION dataops;
	SQL
	if [ -n "${CLOUD:-}" ]; then return; fi
	sql -U postgres -d demo <<-'SQL'
		CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'production', staging_prefix 'staging');
		GRANT USAGE ON FOREIGN SERVER lake TO analyst;
	SQL
}

# ---- the cloud ----

cloud_pid() { running_pid "$home/cloud.pid" counterparts.sh; }

stop_cloud() {
	local pid
	if pid=$(cloud_pid); then
		kill "$pid" 2>/dev/null || true
		while cloud_pid >/dev/null; do sleep 0.1; done
	fi
	rm -f "$home/cloud.pid"
}

launch_cloud() {
	local rc=0 reason
	say "Starting local counterparts of Google Cloud Storage and BigQuery"
	reason=$("$top/test/google/counterparts.sh" install) || rc=$?
	[ "$rc" = 0 ] || die "CLOUD=emulators is not possible here: ${reason:-their installation failed}"
	rm -rf "$home/cloud"
	(cd "$top" && exec setsid test/google/counterparts.sh run "$home/cloud" </dev/null >"$home/cloud.log" 2>&1) &
	echo $! >"$home/cloud.pid"
	while [ ! -f "$home/cloud/env" ]; do
		kill -0 $! 2>/dev/null || { cat "$home/cloud.log" >&2; die "the counterparts did not start"; }
		sleep 0.1
	done
}

# The counterparts, with a bucket, and a server that is pointed at them; kept until "make demo-stop".
start_cloud() {
	cloud_pid >/dev/null || launch_cloud
	# shellcheck disable=SC1091
	. "$home/cloud/env"
	echo '["bucket", "acme-lake"]' | PYTHONPATH=$DATAOPS_TEST_CLIENTS /usr/bin/python3 "$top/test/google/client.py" >/dev/null
	sql -U postgres -d demo <<-SQL
		LOAD 'dataops';
		ALTER SYSTEM SET dataops.google_endpoints = 'storage=$DATAOPS_TEST_STORAGE, bigquery=$DATAOPS_TEST_BIGQUERY';
		SELECT pg_reload_conf() \g /dev/null
	SQL
}

# What was chosen at the first start holds until the demo is removed: the database has its servers by then.
keep_choice() {
	local kept
	kept=$(cat "$home/cloud.choice" 2>/dev/null || echo "${CLOUD:-}")
	[ "$kept" = "${CLOUD:-}" ] ||
		die "the demo that is there was started with CLOUD=\"$kept\"; run \"make demo-stop\" first"
	echo "$kept" >"$home/cloud.choice"
}

# running_pid FILE NAME: the process whose id a file keeps. Ids are used again: it must still be what we started.
running_pid() {
	local pid
	[ -f "$1" ] || return 1
	pid=$(cat "$1")
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$2" || return 1
	echo "$pid"
}

exchange_pid() { running_pid "$home/exchange.pid" exchange.py; }

stop_exchange() {
	local pid
	if pid=$(exchange_pid); then kill -- "-$pid" 2>/dev/null || true; fi
	rm -f "$home/exchange.pid"
}

# One exchange as chosen, on the port it had before: the database knows its address.
start_exchange() {
	local choice=generated options=() port=0
	if [ -n "${DATA:-}" ]; then
		[ -r "$DATA" ] || die "cannot read DATA=$DATA"
		choice="recorded $(sha256sum <"$DATA")"
	fi
	if [ "$choice" = "$(cat "$home/exchange.choice" 2>/dev/null)" ] && exchange_pid >/dev/null; then return; fi
	stop_exchange
	cp "$top/docs/demo/exchange.py" "$run/exchange.py"
	if [ -n "${DATA:-}" ]; then
		say "Starting an exchange that replays $DATA"
		cat "$DATA" >"$run/recording.json"
		options=(--data "$run/recording.json")
	else
		say "Starting an exchange with generated candles"
	fi
	chmod a+r "$run"/exchange.py "$run"/*.json 2>/dev/null || true
	if [ -f "$home/exchange.port" ]; then port=$(cat "$home/exchange.port"); fi
	launch_exchange "$port" "${options[@]}" || launch_exchange 0 "${options[@]}" ||
		{ cat "$home/exchange.log" >&2; die "the exchange did not start"; }
	echo "$choice" >"$home/exchange.choice"
}

launch_exchange() {
	local port=$1 user=()
	shift
	if [ "$(id -u)" = 0 ]; then user=(runuser -u postgres --); fi
	: >"$home/exchange.out"
	(cd "$run" && exec setsid "${user[@]}" /usr/bin/python3 exchange.py --port "$port" "$@" \
		</dev/null >"$home/exchange.out" 2>"$home/exchange.log") &
	echo $! >"$home/exchange.pid"
	for _ in $(seq 100); do
		port=$(sed -n '1s/^port //p' "$home/exchange.out")
		if [ -n "$port" ]; then echo "$port" >"$home/exchange.port"; return 0; fi
		kill -0 $! 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# On a terminal: verdicts and states in colour; without the place in the file that psql puts before each notice.
coloured() {
	local red='' green='' plain=''
	if [ -t 1 ]; then red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'; fi
	sed -E "s/^psql:[^ ]+: NOTICE: /  /; s/\| (failed) /| $red\1$plain /; s/\| (passed|succeeded) /| $green\1$plain /"
}

start() {
	local api places=()
	case ${CLOUD:-} in
	'' | emulators) ;;
	*) die "CLOUD is \"emulators\" or not given; docs/google.md says how to use the real services" ;;
	esac
	if [ -n "${DATA:-}" ] && [ -n "${LIVE:-}" ]; then die "choose one of DATA and LIVE"; fi
	"$top/test/install-dependencies.sh" demo
	bin=$(pg_config --bindir)
	choose_place
	keep_choice
	build
	start_server
	prepare_database
	if [ -n "${CLOUD:-}" ]; then
		start_cloud
		places=(-v bucket=acme-lake -v project=test)
	fi
	if [ -n "${LIVE:-}" ]; then
		say "Asking the real exchange, $live_api"
		api=$live_api
	else
		start_exchange
		api=http://127.0.0.1:$(cat "$home/exchange.port")
	fi
	say "Running docs/demo/demo.sql as the ordinary role \"analyst\""
	echo
	sql -U analyst -d demo -v api="$api" "${places[@]}" -f "$top/docs/demo/demo.sql" 2>&1 | coloured ||
		die "demo.sql failed; the server keeps running, its log is $run/log"
	echo
	echo "Connect:  $bin/psql -h $run -U analyst demo"
	echo "Remove:   make demo-stop"
}

stop() {
	[ -d "$home" ] || { echo "There is no demo to stop."; return; }
	stop_exchange
	stop_cloud
	if [ -f "$home/place" ]; then
		run=$(cat "$home/place")
		if [ -f "$run/data/PG_VERSION" ]; then "$top/test/cluster.sh" "$run" '' stop; fi
		case $run in
		/tmp/dataops-demo.*/run) rm -rf "${run%/run}" ;;
		esac
	fi
	rm -rf "$home"
	echo "The demo is stopped and removed."
}

case ${1:-} in
start | stop) "$1" ;;
*) echo "usage: docs/demo/demo.sh start|stop" >&2; exit 2 ;;
esac
