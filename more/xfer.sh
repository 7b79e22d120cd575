# xfer.sh: tests of one request on each connection, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# len8 TEXT: TEXT behind its length, for the peer
len8() { printf '\\x00\\x00\\x00\\x00\\x00\\x00\\x%02x\\x%02x%s' \
    $((${#1} / 256)) $((${#1} % 256)) "$1"; }

# upload NAME CONTENTS: step by step; the statuses
upload() { peer 'send \x00' "hex 1" "send $(len8 "$1")$(len8 "$2")" "hex 1" \
    end; }

# xfer ARGUMENT ...: the client in mode xfer
xfer() { client -m xfer 127.0.0.1 "$port" "$@"; }

ff='\xff\xff\xff\xff\xff\xff\xff\xff'

test_xfer() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here/sub"
	start xfer -T 3 xfer=0
	is "the line that a script waits for" \
	    "listening xfer tcp 127.0.0.1 $port" "$(cat "$out")"

	# Byte by byte.
	is "golden: upload" "00 00 EOF" "$(upload lorem.txt hello)"
	is "...stored" hello "$(cat "$dir/lorem.txt")"
	is "golden: download" "00 000000000000000005 hello EOF" "$(peer \
	    'send \x01' "hex 1" "send $(len8 lorem.txt)" "hex 9" "take 5" end)"
	TZ=UTC0 touch -t 202105132022.29 "$dir/lorem.txt"
	: >"$dir/it's"
	TZ=UTC0 touch -t 200101010000 "$dir/it's"
	is "golden: list" "000000000000000038 ('it\\'s', 0, 978307200.0) \
('lorem.txt', 5, 1620937349.0) EOF" "$(peer 'send \x02' "hex 9" "take 56" end)"
	rm "$dir/it's"
	is "an upload of nothing" "00 00 EOF" "$(upload empty '')"
	is "...and its download" "00 000000000000000000 EOF" "$(peer \
	    'send \x01' "hex 1" "send $(len8 empty)" "hex 9" end)"
	rm "$dir/empty"
	is "an upload replaces" "00 00 EOF" "$(upload lorem.txt yo)"
	is "...the whole file" yo "$(cat "$dir/lorem.txt")"
	is "all at once" "0000 EOF" "$(peer \
	    "send \\x00$(len8 once)$(len8 once)" "hex 2" end)"
	is "a byte at a time" "0000 EOF" "$(peer \
	    "drip \\x00$(len8 drip)$(len8 dripped)" "hex 2" end)"
	is "...are whole" "once dripped" \
	    "$(cat "$dir/once") $(cat "$dir/drip")"
	rm "$dir/once" "$dir/drip"
	is "more than was announced" "0000 EOF" "$(peer \
	    "send \\x00$(len8 more)$(len8 hello)xyz" fin "hex 2" end)"
	is "...is not stored" hello "$(cat "$dir/more")"
	is "one request a connection" "00000000000000000005 hello EOF" "$(peer \
	    "send \\x01$(len8 more)\\x02\\x02" "hex 10" "take 5" end)"
	peer 'send \x00' "hex 1" "send $(len8 orig)$(len8 x)" close >/dev/null
	until_true grep -q 'File orig uploaded' "$log"
	is "the original client, which takes no last status" x \
	    "$(cat "$dir/orig")"
	rm "$dir/more" "$dir/orig"

	# Each status.
	mkdir "$dir/sub"
	mkfifo "$dir/fifo"
	ln -s lorem.txt "$dir/link"
	for op in 03 ff 30; do
		is "opcode $op" "01 EOF" "$(peer "send \\x$op" "hex 1" end)"
	done
	for name in nosuch sub fifo link; do
		is "download of $name" "0002 EOF" \
		    "$(peer "send \\x01$(len8 $name)" "hex 2" end)"
	done
	long=$(printf '%0255d' 7)
	for name in '' . .. .x ../xfer.log /etc/passwd sub/x "${long}8"; do
		is "download of $name" "0003 EOF" \
		    "$(peer "send \\x01$(len8 "$name")" "hex 2" end)"
		is "upload of $name" "0003 EOF" \
		    "$(peer "send \\x00$(len8 "$name")$(len8 x)" "hex 2" end)"
	done
	for name in 'a\x00b' 'a\x0ab' 'a\x1bb' 'a\x7fb'; do
		is "upload of $name" "0003 EOF" "$(peer \
		    "send \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03$name" \
		    "hex 2" end)"
	done
	for name in sub fifo link; do
		is "upload over $name" "0003 EOF" \
		    "$(peer "send \\x00$(len8 $name)$(len8 x)" "hex 2" end)"
	done
	is "a name of 255 bytes" "00 00 EOF" "$(upload "$long" y)"
	rm "$dir/$long"
	for n in "$ff" '\x80\x00\x00\x00\x00\x00\x00\x00' \
	    '\x00\x00\x00\x00\x00\x00\x01\x00'; do
		is "a name of $n bytes" "0003 EOF" \
		    "$(peer "send \\x00${n}x" fin "hex 2" end)"
	done
	for n in "$ff" '\x80\x00\x00\x00\x00\x00\x00\x00'; do
		is "contents of $n bytes" "0003 EOF" "$(peer \
		    "send \\x00$(len8 lorem.txt)${n}x" "hex 2" end)"
	done
	is "contents that never came" "0003 EOF" "$(peer "send \\x00$(len8 \
	    lorem.txt)\\x7f$(printf %s "$ff" | cut -c 5-)x" fin "hex 2" end)"

	# Cut at each step, in each way.
	for text in '' '\x00' '\x00\x00' "\\x00$(len8 lorem.txt)" \
	    "\\x00$(len8 lorem.txt)\\x00" \
	    "\\x00$(len8 lorem.txt)\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x05he" \
	    '\x01' '\x01\x00' "\\x01$(len8 lorem.txt)" '\x02'; do
		for how in close reset fin; do
			peer "send $text" $how end >/dev/null
		done
		peer "send $text" end >/dev/null &
	done
	wait $! 2>/dev/null
	is "the old file stays" yo "$(cat "$dir/lorem.txt")"
	until_true children_are 0
	is "silent clients are left" 0 "$(children)"
	is "all that is there" "fifo link lorem.txt sub" \
	    "$(cd "$dir" && echo *)"
	is "nothing half-written" 0 "$(parts "$dir")"

	# The client, both ways.
	for size in 0 1 262135 262136 262144 3000000; do
		dd if=/dev/urandom of="$tmp/here/some" bs=$((size > 0 ? size : \
		    1)) count=$((size > 0)) 2>/dev/null
		xfer upload some "so me"
		is "upload of $size bytes" \
		    "0 upload: so me: $size bytes stored" "$status $said"
		xfer download "so me" sub/back
		is "download of $size bytes" \
		    "0 download: so me: $size bytes stored as back" \
		    "$status $said"
		same "...both ways" "$tmp/here/some" "$tmp/here/sub/back"
	done
	xfer download "so me"
	same "under its own name" "$tmp/here/some" "$tmp/here/so me"
	client -k -m xfer 127.0.0.1 "$port" download "so me"
	has "keep" "*stored as so me?1?" "$said"
	while IFS='|' read -r args expect; do
		# shellcheck disable=SC2086
		xfer $args
		is "$args" "1 $expect" "$status $said"
	done <<-END
		download nosuch|download: nosuch: no such file on the server
		download lorem.txt no/x|download: no/: no such directory here
		download lorem.txt sub|download: sub: Is a directory, here
		download ..|download: ..: cannot be stored under this name; \
give another one: download NAME LOCAL
		download ../x y|download: ../x: refused by the server, or \
failed, or it is full
		upload nosuch|upload: nosuch: No such file or directory, here
		upload sub|upload: sub: Is a directory, here
		upload some .x|upload: .x: refused by the server, or failed, \
or it is full
		upload some ${long}8|upload: ${long}8: the name is too long
		list -x|list: usage: list [-n|-s|-d] [-a]
		list x|list: usage: list [-n|-s|-d] [-a]
	END
	dd if=/dev/zero of="$tmp/here/large" bs=1024 count=65536 2>/dev/null
	xfer upload large .large
	is "a large file that is refused" "1 upload: .large: refused by the \
server, or failed, or it is full" "$status $said"
	printf 'upload some a\nlist\ndownload a b\nquit\nlist\n' |
	    "$cli" -q -m xfer -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out"
	is "a connection for each command" "0 1" \
	    "$? $(grep -c Available "$tmp/out")"
	same "...each works" "$tmp/here/some" "$tmp/here/b"

	# The list.
	rm -rf "${dir:?}"/*
	TZ=UTC0
	export TZ
	put_dated() {		# NAME BYTES DATE
		dd if=/dev/null of="$dir/$1" bs=1 seek="$2" 2>/dev/null
		touch -t "$3" "$dir/$1"
	}
	xfer list
	is "an empty list" "0 Available files (0):" "$status $got"
	put_dated audio.mp3 15980432 202105130048.00
	put_dated lorem_ipsum.txt 100321 202105132022.29
	put_dated text.txt 0 202105131906.01
	put_dated "q'u\"o\\te" 1023 200002291200.00
	put_dated no-utf 1024 199912312359.59
	a="> [13-May-2021 (00:48:00)] audio.mp3 - 15.24 MB"
	l="> [13-May-2021 (20:22:29)] lorem_ipsum.txt - 97.97 KB"
	t="> [13-May-2021 (19:06:01)] text.txt - 0.00 B"
	q="> [29-Feb-2000 (12:00:00)] q'u\"o\\te - 1023.00 B"
	n="> [31-Dec-1999 (23:59:59)] no-utf - 1.00 KB"
	in_order() {		# ARGUMENTS LINE ...
		args=$1
		shift
		# shellcheck disable=SC2086
		xfer list $args
		is "list $args" "$(printf '%s\n' "Available files (5):" "$@")" \
		    "$got"
	}
	in_order "" "$t" "$q" "$n" "$l" "$a"
	in_order "-n -a" "$a" "$l" "$n" "$q" "$t"
	in_order -s "$a" "$l" "$n" "$q" "$t"
	in_order -as "$t" "$q" "$n" "$l" "$a"
	in_order -d "$l" "$t" "$a" "$q" "$n"
	in_order "-a -d" "$n" "$q" "$a" "$t" "$l"
	unset TZ
	# Not every shell can hold such a name.
	printf 'mv no-utf no\377utf\303\261\n' >"$tmp/name"
	(cd "$dir" && sh "$tmp/name")
	is "a name that is not UTF-8" 1 "$("$cli" -m xfer 127.0.0.1 "$port" \
	    list | od -An -v -tx1 | tr -d ' \n' | grep -c 206e6fff757466c3b120)"
	xfer download "q'u\"o\\te" quoted
	same "what is listed can be fetched" "$dir/q'u\"o\\te" \
	    "$tmp/here/quoted"
	rm "$tmp/here/quoted" "$dir"/*
	stop
	start full -n 1 xfer=0
	peer "send \\x00" "hex 1" "nap 3000" >/dev/null &
	until_true children_are 1
	is "one too many" "03 EOF" "$(peer "hex 1" end)"
	xfer list
	is "...is told" "1 list: 127.0.0.1: refused by the server, or failed, \
or it is full" "$status $said"
	wait $!
	stop

	# The original server, and worse ones.
	printf %s hello >"$tmp/here/five"
	by="-m xfer"
	evil "hex 1" 'send \x00' "hex 8" "take 4" "hex 8" "take 5" close
	client -m xfer 127.0.0.1 "$port" upload five
	is "a server that does not confirm" \
	    "0 upload: five: 5 bytes sent, not confirmed" "$status $said"
	evil "hex 1" 'send \x00' "hex 8" "take 4" "hex 8" "take 5" "nap 9000"
	client -m xfer 127.0.0.1 "$port" upload five
	is "...nor closes" "0 upload: five: 5 bytes sent, not confirmed" \
	    "$status $said"
	kill "$evil"
	wait "$evil" 2>/dev/null
	is "...saw this" "00 0000000000000004 five 0000000000000005 hello" \
	    "$(sed 1d "$evil_out" | words)"
	evil "hex 1" 'send \x00' "hex 8" "take 3" 'drip \x00' \
	    'drip \x00\x00\x00\x00\x00\x00\x00\x05hello' close
	client -m xfer 127.0.0.1 "$port" download got
	is "a byte a segment" hello "$(cat "$tmp/here/got")"
	wait "$evil"
	is "...saw this" "01 0000000000000003 got" \
	    "$(sed 1d "$evil_out" | words)"
	rm "$tmp/here/got"
	for end in 01:"the server knows no such request" \
	    02:"no such file on the server" 03:"refused by the server*" \
	    4d:"a status that does not exist*"; do
		evil "send \\x${end%%:*}" close
		reply "status ${end%%:*} at once" "1 download: got: ${end#*:}" \
		    download got
		evil "hex 1" 'send \x00' "hex 11" "send \\x${end%%:*}" close
		reply "status ${end%%:*} then" "1 download: got: ${end#*:}" \
		    download got
		evil "hex 1" 'send \x00' "hex 25" "send \\x${end%%:*}" close
		reply "status ${end%%:*} at last" "1 upload: five: ${end#*:}" \
		    upload five
	done
	five='\x00\x00\x00\x00\x00\x00\x00\x05'
	for steps in "hex 1" "hex 1|send \\x00" "hex 1|send \\x00|hex 11" \
	    "hex 1|send \\x00|hex 11|send \\x00" \
	    "hex 1|send \\x00|hex 11|send \\x00\\x00\\x00" \
	    "hex 1|send \\x00|hex 11|send \\x00${five}hell"; do
		for how in close reset; do
			IFS='|'
			# shellcheck disable=SC2086
			evil $steps $how
			unset IFS
			reply "$how behind $steps" "1 download: got: *" \
			    download got
		done
	done
	evil "hex 1" 'send \x00' "hex 11" "send \\x00${ff}x" close
	reply "2^64-1 bytes" "1 download: got: 0 of 18446744073709551615 bytes \
came, then: File too large" download got
	evil "hex 1" 'send \x00' "hex 12" "send \\x03" fin "nap 200" reset
	reply "an answer in the middle" "1 upload: large: refused by*" \
	    upload large
	evil "hex 1" 'send \x00\x00' "take 1" close
	reply "stored too early" "1 upload: five: the server's answer makes*" \
	    upload five
	evil "hex 1" 'send \x00' close
	reply "an end too early" "1 upload: large: * of 67108864 bytes *" \
	    upload large
	evil "hex 1" 'send \x00' "nap 200" reset
	reply "a reset at the end" "1 upload: five: 5 of 5 bytes sent, *" \
	    upload five
	evil "hex 1" "send \\x00$ff" close
	reply "a list of 2^64-1 bytes" \
	    "1 list: 127.0.0.1: message too long" list
	evil "hex 1" "send \\x00$five('a'" close
	reply "a list that is cut" "1 list: 127.0.0.1: connection*" list
	evil "hex 1" "send \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x16('a', \
1, 2.0)\\x0a('b', 1)" close
	reply "a line that is none" "1 list: line 2 of the server's list is \
not *" list
	evil "hex 1" "send \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x29(\"it's\
\\x5cn\\x5cx1b[2J\", 1, 0.5)\\x0a(\"\\x5cx9bx\", 2, 1)" close
	TZ=UTC0 client -m xfer 127.0.0.1 "$port" list -s -a
	wait "$evil"
	has "what others write, made printable" "Available files ?2?: \
> ?01-Jan-1970 ?00:00:00?? it's?x0a?x1b?2J - 1.00 B \
> ?01-Jan-1970 ?00:00:01?? ?x9bx - 2.00 B" "$(printf %s "$got" | words)"
	by=
	rm "$tmp/here/large"
}
