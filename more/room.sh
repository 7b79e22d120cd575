# room.sh: tests of the room, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

test_room() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here"
	start room room=0
	is "the line that a script waits for" \
	    "listening room tcp 127.0.0.1 $port" "$(cat "$out")"
	printf %s hello >"$dir/five"
	dd if=/dev/urandom of="$dir/large" bs=1000 count=150 2>/dev/null
	: >"$dir/$(printf '%0100d' 0)"

	# The transcript of the document, Alice's side.
	speaker 6 bob -m room 127.0.0.1 "$port" join BOB
	until_true grep -q 'you are BOB' "$tmp/bob.said"
	peer "send 10005ALICE" "take 10" five control "send 102" "take 10" \
	    "send 10303BOB19hey Bob, I'm Alice!" "take 3" data "take 42" \
	    "take 8" control "send 101" "take 3" end >"$tmp/alice" &
	alice=$!
	heard bob "ALICE (private): hey Bob, I'm Alice!"
	echo 'to ALICE Too bad, I was waiting for Eve..' >&6
	until_true grep -q 'to: sent' "$tmp/bob.said"
	echo leave >&6
	wait $alice
	is "golden" "20005ALICE 2021103BOB 203 30303BOB32Too bad, I was \
waiting for Eve.. 30103BOB 201 EOF" "$(cat "$tmp/alice")"
	exec 6>&-
	wait $speaker
	is "Bob's client" "0 ALICE joined|ALICE (private): hey Bob, I'm \
Alice!" "$? $(paste -s -d '|' "$tmp/bob.got")"

	# Split and joined, CR and LF between; who is there; each error.
	is "a byte at a time" "20003TOM 2020 204020510204five05large EOF" \
	    "$(peer 'drip \x0d\x0a10003TOM\x0d\x0a' "take 8" five control \
	    'drip 102\x0a' "take 4" 'send 10402hi105\x0d\x0a' "take 23" fin \
	    end)"
	speaker 6 bob -m room 127.0.0.1 "$port" join BOB
	until_true grep -q 'you are BOB' "$tmp/bob.said"
	is "errors" "4001 4001 4001 4002 20003TOM 4002 4031 4061 4061 4990 EOF" \
	    "$(peer "send 10001A" "take 4" 'send 10003a b' "take 4" \
	    "send 10033$(printf '%033d' 0)" "take 4" "send 10003BOB" "take 4" \
	    "send 10003TOM" "take 8" five control "send 10003TIM" "take 4" \
	    "send 10303EVE01x" "take 4" "send 106TCP06nosuch" "take 4" \
	    "send 106UDP04../x" "take 4" "send 106XXX04five" "take 4" end)"
	for text in 099 20003abc12345 1000x 10x 102 10405hello 105 106TCP04five 4003 \
	    'GET / HTTP/1.0' "$(printf '%0300d' 1)"; do
		has "malformed, or not yet: $text" "*4990 EOF" \
		    "$(peer "send $text" "nap 50" fin "take 19" end |
		    sed 's/ EOF$//; s/$/ EOF/')"
	done
	heard bob "TOM joined"
	heard bob "TOM left"
	is "who never came is never seen" 0 "$(grep -c EVE "$tmp/bob.got")"

	# He who has left cannot come in by the door that was open for him.
	has "a ghost" "20003EVE *refused" \
	    "$(peer "send 10003EVE101" "take 8" "nap 100" five)"

	# The second connection from elsewhere; nobody else is let in.
	is "a stranger at the door" "20003EVE EOF" "$(peer "send 10003EVE" \
	    "take 8" "from 127.0.0.2" five end)"

	# Files: by TCP and UDP, under loss and doubles, several at once.
	printf '%s\n' 'join JOE' files 'get tcp large one' 'get large two' \
	    'get udp five' 'all while it comes' 'get nosuch' |
	    "$cli" -m room -W 7 -L drop=0.05,dup=0.05,seed=2 -t \
	    "$tmp/room.trace" -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out" \
	    2>"$tmp/said"
	is "the client" "1 five large" "$? $(words <"$tmp/out")"
	same "by TCP" "$dir/large" "$tmp/here/one"
	same "by UDP" "$dir/large" "$tmp/here/two"
	same "a small one" "$dir/five" "$tmp/here/five"
	has "it says how it went" "*rdt: mode=gbn window=7 block=1000 \
packets=150 * bytes=150000 *" "$(cat "$tmp/said")"
	has "...and what did not go" "*get: no such file on the server*" \
	    "$(cat "$tmp/said")"
	is "a trace" 0 "$(grep -q 'rcv	recv	149' "$tmp/room.trace"; echo $?)"
	heard bob "JOE: while it comes"
	printf 'who\njoin ZOE\nexit\n' | "$cli" -m room 127.0.0.1 "$port" \
	    >"$tmp/out" 2>"$tmp/said"
	is "who, before join" "1 who: join first join: you are ZOE" \
	    "$? $(words <"$tmp/said")"
	echo 'get ../x' >&6
	echo 'to' >&6
	printf 'all %0100d\n' 0 >&6
	echo 'join BOB' >&6
	until_true grep -q 'join: the name is taken' "$tmp/bob.said"
	is "what cannot be said" "get: ../x: not the name of a file|to: usage: \
to NAME TEXT|all: more than 99 bytes|join: the name is taken" \
	    "$(sed 1d "$tmp/bob.said" | paste -s -d '|')"
	exec 6>&-
	wait $speaker
	is "the end of the input is leaving" 1 $?
	until_true grep -q 'BOB left' "$log"

	# Ten, and the eleventh; who does not come to the door is forgotten.
	i=0
	jobs=
	while [ $i -lt 10 ]; do
		peer "send 10004USR$i" "take 9" five "nap 2500" >/dev/null &
		jobs="$jobs $!"
		i=$((i + 1))
	done
	until_true sh -c "[ \$(grep -c 'USR. joined' '$log') = 10 ]"
	is "the eleventh" "4003" "$(peer "send 10004MORE" "take 4")"
	# shellcheck disable=SC2086
	wait $jobs
	is "...may come later" "20004MORE" "$(peer "send 10004MORE" "take 9")"
	is "a question before the second connection waits" "20004RUSH 2020" \
	    "$(peer "send 10004RUSH102" "take 9" five control "take 4")"
	has "...but not many of them" "20004RUSH ????? 4990" \
	    "$(peer "send 10004RUSH" "take 9" "take 5" \
	    "send $(yes 102 | head -n 400 | tr -d '\n')" "take 4")"
	kill -9 "$(service_child room)"
	until_true grep -q 'room: died, started again' "$log"
	is "killed, and started again" 20003NEW \
	    "$(peer "send 10003NEW" "take 8")"
	sed '/by signal 9/d' "$log" >"$log.1"
	mv "$log.1" "$log"
	stop

	# Files of both chats at once, while two talk, through faults of both ends.
	start lossy -L drop=0.1,dup=0.1,seed=5 chat=0 room=0
	dd if=/dev/urandom of="$dir/a" bs=1000 count=15 2>/dev/null
	dd if=/dev/urandom of="$dir/b" bs=999 count=15 2>/dev/null
	mkdir -p "$tmp/here/1" "$tmp/here/2"
	chat=$port port=$(awk '$2 == "room" { print $5 }' "$out")
	printf '%s\n' 'download_file a' 'download_file b' hi there |
	    "$cli" -q -m chat -L drop=0.1,dup=0.1,seed=6 -d "$tmp/here/1" \
	    127.0.0.1 "$chat" joe >"$tmp/joe.got" 2>&1 &
	joe=$!
	printf '%s\n' 'get a' 'get b' 'get tcp a c' 'all hi' |
	    "$cli" -q -m room -L drop=0.1,dup=0.1,seed=7 -d "$tmp/here/2" \
	    127.0.0.1 "$port" join JOE 2>"$tmp/said" &
	wait $!
	is "room through faults" "0 " "$? $(cat "$tmp/said")"
	wait $joe
	is "chat through faults" "0 1" "$? $(grep -c 'joe: there' \
	    "$tmp/joe.got")"
	for f in 1/a 2/a 2/c; do
		same "...$f" "$dir/a" "$tmp/here/$f"
	done
	same "...1/b" "$dir/b" "$tmp/here/1/b"
	same "...2/b" "$dir/b" "$tmp/here/2/b"
	until_true sh -c "[ \$(grep -c 'File . downloaded' '$log') -ge 4 ]"

	# Lost ACKs: what the sender repeats looks like packets beyond the end.
	dd if="$cli" of="$dir/c" bs=11500 count=1 2>/dev/null
	echo 'get udp c' | "$cli" -q -m room -W 2 -L drop=10:11 -d "$tmp/here/2" \
	    127.0.0.1 "$port" join LOU 2>"$tmp/said"
	is "two lost ACKs in room" "0 " "$? $(cat "$tmp/said")"
	same "...and the file" "$dir/c" "$tmp/here/2/c"
	stop

	# More clients than there are descriptors for.
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nulimit -n 32\nexec "%s" "$@"\n' "$serv" >"$tmp/few.sh"
	chmod +x "$tmp/few.sh"
	all=$serv
	serv=$tmp/few.sh
	start few -n 60 room=0
	serv=$all
	many=
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		"$tmp/peer" "connect $port" "take 1" >"$tmp/many.$i" 2>&1 &
		many="$many $!"
	done
	until_true sh -c "[ \$(grep -c ' connected' '$log') -ge 15 ]"
	nap
	is "few descriptors" "" "$(grep -e died -e 'ERROR - poll' "$log")"
	# shellcheck disable=SC2086
	kill $many
	stop

	# Servers that lie.
	evil "take 8" "send 4003" close
	client -q -m room 127.0.0.1 "$port" join BOB
	has "a room that is full" "1 join: the room is full*" "$status $said"
	for text in 20003BOB00000 20003BOB70000 9999 2021x 20003BO 203 2020 \
	    2060210; do
		evil "take 8" "send $text" close
		client -q -m room 127.0.0.1 "$port" join BOB
		is "an answer $text" 1 $status
		wait "$evil"
	done
}
