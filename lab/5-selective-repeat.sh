#!/bin/sh
# 5-selective-repeat.sh: what a loss costs. Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"
begin "5: selective repeat against Go-Back-N"

say "Packet 2 of 12 is lost, with a window of 8. Go-Back-N:"
run $cli -m sim -u gbn -W 8 -C none -L drop=2 -t "$out/gbn.trace" 12 \
    >"$out/gbn.txt" 2>"$out/gbn.said"
cat "$out/gbn.txt" "$out/gbn.said"
say "Selective repeat:"
run $cli -m sim -u sr -W 8 -C none -L drop=2 -t "$out/sr.trace" 12 \
    >"$out/sr.txt" 2>"$out/sr.said"
cat "$out/sr.txt" "$out/sr.said"
ladder gbn-ladder "$out/gbn.trace"
ladder sr-ladder "$out/sr.trace"
check "transmissions of gbn: packets 2 to 9, twice" 20 \
    "$(count "$out/gbn.said" transmissions)"
check "transmissions of sr: one more than packets" 13 \
    "$(count "$out/sr.said" transmissions)"

say "Random losses with probability p, window 8: transmissions per packet, by" \
    "formula and by simulation (formulas.txt; lab/theory.sh says more)."
lab/theory.sh 3000 >"$out/formulas.txt"
cat "$out/formulas.txt"
near() { # FORMULA SIMULATION: within a tenth
	echo "$1 $2" | awk '{ d = ($2 - $1) / $1
		print (d < 0 ? -d : d) < 0.1 ? "near" : "far: " $2 }'
}
line=$(grep '^ *5.0%' "$out/formulas.txt")
# shellcheck disable=SC2086
set -- $line
check "p = 5 %, gbn, (1 - p + Wp) / (1 - p) = $6" near "$(near "$6" "$7")"
check "p = 5 %, sr, 1 / (1 - p) = ${10}" near "$(near "${10}" "${11}")"

say "Over UDP, with a round trip of 10 ms; one packet in twenty is lost:"
random_file "$out/here/file" 200000
serve server -L delay=5 0
for mode in gbn sr; do
	run $cli -d "$out/here" -u $mode -W 8 -b 1000 -C none \
	    -L delay=5,drop=0.05,seed=7 -t "$out/$mode-udp.trace" \
	    -w "$out/$mode.pcapng" localhost "$port" put file $mode \
	    2>"$out/$mode-udp.said"
	cat "$out/$mode-udp.said"
	check_same "the file is whole" "$out/here/file" "$out/served/$mode"
	plot $mode-seq -v y=seq "$out/$mode-udp.trace"
	plot $mode-rtt -v y=rtt "$out/$mode-udp.trace"
done
stop
check "gbn sends more than sr" yes "$([ "$(count "$out/gbn-udp.said" \
    transmissions)" -gt "$(count "$out/sr-udp.said" transmissions)" ] &&
    echo yes)"
look gbn.pcapng
look sr.pcapng
finish
