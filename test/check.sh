#!/usr/bin/env bash
# Runs legs of the tests and sums them up in one last line, "check: N passed, N failed":
#   test/check.sh LEG...       LEG is lint or SERVER:SUITE[,SUITE...], see suite.sh
# The first server's leg runs beside all others, which follow one another: two lanes for two processors.
# A leg's output is kept in build/log; that of a failed one is shown.
# A suite that cannot run on this machine counts as nothing, and is named with the reason above the last line.
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
log=build/log
results=build/results

# The suites of a leg, as named in build/results.
suites() {
	case $1 in
	*:*) for suite in ${1#*:}; do echo "${1%%:*}-$suite"; done ;;
	*) echo "$1" ;;
	esac
}

run_leg() {
	local leg=$1 name=${1%%:*} list rc=0 start=$SECONDS passed failed reason
	list=${leg#*:}
	case $leg in
	lint) test/lint.sh >"$log/$name" 2>&1 || rc=$? ;;
	*) test/suite.sh "$name" ${list//,/ } >"$log/$name" 2>&1 || rc=$? ;;
	esac
	for suite in $(suites "${leg//,/ }"); do
		# No result: the leg broke before this suite ended.
		if [ ! -f "$results/$suite" ]; then echo "0 1" >"$results/$suite"; rc=1; fi
		read -r passed failed reason <"$results/$suite"
		if [ -n "$reason" ]; then echo "  $suite: SKIPPED"; else echo "  $suite: $passed passed, $failed failed"; fi
	done
	if [ "$rc" != 0 ]; then
		echo "--- $name failed after $((SECONDS - start)) s; build/log/$name says:"
		tail -n "${LOG_LINES:-400}" "$log/$name"
		echo "--- end of build/log/$name"
	fi
}

lane() {
	for leg in "$@"; do
		echo "  ${leg%%:*} ..."
		run_leg "$leg"
	done
}

rm -rf "$log" "$results"
mkdir -p "$log" "$results"
first=()
others=()
for leg in "$@"; do
	case $leg in
	15:*) first+=("$leg") ;;
	*) others+=("$leg") ;;
	esac
done

trap 'kill $(jobs -p) 2>/dev/null; wait; exit 130' INT TERM
lane "${first[@]}" &
lane "${others[@]}" &
wait

passed=0 failed=0 skipped=0
for file in "$results"/*; do
	read -r p f reason <"$file"
	passed=$((passed + p)) failed=$((failed + f))
	if [ -n "$reason" ]; then
		skipped=$((skipped + 1))
		echo
		echo "SKIPPED ${file##*/}: $reason"
	fi
done
echo
echo "check: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ $((passed + skipped)) != 0 ]
