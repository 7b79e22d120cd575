#!/bin/sh
# check.sh: how far does a student's protocol get? Licence: ISC, see README.
#
#	lab/check.sh FILE		step by step, up to the first that fails
#	lab/check.sh -m [-s SECRET] FILE ...
#					a line for each file, `NAME 7/16'
#
# A FILE is like lab/9-write-it/mine.c. Exit status 0 only if all steps pass. A
# secret changes the numbers, losses and windows of some steps.

marks='' secret=none
while getopts hms: option; do
	case $option in
	h) sed -n '2,/^$/s/^#[ ]*//p' "$0"; exit ;;
	m) marks=yes ;;
	s) secret=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
if [ $# -eq 0 ] || { [ -z "$marks" ] && [ $# -gt 1 ]; }; then
	echo "usage: lab/check.sh FILE | -m [-s SECRET] FILE ..." >&2
	exit 2
fi
top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
LC_ALL=C
export LC_ALL
cc=${CC:-cc}
steps=16
tmp=$(mktemp -d) || exit 1
server=
# shellcheck disable=SC2086
trap '[ -z "$server" ] || kill $server 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
seed=$(printf %s "$secret" | cksum | cut -d ' ' -f 1)

# limited SECONDS COMMAND ...: killed if it takes longer; its status, or 137
limited() {
	seconds=$1
	shift
	"$@" &
	job=$!
	{ while [ $((seconds -= 1)) -ge 0 ]; do sleep 1; done
	  kill -9 $job; } >/dev/null 2>&1 &
	alarm=$!
	wait $job 2>/dev/null
	result=$?
	kill -9 $alarm 2>/dev/null
	wait $alarm 2>/dev/null
	return $result
}

# transfer COMMAND ...: a megabyte by the student's client and ./serv, with loss;
# sets $why if it fails
transfer() {
	limited 15 "$tmp/cli" -q -d "$tmp/here" -u mine -W 16 -b 8000 -C none -R 200 \
	    -L "drop=0.02,seed=$((seed % 1000))" 127.0.0.1 "$port" "$@" \
	    >"$tmp/said" 2>&1 && return
	why="$*: $(tail -n 1 "$tmp/said")"
	return 1
}

# shellcheck disable=SC2317 # limited() calls it
listening() { until grep -q '^listening' "$tmp/listening"; do sleep 1; done; }

# by_udp: the last step
by_udp() {
	$cc -O2 -I"$top" -DMINE -o "$tmp/cli" "$top/cli.o" "$top/proto.c" \
	    "$tmp/mine.o" "$top/more/more.a" >"$tmp/said" 2>&1 || {
		cat "$tmp/said"
		return 1
	}
	mkdir -p "$tmp/served" "$tmp/here"
	dd if=/dev/urandom of="$tmp/here/file" bs=1000 count=1000 2>/dev/null
	"$top/serv" -q -s "$tmp/served" -L "drop=0.02,seed=$((seed % 997))" 0 \
	    >"$tmp/listening" 2>/dev/null </dev/null &
	server=$!
	limited 50 listening
	port=$(awk '{ print $5 }' "$tmp/listening")
	why="what arrived is not what was sent"
	if transfer put file && transfer get file back &&
	    cmp -s "$tmp/here/file" "$tmp/served/file" &&
	    cmp -s "$tmp/here/file" "$tmp/here/back"; then
		echo "ok       carries a megabyte over UDP, both ways"
	else
		echo "FAILED   carries a megabyte over UDP, both ways"
		echo "         $why"
		return 1
	fi
}

# check FILE
check() {
	if ! $cc -g -I"$top" -c -o "$tmp/mine.o" "$1" 2>"$tmp/said" ||
	    ! $cc -O1 -I"$top" -o "$tmp/check" "$top/lab/9-write-it/check.c" \
	    "$tmp/mine.o" "$top/proto.o" "$top/more/more.a" \
	    2>"$tmp/said"; then
		echo "FAILED   compiles"
		sed 's/^/         /' "$tmp/said"
		return 1
	fi
	echo "ok       compiles"
	limited 60 "$tmp/check" "$seed" >"$tmp/steps"
	result=$?
	cat "$tmp/steps"
	if [ $result -ne 0 ] || [ "$(grep -c '^ok' "$tmp/steps")" -ne \
	    $((steps - 2)) ]; then
		[ $result -eq 1 ] || echo "FAILED   it broke the checker, or hung it"
		return 1
	fi
	by_udp
	result=$?
	[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
	server=
	return $result
}

[ -x "$top/serv" ] || (cd "$top" && make -s) >/dev/null 2>&1
failed=0
for file in "$@"; do
	if [ -n "$marks" ]; then
		[ -r "$file" ] || echo "$0: $file: cannot be read" >&2
		check "$file" >"$tmp/out" 2>/dev/null
		result=$?
		passed=$(grep -c '^ok' "$tmp/out")
		[ $result -eq 0 ] || failed=1
		[ $result -eq 0 ] || [ "$passed" -lt $steps ] ||
		    passed=$((steps - 1))
		echo "$file $passed/$steps"
	else
		check "$file" || failed=1
		[ $failed -ne 0 ] || echo "all $steps steps passed"
	fi
done
exit $failed
