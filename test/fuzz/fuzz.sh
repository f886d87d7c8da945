#!/usr/bin/env bash
# Builds the fuzzers against a server with sanitizers and runs each for its share of FUZZ_SECONDS (240: 60 of them for jsonb):
#   test/fuzz/fuzz.sh [FUZZER...]       all of them unless some are named: jsonb cutter gzip answer bigquery text
# Inputs found in test/fuzz/found/FUZZER, which were findings once, are read first.  What leads to new code is kept in
# build/fuzz/corpus, so a later run goes on from there.  A finding is left in build/fuzz/finding, and told.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build/fuzz
seconds=${FUZZ_SECONDS:-240}
shares=(jsonb:5 cutter:5 answer:3 text:3 gzip:2 bigquery:2)
# inputs in bytes at most; longer ones find little, slowly
limits=(jsonb:16384 cutter:4096 answer:8192 text:512 gzip:8192 bigquery:2048)

# The number behind a name in a list.
number() {
	local name=$1 pair
	shift
	for pair in "$@"; do
		if [ "${pair%%:*}" = "$name" ]; then echo "${pair##*:}"; return; fi
	done
	echo "test/fuzz/fuzz.sh: there is no fuzzer $name" >&2
	exit 2
}

build_fuzzers() {
	local pg_config objects
	pg_config=$("$top/test/server.sh" sanitize)
	objects=$("$top/test/server.sh" objects)
	mkdir -p "$build"
	# the server's own tools leave it to the end of their process to free memory
	ASAN_OPTIONS=detect_leaks=0 make -s -j"$(nproc)" -C "$build" -f "$top/test/fuzz/fuzz.mk" PG_CONFIG="$pg_config" OBJECTS="$objects"
}

# One fuzzer for some seconds, over what was found once, the generated inputs and those that it has found itself.
run_fuzzer() {
	local name=$1 time=$2 corpus=$build/corpus/$1 inputs log=$build/$1.log start=$SECONDS rc=0
	mkdir -p "$corpus" "$build/finding"
	inputs=("$corpus" "$build/seed/$name")
	if [ -d "$top/test/fuzz/found/$name" ]; then inputs+=("$top/test/fuzz/found/$name"); fi
	"$build/$name" -max_total_time="$time" -max_len="$(number "$name" "${limits[@]}")" -timeout=20 -rss_limit_mb=4096 \
		-print_final_stats=1 -artifact_prefix="$build/finding/$name-" "${inputs[@]}" >"$log" 2>&1 || rc=$?
	if [ "$rc" = 0 ]; then
		echo "ok - $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $((SECONDS - start)) s," \
			"$(ls "$corpus" | wc -l) kept"
		return
	fi
	echo "not ok - $name: $(grep -aE 'ERROR: |runtime error|^not so|differs' "$log" | head -n 1)"
	grep -aE '^[^I].*(ERROR|SUMMARY)|runtime error|^not so|^ +#[0-9]|^artifact|Test unit written' "$log" | head -n 40 | sed 's/^/#   /'
	echo "# once more: $build/$name FILE; all it said: $log"
	return 1
}

names=("$@")
[ ${#names[@]} -gt 0 ] || names=("${shares[@]%%:*}")
sum=0 failed=0
for name in "${names[@]}"; do
	sum=$((sum + $(number "$name" "${shares[@]}")))
done
build_fuzzers
export ASAN_OPTIONS=detect_stack_use_after_return=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
if [ -x /usr/lib/llvm-14/bin/llvm-symbolizer ]; then export ASAN_SYMBOLIZER_PATH=/usr/lib/llvm-14/bin/llvm-symbolizer; fi
rm -rf "$build/seed"
mkdir -p "$build/seed"
"$build/seed-inputs" "$build/seed" 800
for name in "${names[@]}"; do
	share=$(number "$name" "${shares[@]}")
	run_fuzzer "$name" $(((seconds * share + sum - 1) / sum)) || failed=$((failed + 1))
done
[ "$failed" = 0 ]
