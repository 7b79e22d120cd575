# capture.sh: tests of -w, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# list FILE: its packets, in $own/packets; whole WHAT FILE: is it whole?
list() { lab/packets.sh "$1" >"$own/packets" 2>"$own/said"; }
whole() {
	list "$2"
	is "$1 is whole" "0 " "$? $(cat "$own/said")"
}

# conversation: something of every service, each captured by
# the client in $own/c.pcapng
conversation() {
	printf 'ls\nget one\nput one two\nget nosuch\nmode sr\nget big b\n' |
	    "$cli" -q -d "$own/here" -w "$own/c.pcapng" localhost "$port"
	for c in "download big b" "upload b b2" list; do
		"$cli" -q -m xfer -d "$own/here" -w "$own/c.pcapng" localhost \
		    "$(port_of xfer)" $c >/dev/null
	done
	printf 'ann\nshow\nget_list_file\ndownload_file one\n' |
	    "$cli" -q -m chat -d "$own/here" -w "$own/c.pcapng" localhost \
	    "$(port_of chat)" >/dev/null
	printf 'who\nfiles\nget one o\nget tcp one o2\n' |
	    "$cli" -q -m room -d "$own/here" -w "$own/c.pcapng" localhost \
	    "$(port_of room)" join ann >/dev/null
	mkdir -p "$own/songs"
	cp "$dir/one" "$own/songs/song"
	{
		printf 'register alice\nserve\npublish\n'
		until_true grep -q "^song" "$own/found"
	} | "$cli" -q -m dir -d "$own/songs" localhost "$(port_of dir)" \
	    >/dev/null &
	: >"$own/found"
	until_true published
	printf 'register bob\ndownload %s tune\nlookup nobody\n' \
	    "$(cut -c1-40 "$own/list")" |
	    "$cli" -q -m dir -d "$own/here" -w "$own/c.pcapng" localhost \
	    "$(port_of dir)"
	echo song >"$own/found"
	wait $!
}
# port_of SERVICE [FILE]
port_of() { sed -n "s/^listening $1 .* //p" "${2:-$out}"; }
published() {
	printf 'register b\nfilelist\n' | "$cli" -q -m dir localhost \
	    "$(port_of dir)" >"$own/all" && grep song "$own/all" >"$own/list"
}

test_capture() {
	own=$tmp/capture
	mkdir -p "$own/here" "$tmp/capture0"
	echo contents >"$own/one"
	dd if=/dev/urandom of="$own/big" bs=1000 count=70 2>/dev/null
	cp "$own/one" "$own/big" "$tmp/capture0"
	start capture0 -w "$own/s.pcapng" -L drop=/7 0 xfer=0 dir=0 chat=0 room=0
	conversation >"$own/out" 2>&1
	same "a song from a peer" "$own/one" "$own/here/tune"
	stop
	for end in s c; do
		whole "the capture of $end" "$own/$end.pcapng"
		is "...has datagrams of both directions" "in out" \
		    "$(awk '$4 == "UDP" { print $3 }' "$own/packets" |
		    sort -u | words)"
		cp "$own/packets" "$own/$end.packets"
	done
	has "a handshake" "*SYN *SYN ACK *ACK *\"0000000002ls\"*" \
	    "$(sed 4q "$own/c.packets" | words)"
	is "a FIN from each side" "in out" "$(grep FIN "$own/c.packets" |
	    awk '{ print $3 }' | sort -u | words)"
	is "a put is ended by the client, as the client saw it" out \
	    "$(awk -v port="$(awk '/get one"/ { put = 1 }
		put && / SYN  / && ++n == 2 { print $7; exit }' \
		"$own/c.packets")" '/ FIN / && ($5 == port || $7 == port) {
		print $3; exit }' "$own/c.packets")"
	has "what -L dropped" "*retransmission*dropped here: drop=/7, *" \
	    "$(grep -h '(' "$own/s.packets" | words)"
	capture_sim
	capture_many
	capture_bad
	capture_tshark
	capture_tcpdump
	capture_awk
}

# A simulated run is the same file on every machine.
capture_sim() {
	"$cli" -q -m sim -u gbn -W 3 -C none -L drop=/5,ackdrop=2,dup=4 \
	    -w "$own/sim.pcapng" 9 2>"$own/out"
	whole "a simulated run" "$own/sim.pcapng"
	is "...is always the same file" "2080630304 3468" \
	    "$(cksum <"$own/sim.pcapng")"
	is "...with what was dropped" "4 dropped, 1 doubled" "$(awk '
	    /dropped here/ { d++ }
	    /doubled here: dup=4, transmission 4/ { t++ }
	    END { print d " dropped, " t / 2 " doubled" }' "$own/packets")"
	"$cli" -q -m sim -w "$own/sim.pcapng" 2 2>"$own/out"
	whole "two runs in one file" "$own/sim.pcapng"
	if command -v tcpdump >/dev/null; then
		is "tcpdump reads them" "$(wc -l <"$own/packets")" \
		    "$(tcpdump -nr "$own/sim.pcapng" 2>/dev/null | wc -l)"
	fi
	# More than any datagram can hold, lost before the system can say so.
	dd if=/dev/zero bs=1000 count=200 2>/dev/null | tr '\0' a |
	    "$cli" -m raw -u sw -L drop=1 -w "$own/sim.pcapng" 127.0.0.1 9
	is "a line that no datagram can hold" 0 $?
	whole "the capture after it" "$own/sim.pcapng"
}

# Many processes write to one file; one is killed.
capture_many() {
	start capture1 -w "$own/many.pcapng" -n 40 0
	cp "$own/big" "$dir"
	pids=
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		"$cli" -q -d "$own/here" localhost "$port" get big "m$i" &
		pids="$pids $!"
		"$cli" -q -d "$own/here" -u sr -b 20000 localhost "$port" \
		    get big "u$i" &
		pids="$pids $!"
	done
	wait $pids
	whole "a capture by 40 children" "$own/many.pcapng"
	is "...with all connections" 60 \
	    "$(grep -c 'SYN  ' "$own/packets")"
	dd if=/dev/zero of="$dir/large" bs=100000 count=300 2>/dev/null
	for mode in "" "-u sr -b 60000"; do
		rm -f "$own/k.pcapng"
		"$cli" -q -d "$own/here" -w "$own/k.pcapng" $mode localhost \
		    "$port" get large & client=$!
		until begun || ! kill -0 $client; do :; done
		kill -9 $client
		wait $client
		if "$cli" -q -m sim -w "$own/k.pcapng" 1 2>"$own/err"; then
			whole "a capture that goes on after kill -9" \
			    "$own/k.pcapng"
		else
			has "a capture that kill -9 has cut" "*half a block" \
			    "$(cat "$own/err")"
			rm -f "$own/k.pcapng"
			"$cli" -q -m sim -w "$own/k.pcapng" 1
		fi
	done 2>/dev/null
	rm -f "$tmp"/here/.part*
	stop
}

begun() { [ -s "$own/k.pcapng" ] && [ "$(wc -c <"$own/k.pcapng")" -gt 99999 ]; }

# Wrong files, full disks, IPv6.
capture_bad() {
	cp "$own/one" "$own/other"
	"$cli" -w "$own/other" -m sim 1 >"$own/out" 2>&1
	is "-w into another file" "1 -w $own/other: it is there already, \
and is no capture of ours" "$? $(cat "$own/out")"
	same "...changes nothing" "$own/one" "$own/other"
	"$serv" -w "$own/nosuch/x" 0 >"$own/out" 2>&1
	has "-w into no directory" "1 -w $own/nosuch/x: No such *" \
	    "$? $(cat "$own/out")"
	printf '\n\r\r\n\0\0\0\034\032+<M\0\1\0\0\377\377\377\377\377\377\377\377\0\0\0\034' \
	    >"$own/big"
	cp "$own/big" "$own/same"
	"$cli" -w "$own/big" -m sim 1 >"$own/out" 2>&1
	is "-w into a capture of a big-endian machine" "1 -w $own/big: it is \
there already, and is no capture of ours" "$? $(cat "$own/out")"
	same "...changes nothing" "$own/same" "$own/big"
	"$cli" -w "$own/a" -w "$own/b" -m sim 1 >"$own/out" 2>&1
	has "-w twice" "2 *-w can be given once*" "$? $(cat "$own/out")"
	"$cli" -q -m sim -w "$own/half.pcapng" 2 2>/dev/null
	size=$(wc -c <"$own/half.pcapng")
	cp "$own/half.pcapng" "$own/once.pcapng"
	for cut in 4 1 13; do
		dd if="$own/once.pcapng" of="$own/half.pcapng" bs=1 \
		    count=$((size - cut)) 2>/dev/null
		cp "$own/half.pcapng" "$own/same"
		"$cli" -m sim -w "$own/half.pcapng" 2 >"$own/out" 2>&1
		is "-w after a cut of $cut bytes" "1 -w $own/half.pcapng: it \
ends with half a block" "$? $(cat "$own/out")"
		same "...changes nothing" "$own/same" "$own/half.pcapng"
	done
	# Half a block that another program is writing is waited for.
	"$cli" -q -w "$own/once.pcapng" -m sim -u gbn -W 64 5000 \
	    >/dev/null 2>&1 &
	writer=$!
	ended=$(for i in 1 2 3 4 5 6 7 8; do
		"$cli" -q -w "$own/once.pcapng" -m sim 1 >/dev/null 2>&1
		printf '%s' $?
	done)
	wait $writer
	is "-w into a file that another program writes" "0 00000000" "$? $ended"
	whole "...what there is then" "$own/once.pcapng"
	# A FIFO whose reader is slow gets all of it.
	mkfifo "$own/fifo"
	{ sleep 1; cat; } <"$own/fifo" >"$own/read" &
	reader=$!
	"$cli" -q -w "$own/fifo" -m sim -u gbn -W 64 1500 >/dev/null 2>"$own/err"
	is "a slow reader of a FIFO" "0 " "$? $(grep -e -w "$own/err")"
	wait $reader
	whole "...what it read" "$own/read"
	if [ -w /dev/full ]; then
		# shellcheck disable=SC3045 # every shell here has -t
		is "-t onto a full disk" 1 "$( (ulimit -t 5
		    exec "$cli" -q -t /dev/full -m sim 1) >"$own/out" 2>&1
		    echo $?)"
		"$cli" -w /dev/full -m sim 1 >"$own/out" 2>&1
		has "-w onto a full disk" "1 -w /dev/full: No space *" \
		    "$? $(cat "$own/out")"
	fi
	(
		ulimit -f 16 && "$cli" -m sim -C none -w "$own/full.pcapng" \
		    2000 >/dev/null 2>"$own/err"
	)
	is "-w when the disk becomes full" 1 $?
	has "...says so, and goes on" \
	    "-w: the capture ends here: *transmissions=2000 *" \
	    "$(words <"$own/err")"
	whole "what there is of it" "$own/full.pcapng"
	if ! "$cli" ::1 1 ls 2>&1 | grep -q refused; then
		skip "no IPv6"
		cp "$own/s.pcapng" "$own/six.pcapng"
		return
	fi
	start capture2 -H ::1 -w "$own/six.pcapng" 0 2>/dev/null
	cp "$own/big" "$dir"
	"$cli" -q -d "$own/here" -u sr -b 5000 ::1 "$port" get big six
	"$cli" -q -d "$own/here" ::1 "$port" get big six2
	stop
	whole "a capture of IPv6" "$own/six.pcapng"
	has "...by TCP and by UDP" "*TCP*UDP*" "$(words <"$own/packets")"
}

# info FILE [FILTER]: the Info column, lines joined by blanks
info() {
	tshark -X lua_script:lab/proto.lua $decode -r "$1" -Y "${2:-frame}" \
	    -T fields -e _ws.col.Protocol -e _ws.col.Info 2>/dev/null | words
}

# said PROTOCOL: what it says in $own/c.pcapng, from $own/info
said() { sed -n "s/^$1	//p" "$own/info" | words; }

capture_tshark() {
	if ! command -v tshark >/dev/null; then
		skip "no tshark"
		return
	fi
	saved=$tmp/capture0.out
	decode="-d tcp.port==$(port_of xfer "$saved"),xfer
	    -d udp.port==$(port_of dir "$saved"),dir
	    -d tcp.port==$(port_of chat "$saved"),chat
	    -d tcp.port==$(port_of room "$saved"),room"
	# (A port of ours may be known as that of another protocol.)
	ours=$(sed -n 's/.*= protocol("\([a-z_]*\)".*/|\1/p' lab/proto.lua |
	    tr -d '\n')
	ours=${ours#|}
	for f in s c sim many k full six; do
		tshark -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
		    -o ip.check_checksum:TRUE -X lua_script:lab/proto.lua \
		    $decode -r "$own/$f.pcapng" -Y '((_ws.malformed ||
		    _ws.expert.severity == error) && frame.protocols matches
		    "(ip|ipv6|tcp|udp|data|'"$ours"')$") || _ws.lua.error ||
		    ip.checksum.status == 0 || tcp.checksum.status == 0 ||
		    udp.checksum.status == 0' >"$own/out" 2>"$own/err"
		is "tshark has no complaint about $f" "0 " \
		    "$? $(cat "$own/out")"
		is "...nor about the file" "" "$(grep -v root "$own/err")"
	done
	tshark -X lua_script:lab/proto.lua $decode -r "$own/c.pcapng" \
	    -T fields -e _ws.col.Protocol -e _ws.col.Info 2>/dev/null |
	    sed '/ → /d' >"$own/info"
	has "ftp, as a conversation" "ls 2 files: big?x0aone get one data *to *\
contents, 9 bytes...*the end of the contents put two data *code 0: *\
get nosuch code -1: no such file uget big rdt on UDP port * quit" \
	    "$(said "FTP frames")"
	has "rdt is found by the port that ftp named" \
	    "HELLO sr, reno, window 32, block 1400 HELLO *DATA 0, 1400 *DONE*" \
	    "$(said RDT)"
	has "xfer" "download status 0: ok name big status 0: ok contents, 70000 \
bytes...*upload *list *list, * bytes...*" "$(said XFER)"
	has "dir" "Register bob RegisterOk *Lookup nobody *LookupFail*" \
	    "$(said DIR)"
	has "peer" "download: * filelength: filelength 1 downloaded: file 12 \
digits of base 64 close" "$(said PEER)"
	has "chat, and its download" "*client: show *CHOOSE_FILE *UDP * 9 one*\
part 0 *9 bytes*finished" "$(said CHAT)"
	has "room, and its download" "100 join: ann 200 joined, updates on: \
ann * 102 who *HELLO, window 20 *DATA 0, 9 bytes, last *ACK 1*" "$(said ROOM)"
	is "rdt.seq finds a packet" "RDT	DATA 5, 8 bytes [dropped here] \
RDT	DATA 5, 8 bytes [retransmission]" "$(info "$own/sim.pcapng" \
	    'rdt.type == 2 && rdt.seq == 5 && frame.number < 40')"
	capture_malformed
}

# What makes no sense is marked, in every protocol.
capture_malformed() {
	rm -f "$own/bad.pcapng"
	start capture3 -w "$own/bad.pcapng" 0 xfer=0 dir=0 chat=0 room=0
	raw 000000000x >/dev/null
	for p in room:9999 xfer:'\1\377\377\377\377\377\377\377\377'; do
		printf %b "${p#*:}" | "$cli" -m raw localhost \
		    "$(port_of ${p%%:*})" >/dev/null
	done
	printf '\\x03abc\n' | "$cli" -m raw -u sw localhost "$(port_of dir)"
	decode="-d tcp.port==$port,ftp_frames
	    -d tcp.port==$(port_of xfer),xfer -d udp.port==$(port_of dir),dir
	    -d tcp.port==$(port_of room),room"
	stop
	info "$own/bad.pcapng" >"$own/info"
	for p in "FTP frames" XFER DIR ROOM; do
		has "what is malformed" "*$p	*[[]malformed: *" \
		    "$(cat "$own/info")"
	done
	"$cli" -q -m sim -C none -L corrupt=2 -w "$own/flip.pcapng" 3 2>/dev/null
	is "a wrong CRC" "RDT	DATA 2, 8 bytes [corrupted here] [wrong CRC]" \
	    "$(info "$own/flip.pcapng" rdt.crc_bad)"
}

# The same dissector, where the system may be listened to.
capture_tcpdump() {
	if ! command -v tshark >/dev/null || ! command -v tcpdump >/dev/null
	then
		skip "no tcpdump and tshark"
		return
	fi
	addr=127.0.0.1			# or one where nobody else talks
	[ "$(uname -s)" != Linux ] || addr=127.9.$(($$ / 250 % 250)).$(($$ % 250))
	start capture4 -H $addr 0
	cp "$own/big" "$dir"
	tcpdump -i lo -U -w "$own/lo.pcap" host $addr >"$own/tcpdump" 2>&1 &
	dump=$!
	if ! until_true grep -q listening "$own/tcpdump"; then
		skip "tcpdump may not listen: $(words <"$own/tcpdump")"
		kill $dump 2>/dev/null
		stop
		return
	fi
	"$cli" -q -d "$own/here" -u sr $addr "$port" get big lo
	decode="-d tcp.port==$port,ftp_frames"
	until_true captured
	kill $dump
	wait $dump
	stop
	has "what tcpdump wrote" "*uget big*rdt on UDP port *HELLO sr, *DONE*" \
	    "$(info "$own/lo.pcap" "tcp.port == $port && ftp.text || rdt.type")"
}
captured() {	# others may use this system, too
	case $(info "$own/lo.pcap" "tcp.port == $port && ftp.text ||
	    rdt.type") in
	*uget\ big*rdt\ on\ UDP\ port\ *HELLO\ sr,\ *DONE*) ;;
	*) false ;;
	esac
}

# A FIFO: the reader sees it live, and goes away.
test_capture_live() {
	mkdir -p "$tmp/here"
	start live 0
	printf %s hello >"$dir/five"
	mkfifo "$tmp/wire"
	if command -v tshark >/dev/null; then
		tshark -i "$tmp/wire" -l >"$tmp/shown" 2>/dev/null &
	else
		skip "no tshark: another reader"
		dd bs=1 count=2000 if="$tmp/wire" of="$tmp/shown" 2>/dev/null &
	fi
	reader=$!
	{ sleep 1; echo "get five"; until_true grep -q . "$tmp/shown"
	  kill "$reader"; until_true ends 3>&1; } |
	    "$cli" -w "$tmp/wire" -d "$tmp/here" 127.0.0.1 "$port" \
	    >"$tmp/out" 2>&1
	is "the client goes on when the reader is gone" 0 $?
	has "...and says that the capture ends" \
	    "*-w: the capture ends here: *" "$(cat "$tmp/out")"
	same "...with what it was doing" "$dir/five" "$tmp/here/six"
	stop
}
ends() {	# what reads for tshark may live a little longer than it
	echo "get five six" >&3
	grep -q "the capture ends" "$tmp/out"
}

# Ladders and plots, by each awk that is there.
capture_awk() {
	"$cli" -q -m sim -u gbn -W 3 -C none -L drop=/5 -t "$own/x.trace" 9 \
	    2>/dev/null
	for a in awk mawk gawk "gawk --posix" original-awk "busybox awk"; do
		command -v ${a%% *} >/dev/null || continue
		is "a ladder by $a" "79949899 2865" \
		    "$($a -f lab/ladder.awk "$own/x.trace" | cksum)"
		for y in ladder cwnd seq rtt; do
			[ $y = ladder ] && p="-v svg=1 -f lab/ladder.awk" ||
			    p="-v y=$y -f lab/plot.awk"
			is "$y by $a" "<svg </svg>" "$($a $p "$own/x.trace" |
			    sed -n '1s/ .*//p;$p' | words)"
		done
	done
	# The list is no capture's, but it has each kind of line.
	cat >"$own/list" <<-END
	     1     0.000000 out TCP  35106 > 45569  SYN         seq 0, 0 bytes
	     2     0.000012 in  TCP  45569 > 35106  SYN ACK     seq 0, 0 bytes
	     3     0.000014 out TCP  35106 > 45569  ACK         seq 1, 0 bytes
	     4     0.000128 out TCP  35106 > 45569  ACK         seq 1, 4 bytes  "<&>"
	     5     1.000182 in  UDP  57154 > 44970 38 bytes  Users  "skip 0."
	END
	for a in awk mawk gawk "gawk --posix" original-awk "busybox awk"; do
		command -v ${a%% *} >/dev/null || continue
		is "a sequence diagram by $a" "0.000 45569 SYN|0.012 45569 SYN \
ACK|0.128 45569 4 bytes \"&lt;&amp;&gt;\"|1000.182 57154 38 bytes Users \"skip 0.\"" \
		    "$($a -f lab/sequence.awk "$own/list" |
		    sed -n '/y="4.">/d;s/^<text.*>\(.*\)<.*/\1/p' |
		    sed '1,4d;$d' | paste -d ' ' - - - | tr -s ' ' |
		    paste -s -d '|' -)"
	done
	is "no list of packets" "sequence.awk: no packets of packets.sh 1" \
	    "$( (echo x | awk -f lab/sequence.awk 2>&1 >/dev/null || echo 1) |
	    words)"
	awk -f lab/ladder.awk "$own/one" >/dev/null 2>"$own/said"
	is "a ladder of no trace" "1 ladder.awk: $own/one: no header of a trace" \
	    "$? $(cat "$own/said")"
}
