#!/bin/sh
# 3-stop-and-wait.sh: one packet at a time. Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"
begin "3: stop-and-wait, and the alternating bit"

say "Four packets; the second transmission is lost. When the timer runs" \
    "out, the sender sends it again."
run $cli -m sim -u sw -C none -L drop=2 -t "$out/data.trace" \
    -w "$out/data.pcapng" 4 2>"$out/data.said"
cat "$out/data.said"
ladder data "$out/data.trace"
check transmissions 5 "$(count "$out/data.said" transmissions)"
check timeouts 1 "$(count "$out/data.said" timeouts)"

say "Now the second ACK is lost. Who can tell the difference?"
run $cli -m sim -u sw -C none -L ackdrop=2 -t "$out/ack.trace" \
    -w "$out/ack.pcapng" 4 >"$out/ack.ladder" 2>"$out/ack.said"
cat "$out/ack.ladder" "$out/ack.said"
ladder ack "$out/ack.trace"
check transmissions 5 "$(count "$out/ack.said" transmissions)"
check "the receiver had packet 2 already" 1 \
    "$(grep -c 'had 2' "$out/ack.ladder")"

say "A hundred packets of 1400 bytes; nothing is lost, and the round trip" \
    "takes 20 ms."
run $cli -m sim -u sw 100 2>"$out/long.said" >"$out/long.txt"
cat "$out/long.said"
check "seconds: one packet in each round trip" 2.000 \
    "$(count "$out/long.said" seconds)"

say "How few numbers are enough? The service room numbers its packets" \
    "modulo its window plus one: with a window of 1 that is the" \
    "alternating bit. The server loses every third packet, the client" \
    "every fourth ACK."
random_file "$out/served/song" 8000
serve server -v -L drop=/3 room=0
$cli -d "$out/here" -L drop=/4 -W 1 -t "$out/room.trace" \
    -w "$out/room.pcapng" -m room localhost "$port" join ann \
    >"$out/room.said" 2>&1 <<-END
	get song
END
cat "$out/room.said"
stop
lab/packets.sh "$out/room.pcapng" >"$out/packets.txt" || wrong=1
grep UDP "$out/packets.txt" | sed 12q
check_same "the file is whole" "$out/served/song" "$out/here/song"
check "numbers of DATA" "00 01" "$(grep ' in  UDP .*1003 bytes' \
    "$out/packets.txt" | sed 's/.*"[01]\(..\).*/\1/' | sort -u | tr '\n' ' ' |
    sed 's/ $//')"
check "DATA that came twice" yes \
    "$([ "$(count "$out/room.said" duplicates)" -gt 0 ] && echo yes)"
look data.pcapng
look ack.pcapng
look room.pcapng "tcp.port==$port,room"
finish
