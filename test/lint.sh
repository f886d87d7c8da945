#!/usr/bin/env bash
# What can be told without running the tests, as one "ok" or "not ok" line each; leaves its count in build/results/lint.
# Needs the release build and looks at that: the functions of the tests must not be in it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

pg_config=${PG_CONFIG:-pg_config}
major=$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
build=build/$major
module=$build/dataops.so
passed=0 failed=0

# check DESCRIPTION COMMAND...: a check passes by its status; its output is shown if it does not.
check() {
	local description=$1 output
	shift
	if output=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok - $description"
	else
		failed=$((failed + 1))
		echo "not ok - $description"
		head -n 40 <<<"$output" | sed 's/^/#   /'
		if [ "$(wc -l <<<"$output")" -gt 40 ]; then echo "#   ... $(wc -l <<<"$output") lines in all"; fi
	fi
}

# The reverse of grep: prints the hits and fails if there are any.
none() { ! grep "$@"; }

release_build() { make -s -j"$(nproc)" all TEST= PG_CONFIG="$pg_config"; }

# One compiler over all sources, with the warnings of the build and of its own.
compiles_with() {
	local compiler=$1 variant=$2 flags bad=0 file
	read -ra flags <<<"$(make -s -f test/lint-flags.mk PG_CONFIG="$pg_config") $variant"
	for file in $(find src -name '*.c' | sort); do
		"$compiler" "${flags[@]}" -fsyntax-only "$file" || bad=1
	done
	return "$bad"
}

defined_symbols() { nm -D --defined-only "$module" | awk '{print $NF}'; }

exports_only_ours() {
	defined_symbols | grep -q '^Pg_magic_func$' || { echo 'no Pg_magic_func'; return 1; }
	defined_symbols | none -vxE 'Pg_magic_func|_PG_init|pg_finfo_[A-Za-z0-9_]+|dataops_[A-Za-z0-9_]+'
}

imports_no_json_object() { nm -D --undefined-only "$module" | none -w json_object; }

# Nothing that only test builds have: their C functions and SQL are absent from what is installed.
no_test_functions() {
	local bad=0
	{ defined_symbols; strings -a "$module"; } | none -E '__test_|DATAOPS_TEST|fault_point_' || bad=1
	none -nE '\._test_' "$build"/sql/*.sql || bad=1
	return "$bad"
}

relocations_are_read_only() {
	readelf -lW "$module" | grep -q GNU_RELRO || { echo 'no GNU_RELRO segment'; return 1; }
	readelf -dW "$module" | grep -qE 'BIND_NOW|FLAGS_1.*NOW' || { echo 'no BIND_NOW'; return 1; }
}

# Columns as seen with tabs of 4.
lines_fit() {
	find src -name '*.[ch]' -print0 | sort -z | xargs -0 awk '
		{ line = $0; width = 0
		  for (i = 1; i <= length(line); i++)
			  width += substr(line, i, 1) == "\t" ? 4 - width % 4 : 1
		  if (width > 100) { print FILENAME ":" FNR ": " width " columns"; bad = 1 } }
		END { exit bad }'
}

ours() { git ls-files --cached --others --exclude-standard -- "$@" | sed '/^test\/lint.sh$/d'; }

# free_of PATTERN: no line of the files named on standard input matches.
free_of() { xargs -r grep -nHE "$1" && return 1 || return 0; }

no_left_overs() { ours src sql test docs | free_of '\b(TODO|FIXME|XXX|HACK)\b'; }

no_trailing_space() { ours src sql test docs Makefile '*.mk' '*.md' | sed '/\.out$/d' | free_of '[[:blank:]]+$'; }

licence_lines() {
	local file bad=0
	for file in $(find src -name '*.[ch]' | sort); do
		head -n 14 "$file" | grep -q 'Copyright (c) 2026, dataops authors; PostgreSQL License' || { echo "$file"; bad=1; }
	done
	return "$bad"
}

shell_scripts() { git ls-files --cached --others --exclude-standard '*.sh' .ci/run | xargs shellcheck --severity=warning --shell=bash; }

python_scripts() {
	ours '*.py' | xargs -r -n1 /usr/bin/python3 -c \
		'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1])'
}

find_clang() { command -v clang || command -v clang-14 || ls "/usr/lib/llvm-14/bin/clang"; }

check 'release build' release_build
for variant in '' -DDATAOPS_TEST; do
	check "gcc is silent${variant:+ with $variant}" compiles_with gcc "$variant"
	check "clang is silent${variant:+ with $variant}" compiles_with "$(find_clang)" "$variant"
done
check 'the module exports only its own entry points' exports_only_ours
check 'the module does not import json_object' imports_no_json_object
check 'nothing of the test build is in the release build' no_test_functions
check 'relocations are read-only (RELRO, BIND_NOW)' relocations_are_read_only
check 'layers include only what lies below' test/lint-layers.sh
check 'lines of C fit in 100 columns' lines_fit
check 'nothing left to do is left in comments' no_left_overs
check 'no trailing blanks' no_trailing_space
check 'each C file has its licence line' licence_lines
check 'Python scripts parse' python_scripts
if command -v shellcheck >/dev/null; then check 'shellcheck' shell_scripts; fi

mkdir -p build/results
echo "$passed $failed" >build/results/lint
[ "$failed" = 0 ]
