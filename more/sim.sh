# sim.sh: tests of the engine, in mode sim, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# sim ARGUMENT ...: sets $status, $got (the ladder) and $said (the rdt: line)
sim() { client -m sim "$@"; }

# The numbers in the order of their transmission, with an x behind what is lost.
order() {
	printf '%s\n' "$got" | awk '$2 ~ /send$/ {
		printf "%s%s%s", sep, $3, /lost/ ? "x" : ""; sep = " " }'
}

# 20000 packets, a window of 16, one in 20 lost: within 5 % of the theory.
theory() {
	sim -u "$1" -W 16 -C none -L drop=0.05,seed="$2" 20000
	is "$1 under random loss" ok "$(field transmissions | awk -v t="$3" '
		{ x = $1 / 20000 / t
		print (x > 0.95 && x < 1.05 ? "ok" : x) }')"
}

test_sim() {
	sim -u gbn -W 3 -C none -L drop=/5 9
	is "9 packets, window 3, every 5th lost" \
	    "1 2 3 4 5x 6 7 5 6 7x 8 9 7 8 9x 9" "$(order)"
	is "...transmissions, timeouts" "16 3" \
	    "$(field transmissions) $(field timeouts)"
	first=$got
	sim -u gbn -W 3 -C none -L drop=/5 9
	is "the same again" "$first" "$got"
	is "no line is too long" "" "$(printf '%s\n' "$got" | grep '.\{81\}')"
	sim -u gbn -W 4 -C none -L drop=/6 10
	is "10 packets, window 4, every 6th lost" \
	    "1 2 3 4 5 6x 7 8 9 6 7 8x 9 10 8 9 10" "$(order)"
	is "...transmissions" 17 "$(field transmissions)"
	sim -u sw -L drop=2:3 3
	is "stop-and-wait" "1 2x 2x 2 3" "$(order)"
	sim -u sr -W 8 -C none -L drop=2 8
	is "selective repeat sends again what is missing" \
	    "1 2x 3 4 5 6 7 8 2" "$(order)"
	is "...before the timer runs out" "0 1" \
	    "$(field timeouts) $(field fast)"
	sim -u gbn -W 8 -C none -L drop=2 8
	is "without congestion control gbn waits for its timer" "1 0" \
	    "$(field timeouts) $(field fast)"
	sim -u gbn -W 8 -C reno -L drop=12 30
	is "reno does not" "0 1" "$(field timeouts) $(field fast)"
	sim -u gbn -W 5 -C none -L drop=/5 20
	is "a livelock" 1 $status
	has "...is given its name" "*drop=/k hits the same packet*" "$said"
	theory gbn 1 "$(awk 'BEGIN { print (0.95 + 16 * 0.05) / 0.95 }')"
	theory sr 2 "$(awk 'BEGIN { print 1 / 0.95 }')"
	bad=0
	for u in sw gbn sr; do
		for c in none half reno; do
			for l in drop=0.2 dup=0.3 reorder=0.3 corrupt=0.2 \
			    ackdrop=0.3 drop=0.1,dup=0.1,reorder=0.1,seed=5; do
				sim -u $u -W 7 -C $c -L $l 50
				[ "$status" -eq 0 ] || bad=$((bad + 1))
			done
		done
	done
	is "all modes under all faults" 0 $bad

	sim -u gbn -W 3 -C none -L drop=/5 -t "$tmp/trace" 9
	is "trace: the header" \
	    "transfer seconds side event seq window cwnd ssthresh srtt rto" \
	    "$(head -n 1 "$tmp/trace" | tr '\t' ' ')"
	is "trace: transmissions" 16 \
	    $(($(grep -c '	resend	' "$tmp/trace") +
	    $(grep -c '	send	' "$tmp/trace")))
	is "trace: ten columns" "" \
	    "$(awk -F '\t' '!/^#/ && NF != 10' "$tmp/trace")"
	is "trace: the first RTT" "1 0.020000 snd ack 2 3 3 3 0.020000 0.200000" \
	    "$(grep '	ack	' "$tmp/trace" | head -n 1 | tr '\t' ' ')"

	sim -L drop=0 -q 9
	has "-L drop=0 drops nothing; -q leaves one line" \
	    "0  rdt: mode=gbn * transmissions=9 *" "$status $got $said"
	for l in drop=2.0 drop=x drop= dorp=1 drop=/0 drop=0:1 drop=1:x dup; do
		sim -L $l 9
		is "-L $l is wrong usage" 2 $status
	done
	for args in "" 0 x "1 2" "-W 0 9" "-W 1025 9" "-b 0 9" "-C tahoe 9"; do
		# shellcheck disable=SC2086
		sim $args
		is "-m sim $args is wrong usage" 2 $status
	done
	${CC:-cc} -O2 -o "$tmp/engine" .ci/engine.c proto.c more/xfer.c more/peer.c \
	    more/talk.c more/chat.c more/room.c
	is "the engine, where its numbers wrap" "" "$("$tmp/engine" ||
	    echo failed)"
	has "...and all that can happen to six transmissions" "[1-9]* runs" \
	    "$("$tmp/engine" 6 || echo failed)"
	sim -u sr -W 8 -C none -L drop=2:9:10 12
	has "a lost retransmission needs no timer" "0 *overdue*resend 2 RACK \
*lost*2 RTT, no ACK*TLP*ACK 2, fast*resend 2 RACK*" "$(field timeouts) $got"
	is "under reno a timeout sends one packet, whatever has arrived" 1 \
	    "$("$cli" -m sim -u sr -C reno -W 1024 \
		-L drop=0.45,delay=50,seed=1 3000 2>/dev/null | awk '
		$2 == "timeout" { t = $1; n = 0 }
		$1 == t && $2 ~ /send$/ && ++n > most { most = n }
		END { print most }')"
	lab/theory.sh 500 >"$tmp/out"
	is "theory beside simulation" "0 9" "$? $(grep -c '%' "$tmp/out")"
}
