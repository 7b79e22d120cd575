#!/bin/sh
# bench.sh: how fast, beside others on this machine. Licence: ISC, see README.
#
#	.ci/bench.sh		make bench builds what it needs
#	MB=100 ROUNDS=1 .ci/bench.sh
#	.ci/bench.sh udp	the part about UDP alone; or path, tcp, dir, chat
#
# Each row is measured ROUNDS times, ours and the other in turn, and the best of
# each counts. All on 127.0.0.1. vsftpd and pure-ftpd serve anonymous users here
# and want to be started by root for that, and a user named ftp; curl is their
# client. What is missing is said, and its rows are left out.

cd "$(dirname "$0")/.." || exit 1
MB=${MB:-1024}
ROUNDS=${ROUNDS:-3}
GETS=${GETS:-1000}
UDP_MB=${UDP_MB:-100}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX") || exit 1
pids=
cleanup() {
	for p in $pids; do
		kill "$p" 2>/dev/null
		wait "$p" 2>/dev/null
	done
	rm -rf "$tmp" ${small:+"$small"}
}
small=
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

bench=$tmp/bench
${CC:-cc} -O2 -o "$bench" .ci/bench.c proto.o more/more.a || exit 1

# wait_for_line FILE: until something is in it
wait_for_line() {
	tries=0
	until [ -s "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || { echo "bench: no server" >&2; exit 1; }
		sleep 0.1 2>/dev/null || sleep 1
	done
}

# best OLD NEW: the larger
best() { awk -v a="$1" -v b="$2" 'BEGIN { print (a > b ? a : b) + 0 }'; }

# The heading of the rows that follow.
head_line() {
	printf '%-36s %8s %8s  %5s  %s\n' "best of $ROUNDS" ours other \
	    ratio other
}

# row WHAT OURS OTHER WHOM
row() {
	awk -v what="$1" -v a="$2" -v b="$3" -v whom="$4" 'BEGIN {
		printf "%-36s %8d %8d  ", what, a, b
		if (b > 0) printf "%5.2f", a / b; else printf "    -"
		print "  " whom
	}'
}

# ---- our servers, and what all need ----

mkdir "$tmp/ours" "$tmp/theirs" "$tmp/theirs/in" "$tmp/empty" "$tmp/here"
chmod 755 "$tmp" "$tmp/theirs"
chmod 777 "$tmp/theirs/in"

# serve OPTION ...: starts ours; sets $serv and $port
serve() {
	rm -f "$tmp/serv.out"
	./serv -q -s "$tmp/ours" "$@" 0 >"$tmp/serv.out" 2>&1 &
	serv=$!
	pids="$pids $serv"
	wait_for_line "$tmp/serv.out"
	port=$(awk '{ print $5 }' "$tmp/serv.out")
}

# file NAME MIB: of random bytes, for all servers
file() {
	dd if=/dev/urandom of="$tmp/ours/$1" bs=1048576 count="$2" 2>/dev/null
	ln "$tmp/ours/$1" "$tmp/theirs"
}

# A port that is free now, for servers that cannot choose one: serv had it.
free_port() {
	rm -f "$tmp/free.out"
	./serv -q 0 >"$tmp/free.out" &
	wait_for_line "$tmp/free.out"
	kill $!
	wait $!
	awk '{ print $5 }' "$tmp/free.out"
}

# have NAME: is it installed?
have() {
	command -v "$1" >/dev/null && return 0
	echo "missing: $1"
	return 1
}

# can_serve NAME: is it installed, and are we who it wants to be started by?
can_serve() {
	have "$1" || return 1
	if [ "$(id -u)" -ne 0 ] || ! id ftp >/dev/null 2>&1; then
		echo "left out: $1 wants to be started by root, and a user ftp"
	else
		return 0
	fi
	return 1
}

PATH=$PATH:/usr/sbin:/usr/local/sbin

# ---- TCP -----------------------------------------------------------------

start_vsftpd() {
	vsftpd=
	have curl && can_serve vsftpd || return
	vsftpd=$(free_port)
	cat >"$tmp/vsftpd.conf" <<-END
		listen=YES
		listen_address=127.0.0.1
		listen_port=$vsftpd
		background=NO
		anonymous_enable=YES
		anon_root=$tmp/theirs
		anon_upload_enable=YES
		write_enable=YES
		secure_chroot_dir=$tmp/empty
		seccomp_sandbox=NO
		xferlog_enable=NO
	END
	vsftpd "$tmp/vsftpd.conf" </dev/null >/dev/null 2>&1 &
	pids="$pids $!"
	sleep 1		# it does not say when it is ready
}

start_pureftpd() {
	pureftpd=
	can_serve pure-ftpd || return
	pureftpd=$(free_port)
	pure-ftpd -S "127.0.0.1,$pureftpd" -e -H >/dev/null 2>&1 &
	pids="$pids $!"
	small=$(awk -F: '$1 == "ftp" { print $6 }' /etc/passwd)/bench.$$
	cp "$tmp/ours/small" "$small" || exit 1
	sleep 1
}

# The memory of a child that has just sent the large file.
child_memory() {
	./cli -q -d "$tmp/here" 127.0.0.1 "$port" get big &
	client=$!
	memory=0
	while kill -0 $client 2>/dev/null; do
		memory=$(best "$memory" "$(ps -A -o ppid= -o rss= | awk \
		    -v p="$serv" '$1 == p && $2 > m { m = $2 }
		    END { print m }')")
	done
	wait $client
	echo "resident memory of a child, KiB: $memory"
}

by_tcp() {
	file big "$MB"
	dd if=/dev/urandom of="$tmp/ours/small" bs=1024 count=1 2>/dev/null
	serve
	"$bench" fork >"$tmp/fork.out" &
	pids="$pids $!"
	wait_for_line "$tmp/fork.out"
	fork_port=$(awk '{ print $2 }' "$tmp/fork.out")
	start_vsftpd
	start_pureftpd
	cp "$tmp/ours/big" "$tmp/here/big"	# the first would pay for memory
	rm "$tmp/here/big"

	get=0 put=0 their_get=0 their_put=0
	gets=0 their_gets=0 new=0 bare=0
	i=0
	while [ "$i" -lt "$ROUNDS" ]; do
		i=$((i + 1))
		get=$(best "$get" "$("$bench" time "$MB" ./cli -q \
		    -d "$tmp/here" 127.0.0.1 "$port" get big)")
		rm -f "$tmp/here/big"
		put=$(best "$put" "$("$bench" time "$MB" ./cli -q 127.0.0.1 \
		    "$port" put "$tmp/ours/big" up)")
		rm -f "$tmp/ours/up"
		if [ -n "$vsftpd" ]; then
			url=ftp://127.0.0.1:$vsftpd
			their_get=$(best "$their_get" "$("$bench" time "$MB" \
			    curl -sS -o "$tmp/here/big" "$url/big")")
			rm -f "$tmp/here/big"
			their_put=$(best "$their_put" "$("$bench" time "$MB" \
			    curl -sS -T "$tmp/ours/big" "$url/in/up")")
			rm -f "$tmp/theirs/in/up"
		fi
		gets=$(best "$gets" "$("$bench" gets "$port" "$GETS" small)")
		[ -z "$pureftpd" ] || their_gets=$(best "$their_gets" \
		    "$("$bench" ftpgets "$pureftpd" "$GETS" "bench.$$")")
		new=$(best "$new" "$("$bench" newgets "$port" "$GETS" small)")
		bare=$(best "$bare" "$("$bench" connect "$fork_port" "$GETS")")
	done
	head_line
	row "get of $MB MB, MB/s" "$get" "$their_get" "vsftpd and curl"
	row "put of $MB MB, MB/s" "$put" "$their_put" "vsftpd and curl"
	row "gets of 1 KiB, one connection, 1/s" "$gets" "$their_gets" \
	    "pure-ftpd"
	row "gets of 1 KiB, new connections, 1/s" "$new" "$bare" \
	    "bare accept, fork, exit"
	child_memory
}

# ---- UDP -----------------------------------------------------------------

start_atftpd() {
	atftpd=
	have atftp && have atftpd || return
	atftpd=$(free_port)
	chmod 666 "$tmp"/theirs/*
	atftpd --daemon --no-fork --bind-address 127.0.0.1 --port "$atftpd" \
	    --user "$(id -un).$(id -gn)" "$tmp/theirs" >/dev/null 2>&1 &
	pids="$pids $!"
	sleep 1
}

# udp_get MODE: MB a second of a get with a window of 64
udp_get() {
	"$bench" time "$UDP_MB" ./cli -q -u "$1" -W 64 -d "$tmp/here" \
	    127.0.0.1 "$port" get udp
	rm -f "$tmp/here/udp"
}

# tftp_get OPTION ...: the same, by atftp
tftp_get() {
	[ -n "$atftpd" ] || return
	"$bench" time "$UDP_MB" atftp --option "blksize 1428" "$@" -g -r udp \
	    -l "$tmp/here/tftp" 127.0.0.1 "$atftpd" 2>/dev/null |
	    tail -n 1
	rm -f "$tmp/here/tftp"
}

by_udp() {
	file udp "$UDP_MB"
	serve
	start_atftpd
	gbn=0 sr=0 sw=0 window=0 single=0 ceiling=0
	i=0
	while [ "$i" -lt "$ROUNDS" ]; do
		i=$((i + 1))
		gbn=$(best "$gbn" "$(udp_get gbn)")
		sr=$(best "$sr" "$(udp_get sr)")
		sw=$(best "$sw" "$(udp_get sw)")
		ceiling=$(best "$ceiling" "$("$bench" ceiling "$UDP_MB")")
		window=$(best "$window" "$(tftp_get --option "windowsize 64")")
	done
	single=$(tftp_get)
	head_line
	row "UDP, gbn, window 64, MB/s" "$gbn" "$ceiling" \
	    "datagrams and ACKs alone"
	row "UDP, gbn, window 64, MB/s" "$gbn" "$window" "atftp, windowsize 64"
	row "UDP, sr, window 64, MB/s" "$sr" "$ceiling" \
	    "datagrams and ACKs alone"
	row "UDP, sr, window 64, MB/s" "$sr" "$window" "atftp, windowsize 64"
	row "UDP, sw, MB/s" "$sw" "${single:-0}" "atftp"
}

# lossy MODE CONTROL KIB: a line of KB a second under loss
lossy() {
	dd if=/dev/urandom of="$tmp/lossy" bs=1024 count="$3" 2>/dev/null
	printf '%-4s %-5s' "$1" "$2"
	for p in 0.0 0.001 0.01 0.05; do
		printf ' %8d' "$("$bench" time "$3" ./cli -q -u "$1" -C "$2" \
		    -L "delay=10,drop=$p,seed=1" 127.0.0.1 "$port" \
		    put "$tmp/lossy")"
	done
	echo
}

# What loss does: 10 ms each way, window 32, the sender's DATA lost.
by_loss() {
	serve -L delay=10
	echo
	echo 'KB/s of a put, 20 ms round trip, by the share of DATA lost'
	printf '%-10s %8s %8s %8s %8s\n' '' 0 '0.1 %' '1 %' '5 %'
	lossy sw none 128
	lossy gbn none 2048
	lossy gbn reno 2048
	lossy sr none 16384
	lossy sr reno 2048
}

# A path of 10 ms with loss in both directions: seconds for 20 MiB, put and get.
# TCP over the same delay is not measured: a relay that delays a stream would
# acknowledge it at once, and so hide the delay from TCP.
by_path() {
	echo
	echo 'seconds for 20 MiB, sr, window 1024, 10 ms round trip'
	printf '%-8s %8s %8s %8s\n' loss put get retransmissions
	dd if=/dev/urandom of="$tmp/ours/path" bs=1048576 count=20 2>/dev/null
	for p in 0.0 0.001 0.01 0.05; do
		./serv -q -s "$tmp/ours" -L "delay=5,drop=$p,seed=3" 0 \
		    >"$tmp/path.out" 2>&1 &
		path=$!
		pids="$pids $path"
		wait_for_line "$tmp/path.out"
		for verb in put get; do
			name=path
			[ $verb = get ] || name=$tmp/ours/path
			./cli -d "$tmp/here" -u sr -W 1024 -C none \
			    -L "delay=5,drop=$p,seed=4" 127.0.0.1 \
			    "$(awk '{ print $5 }' "$tmp/path.out")" $verb \
			    "$name" 2>&1 | tr ' ' '\n' |
			    sed -n 's/^seconds=//p; s/^transmissions=//p'
		done | tr '\n' ' ' | awk -v p=$p '{
			printf "%5.1f %%  %8.3f %8.3f %8d\n", 100 * p, $2, $4,
			    $1 - 14980 }'
		kill $path
		wait $path
		rm -f "$tmp/path.out" "$tmp/here/path"
	done
}

# Lookups in a directory, by its size; one after the other, from one client.
by_nicks() {
	echo
	for nicks in 10 100 1000 10000; do
		./serv -q dir=0 >"$tmp/dir.out" &
		dir=$!
		pids="$pids $dir"
		wait_for_line "$tmp/dir.out"
		printf '%5d nicks: %8d lookups/s\n' $nicks "$("$bench" lookups \
		    "$(awk '{ print $5 }' "$tmp/dir.out")" 20000 $nicks)"
		kill $dir
		wait $dir
		rm "$tmp/dir.out"
	done
}

# most COMMAND ...: the largest number of three runs
most() { { "$@"; "$@"; "$@"; } | sort -n | tail -n 1; }

# Lines of 80 bytes from one client of a chat to 50 others.
by_lines() {
	echo
	./serv -q -n 60 chat=0 >"$tmp/chat.out" &
	chat=$!
	pids="$pids $chat"
	wait_for_line "$tmp/chat.out"
	printf '%-10s %8d deliveries/s\n' serv "$(most "$bench" chat \
	    "$(awk '{ print $5 }' "$tmp/chat.out")" 50 10000)"
	kill $chat
	wait $chat
	have ngircd || return
	ngircd=$(free_port)
	cat >"$tmp/ngircd.conf" <<-END
		[Global]
		Name = bench.local
		Info = bench
		Listen = 127.0.0.1
		Ports = $ngircd
		[Limits]
		MaxConnections = 100
		MaxConnectionsIP = 0
		MaxPenaltyTime = 0
		[Options]
		DNS = no
		Ident = no
		PAM = no
	END
	ngircd -n -f "$tmp/ngircd.conf" >/dev/null 2>&1 &
	pids="$pids $!"
	sleep 1
	printf '%-10s %8d deliveries/s\n' ngircd "$(most "$bench" chat \
	    "$ngircd" 50 10000 irc)"
}

case ${1:-all} in
all | tcp) by_tcp ;;
esac
case ${1:-all} in
all | udp)
	by_udp
	by_loss
	by_path
	;;
esac
case ${1:-all} in
all | path) [ "${1:-all}" = all ] || by_path ;;
esac
case ${1:-all} in
all | dir) by_nicks ;;
esac
case ${1:-all} in
all | chat) by_lines ;;
esac
