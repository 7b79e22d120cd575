#!/bin/sh
# posix.sh: is POSIX.1-2008 enough? Licence: ISC, see README.
#
#	.ci/posix.sh
#
# Compiles all of it, and looks at the names that it leaves to the C library:
# each must be in .ci/posix-names. Some are not what the code says, but what
# headers make of it. Then looks for words of compilers and systems. Prints what
# is beyond the standard, and ends with 1 if there is any; with 2 if it cannot
# tell, without nm.

cd "$(dirname "$0")/.." || exit 1
command -v nm >/dev/null || { echo "posix.sh: no nm" >&2; exit 2; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/posix.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
status=0

for file in *.c more/*.c; do
	${CC:-cc} -std=c99 -pedantic -O0 -c -o "$tmp/$(basename "$file" .c).o" \
	    "$file" || exit 1
done
nm "$tmp"/*.o | awk 'NF > 1 && $(NF-1) != "U" { print $NF }' |
    sort -u >"$tmp/ours"
sed '/^#/d' .ci/posix-names | tr ' ' '\n' | sort -u >"$tmp/posix"

# Of glibc, musl and the BSDs: 64-bit offsets, C99's scanf, checks and
# arithmetic that a compiler adds, variables behind macros, streams, getopt's.
nm -u "$tmp"/*.o | awk 'NF >= 2 { print $NF }' |
    sed 's/^__isoc99_//; s/^__posix_//; s/^__sysv_//
	s/^__\(.*\)_chk$/\1/; s/\([a-z]\)64$/\1/' |
    grep -vx '__errno_location\|___errno\|__errno\|__error\|__h_errno.*' |
    grep -vx '_GLOBAL_OFFSET_TABLE_\|__stack_chk_.*\|__.*san_.*\|__float.*' |
    grep -vx 'std[a-z]*\|__std[a-z]*p\|opt[a-z]*\|environ\|in6addr_any' |
    sort -u >"$tmp/used"
beyond=$(sort -u "$tmp/ours" "$tmp/posix" | comm -23 "$tmp/used" -)
if [ -n "$beyond" ]; then
	echo "not in POSIX.1-2008: $(echo "$beyond" | tr '\n' ' ')"
	status=1
fi

grep -n -e __attribute__ -e __linux__ -e __GNUC__ -e __builtin -e _GNU_SOURCE \
    -e _BSD_SOURCE -e MSG_NOSIGNAL -e SOCK_NONBLOCK -e SOCK_CLOEXEC \
    -e '[^_]typeof' -e '#pragma' -e '#warning' -e alloca -e sin_len \
    ./*.[ch] more/*.[ch] && status=1
# Else a struct of the system may be another one in another file.
without=$(grep -L "^#define _FILE_OFFSET_BITS 64" ./*.c more/*.c)
if [ -n "$without" ]; then
	echo "without _FILE_OFFSET_BITS: $(echo "$without" | tr '\n' ' ')"
	status=1
fi
[ $status -ne 0 ] || echo "nothing beyond POSIX.1-2008," \
    "$(comm -12 "$tmp/used" "$tmp/posix" | wc -l | tr -d ' ') of its functions"
exit $status
