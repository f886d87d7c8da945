#!/usr/bin/env bash
# Runs suites on one server, in a directory of its own outside the tree that "postgres" can read:
#   test/suite.sh SERVER SUITE...      SERVER is 15 (the system's), 16, 18 or assert; SUITE is regress, isolation or tap
# SQL tests run in the database contrib_regression as its owner "app", an ordinary role with CREATEROLE that has
# created the extension there.  With TESTS="name ..." only those run.
# Each suite leaves "passed failed" in build/results/SERVER-SUITE, and its output in build/out; the exit status is 1 if anything failed.
set -euo pipefail

server=$1
shift
top=$(cd "$(dirname "$0")/.." && pwd)
results=$top/build/results
run=$(mktemp -d "/tmp/dataops-$server.XXXXXX")
fake_pid=
status=0

as_server() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

cleanup() {
	if [ -n "$fake_pid" ]; then kill "$fake_pid" 2>/dev/null || true; fi
	cd "$top"
	if [ -f "$run/cluster/data/PG_VERSION" ]; then
		PG_CONFIG=$pg_config "$top/test/cluster.sh" "$run/cluster" '' stop || true
	fi
	rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Builds the test variant, and installs it: into a copy of a private server, or beside the system's.
prepare_server() {
	local build=build/$server-test stage_option=()
	pg_config=${PG_CONFIG:-pg_config}
	stage=
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
	mkdir -p "$run/files" "$run/out" "$run/scratch"
	cp -r "$top/test" "$top/sql" "$top/docs" "$top/README.md" "$top/LICENSE" "$run/"
	if [ -d "$top/../shared/data" ]; then
		cp -r "$top/../shared/data" "$run/recorded"
		export DATAOPS_RECORDED_DATA=$run/recorded
	fi
	if [ -d "$top/expected" ]; then cp -r "$top/expected" "$run/"; fi
	mkdir -p "$run/expected"
	sed "s|@FILES@|$run/files|" "$top/test/regress.conf" >"$run/regress.conf"
	chmod -R a+rX "$run"
	if [ "$(id -u)" = 0 ]; then chown -R postgres "$run"; fi
	cd "$run"
}

start_fake() {
	[ -f test/fake/server.py ] || return 0
	as_server /usr/bin/python3 test/fake/server.py >fake.port 2>fake.log &
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
	as_server timeout 900 "$program" --inputdir=test --outputdir="out/$suite" --bindir="$bin" \
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
	local out=$top/build/out/$server-tap
	rm -rf "$out"
	mkdir -p "$out"
	cp tap.log "$out"
	if [ -d scratch/tmp_check/log ]; then cp scratch/tmp_check/log/* "$out"; fi
}

# The tests' own words, and the end of the log of each file that has failed.
show_tap_failures() {
	local name
	grep -vE '^ok ' tap.log
	for name in $(sed -nE 's|^test/t/([^ ]+)\.pl +\(Wstat: .*|\1|p' tap.log); do
		echo "--- end of build/out/$server-tap/regress_log_$name:"
		tail -n 25 "scratch/tmp_check/log/regress_log_$name" || true
	done
}

# PostgreSQL::Test::Cluster makes its own servers; they learn of the extension and its settings by TEMP_CONFIG.
suite_tap() {
	local rc=0 files=()
	if [ -n "${TESTS:-}" ]; then
		for name in $TESTS; do files+=("test/t/$name.pl"); done
	else
		for file in test/t/*.pl; do if [ -f "$file" ]; then files+=("$file"); fi; done
	fi
	if [ ${#files[@]} = 0 ]; then echo "0 0" >"$results/$server-tap"; return; fi
	{
		cat regress.conf
		if [ -n "$stage" ]; then
			echo "extension_destdir = '$stage'"
			echo "dynamic_library_path = '$stage$("$pg_config" --pkglibdir):\$libdir'"
		fi
	} >tap.conf
	as_server env PATH="$bin:$PATH" PG_CONFIG="$pg_config" DATAOPS_EXTENSION_DIR="$stage$("$pg_config" --sharedir)/extension" \
		DATAOPS_STAGE="$stage" TEMP_CONFIG="$run/tap.conf" TESTDIR="$run/scratch" TESTDATADIR="$run/scratch" TESTLOGDIR="$run/scratch/log" \
		PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		timeout 1500 prove -v -I "$pgxs/src/test/perl" -I test/t "${files[@]}" >tap.log 2>&1 || rc=$?
	keep_tap_logs
	if [ "$rc" = 0 ]; then grep -E '^(test/t/|All tests|Files=)' tap.log; else show_tap_failures; fi
	sed -i -E 's/^(not )?ok.*# (skip|SKIP).*//' tap.log
	report tap tap.log "$rc" '^ok ' '^not ok ' '^test/t/.* \(Wstat: '
}

mkdir -p "$results"
for suite in "$@"; do rm -f "$results/$server-$suite"; done
prepare_server
prepare_files
start_fake
for suite in "$@"; do
	if [ "$suite" != tap ] && [ ! -d "$run/cluster" ]; then start_cluster; fi
	"suite_$suite"
done
exit "$status"
