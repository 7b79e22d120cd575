#!/bin/sh
# 4-go-back-n.sh: an exam question. Licence: ISC, see README.
#
#	lab/4-go-back-n.sh		the lab, with a sample question
#	lab/4-go-back-n.sh NUMBER	the question of a student
#	lab/4-go-back-n.sh -k NUMBER	its answer
#
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"

ask() {
	say "Go-Back-N sends $packets packets, numbered from 1, with a window of" \
	    "$window. Every ${every}th transmission of DATA is lost; no ACK is." \
	    "The window slides with each ACK. When nothing is left that may be" \
	    "sent, the sender waits for an ACK or its timer; on a timeout it" \
	    "goes back to the oldest packet that has not been acknowledged." \
	    "There is no congestion control."
	say "Which packets are sent, in which order, and how many transmissions" \
	    "are there in all?"
}

# order: the transmissions from a ladder, an x behind those that are lost
order() {
	sed -n 's/^ *[0-9.]*  \(re\)*send \([0-9]*\) *\(--*X\)*.*/\2\3/p' |
	    sed 's/--*X/x/' | tr '\n' ' ' | sed 's/ $//'
}

key=
[ "${1:-}" != -k ] || { key=yes; shift; }
case ${1:-} in
'' | *[!0-9A-Za-z]*)
	if [ $# -gt 0 ] || [ -n "$key" ]; then
		echo "usage: lab/4-go-back-n.sh [[-k] NUMBER]" >&2
		exit 2
	fi ;;
*)
	[ -x $cli ] || { echo "$0: no cli: run make" >&2; exit 1; }
	question "$1"
	echo "Student $1: $packets packets, window $window, every ${every}th lost"
	if [ -n "$key" ]; then
		exam 2>&1
		echo "order: $(exam 2>/dev/null | order)"
		echo "answer: $(answer)"
	else
		ask
		say "Is it right? lab/mark.sh $1 ANSWER"
	fi
	exit 0 ;;
esac

begin "4: Go-Back-N, and the exam question"
packets=9 window=3 every=5
ask
say "In the simulator:"
exam -t "$out/sim.trace" -w "$out/sim.pcapng" >"$out/sim.txt" \
    2>"$out/sim.said"
cat "$out/sim.txt" "$out/sim.said"
ladder ladder "$out/sim.trace"
plot seq -v y=seq "$out/sim.trace"
check transmissions 16 "$(count "$out/sim.said" transmissions)"
check order "1 2 3 4 5x 6 7 5 6 7x 8 9 7 8 9x 9" "$(order <"$out/sim.txt")"
check timeouts 3 "$(count "$out/sim.said" timeouts)"

say "Over UDP, with the same losses:"
random_file "$out/here/nine" 8500
serve server -t "$out/real.trace" 0
run $cli -d "$out/here" -u gbn -W 3 -b 1000 -C none -L drop=/5 \
    -t "$out/real.trace" -w "$out/client.pcapng" localhost "$port" put nine \
    2>"$out/real.said"
cat "$out/real.said"
stop
ladder real "$out/real.trace"
lab/packets.sh "$out/client.pcapng" >"$out/packets.txt" || wrong=1
check transmissions 16 "$(count "$out/real.said" transmissions)"
check "of these, marked as dropped in the capture" 3 \
    "$(grep -c 'dropped here' "$out/packets.txt")"
check_same "the file is whole" "$out/here/nine" "$out/served/nine"

say "The same losses, and a window of 5:"
$cli -m sim -u gbn -W 5 -C none -L drop=/5 20 >"$out/livelock.txt" \
    2>"$out/livelock.said"
check "it gives up: exit status" 1 $?
cat "$out/livelock.said"
say "For your own question, run lab/4-go-back-n.sh YOUR-STUDENT-NUMBER."
look sim.pcapng
look client.pcapng
finish
