#!/usr/bin/env bash
# A throw-away cluster on a socket, with the extension read from a staging root:
#   test/cluster.sh DIR STAGE start|stop      (run as an ordinary user; root is dropped to "postgres")
set -eu
dir=$1 stage=$2 action=$3
bin=$("${PG_CONFIG:-pg_config}" --bindir)
share=$("${PG_CONFIG:-pg_config}" --sharedir)
lib=$("${PG_CONFIG:-pg_config}" --pkglibdir)
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
case $action in
start)
	mkdir -p "$dir"; [ "$(id -u)" = 0 ] && chown postgres "$dir"
	as "$bin/initdb" -D "$dir/data" -U postgres -A trust --locale=C.UTF-8 -E UTF8 -N >"/dev/null"
	as tee -a "$dir/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
extension_destdir = '$stage'
dynamic_library_path = '$stage$lib:\$libdir'
fsync = off
max_worker_processes = 20
${CLUSTER_CONF:-}
CONF
	as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null ;;
stop)
	as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null; rm -rf "$dir" ;;
esac
