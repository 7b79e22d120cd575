#!/bin/sh
# matrix.sh: the tests on everything that is here. Licence: ISC, see README.
#
#	.ci/matrix.sh [-r PATTERN] [SECTION ...]
#
# Builds with each make, compiler and kind of checks, for other machines too,
# and runs these sections of test.sh (ftp client sim xfer) with each; then with
# each shell and each awk. `.ci/matrix.sh all' runs the whole test, which takes
# minutes for a line. For other systems it only builds, if `zig cc' is here,
# which brings their headers and knows what is in their libraries. -r takes the
# rows that match an extended regular expression. Prints a table: passed, failed
# or not here; the output of what failed is kept. Ends with 1 if anything failed.

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/matrix.XXXXXX") || exit 1
trap '[ "$failed" -gt 0 ] || rm -rf "$tmp"' EXIT
trap 'failed=0; exit 1' HUP INT TERM
failed=0
rows=.
if [ "${1-}" = -r ]; then
	rows=$2
	shift 2
fi
case $*:${1-} in
:) sections='ftp client sim xfer' ;;
all:all) sections= ;;
*) sections=$* ;;
esac

# row NAME RESULT
row() {
	printf '%-44s %s\n' "$1" "$2"
	[ "$2" != failed ] || failed=$((failed + 1))
}

wanted() { printf '%s\n' "$1" | grep -Eq -e "$rows"; }

have() { command -v "$1" >/dev/null 2>&1; }

# tests NAME COMMAND ...: runs the tests by that command, and notes the result
tests() {
	name=$1
	log=$tmp/$(echo "$name" | tr -c '[:alnum:]\n' _).log
	shift
	# shellcheck disable=SC2086
	if "$@" ./test.sh $sections >"$log" 2>&1; then
		row "$name" passed
	else
		row "$name" failed
		sed -n '/^FAILED/,+2p' "$log" | head -n 6
	fi
}

# build NAME DIRECTORY MAKE [VARIABLE=VALUE ...]: false if it cannot be done
build() {
	name=$1
	dir=$tmp/$2
	shift 2
	mkdir -p "$dir"
	cp -R Makefile ./*.[ch] more "$dir"
	rm -f "$dir"/*.o "$dir"/more/*.[ao]
	(cd "$dir" && "$@") >"$dir.log" 2>&1 && return
	row "$name" failed
	tail -n 3 "$dir.log"
	return 1
}

# compiles FLAG ...: can this compiler make a program? Not every library of its
# checks knows every system call, so runs() looks whether this one does.
compiles() {
	cat >"$tmp/x.c" <<-'END'
		#define _POSIX_C_SOURCE 200809L
		#define _FILE_OFFSET_BITS 64
		#include <fcntl.h>
		#include <sys/stat.h>
		int main(void) {
			struct stat st;
			return fstatat(AT_FDCWD, ".", &st, 0) != 0 ||
			    !S_ISDIR(st.st_mode);
		}
	END
	"$@" -o "$tmp/x" "$tmp/x.c" >/dev/null 2>&1
}
runs() { compiles "$@" && "$tmp/x" >/dev/null 2>&1; }

# native NAME DIRECTORY CC CFLAGS [LDFLAGS]
native() {
	wanted "$1" || return
	# shellcheck disable=SC2086
	if runs $3 $4 ${5-}; then
		build "$1" "$2" make "CC=$3" "CFLAGS=$4" "LDFLAGS=${5-}" &&
		    tests "$1" env BIN="$tmp/$2"
	else
		row "$1" "not here"
	fi
}

# foreign NAME COMPILER EMULATOR: for another machine, run by qemu-user
foreign() {
	wanted "$1" || return
	qemu=$3
	have "$qemu" || qemu=$3-static
	if ! have "$2" || ! have "$qemu" || ! compiles "$2" -static; then
		row "$1" "not here"
		return
	fi
	build "$1" "$2" make "CC=$2" CFLAGS=-O2 LDFLAGS=-static || return
	for p in serv cli; do
		mv "$tmp/$2/$p" "$tmp/$2/$p.real"
		printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$qemu" \
		    "$tmp/$2/$p.real" >"$tmp/$2/$p"
		chmod +x "$tmp/$2/$p"
	done
	tests "$1" env BIN="$tmp/$2"
}

# abroad SYSTEM TARGET: builds for a system that is not here
abroad() {
	wanted "built for $1" || return
	if ! have zig; then
		row "built for $1" "not here"
	elif build "built for $1" "$2" make "CC=zig cc -target $2" \
	    "CFLAGS=$strict -O2"; then
		row "built for $1" passed
	fi
}

echo "$(uname -srm), sections: ${sections:-all}"
strict='-std=c99 -pedantic -Wall -Wextra -Werror'
for make in make bmake pdpmake smake; do
	wanted $make || continue
	if have $make; then
		build "$make" "$make" $make && tests "$make" \
		    env BIN="$tmp/$make"
	else
		row "$make" "not here"
	fi
done
for cc in gcc clang tcc musl-gcc; do
	flags="$strict -O2"
	[ $cc != tcc ] || flags=-O2
	native "$cc" $cc $cc "$flags"
done
native "gcc -O0" O0 gcc "$strict -O0"
native "gcc -O3 -flto" O3 gcc "-std=c99 -O3 -flto" -flto
native "gcc -m32" m32 gcc "$strict -O2 -m32" -m32
stop='-fno-sanitize-recover=all'
# Numbers without a sign wrap around on purpose.
integer=signed-integer-overflow,shift,implicit-signed-integer-truncation
for checks in address,undefined memory $integer; do
	for cc in gcc clang; do
		name=$checks
		[ "$checks" != $integer ] || name=integers
		native "$cc -fsanitize=$name" "$cc-$name" $cc \
		    "-std=c99 -g -O1 -fsanitize=$checks $stop" \
		    "-fsanitize=$checks"
	done
done
foreign "s390x (64 bits, big-endian)" s390x-linux-gnu-gcc qemu-s390x
foreign "powerpc (32 bits, big-endian)" powerpc-linux-gnu-gcc qemu-ppc
foreign "arm (32 bits)" arm-linux-gnueabihf-gcc qemu-arm
foreign "i386 (32 bits)" i686-linux-gnu-gcc qemu-i386
abroad "FreeBSD 14" x86_64-freebsd
abroad "NetBSD 10" x86_64-netbsd
abroad "NetBSD 10 (32 bits, big-endian)" mips-netbsd-eabi
abroad "OpenBSD 7" x86_64-openbsd
abroad "macOS" aarch64-macos

build "the programs" default make || exit 1
for shell in dash "bash --posix" mksh ksh93 "busybox ash" yash \
    "zsh --emulate sh" posh; do
	wanted "test.sh by $shell" || continue
	if have "${shell%% *}"; then
		# shellcheck disable=SC2086
		tests "test.sh by $shell" env BIN="$tmp/default" $shell
	else
		row "test.sh by $shell" "not here"
	fi
done
for awk in mawk gawk "busybox awk" original-awk; do
	wanted "awk is $awk" || continue
	if have "${awk%% *}"; then
		mkdir -p "$tmp/awk"
		printf '#!/bin/sh\nexec %s "$@"\n' "$awk" >"$tmp/awk/awk"
		chmod +x "$tmp/awk/awk"
		tests "awk is $awk" env BIN="$tmp/default" \
		    PATH="$tmp/awk:$PATH"
	else
		row "awk is $awk" "not here"
	fi
done
if [ $failed -gt 0 ]; then
	echo "$failed failed; what they said is in $tmp"
	exit 1
fi
