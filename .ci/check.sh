#!/bin/sh
# check.sh: what checks the programs and takes minutes. Licence: ISC, see README.
#
#	make check
#	SOAK=3600 FUZZ=600 MATRIX=all make check
#
# The tests with sanitizers, and some under valgrind; every parser fed with
# nonsense (FUZZ seconds each); every system call that can fail, failing; all
# loss patterns of the engine; all labs; SOAK seconds under load; the tests on
# every compiler, shell and machine that is here (MATRIX: sections of test.sh,
# or `all'). With what stands here at most 20 minutes on two cores. Ends with 1
# if anything failed; what is not to be had is said to be skipped.

# shellcheck disable=SC2086,SC2317

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/check.XXXXXX") || exit 1
pids=
# shellcheck disable=SC2086
trap '[ -z "$pids" ] || kill $pids 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
: "${SOAK:=60}" "${FUZZ:=10}" "${MATRIX:=files client hostile sim raw room}"
status=0 n=0

# step NAME COMMAND ...: runs it; prints what it said if it fails
step() {
	name=$1
	shift
	n=$((n + 1))
	began=$(date +%s)
	"$@" >"$tmp/$n" 2>&1
	result=$?
	took=$(($(date +%s) - began))s
	case $result in
	0)
		echo "ok $name $took"
		grep '^skipped' "$tmp/$n" ;;
	2) echo "skipped $name: $(tail -n 1 "$tmp/$n")" ;;
	*)
		echo "FAILED $name $took"
		cat "$tmp/$n"
		status=1 ;;
	esac
}

engine() {
	${CC:-cc} -O2 -o "$tmp/engine" .ci/engine.c proto.c more/sr.c \
	    more/congestion.c more/xfer.c more/peer.c more/talk.c more/chat.c more/room.c &&
	    "$tmp/engine" && "$tmp/engine" 7
}

with_sanitizers() {
	echo 'int main(void) { return 0; }' >"$tmp/x.c"
	${CC:-cc} -fsanitize=address,undefined -o "$tmp/x" "$tmp/x.c" ||
	    { echo "no sanitizers"; return 2; }
	make -s sanitize || return 1	# not 2, by which make fails
}

under_valgrind() {
	command -v valgrind || { echo "no valgrind"; return 2; }
	VALGRIND='ftp hostile raw xfer' ./test.sh valgrind
}

# Every call of every service; what these do is mostly to wait, so they begin
# first and run beside all the rest.
begin_failing() {
	for service in ftp xfer chat room dir; do
		.ci/fail.sh -s $service >"$tmp/fail.$service" 2>&1 &
		pids="$pids $!"
	done
}
end_failing() {
	worst=0
	for pid in $pids; do
		wait "$pid"
		r=$?
		[ $worst -eq 1 ] || [ $r -eq 0 ] || worst=$r
	done
	pids=
	cat "$tmp"/fail.*
	return $worst
}

echo "make check: about 15 minutes on two cores"
begin_failing
step "man pages, POSIX, shellcheck" ./test.sh tools
step "with sanitizers" with_sanitizers
step "under valgrind" under_valgrind
step "fuzzing, $FUZZ s for each parser" .ci/fuzz.sh "$FUZZ"
step "loss patterns of seven transmissions" engine
step "sw and gbn do what they did" .ci/recorded.sh
all_labs() { make -s labs LAB_OUT="$tmp/labs" || return 1; }
step "all labs" all_labs
step "system calls that fail" end_failing
step "$SOAK s under load" .ci/soak.sh "$SOAK"
# shellcheck disable=SC2086
step "matrix: $MATRIX" .ci/matrix.sh $MATRIX
sed -n '/^[^ ].*  /p' "$tmp/$n"
[ $status -eq 0 ] || echo "make check: something failed"
exit $status
