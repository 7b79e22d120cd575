#!/bin/sh
# 7-congestion.sh: Reno's sawtooth. Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"
begin "7: Reno's sawtooth, half, and none"

say "In the simulator, Go-Back-N sends 600 packets with a window of 32; one" \
    "in a hundred is lost, and the round trip takes 20 ms. One run for each" \
    "congestion control:"
for c in none half reno; do
	run $cli -m sim -u gbn -W 32 -C $c -L drop=0.01,seed=5 \
	    -t "$out/$c.trace" 600 2>&1 >"$out/$c.txt" | tee "$out/$c.said"
	plot $c-seq -v y=seq "$out/$c.trace"
done
plot controls -v "title=cwnd under three controls" \
    "$out/none.trace" "$out/half.trace" "$out/reno.trace"
plot reno -v title=reno "$out/reno.trace"

# cwnd EVENT: before and after each event of reno, as `before after'
cwnd() {
	awk -F '\t' -v e="$1" '
	$3 == "snd" { if ($4 == e) print last, $7; last = $7 }' "$out/reno.trace"
}
say "Looking at reno's trace:"
check "it begins with one packet" 1 "$(awk -F '\t' '$4 == "send" {
	print $7; exit }' "$out/reno.trace")"
check "there were fast retransmits" yes \
    "$([ "$(count "$out/reno.said" fast)" -gt 3 ] && echo yes)"
check "not one of them raised cwnd" 0 \
    "$(cwnd fast | awk '$2 > $1' | wc -l | tr -d ' ')"
check "after a timeout cwnd is" 1 \
    "$(cwnd timeout | awk '{ print $2 }' | sort -u)"
check "reno sends less than -C none" yes "$([ "$(count \
    "$out/reno.said" transmissions)" -lt "$(count "$out/none.said" \
    transmissions)" ] && echo yes)"

say "Selective repeat over UDP, with fast recovery:"
random_file "$out/here/file" 700000
serve server -L delay=5 0
run $cli -d "$out/here" -u sr -W 64 -L delay=5,drop=0.01,seed=3 \
    -t "$out/sr.trace" -w "$out/sr.pcapng" localhost "$port" put file \
    2>"$out/sr.said"
cat "$out/sr.said"
stop
plot sr "$out/sr.trace"
plot sr-rtt -v y=rtt "$out/sr.trace"
check_same "the file is whole" "$out/here/file" "$out/served/file"
look sr.pcapng
finish
