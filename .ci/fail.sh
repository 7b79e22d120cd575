#!/bin/sh
# fail.sh: systems that fail, and unlike ones. Licence: ISC, see README.
#
#	.ci/fail.sh [-s SERVICE] [CALL ... | odd]
#
# Loads .ci/fail.c below a client, then below the server: for each CALL the
# first, the second, and so on, until a session makes no more of them. Whatever
# fails, the programs must end by themselves, no half-written file may stay, a
# client may be content only if all it asked for was done, and a server must
# serve the next client as if nothing had been. `odd' are systems unlike this
# one, on which all must go well, or be refused with a reason. -s takes one
# service of five. Ends with 1 if anything is wrong; 2 where it cannot be done.
# shellcheck disable=SC2086,SC2317

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/fail.XXXXXX") || exit 1
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
${CC:-cc} -shared -fPIC -o "$tmp/fail.so" .ci/fail.c -ldl 2>"$tmp/err" || {
	echo "fail.sh: no such library here: $(sed 1q "$tmp/err")" >&2
	exit 2
}
services='ftp xfer chat room dir'
if [ "${1-}" = -s ]; then
	services=$2
	shift 2
fi
[ $# -gt 0 ] || set -- read write pwrite send sendto recv recvfrom accept \
    socket connect fork pipe open link rename malloc calloc \
    realloc odd
wrong=0 sessions=0
host=127.0.0.1 bind=$host

bad() {
	echo "$what: $*"
	wrong=1
}

# serve COMMAND ...: a server of $service run by that; sets $pid and $port, or
# $pid to nothing if it ended at once, as it may
serve() {
	rm -rf "$tmp/served"
	mkdir "$tmp/served"
	cp "$tmp/song" "$tmp/served"
	: >"$tmp/out"
	"$@" ./serv -s "$tmp/served" -H $bind $service=0 >"$tmp/out" \
	    2>"$tmp/log" </dev/null &
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

# client COMMANDS ARGUMENT ...: one, run by $by; a command has + for blanks
client() {
	printf '%s\n' $1 | tr + ' ' >"$tmp/in"
	shift
	($by ./cli -d "$tmp/here" "$@") <"$tmp/in" >>"$tmp/said" 2>&1 ||
	    failed=$?
}

# What a client does with each service. $wanted are the files that it then has
# here or has put there.
with_ftp() {
	wanted='here/song here/udp served/poem served/udp'
	client "ls get+song put+poem mode+sr get+song+udp put+poem+udp" \
	    $host "$port"
}
with_xfer() {
	wanted='here/song served/poem'
	client "" -m xfer $host "$port" download song
	client "" -m xfer $host "$port" upload poem
	client "" -m xfer $host "$port" list
}
with_chat() {
	wanted='here/song'
	client "ann hello show download_file+song quit" -m chat $host "$port"
}
with_room() {
	wanted='here/song here/tcp'
	client "all+hello get+udp+song get+tcp+song+tcp leave" \
	    -m room $host "$port" join ann
}
with_dir() {
	wanted='here/got'
	client "register+ann serve publish filelist download+ann+$hash+got" \
	    -m dir $host "$port"
}

# session COMMAND ...: what a client, run by that, does; $failed is its status
session() {
	sessions=$((sessions + 1))
	rm -rf "$tmp/here" "$tmp/served/poem" "$tmp/served/udp"
	mkdir "$tmp/here"
	cp "$tmp/poem" "$tmp/here"
	: >"$tmp/said"
	failed=0 by=$*
	with_$service
	[ $failed -lt 2 ] || bad "the client ended with $failed"
	tries=0			# the server may still be about to notice
	while ls "$tmp"/here/.part* "$tmp"/served/.part* >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 250 ] || { bad "half a file is left"; break; }
		sleep 0.02
	done
	for f in $wanted; do
		case $f in
		served/* | here/got) origin=poem ;;
		*) origin=song ;;
		esac
		if [ -e "$tmp/$f" ]; then
			cmp -s "$tmp/$origin" "$tmp/$f" ||
			    bad "$f is not what was sent"
		elif [ $failed -eq 0 ] &&
		    ! grep -q 'sent, not confirmed$' "$tmp/said"; then
			bad "the client is content without $f"
		fi
	done
	for f in poem udp; do
		! grep -q "^put: $f: .* stored$" "$tmp/said" ||
		    [ -e "$tmp/served/$f" ] || bad "$f was confirmed, and is lost"
	done
}

# once WHO CALL N SHORT: one session in which that call fails; false if there
# was no such call
once() {
	who=$1
	what="$service: $who, $2 number $3${4:+, short}"
	rm -f "$tmp/hit"
	set -- env LD_PRELOAD="$tmp/fail.so" FAIL="$2:$3" \
	    FAIL_HIT="$tmp/hit" ${4:+"$4"}
	if [ "$who" = client ]; then
		session "$@"
		[ $failed -eq 0 ] || [ -s "$tmp/said" ] ||
		    bad "it failed in silence"
	else
		serve "$@" || return 0
		session
		session
		# The parent and each child count by themselves, so every client
		# of a server may meet the same; but the server stays.
		kill -0 "$pid" 2>/dev/null || bad "the server is gone"
		stop
	fi
	[ -e "$tmp/hit" ]
}

# each_call SHORT CALL: all the sessions in which it fails
each_call() {
	serve || exit 1
	n=1
	while once client "$2" $n "$1"; do n=$((n + 1)); done
	stop
	m=1
	while once server "$2" $m "$1"; do m=$((m + 1)); done
	echo "$service, $2${1:+, short}: $((n - 1)) in the client," \
	    "$((m - 1)) in the server"
}

# on WHAT COMMAND ...: a server and a client run by that; all must go well
on() {
	what="$service: $1"
	shift
	if serve "$@"; then
		[ "$1" != closed ] || shift	# a client reads commands there
		session "$@"
		[ $failed -eq 0 ] || bad "$(cat "$tmp/said")"
		stop
	else
		bad "no server: $(cat "$tmp/log")"
	fi
}

limited() {
	ulimit $limit || exit
	exec "$@"
}
in_umask() {
	umask $mask
	exec "$@"
}
closed() { exec "$@" <&-; }
mute() { exec "$@" 2>&-; }
fail_as() { exec env LD_PRELOAD="$tmp/fail.so" FAIL_AS="$as" "$@"; }

# odd: systems unlike this one
odd() {
	for as in bsd clock ipv4; do
		on "$as" fail_as
	done
	if grep -q . /proc/net/if_inet6 2>/dev/null; then
		host=::1 bind=::1 as=ipv6
		[ $service = dir ] || on ipv6 fail_as	# dir speaks IPv4
		host=127.0.0.1 bind=$host
	fi
	on "no hard links" env LD_PRELOAD="$tmp/fail.so" FAIL=link:1+
	on "Turkey" env LC_ALL=tr_TR.ISO-8859-9 TZ=Asia/Istanbul
	on "a strange time zone" env LC_ALL=C TZ='<-13:59>13:59'
	for mask in 077 0; do on "umask $mask" in_umask; done
	limit='-n 16'
	on "16 descriptors" limited
	on "no standard input" closed
	on "no standard error" mute
}

dd if=/dev/urandom of="$tmp/song" bs=1000 count=70 2>/dev/null
dd if=/dev/urandom of="$tmp/poem" bs=1000 count=30 2>/dev/null
mkdir "$tmp/here"
cp "$tmp/poem" "$tmp/here"
service=dir
serve || exit 1
hash=$(echo myfiles | ./cli -q -m dir -d "$tmp/here" $host "$port" |
    sed -n 's/ 30000 poem$//p')
stop
for service in $services; do
	for call in "$@"; do
		if [ "$call" = odd ]; then
			odd
			continue
		fi
		each_call "" "$call"
		case $call in
		read | write | pwrite | send | recv)
			each_call FAIL_SHORT=1 "$call" ;;
		esac
	done
done
echo "$sessions sessions"
exit $wrong
