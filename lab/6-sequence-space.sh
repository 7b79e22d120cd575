#!/bin/sh
# 6-sequence-space.sh: how many numbers are enough? Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"
begin "6: a sequence space of window + 1, and a channel that reorders"

say "room numbers its packets modulo window + 1, here modulo 2. The" \
    "textbook says that this is enough, if the channel never reorders." \
    "Here a round trip takes 1.5 s, and the timer 1 s: so packet 0 is sent" \
    "twice. The second copy is delayed, and arrives after packet 1."
random_file "$out/served/song" 3500
serve room -L reorder=2,delay=750 -t "$out/room.trace" room=0
echo "\$ $cli -m room -W 1 -L delay=750 ... localhost $port join ann, get song"
$cli -d "$out/here" -m room -W 1 -L delay=750 -t "$out/room.trace" \
    -w "$out/room.pcapng" localhost "$port" join ann \
    >"$out/room.said" 2>&1 <<-END
	get song
END
cat "$out/room.said"
stop
room=$port
lab/packets.sh "$out/room.pcapng" >"$out/room-packets.txt" || wrong=1
sequence room room "what the client sends and receives"
say "DATA as it arrived: the packet's number and its first bytes. The" \
    "number is bytes 2 and 3; byte 1 is 0, or 1 in the last packet."
grep ' in  UDP' "$out/room-packets.txt"
say "Nobody noticed anything. And yet:"
check "the client says that it is stored" 1 \
    "$(grep -c 'bytes stored' "$out/room.said")"
check_differ "the file is not what was sent" "$out/served/song" \
    "$out/here/song"
dd if="$out/served/song" of="$out/first.block" bs=1000 count=1 2>/dev/null
dd if="$out/here/song" of="$out/third.block" bs=1000 skip=2 count=1 2>/dev/null
check_same "the third block is the first one again" "$out/first.block" \
    "$out/third.block"

say "The same window, delay and fault in our own format, whose numbers" \
    "have 32 bits. (Now the client sends.)"
cp "$out/served/song" "$out/here/sent"
serve native -v -L delay=750 -t "$out/native.trace" 0
run $cli -d "$out/here" -u gbn -W 1 -C none -b 1000 -L reorder=2,delay=750 \
    -t "$out/native.trace" -w "$out/native.pcapng" localhost "$port" \
    put sent again 2>"$out/native.said"
cat "$out/native.said"
stop
lab/packets.sh "$out/native.pcapng" >"$out/native-packets.txt" || wrong=1
grep UDP "$out/native-packets.txt"
ladder native "$out/native.trace"
check_same "the file is what was sent" "$out/here/sent" "$out/served/again"
check "DATA as it arrived at the server" "0 1 0 2 3" \
    "$(sed -n 's/.*<- DATA seq \([0-9]*\),.*/\1/p' "$out/native.log" |
	tr '\n' ' ' | sed 's/ $//')"
look room.pcapng "tcp.port==$room,room"
look native.pcapng
finish
