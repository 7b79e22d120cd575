#!/bin/sh
# soak.sh: all services under mixed clients for long. Licence: ISC, see README.
#
#	.ci/soak.sh [SECONDS]
#
# An hour, if no SECONDS are given. A server of all services runs under the
# address sanitizer, where there is one; clients of every mode move files in
# both directions, with and without faults, while others stall, vanish and lie.
# In the end all files must have been right, and the server must be as it was:
# its memory, descriptors and processes, no half-written files, and statistics
# that add up. Ends with 1 if not. Sends to loopback alone.
# shellcheck disable=SC2015,SC2086,SC2317

cd "$(dirname "$0")/.." || exit 1
seconds=${1:-3600}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/soak.XXXXXX") || exit 1
pids=
# shellcheck disable=SC2086
trap '[ -z "$pids" ] || kill $pids 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
wrong=0
nap() { sleep 0.1 2>/dev/null || sleep 1; }
bad() {
	echo "WRONG: $*"
	wrong=1
}

mkdir -p "$tmp/build" "$tmp/served" "$tmp/count"
cp -R Makefile ./*.[ch] more "$tmp/build"
rm -f "$tmp/build"/*.o "$tmp"/build/more/*.[ao]
checks='-g -fsanitize=address,undefined -fno-sanitize-recover=all'
(cd "$tmp/build" && make "CC=${CC:-cc}" "CFLAGS=-O1 $checks" \
    "LDFLAGS=$checks" serv) >"$tmp/log" 2>&1 || {
	echo "no sanitizers here: a server without them"
	cp serv "$tmp/build/serv"
}
${CC:-cc} -O2 -o "$tmp/peer" lab/peer.c || exit 1
# random BYTES
random() {
	dd if=/dev/urandom bs=1000 count=$(($1 / 1000)) 2>/dev/null
	dd if=/dev/urandom bs=1 count=$(($1 % 1000)) 2>/dev/null
}
for size in 0 1 999 70000 1000000; do
	random $size >"$tmp/served/f$size"
done
mkfifo "$tmp/orders"
# What is freed must not stay in memory, or that would seem to grow.
ASAN_OPTIONS=quarantine_size_mb=1 "$tmp/build/serv" -s "$tmp/served" -n 40 \
    -T 20 -L drop=0.005 0 xfer=0 dir=0 chat=0 room=0 <"$tmp/orders" >"$tmp/out" 2>"$tmp/serv.log" &
serv=$!
pids=$serv
exec 3>"$tmp/orders"
tries=0
until [ "$(grep -c '^listening' "$tmp/out")" -eq 5 ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { cat "$tmp/serv.log"; exit 1; }
	nap
done
port_of() { sed -n "s/^listening $1 .* //p" "$tmp/out"; }
ftp=$(port_of ftp) xfer=$(port_of xfer) dir=$(port_of dir)
chat=$(port_of chat) room=$(port_of room)
until=$(($(date +%s) + seconds))
cli=./cli

# add WHAT: one more of it, counted by this worker
add() { echo "$1" >>"$tmp/count/$worker"; }

# same FILE COPY: both must be
same() { cmp -s "$1" "$2" && add right || add "wrong $1 $2 ($mode)"; }

# client MODE ARGUMENT ...: counts one that fails, unless it was refused
client() {
	mode=$1
	shift
	if ! $cli -q -d "$here" "$@" >"$here/said" 2>&1 </dev/null; then
		if grep -q 'full\|no data port\|not now\|downloads' "$here/said"
		then
			add refused
		else
			add "failed: $mode: $(tail -n 1 "$here/said")"
		fi
		return 1
	fi
}

# work NAME WHAT: does it again and again, in a directory of its own
work() {
	worker=$1
	here=$tmp/$worker
	mkdir -p "$here"
	n=0
	while [ "$(date +%s)" -lt $until ]; do
		n=$((n + 1))
		size=$(echo "0 1 999 70000 1000000" | cut -d' ' -f$((n % 5 + 1)))
		rm -f "$here/got"
		$2 "$worker"
	done
}
by_tcp() {
	client tcp 127.0.0.1 "$ftp" get f$size got && add download &&
	    same "$tmp/served/f$size" "$here/got"
	[ -e "$here/got" ] || return
	client tcp 127.0.0.1 "$ftp" put got "$1.up" && add upload &&
	    same "$here/got" "$tmp/served/$1.up"
}
by_udp() {
	u=$(echo "gbn sr sw" | cut -d' ' -f$((n % 3 + 1)))
	[ $u != sw ] || [ $size -lt 100000 ] || size=999
	client "$u" -u "$u" -L drop=0.01,dup=0.01,reorder=0.01,corrupt=0.01 \
	    127.0.0.1 "$ftp" get f$size got && add download &&
	    same "$tmp/served/f$size" "$here/got"
	[ -e "$here/got" ] || return
	client "$u" -u "$u" -L drop=0.01,dup=0.01,reorder=0.01,corrupt=0.01 \
	    127.0.0.1 "$ftp" put got "$1.up" && add upload &&
	    same "$here/got" "$tmp/served/$1.up"
}
by_xfer() {
	client xfer -m xfer 127.0.0.1 "$xfer" download f$size got &&
	    add download && same "$tmp/served/f$size" "$here/got"
	[ -e "$here/got" ] || return
	client xfer -m xfer 127.0.0.1 "$xfer" upload got "$1.up" &&
	    add upload && same "$here/got" "$tmp/served/$1.up"
	client xfer -m xfer 127.0.0.1 "$xfer" list
}
by_talk() {
	[ $size -lt 100000 ] || size=999
	printf '%s\nhello\nshow\ndownload_file f%s\n' "$1" $size |
	    $cli -q -k -m chat -d "$here" 127.0.0.1 "$chat" \
	    >"$here/said" 2>&1 && add download &&
	    same "$tmp/served/f$size" "$here/f$size"
	rm -f "$here/f$size"
	u=$(echo "udp tcp" | cut -d' ' -f$((n % 2 + 1)))
	printf 'all hello\nget %s f%s got\n' "$u" $size |
	    $cli -q -m room -d "$here" 127.0.0.1 "$room" join "$1" \
	    >"$here/said" 2>&1 && add download &&
	    same "$tmp/served/f$size" "$here/got"
	rm -f "$here/got"
}
by_dir() {
	hash=$(printf 'myfiles\n' | $cli -q -m dir -d "$here" 127.0.0.1 \
	    "$dir" | sed -n 's/ 3000 shared$//p')
	printf 'register %s\nserve\npublish\nfilelist\ndownload %s %s got\n' \
	    "$1" "$1" "$hash" | $cli -q -m dir -d "$here" 127.0.0.1 "$dir" \
	    >"$here/said" 2>&1 && same "$here/shared" "$here/got"
}
# Stalls, vanishes, lies.
by_lies() {
	case $((n % 6)) in
	0) "$tmp/peer" "connect $ftp" "send 0000000009get f1000" reset ;;
	1) "$tmp/peer" "connect $ftp" "send 0000000011get f1000000" reset ;;
	2) random 3000 | $cli -m raw 127.0.0.1 "$xfer" ;;
	3) random 3000 | $cli -m raw 127.0.0.1 "$chat" ;;
	4) random 300 | $cli -m raw -u sw 127.0.0.1 "$dir" ;;
	5)
		$cli -q -d "$here" -u sr -L delay=20 127.0.0.1 "$ftp" \
		    get f1000000 gone &
		victim=$!
		nap
		kill -STOP $victim
		sleep 1
		kill -9 $victim
		wait $victim
		rm -f "$here"/.part* ;;
	esac >"$here/said" 2>&1
	add lie
}

# state: resident KiB and descriptors of the server's lasting processes, and
# how many there are of all
state() {
	# shellcheck disable=SC2009
	all=$(ps -A -o pid= -o ppid= -o rss= |
	    awk -v s=$serv '$1 == s || $2 == s { print $1, $3 }')
	fds=0
	for p in $(echo "$all" | awk '{ print $1 }'); do
		# shellcheck disable=SC2012
		fds=$((fds + $(ls "/proc/$p/fd" 2>/dev/null | wc -l)))
	done
	echo "$all" | awk -v f=$fds '{ kb += $2; n++ }
		END { print kb, f, n }'
}
# quiet: waits until only the server and its five services are there
quiet() {
	tries=0
	until [ "$(state | cut -d' ' -f3)" -le 6 ]; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || return 1
		nap
	done
}

echo "$seconds seconds..."
workers=
for w in by_tcp.1 by_tcp.2 by_udp.1 by_udp.2 by_udp.3 by_xfer.1 by_talk.1 \
    by_talk.2 by_dir.1 by_dir.2 by_lies.1 by_lies.2; do
	mkdir -p "$tmp/$w"
	[ "${w%.*}" != by_dir ] ||
	    random 3000 >"$tmp/$w/shared"
	work "$w" "${w%.*}" 3>&- &
	workers="$workers $!"
done
pids="$serv $workers"
sleep $((seconds / 5 + 1))
early=$(state)
# shellcheck disable=SC2086
wait $workers
pids=$serv
quiet || bad "processes that do not end: $(state)"
late=$(state)
echo s >&3
sleep 1
echo "early: $early (KiB, descriptors, processes, with clients), late: $late"

total() { cat "$tmp"/count/* | grep -c "^$1"; }
counted() { sed -n "s/.*[*] $1: *\([0-9]*\).*/\1/p" "$tmp/out" | tail -n 1; }
for w in "$tmp"/count/*; do
	echo "${w##*/}: $(grep -c '^right' "$w") right," \
	    "$(grep -c '^lie' "$w") lies, $(grep -c '^refused' "$w") refused"
done
[ "$(total wrong)" -eq 0 ] || bad "$(cat "$tmp"/count/* | grep '^wrong')"
[ "$(total failed)" -eq 0 ] || bad "$(cat "$tmp"/count/* | grep '^failed')"
[ "$(total right)" -gt 0 ] || bad "nothing was moved"
[ "$(counted Uploads)" = "$(total upload)" ] ||
    bad "$(counted Uploads) uploads counted, $(total upload) made"
[ "$(counted Downloads)" -ge "$(total download)" ] ||
    bad "$(counted Downloads) downloads counted, $(total download) made"
[ "${late%% *}" -lt $((${early%% *} + 10000)) ] || bad "memory has grown"
[ -z "$(find "$tmp/served" -name '.part*')" ] || bad "half a file is left"
kill $serv
wait $serv
status=$?
pids=
[ $status -eq 0 ] || bad "the server ended with $status"
! grep -q 'Sanitizer\|runtime error\|by signal' "$tmp/serv.log" ||
    bad "$(grep -A 8 'Sanitizer\|runtime error\|by signal' "$tmp/serv.log")"
[ $wrong -ne 0 ] || echo "All is as it should be."
exit $wrong
