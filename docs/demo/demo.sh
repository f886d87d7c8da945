#!/usr/bin/env bash
# The demo, from nothing: packages, build, a throw-away server with pg_cron, an exchange to fetch from, demo.sql.
#   docs/demo/demo.sh start|stop        ("make demo", "make demo-stop")
# DATA=file.json replays a recording, LIVE=1 asks the real exchange; by default the candles are generated.
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

# What an administrator does once: a database with its ordinary owner, who may use pg_cron and a folder of the
# server as a store.  The owner creates the extension.
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
		\connect demo postgres
		CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file;
		GRANT USAGE ON FOREIGN SERVER lake TO analyst;
	SQL
}

exchange_pid() {
	local pid
	[ -f "$home/exchange.pid" ] || return 1
	pid=$(cat "$home/exchange.pid")
	# Process ids are used again: it must still be what we started.
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q exchange.py || return 1
	echo "$pid"
}

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
	local api
	if [ -n "${DATA:-}" ] && [ -n "${LIVE:-}" ]; then die "choose one of DATA and LIVE"; fi
	"$top/test/install-dependencies.sh" demo
	bin=$(pg_config --bindir)
	choose_place
	build
	start_server
	prepare_database
	if [ -n "${LIVE:-}" ]; then
		say "Asking the real exchange, $live_api"
		api=$live_api
	else
		start_exchange
		api=http://127.0.0.1:$(cat "$home/exchange.port")
	fi
	say "Running docs/demo/demo.sql as the ordinary role \"analyst\""
	echo
	sql -U analyst -d demo -v api="$api" -f "$top/docs/demo/demo.sql" 2>&1 | coloured ||
		die "demo.sql failed; the server keeps running, its log is $run/log"
	echo
	echo "Connect:  $bin/psql -h $run -U analyst demo"
	echo "Remove:   make demo-stop"
}

stop() {
	[ -d "$home" ] || { echo "There is no demo to stop."; return; }
	stop_exchange
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
