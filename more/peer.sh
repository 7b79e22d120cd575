# peer.sh: tests of transfers between the clients of the directory, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# message TEXT: a message of the peers for lab/peer.c; | stands for a newline
message() {
	printf '\\x%02x\\x%02x%s' $((${#1} / 256)) $((${#1} % 256)) \
	    "$(printf %s "$1" | sed 's/|/\\x0a/g')"
}

# says TEXT: what a peer answers to that message
says() {
	"$tmp/peer" "connect $port" "send $(message "$1")" fin "take 60000" |
	    tr -d '\000' | sed '/^$/d'
}

# dir_client NAME: a client in mode dir over $tmp/NAME, in the background; what
# is written to descriptor 5 are its commands; sets $client
dir_client() {
	mkdir -p "$tmp/$1"
	rm -f "$tmp/$1.in"
	mkfifo "$tmp/$1.in"
	: >"$tmp/$1.said"	# or what another client said would be found
	"$cli" -m dir -d "$tmp/$1" 127.0.0.1 "$home" <"$tmp/$1.in" \
	    >"$tmp/$1.said" 2>&1 &
	client=$!
	exec 5>"$tmp/$1.in"
}

# evil_peer STEP ...: lab/peer.c as a peer, with a nick of its own, of which
# the directory says that it has `five'. (Once more, if the client's address is
# that of an earlier one, which has a nick.)
# (Its port is none that the system gives to others: clients try it again when
# it is long gone, and would disturb another test.)
evils=0
evil_peer() {
	evils=$((evils + 1))
	evil_from=$((10000 + ($$ * 64 + evils) % 20000))
	evil "$@"
	evil_from=
	at=$port port=$home
	until_true evil_known || fail "an evil peer is not known"
}

evil_known() {
	[ 070a11 = "$(dgrams "$(tlv 6 "evil$evils")" \
	    "$(printf '\\x09\\x00\\x00\\x%02x\\x%02x' $((at / 256)) \
	    $((at % 256)))" "\\x10\\x00\\x00\\x00\\x30$hello_hash 5 five\\n")" ]
}

test_peer() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here"
	start peers dir=0
	home=$port

	# Two clients, a directory, and files.
	mkdir -p "$tmp/ann"
	: >"$tmp/ann/empty"
	printf %s hello >"$tmp/ann/five"
	dd if=/dev/urandom of="$tmp/ann/part" bs=48000 count=1 2>/dev/null
	{ cat "$tmp/ann/part"; printf x; } >"$tmp/ann/more"
	dd if=/dev/urandom of="$tmp/ann/large" bs=48000 count=70 2>/dev/null
	: >"$tmp/ann/.hidden"
	dir_client ann
	printf '%s\n' 'register ann' serve publish myfiles 'lookup ann' >&5
	until_true grep -q '^127' "$tmp/ann.said"
	has "myfiles" "*$hello_hash 5 five*" "$(words <"$tmp/ann.said")"
	is "no dot files" 0 "$(grep -c hidden "$tmp/ann.said")"
	for f in empty five part more large; do
		hash=$(awk -v f=$f 'NF == 3 && $3 == f { print $1 }' \
		    "$tmp/ann.said")
		dir_does 'register bob' "download $hash" >"$tmp/out"
		same "download of $f" "$tmp/ann/$f" "$tmp/here/$f"
	done
	dir_does 'register bob' 'download ann aaf4c61d x' \
	    'download aaf4c61dd y' \
	    "download $hello_hash z" 'browse ann' queryfiles \
	    'download aaf4c61d w' close 'lookup bob' >"$tmp/out"
	for f in x y z w; do
		same "download as $f" "$tmp/ann/five" "$tmp/here/$f"
	done
	has "browse lists" "*$hello_hash 5 five*$hello_hash 5 five*" \
	    "$(cat "$tmp/out") $hello_hash 5 five"
	has "...and close goes back" "*lookup: bob: no such nick*" \
	    "$(cat "$tmp/out")"
	has "a nick that is much too long" "lookup: 00*: not a nick" \
	    "$(dir_does "lookup $(printf '%09000d' 0)")"
	dir_does 'register bob' "download $hello_hash" \
	    "download $hello_hash" >"$tmp/out"
	has "a name that others chose replaces nothing" \
	    "*stored as five(1)*stored as five(2)*" "$(cat "$tmp/out")"
	is "what goes wrong is said" "filelist: register first register: you \
are bob download: ann: not a hash: 8 to 40 digits 0-9, a-f download: \
bbbbbbbb: no such file lookup: x: no such nick, or it serves no files \
serve: 70000: not a port (0 to 65535) stop: you serve no files register: a/b: \
not a nick: 1 to 32 letters, digits, _ - . register: ann: refused: it is \
taken, or you have another one" "$(dir_does filelist 'register bob' \
	    'download ann' 'download bbbbbbbb' 'lookup x' 'serve 70000' stop \
	    'register a/b' 'register ann')"
	where=$(grep '^127' "$tmp/ann.said" | cut -d : -f 2)
	port=$where
	is "queryfiles and its answer" "?operation:servedfiles 5" \
	    "$(says 'operation:queryfiles||' |
	    sed '1s/^.*operation/?operation/' | awk '
	    NR == 1 { first = $0 } /^files:/ { n++ }
	    END { print first, n }')"
	is "sizes of the document's capture" "24 72 38 19" "$(for m in \
	    'operation:queryfiles||' \
	    "operation:download|filehash:$hello_hash||" \
	    'operation:filelength|filelength:76||' 'operation:close||'; do
		echo $((${#m} + 2))
	done | words)"
	has "a blank after the colon, unknown keys, a prefix" "*operation:\
filelength filelength:1 *operation:downloaded file:aGVsbG8=*" "$(says \
	    'operation: download|x:y|filehash: aaf4c61d||' | words)"
	for m in 'operation:download|filehash:aaf4c61||' \
	    'operation:download||' 'operation:download|filehash:ffffffff||' \
	    'operation:download|filehash:../../etc||'; do
		has "$m" "*operation:notfound*" "$(says "$m" | words)"
	done
	for m in 'operation:close||' 'operation:none||' x 'x:y||' \
	    'operation:queryfiles|' 'operation:queryfiles|x||'; do
		is "$m ends it" "" "$(says "$m")"
	done
	is "half a message" "" "$(peer 'send \x00\x16operation' fin 'take 9')"
	printf %s HELLO >"$tmp/ann/five"
	has "a file that changed is not served" "*operation:notfound*" \
	    "$(says "operation:download|filehash:$hello_hash||" | words)"
	port=$home
	printf '%s\n' publish 'lookup bob' >&5
	until_true grep -q 'lookup: bob' "$tmp/ann.said"
	is "published anew, the old hash is gone" 0 "$(dir_does 'register bob' \
	    filelist | grep -c $hello_hash)"
	printf '%s\n' stop 'lookup ann' serve 'lookup nobody' >&5
	until_true grep -q 'lookup: nobody' "$tmp/ann.said"
	is "stop, and serve again" 1 "$(grep -c 'lookup: ann: no such nick' \
	    "$tmp/ann.said")"
	is "...with nothing published" 0 \
	    "$(dir_does 'register bob' filelist | grep -c ' ann ')"
	exec 5>&-
	wait "$client"
	is "its exit status: a command had failed" 1 $?
	is "who leaves logs out" 1 "$(grep -c 'Logout ann from ann, 127' "$log")"

	# Peers that are evil; a good one has the file too.
	printf %s hello >"$tmp/ann/five"
	dir_client ann
	printf '%s\n' 'register ann' serve publish 'lookup ann' >&5
	until_true grep -q '^127' "$tmp/ann.said"
	evil_peers
	exec 5>&-
	wait "$client"
	stop
}

silent_peer() {
	got=$("$tmp/peer" "connect $at" "nap 1500" fin "hex 20" 2>/dev/null)
}

test_peer_many() {
	start peers dir=0
	home=$port

	# A thousand files.
	mkdir "$tmp/thousand"
	i=0
	while [ $i -lt 1000 ]; do
		echo $i >"$tmp/thousand/file number $i"
		i=$((i + 1))
	done
	dir_client thousand
	printf '%s\n' 'register many' serve publish filelist 'lookup many' >&5
	until_true grep -q '^127' "$tmp/thousand.said"
	is "a thousand files, page by page" 1000 "$(grep 'file number' \
	    "$tmp/thousand.said" | sort -u | wc -l | tr -d ' ')"
	exec 5>&-
	wait "$client"
	is "...and no error" 0 $?

	stop

	# Peers end with the client, but within a part.
	start peers dir=0
	home=$port
	mkdir "$tmp/slow"
	dd if=/dev/zero of="$tmp/slow/zeros" bs=100000 count=600 2>/dev/null
	dir_client slow
	printf '%s\n' 'register slow' serve myfiles 'lookup slow' >&5
	until_true grep -q '^127' "$tmp/slow.said"
	port=$(sed -n 's/^127.*://p' "$tmp/slow.said")
	hash=$(awk '$3 == "zeros" { print $1 }' "$tmp/slow.said")
	{
		printf '\000\106operation:download\nfilehash:%s\n\n' "$hash" |
		    "$cli" -m raw 127.0.0.1 "$port" | {
			dd bs=100 count=1 of="$tmp/slow.first" 2>/dev/null
			until_true [ -e "$tmp/slow.quit" ]
			wc -c
		}
	} >"$tmp/slow.out" 5>&- &
	peer=$!
	until_true [ -s "$tmp/slow.first" ]
	exec 5>&-
	wait "$client"
	: >"$tmp/slow.quit"
	wait "$peer"
	[ "$(cat "$tmp/slow.out")" -lt 80000000 ]
	is "a peer that is slow does not get the whole file then" 0 $?
	stop

	# What -L delays is not for those who connect.
	start delayed dir=0
	home=$port
	mkdir "$tmp/late"
	rm -f "$tmp/late.in"
	mkfifo "$tmp/late.in"
	: >"$tmp/late.said"
	"$cli" -m dir -d "$tmp/late" -L delay=700 127.0.0.1 "$home" \
	    <"$tmp/late.in" >"$tmp/late.said" 2>&1 &
	client=$!
	exec 5>"$tmp/late.in"
	at=$((10000 + ($$ * 64 + 63) % 20000))
	printf '%s\n' 'register late' "serve $at" >&5
	until_true silent_peer
	is "a peer that asked nothing gets nothing" "" "$got"
	exec 5>&-
	wait "$client"
	stop

	# A network that loses and doubles.
	start badnet -L drop=0.2,dup=0.3,seed=3 dir=0
	home=$port
	mkdir -p "$tmp/few"
	i=0
	while [ $i -lt 100 ]; do
		echo $i >"$tmp/few/$i"
		i=$((i + 1))
	done
	printf '%s\n' 'register bad' serve publish filelist userlist login |
	    "$cli" -m dir -L drop=0.2,dup=0.3,seed=4 -d "$tmp/few" 127.0.0.1 \
	    "$port" >"$tmp/out" 2>&1
	is "lost and doubled datagrams" 0 $?
	is "...leave the list whole" 100 "$(grep -c ' bad ' "$tmp/out")"
	stop
}

# bad_peer WHAT WHY STEP ...: nothing is kept of what an evil peer sends, and
# the next one is tried, who has the file
bad_peer() {
	what=$1 why=$2
	shift 2
	evil_peer "take 72" "$@"
	rm -f "$tmp/here/x"
	got=$(dir_does 'register bob' 'download aaf4c61d x')
	wait "$evil"
	has "$what" "*download: aaf4c61d from evil$evils: $why *stored as x" \
	    "$got"
	same "$what: the next one" "$tmp/ann/five" "$tmp/here/x"
	is "$what: nothing is left" "" "$(find "$tmp/here" -name '.part*')"
}

evil_peers() {
	one="send $(message 'operation:filelength|filelength:1||')"
	two="send $(message 'operation:filelength|filelength:2||')"
	hello="send $(message 'operation:downloaded|file:aGVsbG8=||')"
	evil_out=$tmp/stalled.out	# half a minute, beside the others
	evil_peer "take 72" "take 1"
	evil_out=$tmp/evil.out
	mkdir -p "$tmp/patient"
	printf '%s\n' 'register patient' 'download aaf4c61d stalled' |
	    "$cli" -m dir -d "$tmp/patient" 127.0.0.1 "$home" \
	    >"$tmp/stalled" 2>&1 &
	stalled=$!
	until_true grep -q filehash "$tmp/stalled.out"
	bad_peer "other contents" "the contents are not*" "$one" \
	    "send $(message 'operation:downloaded|file:SEVMTE8=||')" close
	bad_peer "more than there is" "more than the list says" "$one" \
	    "send $(message 'operation:downloaded|file:aGVsbG8h||')" close
	bad_peer "more messages" "more than the list says" "$two" \
	    "$hello" "$hello" close
	bad_peer "fewer messages" "connection closed*" "$two" "$hello" close
	bad_peer "fewer bytes" "less than the list says" "$one" \
	    "send $(message 'operation:downloaded|file:aGVs||')" close
	bad_peer "empty parts" "a part with nothing in it" "$two" \
	    "send $(message 'operation:downloaded|file:||')" close
	bad_peer "bad base64" "bad base64" "$one" \
	    "send $(message 'operation:downloaded|file:aGVsbG8||')" close
	bad_peer "a length that lies" "connection closed*" "$one" \
	    'send \xff\xffoperation:downloaded\x0afile:aGVs' close
	for count in 0 -1 7 99999999999999999999 x ''; do
		bad_peer "'$count' parts" "a number of parts that*" "send \
$(message "operation:filelength|filelength:$count||")" close
	done
	bad_peer "nonsense" "malformed message" "send $(message 'x||')" close
	bad_peer "another answer" "malformed message" "$hello" close
	bad_peer "an empty message" "malformed message" 'send \x00\x00' close
	bad_peer "a reset" "*" "$two" "$hello" reset
	bad_peer "not there" "it has no such file*" \
	    "send $(message 'operation:notfound||')" close
	evil_peer "take 24" "send $(message \
	    "operation:servedfiles|files:$hello_hash 5 ../x||")" close
	has "a path in a list" "*evil$evils: malformed message" \
	    "$(dir_does 'register bob' "download evil$evils aaf4c61d x")"
	wait "$evil"
	evil_peer "take 24" "send $(message \
	    "operation:servedfiles|files:$hello_hash 5 five|more:1||")" close
	has "a list without an end" "*evil$evils: connection closed*" \
	    "$(dir_does 'register bob' "download evil$evils aaf4c61d x")"
	wait "$evil"
	evil_peer "take 24" reset
	has "a peer that is lost leaves browse where it is" \
	    "*queryfiles: evil$evils: *onnection *download: *evil$evils*\
 lookup: nobody: no such nick*" \
	    "$(dir_does 'register bob' "browse evil$evils" queryfiles \
	    "download $hello_hash lost" close 'lookup nobody')"
	wait "$evil"
	wait $stalled
	has "a peer that stalls" "*from evil1: timed out *stored as stalled" \
	    "$(words <"$tmp/stalled")"
}
