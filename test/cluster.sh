#!/usr/bin/env bash
# A throw-away cluster that listens on a socket in DIR only, with the extension read from a staging root:
#   test/cluster.sh DIR STAGE start|stop
# STAGE is what "make install DESTDIR=STAGE" filled; empty when the extension is installed in the server itself.
# PG_CONFIG chooses the server; CLUSTER_CONF holds further lines for postgresql.conf.
# A cluster that is there, but was not stopped by this script, is started as it is.
# Root is dropped to "postgres"; what that user cannot read is copied into DIR.
set -euo pipefail

[ $# = 3 ] || { echo "usage: test/cluster.sh DIR STAGE start|stop" >&2; exit 2; }
dir=$1 stage=$2 action=$3
pg_config=${PG_CONFIG:-pg_config}
bin=$("$pg_config" --bindir)

as_server() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# The settings by which this server looks into a staging root: Debian's patch has one, 18 has its own.
stage_settings() {
	local major
	[ -n "$stage" ] || return 0
	major=$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
	if [ "$major" -ge 18 ]; then
		echo "extension_control_path = '$stage$("$pg_config" --sharedir):\$system'"
	else
		echo "extension_destdir = '$stage'"
	fi
	echo "dynamic_library_path = '$stage$("$pg_config" --pkglibdir):\$libdir'"
}

create() {
	if [ -n "$stage" ]; then
		stage=$(cd "$stage" && pwd)
		if ! as_server test -r "$stage$("$pg_config" --pkglibdir)/dataops.so"; then
			cp -r "$stage" "$dir/stage"
			chmod -R a+rX "$dir/stage"
			stage=$dir/stage
		fi
	fi
	if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
	cd "$dir"
	as_server "$bin/initdb" -D "$dir/data" -U postgres -A trust --locale=C.UTF-8 -E UTF8 -N >initdb.log 2>&1 ||
		{ cat initdb.log >&2; exit 1; }
	as_server tee -a "$dir/data/postgresql.conf" >/dev/null <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$dir'
		$(stage_settings)
		fsync = off
		max_worker_processes = 20
		${CLUSTER_CONF:-}
	CONF
}

start() {
	mkdir -p "$dir"
	chmod 700 "$dir"
	dir=$(cd "$dir" && pwd)
	if [ ! -f "$dir/data/PG_VERSION" ]; then create; fi
	cd "$dir"
	as_server "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null ||
		{ cat "$dir/log" >&2; exit 1; }
}

stop() {
	[ -f "$dir/data/PG_VERSION" ] || { echo "test/cluster.sh: no cluster in $dir" >&2; exit 1; }
	dir=$(cd "$dir" && pwd)
	cd /
	if as_server "$bin/pg_ctl" -D "$dir/data" status >/dev/null; then
		as_server "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null
	fi
	rm -rf "$dir"
}

case $action in
start | stop) "$action" ;;
*) echo "test/cluster.sh: unknown action $action" >&2; exit 2 ;;
esac
