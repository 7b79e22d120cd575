# rdt.sh: tests of get and put by UDP, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# transmissions FILE: what a trace says of them, counted from 1, as in order()
transmissions() {
	awk '$4 == "drop" && $3 == "snd" { printf "x"; next }
		$4 ~ /send$/ { printf "%s%d", sep, $5 + 1; sep = " " }' "$1"
}

# both_ways WHAT OPTION ...: a put and a get of $tmp/here/some by the options
both_ways() {
	what=$1
	shift
	client "$@" 127.0.0.1 "$port" put some
	is "$what: put" 0 $status
	same "$what: put" "$tmp/here/some" "$dir/some"
	client "$@" 127.0.0.1 "$port" get some back
	is "$what: get" 0 $status
	same "$what: get" "$tmp/here/some" "$tmp/here/back"
	rm -f "$dir/some" "$tmp/here/back"
}

hello='rdt 1 0 0 \x02\x00\x00\x20\x05\x78'	# gbn, window 32, block 1400

# What -L holds back is still there when a session ends: it harms neither the
# next one on the connection, nor a server that is told to end meanwhile.
late_datagrams() {
	start late -L delay=20,dup=1.0 0
	cp "$tmp/here/five" "$dir/five"
	printf 'put five six\nget five late.x\n' | "$cli" -q -u sr -b 1 \
	    -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out" 2>&1
	is "doubled and late, then the next session" "0 " "$? $(cat "$tmp/out")"
	stop
	dd if=/dev/zero of="$tmp/zeros" bs=100000 count=20 2>/dev/null
	for n in 1 2 3; do
		start late -L delay=20 0
		cp "$tmp/zeros" "$dir/zeros"
		"$cli" -q -u sr -W 2 -L delay=20 -d "$tmp/here" 127.0.0.1 \
		    "$port" get zeros late.$n 2>/dev/null &
		getting=$!
		until_true sh -c "ls -A '$tmp/here' | grep -q part"
		nap
		stop
		wait $getting
	done
}

# udp NAME OPTION ...: a server with two files
udp() {
	start "$@"
	printf %s hello >"$tmp/here/five"
	printf %s hello >"$dir/five"
	printf %s sixsix >"$dir/six"
	hello_back='1 0 0 \x02\x03\x00\x20\x05x'	# 0 is reno, 3
}

# A link that is slow, with a queue before it.
test_udp_link() {
	start link -L rate=4000 0
	dd if=/dev/urandom of="$tmp/here/some" bs=1000 count=100 2>/dev/null
	cp "$tmp/here/some" "$dir/some"
	client -u gbn -W 8 -C none 127.0.0.1 "$port" get some back
	is "a get over 4,000 kbit/s" 0 $status
	same "...is whole" "$tmp/here/some" "$tmp/here/back"
	is "...and takes its time, 0.2 s by both clocks" 1 "$(field seconds | awk '{
	    print ($1 >= 0.1) }')"
	client -v -u sr -W 16 -C none -b 1000 -L rate=2000,queue=3 \
	    -t "$tmp/full.trace" -w "$tmp/full.pcapng" 127.0.0.1 "$port" \
	    put some put
	same "a put through a queue that is full" "$tmp/here/some" "$dir/put"
	has "...which the log says" "*-> DATA seq *: queue full*" "$said"
	# 12, or fewer if the sender is slow, so that some leave meanwhile.
	is "...the trace" yes "$(awk '$4 == "full" { n++ } $4 == "ack" { exit }
	    END { print (n >= 8 && n <= 12 ? "yes" : n) }' "$tmp/full.trace")"
	is "...and the capture" 1 "$(($(tr -c '[:print:]' '\n' \
	    <"$tmp/full.pcapng" | grep -c 'here: queue full') >= 8))"
	client -u gbn -L queue=3 127.0.0.1 "$port" ls
	has "a queue before no link" "2 *only where there is a rate*" \
	    "$status $said"
	stop
}

# A laptop whose lid is closed: all processes stop for longer than any silence
# may last, and go on.
test_udp_pause() {
	start pause -L rate=1000 0
	dd if=/dev/urandom of="$dir/some" bs=1000 count=300 2>/dev/null
	"$cli" -u gbn -W 8 -d "$tmp/here" 127.0.0.1 "$port" get some \
	    >"$tmp/out" 2>&1 &
	getting=$!
	until_true sh -c "ls -A '$tmp/here' | grep -q part"
	nap
	all="$getting $(tree "$pid")"
	kill -STOP $all
	sleep 32
	kill -CONT $all
	wait $getting
	is "a transfer goes on after a pause" 0 $?
	cat "$tmp/out" >"$tmp/said"
	has "...to its end" "*300000 bytes stored*" "$(cat "$tmp/said")"
	same "...and is whole" "$dir/some" "$tmp/here/some"
	stop
}

# Sessions in which one side falls silent; they take up to half a minute, so
# all run at once. Each prints what became of it.
test_udp_silence() {
	udp silence 0
	peer "send $(frame 'uget five')" "nap 11000" "send $(frame ls)" \
	    udial frame >"$tmp/silent1" &
	silent=$!
	peer "send $(frame 'uput silent 5')" udial "$hello" heard control \
	    frame >"$tmp/silent2" &
	silent="$silent $!"
	peer "send $(frame 'uget six')" udial "$hello" heard "nap 26000" \
	    "send $(frame ls)" frame >"$tmp/silent3" &
	silent="$silent $!"
	(
		evil_out=$tmp/evil4
		evil frame "uoffer 5" control end
		"$cli" -d "$tmp/here" -u gbn localhost "$port" get s4 2>&1
	) >"$tmp/silent4" &
	silent="$silent $!"
	(
		evil_out=$tmp/evil5
		evil frame "uoffer 5" heard "$hello" control end
		"$cli" -d "$tmp/here" -u gbn localhost "$port" get s5 2>&1
	) >"$tmp/silent5" &
	silent="$silent $!"
	(
		evil_out=$tmp/evil6
		evil frame uoffer heard "$hello" control end
		"$cli" -d "$tmp/here" -u gbn -L drop=/1 localhost "$port" \
		    put five 2>&1 | grep -v '^rdt'
	) >"$tmp/silent6" &
	silent="$silent $!"
	(
		evil_out=$tmp/evil7
		evil frame "uoffer 5" heard "$hello" udp close control end
		"$cli" -d "$tmp/here" -u gbn localhost "$port" get s7 2>&1
	) >"$tmp/silent7" &
	silent="$silent $!"
	# shellcheck disable=SC2086
	wait $silent
	has "no HELLO: the server waits no more" "*five*" \
	    "$(cat "$tmp/silent1")"
	has "...and says so" "*uget five from *: timed out*" "$(cat "$log")"
	is "no DATA: the server gives up and says a code" " $hello_back -5" \
	    "$(cat "$tmp/silent2")"
	has "no ACK: the server gives up" "*uget six from *: timed out*" \
	    "$(cat "$log")"
	is "no answer to HELLO" \
	    "get: s4: 0 of 5 bytes came, then: timed out" \
	    "$(cat "$tmp/silent4")"
	has "no DATA" "get: s5: 0 of 5 bytes came, then: timed out*" \
	    "$(cat "$tmp/silent5")"
	has "nobody there any more" "get: s7: 0 of 5 bytes came, then: *" \
	    "$(cat "$tmp/silent7")"
	is "nothing of all that is left" "five" "$(ls -A "$tmp/here")"
	is "all DATA lost" "put: five: 0 of 5 bytes acknowledged, then: \
given up after 12 timeouts in a row: perhaps a livelock, in which drop=/k \
hits the same packet again and again" "$(cat "$tmp/silent6")"
	stop
}

test_udp() {
	printf %s hello >"$tmp/here/five"
	late_datagrams
	udp udp -t "$tmp/served.trace" 0

	# The exam, over the network of this machine.
	dd if=/dev/urandom of="$tmp/here/nine" bs=850 count=10 2>/dev/null
	client -u gbn -W 3 -b 1000 -C none -L drop=/5 -t "$tmp/nine.trace" \
	    127.0.0.1 "$port" put nine
	has "9 packets, window 3, every 5th lost" "put: nine: 8500 bytes \
stored*rdt: mode=gbn window=3 block=1000 packets=9 transmissions=16 \
timeouts=3 fast=0 duplicates=* corrupt=0 bytes=8500 seconds=*" "$said"
	is "...in order" "1 2 3 4 5x 6 7 5 6 7x 8 9 7 8 9x 9" \
	    "$(transmissions "$tmp/nine.trace")"
	same "...stored" "$tmp/here/nine" "$dir/nine"
	is "the server's trace has what came" 9 \
	    "$(grep -c 'rcv	recv	' "$tmp/served.trace")"
	is "ten columns" "" \
	    "$(awk -F '\t' '!/^#/ && NF != 10' "$tmp"/*.trace)"
	has "a transfer's first line" "[# ]*transfer 1: start=*.* mode=gbn \
window=3 control=none peer=127.0.0.1:* file=nine" \
	    "$(grep '^#' "$tmp/nine.trace")"
	has "the log names file and peer" "*rdt: mode=gbn * control=none \
peer=127.0.0.1:* file=nine" "$(grep 'file=nine' "$log")"
	# Transfers of two programs, many at a time, in one trace.
	pids=
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		"$cli" -q -d "$tmp/here" -u sw -t "$tmp/served.trace" \
		    127.0.0.1 "$port" get nine "$i.nine" &
		pids="$pids $!"
	done
	wait $pids
	is "each transfer has a number of its own" "" \
	    "$(sed -n 's/^# transfer \([0-9]*\):.*/\1/p' \
	    "$tmp/served.trace" | sort | uniq -d)"
	dd if=/dev/urandom of="$tmp/here/ten" bs=1000 count=10 2>/dev/null
	client -u gbn -W 4 -b 1000 -C none -L drop=/6 127.0.0.1 "$port" put ten
	is "10 packets, window 4, every 6th lost" "0 17" \
	    "$status $(field transmissions)"
	client -u sr -W 8 -b 1000 -C none -L drop=2 127.0.0.1 "$port" put ten
	is "sr sends again what is missing, at once" "0 11 0 1" "$status \
$(field transmissions) $(field timeouts) $(field fast)"
	client -u sw -b 1000 -L drop=2:3 127.0.0.1 "$port" put ten
	is "sw" "0 12 1" "$status $(field transmissions) $(field window)"

	# Sizes at the borders of blocks.
	for size in 0 1 99 100 101 200 799 800 801; do
		dd if=/dev/urandom of="$tmp/here/some" bs=$((size > 0 ? size : \
		    1)) count=$((size > 0)) 2>/dev/null
		for u in sw gbn sr; do
			both_ways "$u, $size bytes" -u $u -b 100 -W 4
		done
	done
	dd if=/dev/urandom of="$tmp/here/some" bs=1024 count=3000 2>/dev/null
	both_ways "blocks of 60000" -u sr -b 60000 -W 1024
	both_ways "a window of 1024" -u gbn -W 1024
	printf 'mode\nmode sr 5\nmode\nget five\nmode tcp\nget five\nmode x\n' |
	    "$cli" -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out" 2>&1
	is "mode at the prompt" "tcp|sr, \
window 5, block 1400, reno|get: five: 5 bytes stored as five|get: five: 5 \
bytes stored as five|mode: x: not tcp, sw, gbn or sr" \
	    "$(grep -v rdt "$tmp/out" | tr '\n' '|' | sed 's/|$//')"
	is "...changes how files travel" 1 "$(grep -c 'mode=sr window=5' \
	    "$tmp/out")"

	# Codes.
	while IFS='|' read -r args expect; do
		# shellcheck disable=SC2086
		client -u gbn 127.0.0.1 "$port" $args
		is "$args" "1 $expect" "$status $said"
	done <<-END
		get nosuch|get: nosuch: no such file on the server
		get ../x y|get: ../x: no such file on the server
		put five .x|put: .x: name refused by the server
		put nosuch|put: nosuch: No such file or directory, here
	END
	for command in 'uput a' 'uput a ' 'uput a x' 'uput a -1' \
	    'uput a 18446744073709551615' 'uput a 1x' uget uput; do
		is "$command" -5 "$(peer "send $(frame "$command")" frame)"
	done
	is "a name with spaces and a digit" "0 " \
	    "$(client -q -u sr 127.0.0.1 "$port" put five "a 5"
	    echo "$status $said")"
	same "...is stored" "$tmp/here/five" "$dir/a 5"
	stop
}

# Faults, each alone and all together, on both sides.
faults() {
	all=drop=3,dup=/7,reorder=9,corrupt=5:20,delay=1
	start "$1" 0
	dd if=/dev/urandom of="$tmp/here/some" bs=100 count=23 2>/dev/null
	for l in drop=3:11:12 dup=/3 reorder=4:13 corrupt=4:9 delay=3 dup=/1 \
	    $all; do
		both_ways "$1, -L $l" -u "$1" -W 7 -b 100 -L "$l"
	done
	stop
	start lossy -L $all 0
	both_ways "$1, -L of the server" -u "$1" -W 7 -b 100
	both_ways "$1, -L of both" -u "$1" -W 7 -b 100 -L $all
	client -u "$1" -b 100 -L drop=0.2,seed=5 127.0.0.1 "$port" put some
	is "probabilities" 0 $status
	stop
}
test_udp_sr() { faults sr; }
test_udp_gbn() { faults gbn; }
test_udp_sw() {
	faults sw

	# The last ACK is lost: of three packets by sw, the third ACK.
	start ack -L drop=3 0
	dd if=/dev/urandom of="$tmp/here/some" bs=100 count=3 2>/dev/null
	both_ways "the last ACK lost" -u sw -b 100 -L drop=3
	until_true grep -q 'File some downloaded' "$log"
	is "...and the server got it in the end" 0 $?
	stop
}

# Clients that lie, each in another way. Nothing but the right HELLO begins.
test_udp_lies() {
	udp lies 0
	is "HELLOs out of range, or damaged" \
	    " 5 $hello_back 2 0 1 hello 4 0 0" \
	    "$(peer "send $(frame 'uget five')" udial \
	    'rdt 1 0 0 \x00\x00\x00\x20\x05\x78' \
	    'rdt 1 0 0 \x04\x00\x00\x20\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x00\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x10\x01\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x00\x00' \
	    'rdt 1 0 0 \x02\x00\x00\x20\xea\x61' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05\x78\x00' "rdt 2 0 1 hello" \
	    "rdt 3 1 0" "rdt 4 0 0" "spoil 0" "$hello" "spoil 7" "$hello" \
	    "spoil 15" "$hello" "spoil 20" "$hello" "spoil -1" "$hello" \
	    "$hello" heard heard "rdt 3 1 0" heard)"
	until_true grep -q ' corrupt=16 ' "$log"
	is "...are counted" 0 $?
	is "HELLO again resets nothing" \
	    "$hello_back 2 0 0 he $hello_back 2 1 0 ll 2 2 1 o 4 0 0" \
	    "$(peer "send $(frame 'uget five')" udial \
	    'rdt 1 0 0 \x02\x00\x00\x01\x00\x02' heard heard "$hello" heard \
	    "rdt 3 1 0" heard "rdt 3 2 0" heard "rdt 3 3 0" heard |
	    sed -e 's/^ 5 //' -e 's/\\x00\\x01\\x00\\x02/\\x00\\x20\\x05x/g')"
	# The client chooses the congestion control, in both directions.
	for c in '01 none' '02 half' '03 reno' '00 reno' '04 reno' 'ff reno'; do
		printed=${c#* }
		code=$(printf '%s\n' none half reno | grep -n "$printed")
		is "HELLO asks for ${c% *}" \
		    " 5 1 0 0 \\x02\\x0${code%:*}\\x00\\x20\\x05x" \
		    "$(peer "send $(frame 'uget five')" udial \
		    "rdt 1 0 0 \\x02\\x${c% *}\\x00\\x20\\x05\\x78" heard)"
	done
	for c in none half reno; do
		client -u sr -C $c 127.0.0.1 "$port" get five five.c
		is "a get under $c" "0 $c" "$status $(field control)"
		client -u sr -C $c 127.0.0.1 "$port" put five five.p
		is "a put under $c" "0 $c" "$status $(field control)"
	done
	is "...and the server knew" 2 \
	    "$(grep -c 'mode=sr.* control=half ' "$log")"
	# Each packet as it goes by.
	dd if=/dev/zero of="$tmp/here/eight" bs=1000 count=8 2>/dev/null
	client -v -u sr -W 8 -b 1000 -C none -L drop=2,dup=3:4,delay=20 \
	    127.0.0.1 "$port" put eight
	has "-v shows the packets" "*
-> HELLO sr, none, window 8, block 1000
*<- HELLO sr, none, window 8, block 1000
-> DATA seq 0, 1000 bytes
-> DATA seq 1, 1000 bytes: dropped here: drop=2, transmission 2
-> DATA seq 2, 1000 bytes: doubled here: dup=3:4, transmission 3
*
-> DATA seq 7, 1000 bytes, last*
<- ACK 1, window 8, bitmap 1*
-> DATA seq 1, 1000 bytes
*" "$said"
	has "...at the other end" "*<- DATA seq 2, 1000 bytes
*-> ACK 1, bitmap 1*" "$(cat "$log")"
	is "ACKs of what was not sent" " 5 $hello_back 2 0 1 hello 4 0 0" \
	    "$(peer "send $(frame 'uget five')" udial "$hello" heard heard \
	    "rdt 3 2 0" "rdt 3 4294967295 0" "rdt 3 2147483648 0" \
	    "rdt 3 0 0 \xff\xff\xff" "rdt 9 0 0" "rdt 3 1 0" "await 4")"
	is "a stranger's HELLO" " 5 SILENCE" "$(peer \
	    "send $(frame 'uget five')" "from 127.0.0.2" udial "$hello" heard)"
	is "a command ends the session" " 5 $hello_back 2 0 1 hello -5" \
	    "$(peer "send $(frame 'uget five')" udial "$hello" heard heard \
	    control "send $(frame x)" frame)"
	is "...and one before HELLO" " 5 -5" "$(peer \
	    "send $(frame 'uget five')" udial "send $(frame x)" frame)"
	is "what a put must not believe" " $hello_back 3 1 0 3 2 0 0 hello" \
	    "$(peer "send $(frame 'uput liar 1405')" udial "$hello" heard \
	    "rdt 2 0 0 short" "rdt 2 0 1 short" "rdt 2 1 0 hello" \
	    "rdt 2 1 1 hell" "rdt 2 1 1 hello!" "rdt 2 2 1 hello" \
	    "rdt 2 4294967295 1 hello" "rdt 4 0 0" \
	    "rdt 2 0 0 $(printf '%01400d' 0)" heard "rdt 2 1 1 hello" heard \
	    frame | words) $(cut -c 1401- "$dir/liar")"
	until_true grep -q 'mode=gbn.*corrupt=7 bytes=1405' "$log"
	is "...is counted" 0 $?
	is "a put broken off" " $hello_back -5" "$(peer \
	    "send $(frame 'uput half 5')" udial "$hello" heard \
	    "send $(frame ls)" frame)"
	peer "send $(frame 'uput gone 5')" udial "$hello" heard reset >/dev/null
	peer "send $(frame 'uget five')" udial reset >/dev/null
	is "repeated DATA after the end" " $hello_back 3 1 0 0 3 1 0" "$(peer \
	    "send $(frame 'uput again 5')" udial "$hello" heard \
	    "rdt 2 0 1 hello" heard frame "rdt 2 0 1 hello" heard "rdt 4 0 0")"
	is "...the other bytes are not stored" hello "$(cat "$dir/again")"
	is "the server serves" "five" "$(peer "send $(frame ls)" frame |
	    tr ' ' '\n' | grep -x five)"
	stop
}

# Servers that do.
test_udp_lied() {
	udp lied 0
	stop
	by="-u gbn"
	evil frame "uoffer 5" heard heard "rdt 2 0 1 early" "$hello" \
	    "rdt 2 0 1 hello" heard "rdt 2 0 1 hello" heard "rdt 4 0 0" \
	    control frame end
	client -u gbn 127.0.0.1 "$port" get five five.x
	wait "$evil"
	is "lost HELLO, early DATA, DATA again" \
	    "0 uget five $hello_back $hello_back 3 1 0 3 1 0 quit EOF" \
	    "$status $(sed 1d "$tmp/evil.out" | words)"
	has "...counted" "*transmissions=2 *duplicates=1 corrupt=0*" "$said"
	is "...stored" hello "$(cat "$tmp/here/five.x")"
	evil frame "uoffer 5" heard 'rdt 1 0 0 \x02\x00\x00\x00\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x21\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05\x79' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x00\x00' \
	    'rdt 1 0 0 \x03\x00\x00\x20\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x10\x00\x03' "rdt 2 0 0 hel" heard \
	    "rdt 2 1 1 lo" heard "rdt 4 0 0" control end
	client -u gbn 127.0.0.1 "$port" get five five.x
	wait "$evil"
	is "answers that ask for more, then one for less" "0 16 3" \
	    "$status $(field window) $(field block)"
	evil frame "uoffer 5" udp close control end
	reply "nobody there at all" "1 get: got: 0 of 5 bytes came, then: *" \
	    get got
	evil frame "uoffer 5" heard "$hello" control close
	reply "control closed" "1 get: got: 0 of 5 bytes came, then: *" get got
	for offer in "1" "1 89abcdef" "0 89abcdef 5" "65536 89abcdef 5" \
	    "9 89ABCDEF 5" "9 89abcde 5" "9 89abcdef 05" "9 89abcdef -5" \
	    "9 89abcdef 5 " "9 89abcdef 18446744073709551615" \
	    "9  89abcdef 5" "-1 89abcdef 5" "9 189abcdef 5"; do
		evil frame "send $(frame "$offer")" close
		reply "an answer '$offer'" \
		    "1 get: got: the server's answer makes no*" get got
	done
	evil frame uoffer heard "$hello" heard "send $(frame -3)" control end
	reply "refused in the middle" "1 put: five: the server cannot*" \
	    put five
	evil frame uoffer control "send $(frame -3)" end
	reply "refused before HELLO" "1 put: five: the server cannot*" put five
	evil frame uoffer control close
	reply "closed before HELLO" "1 put: five: 0 of 5 bytes acknowledged, \
then: connection closed*" put five
	evil frame uoffer heard "$hello" heard "send $(frame 1)" control end
	reply "a code that is none" "1 put: five: the server's answer *" \
	    put five
	evil frame "uoffer 5" heard "$hello" heard "send $(frame 1)" control end
	reply "...in a get" "1 get: got: the server's answer *" get got
	evil frame uoffer heard "$hello" heard "send $(frame 0)" control end
	reply "stored, whatever ACKs are missing" "0 " put five
	evil frame uoffer heard 'rdt 1 0 0 \x02\x00\x00\x01\x00\x01' heard \
	    "send $(frame 0)" control end
	reply "stored, before it was sent" \
	    "1 put: five: the server's answer *" put five
	evil frame uoffer heard "$hello" heard "rdt 3 1 0" heard control close
	reply "no answer after the last ACK" "1 put: five: 5 of 5 bytes \
acknowledged, then: connection closed*" put five
	evil frame uoffer heard "$hello" heard udp close control "nap 3500" \
	    "send $(frame -3)" end
	printf 'put five\nls\n' | "$cli" -d "$tmp/here" -u gbn 127.0.0.1 \
	    "$port" >"$tmp/out" 2>&1
	wait "$evil"
	is "an answer that comes late is not taken for that of the next one" \
	    "put five 5" "$(sed -n 's/^u//p; /^ls/p; /^quit/p' \
	    "$tmp/evil.out" | words)"
	by=
}
