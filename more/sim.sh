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

# strings_of FILE: what can be read in it
strings_of() { tr -c '[:print:]' '\n' <"$1"; }

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
	for args in "" 0 x "1 2 3" "1 x" "-W 0 9" "-W 4097 9" \
	    "-L queue=5 9" "-R 0 9" "-b 0 9" "-C tahoe 9"; do
		# shellcheck disable=SC2086
		sim $args
		is "-m sim $args is wrong usage" 2 $status
	done
	${CC:-cc} -O2 -o "$tmp/engine" .ci/engine.c proto.c more/sr.c \
	    more/congestion.c more/xfer.c more/peer.c more/talk.c \
	    more/chat.c more/room.c
	is "the engine, where its numbers wrap" "" "$("$tmp/engine" ||
	    echo failed)"
	has "...and all that can happen to six transmissions" "[1-9]* runs" \
	    "$("$tmp/engine" 6 || echo failed)"
	sim -u sr -W 8 -C none -L drop=2:9:10 12
	has "a lost retransmission needs no timer" "0 *dupack 2, fast *resend 2 \
*lost*probe 2 *resend 2 *ACK 9 *dupack 9, fast *resend 9 *" "$(field timeouts) $got"
	is "under reno a timeout sends one packet, whatever has arrived" 1 \
	    "$("$cli" -m sim -u sr -C reno -W 1024 \
		-L drop=0.45,delay=50,seed=1 3000 2>/dev/null | awk '
		$2 == "timeout" { t = $1; n = 0 }
		$1 == t && $2 ~ /send$/ && ++n > most { most = n }
		END { print most }')"
	"$cli" -q -m sim -u sr -C reno -W 64 -L drop=100 -t "$tmp/half" 300 \
	    2>/dev/null
	is "reno halves what is not acknowledged, in sr too (RFC 5681)" "64 32" \
	    "$(awk -F '\t' '$4 == "fast" { print w, $7 }
		$3 == "snd" { w = $7 }' "$tmp/half")"
	lab/theory.sh 500 >"$tmp/out"
	is "theory beside simulation" "0 9" "$? $(grep -c '%' "$tmp/out")"
	lab/theory.sh -u >"$tmp/out"
	is "...of a slow link: a window of 32 packets of 1.416 ms" \
	    "32 1.00 - 0.97 0.97 45.3 - 45.3 45.3" \
	    "$(grep '^ *32 ' "$tmp/out" | tr -s ' ' | sed 's/^ //')"
	lab/theory.sh -c 100 | awk -v y=curves -f lab/plot.awk >"$tmp/out.svg"
	is "...as curves" 1 "$(grep -c '>gbn, measured<' "$tmp/out.svg")"
}

# moments WORD: the times of the ladder's lines with this word
moments() { printf '%s\n' "$got" | sed -n "s/^ *\([0-9.]*\) .*$1.*/\1/p" | words; }

# A link with a rate, a queue before it, two senders; and what ACKs may suffer.
test_sim_link() {
	# 1000 bytes and a head of 16 at 1000 kbit/s: 8.128 ms each.
	sim -u gbn -W 3 -C none -b 1000 -L rate=1000,delay=0 3
	is "each packet takes its time to leave" "0.008 0.016 0.024" \
	    "$(moments got)"
	has "...and an ACK of 16 bytes 0.128 ms" "*seconds=0.025 *" "$said"
	sim -u gbn -W 6 -C none -L rate=1000,queue=2 -t "$tmp/full" 6
	is "two may wait behind the one that leaves" "4 5 6" \
	    "$(printf '%s\n' "$got" | sed -n 's/.* send \([0-9]*\) .*X full.*/\1/p' |
	    words)"
	has "the trace has them" 3 "$(grep -c 'snd	full	' "$tmp/full")"
	has "so has the picture of it" "*send 4 *------X full*" \
	    "$(awk -f lab/ladder.awk "$tmp/full")"
	sim -u gbn -W 6 -C none -L rate=1000,queue=0 6
	is "none may wait" 5 "$(printf '%s\n' "$got" | grep -c '^ *0.000.*full')"
	"$cli" -m sim -u gbn -W 3 -C none -L rate=1000,queue=1 -w \
	    "$tmp/full.pcapng" 3 >/dev/null 2>&1
	is "a capture says so" 1 "$(strings_of "$tmp/full.pcapng" |
	    grep -c 'dropped here: queue full')"
	for w in 16 64; do
		sim -q -u gbn -W $w -C none -L rate=8000 -t "$tmp/rtt$w" 300
	done
	is "the RTT grows with the queue" "22.7 90.6" "$(for w in 16 64; do
	    awk -F '\t' '$9 > 0 { s = $9 } END { printf "%.1f\n", 1000 * s }' \
		"$tmp/rtt$w"; done | words)"
	sim -q -u gbn -W 64 -L rate=8000,queue=20 -t "$tmp/saw" 2000
	has "reno fills the queue until it overflows, again and again" \
	    "0 [1-9][0-9]*" "$status $(grep -c 'snd	full	' "$tmp/saw")"

	sim -u sw -C none -L drop=0.8,seed=1 20 20
	is "two that give up, for good" "1 2" "$status $(printf '%s\n' \
	    "$said" | grep -c 'transmissions=12 timeouts=12 ')"

	# Two senders, of which the second starts half a second later.
	sim -u sr -W 64 -L rate=8000,queue=20 -t "$tmp/two" 3000 3000
	is "two senders" "0 2" "$status $(printf '%s\n' "$said" | grep -c '^rdt:')"
	has "the second begins later" "*
    0.500  2: send 1 *" "$got"
	has "they share the link" "fairness=0.9??" \
	    "$(printf '%s\n' "$got" | tail -n 1)"
	is "each has its number in the trace" "1 2" "$(sed -n \
	    's/^\([0-9]*\)	.*/\1/p' "$tmp/two" | sort -u | words)"
	has "...and its picture" "*.5?????  send 1 *" \
	    "$(awk -v n=2 -f lab/ladder.awk "$tmp/two" | head -n 3)"
	sim -q -u gbn -L drop=1.0 3 3
	is "two that give up" "1 fairness=0.000" "$status $got"

	sim -u gbn -W 4 -C none -L ackdup=2 4
	is "an ACK comes twice" 1 "$(printf '%s\n' "$got" | grep -c 'dupack 3')"
	sim -u gbn -W 4 -C none -L ackreorder=2 4
	is "a late ACK says nothing" "old ACK 3" \
	    "$(printf '%s\n' "$got" | sed -n 's/.* \(old ACK [0-9]*\).*/\1/p')"
	client -L ackdup=2 127.0.0.1 9 ls
	has "faults of ACKs are for mode sim" "2 *in mode sim alone*" \
	    "$status $said"

	sim -u gbn -W 1 -C none -R 300 -L drop=1:2:3 1
	is "a fixed timer does not double" "0.300 0.600 0.900" "$(moments timeout)"
	sim -u gbn -W 1 -C none -R 5 1
	is "...nor learn" "0.005 0.010 0.015" "$(moments timeout)"
}
