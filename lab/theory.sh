#!/bin/sh
# theory.sh: formulas beside the simulation. Licence: ISC, see README.
#
#	lab/theory.sh [PACKETS]
#
# For each share p of DATA lost: how often a packet is sent, and how many
# packets arrive in a round trip, by formula and as mode sim measures it. The
# window is 8, there is no congestion control, and ACKs are not lost. The
# formulas:
#
#	        transmissions per packet    packets per round trip
#	sw      1 / (1 - p)                 1 / (1 + p / (1 - p) * T)
#	gbn     (1 - p + W p) / (1 - p)     W / (1 + p W / (1 - p) * T)
#	sr      1 / (1 - p)                 at most W
#
# T is a timeout in round trips: 200 ms of 20 ms, so 10. The formulas leave out
# that a timeout doubles when its packet is lost again, and that two losses in a
# window may cost only one. For sr the window is an upper bound: it cannot slide
# over a gap until what is lost has been found missing and sent again.

cd "$(dirname "$0")/.." || exit 1
packets=${1:-5000}

# sim MODE P: transmissions per packet, and packets per round trip of 20 ms
sim() {
	./cli -m sim -u "$1" -W 8 -C none -L "drop=$2,seed=7" "$packets" \
	    2>&1 >/dev/null | tr ' ' '\n' | awk -F= -v n="$packets" '
		$1 == "transmissions" { sent = $2 }
		$1 == "seconds" { s = $2 }
		END { printf "%.3f %.2f", sent / n, n / (s / 0.02) }'
}

printf '%26s %23s %23s\n' sw gbn sr
printf '%6s' loss
for i in 1 2 3; do
	printf '%11s %11s ' 'per packet' 'per RTT'
done
printf '\n%6s' ''
for i in 1 2 3; do
	printf '%5s %5s %5s %5s  ' theo sim theo sim
done
echo
: "$i"
for p in 0.0 0.001 0.005 0.01 0.02 0.03 0.05 0.07 0.1; do
	awk -v p=$p -v sw="$(sim sw $p)" -v gbn="$(sim gbn $p)" \
	    -v sr="$(sim sr $p)" 'BEGIN {
		W = 8; T = 10
		split(sw, a, " "); split(gbn, b, " "); split(sr, c, " ")
		once = 1 / (1 - p)
		printf "%5.1f%%", 100 * p
		printf "%5.2f %5.2f %5.2f %5.2f  ", once, a[1],
		    1 / (1 + p / (1 - p) * T), a[2]
		printf "%5.2f %5.2f %5.2f %5.2f  ", (1 - p + W * p) / (1 - p),
		    b[1], W / (1 + p * W / (1 - p) * T), b[2]
		printf "%5.2f %5.2f %5.2f %5.2f\n", once, c[1], W, c[2]
	}'
done
