#!/usr/bin/env bash
# Who may include whom: a layer includes itself and what lies below it; each library has one place.
# Prints the offending lines; exit status 1 if there are any.
set -euo pipefail
cd "$(dirname "$0")/.."

# Folders of src/, top down.  Those in one line are siblings, which do not include each other.
layers='test
define
schedule
fetch land transform validate export observe
store warehouse
model
google
remote
format catalog
net
core'

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# Reports each line that matches the pattern in the files named on standard input, with the reason.
complain() {
	local reason=$1 pattern=$2
	xargs -r grep -nHE "$pattern" | sed "s|\$|    <- $reason|" | tee -a "$found" || true
}

# All sources but those whose path matches one of the shell patterns.
sources_but() {
	local file pattern
	for file in $(find src -name '*.[ch]' | sort); do
		for pattern in "$@"; do
			# shellcheck disable=SC2254
			case $file in $pattern) continue 2 ;; esac
		done
		echo "$file"
	done
}

# The folders that one may not include: its siblings and all above.
forbidden() {
	local folder=$1 line above=''
	while read -r line; do
		case " $line " in
		*" $folder "*) tr ' ' '\n' <<<"$above $line" | grep -vx -e "$folder" -e '' || true; return ;;
		esac
		above+=" $line"
	done <<<"$layers"
	return 1
}

for path in src/*/; do
	folder=$(basename "$path")
	if ! list=$(forbidden "$folder"); then
		echo "$path: not a layer named in test/lint-layers.sh" | tee -a "$found"
		continue
	fi
	[ -n "$list" ] || continue
	mapfile -t files < <(find "$path" -name '*.[ch]' | sort)
	for file in "${files[@]}"; do
		while IFS=: read -r line header; do
			# The server has folders of the same names; ours are the headers that are here.
			if [ -f "src/$header" ] && grep -qxF "${header%%/*}" <<<"$list"; then
				echo "$file:$line: \"$header\"    <- $folder may not include ${header%%/*}" | tee -a "$found"
			fi
		done < <(grep -noE '^#[[:space:]]*include "[^"]+/[^"]+"' "$file" | sed -E 's/^([0-9]+):.*"(.*)"/\1:\2/')
	done
done

include='^#[[:space:]]*include [<"]'
sources_but 'src/net/*' | complain 'only net includes curl' "${include}curl/"
sources_but 'src/core/json.c' | complain 'only core/json.c includes jansson' "${include}jansson"
sources_but 'src/core/crypto.c' | complain 'only core/crypto.c includes OpenSSL' "${include}openssl/"
sources_but 'src/core/gzip.c' | complain 'only core/gzip.c includes zlib and libdeflate' "${include}(zlib|libdeflate)"
sources_but 'src/core/compat.h' | complain 'only core/compat.h tests the version' 'PG_VERSION_NUM'
find src -path 'src/net/*.[ch]' ! -name '*_test.c' | complain 'net knows no SQL' "${include}executor/spi.h"
[ ! -s "$found" ]
