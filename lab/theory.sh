#!/bin/sh
# theory.sh: formulas beside the simulation. Licence: ISC, see README.
#
#	lab/theory.sh [PACKETS]		loss
#	lab/theory.sh -u		a link that is slow: utilization, and RTT
#	lab/theory.sh -c [PACKETS] | awk -v y=curves -f lab/plot.awk >X.svg
#					loss, as curves
#
# Loss: for each share p of DATA lost, how often a packet is sent, and how many
# packets arrive in a round trip, by formula and as mode sim measures it. The
# window is 8, there is no congestion control, the timer is fixed (-R 200), and
# ACKs are not lost. The formulas:
#
#	        transmissions per packet    packets per round trip
#	sw      1 / (1 - p)                 1 / (1 + p / (1 - p) * T)
#	gbn     (1 - p + W p) / (1 - p)     W / (1 + p W / (1 - p) * (T + 1))
#	sr      1 / (1 - p)                 at most W
#
# T is a timeout in round trips: 200 ms / 20 ms = 10; each new ACK restarts the
# timer of gbn, so there it runs out one round trip later. For sr the
# window is an upper bound: it cannot slide over a gap until what is lost has
# been found missing and sent again.
#
# Utilization: a packet has L = 8 * 1416 bits, the link R = 8000 kbit/s, so a
# packet takes L / R = 1.416 ms to leave; there and back are 20 ms. A window
# of W keeps the link busy for W L / R of each 20 ms + L / R. When that is all
# of the time, the rest waits in the queue, and the RTT is W L / R.

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
LC_ALL=C
export LC_ALL

if [ "${1-}" = -u ]; then
	# sim MODE W: utilization, and SRTT at the end
	sim() {
		rm -f "$tmp/trace"
		./cli -m sim -u "$1" -W "$2" -C none -L rate=8000 \
		    -t "$tmp/trace" 500 2>&1 >/dev/null | tr ' ' '\n' |
		    awk -F= '$1 == "seconds" { printf "%.2f ", \
			500 * 1.416 / 1000 / $2 }'
		awk -F '\t' '$9 > 0 { rtt = $9 } END { printf "%.1f", 1000 * rtt }' \
		    "$tmp/trace"
	}
	echo "window   utilization            RTT (ms)"
	echo "         theo   sw  gbn   sr    theo   sw  gbn   sr"
	for w in 1 2 4 8 16 32 64; do
		sw='- -'
		[ $w -gt 1 ] || sw=$(sim sw 1)
		echo "$w $sw $(sim gbn $w) $(sim sr $w)"
	done | awk '{
		busy = $1 * 1.416
		u = busy / 21.416
		printf "%6d   %4.2f %4s %4s %4s   %5.1f %4s %4s %4s\n", $1,
		    (u < 1 ? u : 1), $2, $4, $6,
		    (busy > 21.416 ? busy : 21.416), $3, $5, $7
	}'
	exit
fi
curves=
if [ "${1-}" = -c ]; then
	curves=yes
	shift
fi
packets=${1:-5000}

# sim MODE P: transmissions per packet, and packets per round trip of 20 ms
sim() {
	./cli -m sim -u "$1" -W 8 -C none -R 200 -L "drop=$2,seed=7" \
	    "$packets" 2>&1 >/dev/null | tr ' ' '\n' |
	    awk -F= -v n="$packets" '
		$1 == "transmissions" { sent = $2 }
		$1 == "seconds" { s = $2 }
		END { printf "%.3f %.2f", sent / n, n / (s / 0.02) }'
}

for p in 0.0 0.001 0.005 0.01 0.02 0.03 0.05 0.07 0.1; do
	echo "$p $(sim sw $p) $(sim gbn $p) $(sim sr $p)"
done | awk -v curves=$curves '
BEGIN {
	W = 8
	T = 10
	if (curves) {
		print "loss (%)\tpackets per RTT\tsw\tsw, measured\tgbn\t" \
		    "gbn, measured\tsr, measured"
	} else {
		printf "%26s %23s %23s\n%6s", "sw", "gbn", "sr", "loss"
		for (i = 0; i < 3; i++)
			printf "%11s %11s ", "per packet", "per RTT"
		printf "\n%6s", ""
		for (i = 0; i < 3; i++)
			printf "%5s %5s %5s %5s  ", "theo", "sim", "theo", "sim"
		print ""
	}
}
{
	p = $1
	once = 1 / (1 - p)
	sw = 1 / (1 + p / (1 - p) * T)
		gbn = W / (1 + p * W / (1 - p) * (T + 1))
	if (curves) {
		printf "%g\t-\t%.3f\t%s\t%.3f\t%s\t%s\n", 100 * p, sw, $3,
		    gbn, $5, $7
		next
	}
	printf "%5.1f%%%5.2f %5.2f %5.2f %5.2f  ", 100 * p, once, $2, sw, $3
	printf "%5.2f %5.2f %5.2f %5.2f  ", (1 - p + W * p) / (1 - p), $4,
	    gbn, $5
	printf "%5.2f %5.2f %5.2f %5.2f\n", once, $6, W, $7
}'
