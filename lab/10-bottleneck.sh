#!/bin/sh
# 10-bottleneck.sh: a link with a rate and a queue. Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"
begin "10: a bottleneck"

# last_rtt TRACE: the SRTT at the end, in milliseconds
last_rtt() { awk -F '\t' '$9 > 0 { s = $9 } END { printf "%.1f", 1000 * s }' \
    "$out/$1.trace"; }

say "A packet of 1416 bytes takes 1.416 ms to send at 8,000 kbit/s, and the" \
    "round trip takes 20 ms more. So 15 packets keep the link busy. Go-Back-N" \
    "with a window that is too small, right, and too large:"
for w in "small 5" "right 15" "large 60"; do
	run $cli -m sim -q -u gbn -W "${w#* }" -C none -L rate=8000 \
	    -t "$out/${w% *}.trace" 600 2>"$out/${w% *}.said"
	cat "$out/${w% *}.said"
	plot "${w% *}" -v y=rtt -v "title=a window of ${w#* }" \
	    "$out/${w% *}.trace"
done
# 15 packets fill the link; any more wait in the queue
check "RTT in ms, window 5" 21.4 "$(last_rtt small)"
check "RTT in ms, window 15" 21.4 "$(last_rtt right)"
check "RTT in ms, window 60: 60 x 1.416" 85.0 "$(last_rtt large)"
check "60 is hardly faster than 15" yes "$(awk -v a="$(count \
    "$out/right.said" seconds)" -v b="$(count "$out/large.said" seconds)" \
    'BEGIN { print (b > a - 0.05 ? "yes" : "no") }')"

say "The queue has room for 20 packets, and reno probes how much the link" \
    "can carry:"
run $cli -m sim -q -u sr -W 64 -C reno -L rate=8000,queue=20 \
    -t "$out/loss.trace" 4000 2>"$out/loss.said"
cat "$out/loss.said"
plot loss -v "title=cwnd, a queue of 20" "$out/loss.trace"
check "packets that the full queue dropped" yes \
    "$([ "$(grep -c 'snd	full	' "$out/loss.trace")" -gt 5 ] && echo yes)"

say "Two senders share the link; the second one begins half a second later:"
run $cli -m sim -q -u sr -W 64 -C reno -L rate=8000,queue=20 \
    -t "$out/shared.trace" 4000 4000 >"$out/shared.txt" 2>"$out/shared.said"
cat "$out/shared.said" "$out/shared.txt"
for n in 1 2; do
	awk -F '\t' -v n=$n 'NR == 1 || $1 == n' "$out/shared.trace" \
	    >"$out/sender$n.trace"
done
plot shared -v "title=cwnd of two senders" "$out/sender1.trace" \
    "$out/sender2.trace"
check "Jain's index is near 1" yes "$(awk -F= '/fairness/ {
    print ($2 > 0.9 ? "yes" : "no") }' "$out/shared.txt")"
finish
