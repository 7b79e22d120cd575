# stats.sh: tests of statistics, standard input and signals, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# printed: how many statistics the server has printed
printed() { grep -c STATS "$out"; }
printed_are() { [ "$(printed)" -eq "$1" ]; }

# ask: has the server print statistics, by SIGUSR1; sets $stats to the last
ask() {
	times=$(printed)
	kill -USR1 "$pid"
	until_true printed_are $((times + 1)) || fail "no statistics"
	stats=$(sed '1,/STATS/d' "$out")
	while [ "$times" -gt 0 ]; do
		stats=$(printf '%s\n' "$stats" | sed '1,/STATS/d')
		times=$((times - 1))
	done
}

# counts NAME NUMBER ...: these are the numbers of $stats; 0 is all others
counts() {
	is "$1" "$2" "$(printf '%s\n' "$stats" | awk '
		/^  \* .*: [0-9]+$|^> .* connections: [0-9]+$/ {
			n = $NF
			sub(/: [0-9]+$/, "")
			sub(/^(  \*|>) /, "")
			if (n != 0)
				printf "%s%s %d", sep, $0, n
			sep = ", "
		}' | sed 's/^, //')"
}

# number_of NAME: such a number in $stats
number_of() { printf '%s\n' "$stats" | sed -n "s/^  \* $1: //p"; }

# Has the server sent more than the head of a file, and told so?
sent_some() {
	ask
	[ "$(number_of Sent)" -gt 1000 ]
}

# A terminal, as script(1) plays one: the hint, s and q; and in the background of
# a shell, where the server must neither stop nor take what others shall read.
on_terminal() {
	if ! script -qc tty /dev/null </dev/null 2>&1 | grep -q /dev; then
		skip "no script(1), or another one"
		return
	fi
	mkdir -p "$tmp/empty"
	printf 's\nq\n' | script -qc "$serv -s $tmp/empty xfer=0" /dev/null |
	    tr -d '\r' >"$tmp/out"
	is "the hint" 1 "$(grep -c '^Enter s to print statistics, or q to exit.$' \
	    "$tmp/out")"
	is "s and q on a terminal" 2 "$(grep -c STATS "$tmp/out")"
	cat >"$tmp/job" <<-END
		set -m
		$serv -s $tmp/empty 0 >$tmp/job.out 2>$tmp/job.log &
		until grep -q listening $tmp/job.out; do sleep 1; done
		sleep 1
		$cli localhost \$(awk '{ print \$5 }' $tmp/job.out) ls &&
		    echo alive
		read -r line
		echo "shell: \$line"
		fg >/dev/null
		echo "exit \$?"
	END
	printf 'one\nq\n' | script -qc "sh $tmp/job" /dev/null | tr -d '\r' |
	    grep -E '^(alive|shell|exit)' >"$tmp/out"
	is "in the background of a terminal, then in the foreground" \
	    "alive shell: one exit 0" "$(words <"$tmp/out")"
}

test_stats() {
	mkfifo "$tmp/gate4"
	exec 4<>"$tmp/gate4"
	orders=$tmp/gate4
	start stats -L drop=1 -T 2 -n 3 ftp=0 xfer=0 dir=0
	ftp=$port
	orders=/dev/null
	xfer=$(awk '$2 == "xfer" { print $5 }' "$out")

	ask
	counts "nothing has happened" ""
	case $stats in
	*"time: 0:00:00.000000"*) fail "the run time" "$stats" ;;
	*) pass ;;
	esac
	has "as the document has it" "*=
=                               STATS                               =
=*=

> Run time: 0:00:0?.??????
> Established connections: 0
> Refused connections: 0
> Requests:
  ? ftp get: 0
*
  ? xfer upload: 0
  ? xfer download: 0
  ? xfer list: 0
*
> Bytes transferred:
  ? Sent: 0
  ? Received: 0
> Files:
  ? Uploads: 0
  ? Downloads: 0
*" "$(cat "$out")"

	# 1 + 8 + 1 + 8 + 5 bytes up, two statuses down; and so on.
	port=$xfer
	upload a hello >/dev/null
	upload .a hello >/dev/null
	peer "send \\x01$(len8 a)" end >/dev/null
	peer "send \\x01$(len8 b)" end >/dev/null
	peer 'send \x02' end >/dev/null
	peer 'send \x09' end >/dev/null
	ask
	list="('a', 5, 1234567890.0)"
	counts "what was sent by xfer" "Established connections 6, xfer upload \
2, xfer download 2, xfer list 1, unknown or malformed 1, Sent \
$((2 + 2 + 15 + 2 + 9 + ${#list} + 1)), Received \
$((23 + 24 + 10 + 10 + 1 + 1)), Uploads 1, Downloads 1"
	stop_bytes=$((2 + 2 + 15 + 2 + 9 + ${#list} + 1))

	# Half a file, of one that is cut and of one that stands still.
	peer "send \\x00$(len8 a)\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00" \
	    "zeros 1000" fin end >/dev/null
	peer "send \\x00$(len8 a)\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00" \
	    "zeros 3000" end >/dev/null
	ask
	counts "half a file" "Established connections 8, xfer upload 4, xfer \
download 2, xfer list 1, unknown or malformed 1, Sent $((stop_bytes + 4)), \
Received $((69 + 1018 + 3018)), Uploads 1, Downloads 1"

	# ftp by TCP, on both its connections.
	port=$ftp
	start_bytes=$stop_bytes
	peer "send $(frame 'put f')" dial "send 0000000003abc" fin frame \
	    control "send $(frame 'get f')" dial "take 13" end control \
	    "send $(frame 'get nosuch')$(frame LS)$(frame nosuch)" frame \
	    frame frame "send $(frame quit)" end >/dev/null
	ask
	counts "what was sent by ftp" "Established connections 9, ftp get 2, \
ftp ls 1, ftp put 1, ftp quit 1, xfer upload 4, xfer download 2, xfer list 1, \
unknown or malformed 2, Sent $((start_bytes + 4 + 15 + 11 + 15 + 13 + 12 + 13 \
+ 12)), Received $((4105 + 15 + 13 + 15 + 20 + 12 + 16 + 14)), Uploads 2, \
Downloads 2"
	stop

	# UDP. -L drops the first DATA, which is thus sent once, by the timer.
	start stats2 -L drop=1 -T 2 ftp=0 dir=0
	printf %s hello >"$dir/five"
	peer "send $(frame 'uget five')" udial \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05\x78' heard 'await 2' 'key 1' \
	    'rdt 3 1 0' "nap 300" >/dev/null
	until_true children_are 0
	ask
	has "what was sent by UDP" "*Packets sent: [2-9]
*Packets received: 2
*Retransmissions: [1-9]
*Malformed: 1
*" "$stats"
	port=$(awk '$2 == "dir" { print $5 }' "$out")
	dgrams '\x01' '\x01x' '\x02' "$(tlv 6 ann)" >/dev/null
	ask
	has "the directory" "*dir Login: 1
*dir Register: 1
*Malformed: 3
*" "$stats"
	is "each request is logged" 1 \
	    "$(grep -c ' - INFO - Register ann from 127.0.0.1:' "$log")"

	# A client that is silent has been counted too.
	port=$(awk 'NR == 1 { print $5 }' "$out")
	before=$(number_of Received)
	peer "send $(frame 'put x')" "take 10" "nap 3000" >/dev/null &
	until_true children_are 1
	ask
	is "a silent client" "1 $((before + 15))" \
	    "$(number_of "ftp put") $(number_of Received)"

	# A long transfer is counted while it lasts; and if its child is killed.
	stop
	start long xfer=0
	dd if=/dev/zero of="$dir/large" bs=1048576 count=64 2>/dev/null
	peer "send \\x01$(len8 large)" small "hex 1" "nap 3000" >/dev/null &
	until_true sent_some
	is "a transfer that lasts" 0 $?
	is "...is no download yet" 0 "$(number_of Downloads)"
	kill -9 "$(child_pids)"
	until_true grep -q 'ended by signal 9' "$log"
	before=$(number_of Sent)
	ask
	[ "$(number_of Sent)" -ge "$before" ]
	is "what a child did before it was killed" 0 $?
	kill "$pid"
	wait "$pid"
	servers=${servers%" $pid"}
	wait

	# A standard output that nobody reads.
	mkfifo "$tmp/stuck"
	exec 5<>"$tmp/stuck"
	{ exec "$serv" -s "$dir" xfer=0 >&5 2>"$tmp/stuck.log" 5<&-; } &
	pid=$!
	read -r line <&5
	port=${line##* }
	yes >&5 2>/dev/null &
	nap
	nap
	kill $!
	wait $! 2>/dev/null
	kill -USR1 "$pid"
	until_true grep -q 'nobody reads it' "$tmp/stuck.log"
	is "is said" 0 $?
	is "...and holds up nobody" 00 "$(peer 'send \x02' "hex 1")"
	kill "$pid"
	wait "$pid"
	is "...not even the end" 0 $?

	# A log that nobody reads.
	yes >&5 2>/dev/null &
	nap
	nap
	kill $!
	wait $! 2>/dev/null
	: >"$tmp/out"
	{ exec "$serv" -v -s "$dir" 0 xfer=0 dir=0 chat=0 room=0 2>&5 \
	    >"$tmp/out" 5<&- </dev/null; } &
	pid=$!
	until_true grep -q 'listening room' "$tmp/out"
	port_now() { awk -v s="$1" '$2 == s { print $5 }' "$tmp/out"; }
	port=$(port_now ftp)
	has "a log that nobody reads: ftp" "0000000*" "$(raw "$(frame ls)")"
	port=$(port_now xfer)
	is "...xfer" 00 "$(peer 'send \x02' "hex 1")"
	port=$(port_now dir)
	is "...dir" 0200000000 "$(dgrams '\x01')"
	port=$(port_now chat)
	is "...chat" "joe has joined the chat!" \
	    "$(raw 'joe\n{quit}\n' | head -n 1)"
	port=$(port_now room)
	is "...room" 20003JOE "$(peer "send 10003JOE" "take 8")"
	cat <&5 >"$tmp/drained" & cat=$!
	until_true grep -q '^yyy*$\|^y$' "$tmp/drained"
	port=$(port_now ftp)
	raw "$(frame ls)" >/dev/null
	until_true grep -q 'list downloaded' "$tmp/drained"
	is "...it goes on when somebody reads again" 0 $?
	kill "$pid" "$cat"
	wait "$pid"
	is "...and ends" 0 $?
	wait "$cat" 2>/dev/null
	exec 5<&-

	# Standard input.
	orders=$tmp/gate4
	start orders xfer=0
	echo s >&4
	until_true printed_are 1
	is "s prints statistics" 1 "$(printed)"
	printf '\n\nx\nqq\nss\n\377\nq s\r\n' >&4
	printf '%05000d\n s \r\n' 0 >&4
	until_true printed_are 2
	is "...and nothing else does" 2 "$(printed)"
	until_true grep -q 'neither s nor q' "$log"
	is "...which is said" 0 $?
	echo q >&4
	wait "$pid"
	is "q ends in order" "0 3" "$? $(printed)"
	servers=${servers%" $pid"}
	exec 4>&-
	for text in q 's\nq\n' 's\nx\nq'; do
		printf %b "$text" >"$tmp/text"
		orders=$tmp/text
		start orders xfer=0
		wait "$pid"
		is "a file of orders" 0 $?
		servers=${servers%" $pid"}
	done
	is "s and q at once" 2 "$(printed)"
	printf s >"$tmp/text"
	start orders -q xfer=0
	until_true printed_are 1
	kill -TERM "$pid"
	wait "$pid"
	is "the end of the input is no order; -q is silent at the end" "0 1" \
	    "$? $(printed)"
	servers=${servers%" $pid"}
	: >"$tmp/out"
	{ exec "$serv" -s "$dir" 0 >"$tmp/out" 2>"$tmp/err" <&-; } &
	pid=$!
	until_true grep -q listening "$tmp/out"
	kill "$pid"
	wait "$pid"
	is "no standard input" 0 $?
	orders=/dev/null
	start orders -n 1 xfer=0
	port=$(awk '{ print $5 }' "$out")
	peer 'send \x00' "hex 1" "nap 3000" >/dev/null &
	until_true children_are 1
	peer end >/dev/null
	peer end >/dev/null
	wait $!
	ask
	counts "refused" "Established connections 1, Refused connections 2, \
xfer upload 1, Sent 4, Received 1"
	i=0
	while [ $i -lt 200 ]; do
		kill -USR1 "$pid"
		i=$((i + 1))
	done
	is "a hail of signals" "00" "$(peer 'send \x00' "hex 1")"
	stop
	on_terminal
	has "the log at DEBUG" "* - DEBUG - xfer: child [0-9]* started*\
 - DEBUG - xfer: 127.0.0.1:[0-9]* connected*\
 - INFO - *refused: server is full*\
 - DEBUG - child [0-9]* ended*" "$(cat "$log")"
}
