#!/bin/sh
# fail.sh: each system call of a session fails once. Licence: ISC, see README.
#
#	lab/fail.sh [CALL ...]
#
# Loads lab/fail.c below the client, then below the server: for each CALL the
# first, the second, and so on, until a session makes no more of them. Whatever
# fails, the programs must end by themselves, no half-written file may stay, and
# what was said to be stored must be what was sent; a server must serve the next
# client as if nothing had been. Ends with 1 if not; 2 where it cannot be done.

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/fail.XXXXXX") || exit 1
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
${CC:-cc} -shared -fPIC -o "$tmp/fail.so" lab/fail.c -ldl 2>"$tmp/err" || {
	echo "fail.sh: no such library here: $(sed 1q "$tmp/err")" >&2
	exit 2
}
[ $# -gt 0 ] || set -- read write pwrite send sendto recv recvfrom accept \
    socket connect fork pipe openat open renameat malloc calloc realloc
wrong=0 sessions=0

bad() {
	echo "$what: $*"
	wrong=1
}

# serve VARIABLE=VALUE ...: a server; sets $pid and $port, or $pid to nothing if
# it ended at once, as it may
serve() {
	rm -rf "$tmp/served"
	mkdir "$tmp/served"
	cp "$tmp/song" "$tmp/served"
	: >"$tmp/out"
	env "$@" ./serv -s "$tmp/served" 0 >"$tmp/out" 2>"$tmp/log" </dev/null &
	pid=$!
	tries=0
	until grep -q '^listening' "$tmp/out"; do
		tries=$((tries + 1))
		if ! kill -0 "$pid" 2>/dev/null || [ $tries -gt 100 ]; then
			wait "$pid"
			status=$?
			pid=
			[ $status -eq 1 ] || bad "the server ended with $status"
			[ -s "$tmp/log" ] || bad "the server ended in silence"
			return 1
		fi
		sleep 0.02
	done
	port=$(awk '{ print $5; exit }' "$tmp/out")
}

stop() {
	kill "$pid"
	wait "$pid"
	status=$?
	pid=
	[ $status -eq 0 ] || bad "the server ended with $status"
	! grep -q 'by signal' "$tmp/log" || bad "$(grep 'by signal' "$tmp/log")"
}

# session VARIABLE=VALUE ...: what a client does; its exit status is $status
session() {
	sessions=$((sessions + 1))
	rm -rf "$tmp/here"
	mkdir "$tmp/here"
	cp "$tmp/poem" "$tmp/here"
	printf 'ls\nget song\nput poem\nmode sr\nget song udp\nput poem udp\n' |
	    env "$@" ./cli -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/said" 2>&1
	status=$?
	[ $status -lt 2 ] || bad "the client ended with $status"
	tries=0			# the server may still be about to notice
	while ls "$tmp"/here/.part* "$tmp"/served/.part* >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 250 ] || { bad "half a file is left"; break; }
		sleep 0.02
	done
	for f in here/song here/udp; do
		[ ! -e "$tmp/$f" ] || cmp -s "$tmp/song" "$tmp/$f" ||
		    bad "$f is not what was sent"
	done
	for f in served/poem served/udp; do
		[ ! -e "$tmp/$f" ] || cmp -s "$tmp/poem" "$tmp/$f" ||
		    bad "$f is not what was sent"
	done
	for f in poem udp; do
		! grep -q "^put: $f: .* stored$" "$tmp/said" ||
		    [ -e "$tmp/served/$f" ] || bad "$f was confirmed, and is lost"
	done
}

# once HOW CALL N SHORT: one session in which that call fails; false if there
# was no such call
once() {
	what="$1, $2 number $3${4:+, short}"
	rm -f "$tmp/hit"
	set -- "$1" LD_PRELOAD="$tmp/fail.so" FAIL="$2:$3" \
	    FAIL_HIT="$tmp/hit" ${4:+"$4"}
	if [ "$1" = client ]; then
		rm -f "$tmp/served/poem" "$tmp/served/udp"
		shift
		session "$@"
		[ $status -eq 0 ] || [ -s "$tmp/said" ] ||
		    bad "it failed in silence"
	else
		shift
		serve "$@" || return 0
		session X=
		session X=
		# The parent and each child count by themselves, so every client
		# of a server may meet the same; but the server stays.
		kill -0 "$pid" 2>/dev/null || bad "the server is gone"
		stop
	fi
	[ -e "$tmp/hit" ]
}

dd if=/dev/urandom of="$tmp/song" bs=1000 count=70 2>/dev/null
dd if=/dev/urandom of="$tmp/poem" bs=1000 count=30 2>/dev/null
for short in "" FAIL_SHORT=1; do
	for call in "$@"; do
		case $short$call in
		FAIL_SHORT=1*[ev]from | FAIL_SHORT=1sendto) continue ;;
		FAIL_SHORT=1*read | FAIL_SHORT=1*write | FAIL_SHORT=1send | \
		FAIL_SHORT=1recv) ;;
		FAIL_SHORT=1*) continue ;;
		esac
		serve X= || exit 1
		n=1
		while once client "$call" $n "$short"; do n=$((n + 1)); done
		stop
		m=1
		while once server "$call" $m "$short"; do m=$((m + 1)); done
		echo "$call${short:+, short}: $((n - 1)) in the client," \
		    "$((m - 1)) in the server"
	done
done
echo "$sessions sessions"
exit $wrong
