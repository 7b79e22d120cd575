# chat.sh: tests of the chat in free text, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154,SC2094

# speaker FD NAME ARGUMENT ...: the client in the background, with these options
# and operands; what is written to FD is typed, and $tmp/NAME.got is what it says
speaker() {
	fd=$1 who=$2
	shift 2
	rm -f "$tmp/$who.in" "$tmp/$who.said"
	mkfifo "$tmp/$who.in"
	: >"$tmp/$who.got"
	{ exec "$cli" -d "$tmp/here" "$@" <"$tmp/$who.in" >"$tmp/$who.got" \
	    2>"$tmp/$who.said" 6>&- 7>&-; } &
	speaker=$!
	eval "exec $fd>\$tmp/$who.in"
}

# heard WHO TEXT: waits until that is a line of what he got
heard() {
	until_true grep -qxF -e "$2" "$tmp/$1.got" ||
	    fail "$1 does not hear: $2" "$(cat "$tmp/$1.got")"
}

# service_child NAME: the process of a service
service_child() { sed -n "s/.* $1: child \([0-9]*\) started/\1/p" "$log" |
    tail -n 1; }

test_chat() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here"
	start chat -n 4 chat=0
	is "the line that a script waits for" \
	    "listening chat tcp 127.0.0.1 $port" "$(cat "$out")"
	printf %s hello >"$dir/bob.jpg"
	dd if=/dev/urandom of="$dir/alice.jpg" bs=1000 count=7 2>/dev/null
	: >"$dir/empty"

	# The conversation of the document's test.
	speaker 6 bob -m raw 127.0.0.1 "$port"
	echo Bob >&6
	heard bob "ALL "
	bob=$speaker
	speaker 7 alice -m raw 127.0.0.1 "$port"
	printf 'Alice\r\n' >&7
	heard bob "ALL Alice "
	echo hello >&6
	heard alice "Bob: hello"
	echo hello >&7
	heard bob "Alice: hello"
	echo 'whats up' >&6
	heard alice "Bob: whats up"
	echo 'Nothing much' >&7
	heard bob "Alice: Nothing much"
	echo '~Alice Hello Alice' >&6
	heard alice "Bob: (PRIVATE)  Hello Alice"
	echo show >&7
	heard alice "ALL Bob "
	echo get_list_file >&7
	heard alice "CHOOSE_FILE alice.jpg bob.jpg empty "
	printf 'download_file bob.jpg\nCHANGENAME Alice Carol\n' >&7
	heard bob "ALL Carol "
	until_true grep -q '^UDP .* bob.jpg$' "$tmp/alice.got"
	udp=$(sed -n 's/^UDP \([0-9]*\) 5 bob.jpg$/\1/p' "$tmp/alice.got")
	is "golden: a part beyond the end, and one" \
	    "8003430071004b008671012e8003430568656c6c6f71004b058671012e" \
	    "$(printf 'part 1\npart x\npart 0\nfinished\n' |
	    "$cli" -m raw -u sw 127.0.0.1 "$udp" | od -An -v -tx1 |
	    tr -d ' \n')"
	echo '{quit}' >&6
	heard alice "Bob left the chat..."
	exec 6>&-
	is "what Bob heard" "Bob has joined the chat!|ALL |Alice has joined \
the chat!|ALL Alice |Bob: hello|Alice: hello|Bob: whats up|Alice: Nothing \
much|from you to Alice: (PRIVATE)  Hello Alice|Alice changed his name to \
Carol!|ALL Carol " "$(paste -s -d '|' "$tmp/bob.got")"
	is "what Alice heard" "Alice has joined the chat!|ALL Bob |Bob: hello|\
Alice: hello|Bob: whats up|Alice: Nothing much|Bob: (PRIVATE)  Hello Alice|\
ALL Bob |CHOOSE_FILE alice.jpg bob.jpg empty |UDP $udp 5 bob.jpg|Alice \
changed his name to Carol!|ALL Bob |Bob left the chat...|ALL " \
	    "$(paste -s -d '|' "$tmp/alice.got")"
	exec 7>&-
	wait "$bob" "$speaker"

	# In segments, as the original; and what a newline there may not do.
	is "segments" "Seg has joined the chat! ALL  Seg: hi you ERROR this \
name is reserved EOF" "$(peer "send Seg" "take 24" "take 4" \
	    'send hi\x0ayou' "take 11" "send CHANGENAME Seg UDP" "take 27" \
	    'send {quit}' end)"
	is "PuTTY, which sends the end of a line by itself" "Put has joined the \
chat!ALL|Put: a|Put: b EOF" "$(peer "send Put" "take 28" 'send \x0d\x0a' \
	    "nap 100" 'send a\x0d\x0ab\x0d\x0a' "take 14" 'send {quit}\x0a' \
	    end | sed 's/  */ /g; s/ Put/|Put/g; s/! /!/')"
	is "...before its welcome has left" 1 "$("$tmp/peer" "connect $port" \
	    "send Pat" "nap 5" 'send \x0d\x0a' "nap 300" \
	    'send a\x0d\x0ab\x0d\x0a' "nap 300" 'send {quit}\x0a' \
	    "take 60000" | grep -c '^Pat: b')"
	is "a byte at a time" "d has joined the chat!ALL EOF" \
	    "$(peer "drip d" "take 26" 'drip \x0a' "nap 100" \
	    'drip {quit}\x0a' end | words |
	    sed 's/! /!/; s/  */ /g')"

	# Errors, in lines.
	long=$(printf '%01000d' 7)
	raw 'joe\n~eve x\nCHANGENAME eve x\nCHANGENAME joe a b\n~joe\ndownload_file nosuch\ndownload_file ../x\n\nCHANGENAME joe joe\n'"$long"'\n'"${long}8"'\nshowx\n{quit}\nafter\n' \
	    >"$tmp/out"
	is "errors" "joe has joined the chat!|ALL |ERROR no user eve|ERROR the \
old name is not yours|ERROR a name is 1 to 32 letters, digits, _ - .|joe: \
(PRIVATE) |from you to joe: (PRIVATE) |ERROR no file nosuch|ERROR no file \
../x|ERROR this name is in use|joe: $long|ERROR message too long|joe: showx" \
	    "$(paste -s -d '|' "$tmp/out")"
	for name in ALL UDP ERROR CHOOSE_FILE 'a b' ../x '\0033[2J' \
	    "$(printf '%033d' 0)" "${long}8" '\0377'; do
		has "the name $name" "ERROR *" "$(raw "$name\n")"
	done
	is "a name of 32" "$(printf '%032d' 0) has joined the chat!" \
	    "$(raw "$(printf '%032d' 0)\n{quit}\n" | head -n 1)"

	# The client: files come while one talks, all at once, under faults.
	printf 'show\ndownload_file bob.jpg\ndownload_file alice.jpg\nhi\n' |
	    "$cli" -m chat -L drop=0.1,dup=0.1,reorder=0.1,seed=3 \
	    -t "$tmp/pull.trace" -d "$tmp/here" 127.0.0.1 "$port" joe \
	    >"$tmp/out" 2>"$tmp/said"
	is "the client" "0 joe has joined the chat!|ALL |ALL |UDP N 5 bob.jpg|\
UDP N 7000 alice.jpg|joe: hi" "$? $(sed 's/UDP [0-9]*/UDP N/' "$tmp/out" |
	    paste -s -d '|')"
	same "a file of 5 bytes" "$dir/bob.jpg" "$tmp/here/bob.jpg"
	same "a file of 7 parts and an empty one" "$dir/alice.jpg" \
	    "$tmp/here/alice.jpg"
	has "it shows the commands" "*~NAME TEXT*" "$(cat "$tmp/said")"
	printf 'amy\nhelp\n{quit}\n' | "$cli" -m chat 127.0.0.1 "$port" \
	    >"$tmp/out" 2>"$tmp/help"
	is "help is for the client" "0 2 0" "$? $(grep -c '^show ' "$tmp/help"
	    ) $(grep -c 'amy: ' "$tmp/out")"
	has "it says how it went" "*rdt: mode=pull window=1 block=1000 \
packets=8 transmissions=* bytes=7000 *" "$(cat "$tmp/said")"
	is "a trace" 9 "$(grep -c 'snd	ack	' "$tmp/pull.trace")"
	: >"$tmp/out"
	{ printf 'joe\ndownload_file empty\n'	# a read may take two segments
	  until_true [ -e "$tmp/here/empty" ]
	  printf 'download_file nosuch\n'
	  until_true grep -q nosuch "$tmp/out"
	  printf '{quit}\n'; } |
	    "$cli" -q -S -m chat -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out"
	is "in segments, and a file that is none" 1 $?
	same "an empty file" "$dir/empty" "$tmp/here/empty"
	udp=$(raw 'dan\ndownload_file alice.jpg\n' |
	    sed -n 's/^UDP \([0-9]*\) 7000 alice.jpg$/\1/p')
	printf 'part 0\nfinished\n' |
	    "$cli" -m raw -u sw 127.0.0.1 "$udp" >"$tmp/out"
	until_true grep -q ' - download alice.jpg from' "$log"
	is "a client may end a download: no error of ours" INFO "$(sed -n \
	    's/.*- \([A-Z]*\) - download alice.jpg from.*/\1/p' "$log")"
	client -q -m chat 127.0.0.1 "$port" 'no name'
	is "a name that is refused" "1 ERROR a name is 1 to 32 letters, digits\
, _ - ." "$status $got"

	# One too many; a reader that stops; a service that dies.
	: >"$tmp/out"
	peer "small" 'send stopped\x0a' "nap 20000" >/dev/null &
	stopped=$!
	until_true grep -q 'stopped joined' "$log"
	i=0
	while [ $i -lt 3 ]; do
		peer "send s$i\\x0a" "take 5" "nap 3000" >/dev/null &
		i=$((i + 1))
	done
	until_true grep -q 's2 joined' "$log"
	until_true grep -q 's1 joined' "$log"
	until_true grep -q 's0 joined' "$log"
	is "one too many is told" "ERROR server is full" "$(raw 'x\n')"
	until_true grep -q 's2, .*: gone' "$log"
	until_true grep -q 's0, .*: gone' "$log"
	{ echo talker; yes "$(printf '%080d' 0)" 2>/dev/null | head -n 100000;
	    echo '{quit}'; } | "$cli" -m raw 127.0.0.1 "$port" >"$tmp/out"
	is "a talker hears all of it" 100000 \
	    "$(grep -c '^talker: 0*$' "$tmp/out")"
	n=$(grep -c 'INFO - talker to all from' "$log")
	[ "$n" -gt 0 ] && [ "$n" -lt 1000 ]
	is "...of which the log shows few" 0 $?
	is "who does not read is dropped" 1 \
	    "$(grep -c 'stopped, .*: does not read' "$log")"
	kill $stopped
	wait $stopped 2>/dev/null
	kill -9 "$(service_child chat)"
	until_true grep -q 'chat: died, started again' "$log"
	is "killed, and started again" "new has joined the chat!" \
	    "$(raw 'new\n{quit}\n' | head -n 1)"
	sed '/by signal 9/d' "$log" >"$log.1"
	mv "$log.1" "$log"
	stop
	start pace -w "$tmp/pace.pcapng" chat=0
	is "the list of files has another word for the original client" \
	    "Seg has joined the chat! ALL  <CHOOSE_FILE>" \
	    "$(peer "send Seg" "take 24" "take 4" "send get_list_file" "take 13")"
	stop
	is "segments keep their distance, 50 and 20 ms" yes \
	    "$(lab/packets.sh "$tmp/pace.pcapng" | awk '
	    /"Seg"/ { t = $2 }
	    / out .*"Seg has/ { first = $2 - t; t = $2 }
	    / out .*"ALL "/ { second = $2 - t }
	    END { print (first >= 0.05 && second >= 0.019 ? "yes" : "no") }')"

	start last chat=0
	peer "send Seg" "take 24" "take 4" "nap 3000" 'send {quit}' \
	    "take 60000" end >"$tmp/seg.out" & seg=$!
	until_true grep -q 'Seg joined' "$log"
	{ echo ann; yes m 2>/dev/null | head -n 400; echo '{quit}'; } |
	    "$cli" -m raw 127.0.0.1 "$port" >/dev/null
	wait "$seg"
	is "who leaves gets the segments that waited" 400 \
	    "$(awk '{ n += gsub(/ann: m/, "") } END { print n }' \
	    "$tmp/seg.out")"
	stop

	# Servers that lie. No file is fetched that was not asked for.
	evil "take 4" 'send UDP 9 5 evil\x0aERROR no\x1b[2J\x0a' close
	client -q -m chat 127.0.0.1 "$port" bob
	is "what comes is made visible" "1 UDP 9 5 evil|ERROR no\\x1b[2J" \
	    "$status $(printf '%s\n' "$got" | paste -s -d '|')"
	wait "$evil"
	is "nothing is fetched" "" "$(find "$tmp/here" -name 'evil*')"
	printf %s old >"$tmp/here/file"
	for offer in "UDP 9 4294967295999 file" "UDP 9 -1 file" \
	    "UDP 65536 5 file" "UDP 9 99999999999999999999 file" \
	    "UDP 9 5 other" "ERROR no file file" ""; do
		evil "take 22" "send $offer\\x0a" "nap 100" close
		printf 'bob\ndownload_file file\n' | "$cli" -q -m chat -d \
		    "$tmp/here" 127.0.0.1 "$port" >"$tmp/out" 2>&1
		is "a false offer: $offer" "1 old" "$? $(cat "$tmp/here/file")"
		wait "$evil"
	done
	evil "take 4" 'send ERROR server is full' close
	client -q -m chat 127.0.0.1 "$port" bob
	is "an answer without a newline" "ERROR server is full" "$got"
}
