#!/bin/sh
# recorded.sh: stop-and-wait and Go-Back-N do what they did. Licence: ISC, see
# README.
#
#	.ci/recorded.sh		compares; exit status 0 if all is as recorded
#	.ci/recorded.sh -w	records
#
# Some 2,000 runs in mode sim, their parameters drawn by a generator of its own;
# of 50 runs each, the checksum of all lines of ladder and trace is in
# .ci/recorded. A difference is looked at with the command lines that it prints.
cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
LC_ALL=C awk '
function draw(n) {
	state = (state * 69069 + 1) % 4294967296
	return int(state / 65536) % n
}
function rule(name,   kind) {
	kind = draw(3)
	if (kind == 0)
		return "," name "=0." (draw(3) + 1)
	if (kind == 1)
		return "," name "=/" (draw(8) + 3)
	return "," name "=" (draw(9) + 1) ":" (draw(20) + 10)
}
BEGIN {
	split("none half reno", control, " ")
	for (i = 0; i < 2000; i++) {
		u = draw(3) == 0 ? "sw" : "gbn"
		l = "seed=" i
		if (draw(2)) l = l rule("drop")
		if (draw(4) == 0) l = l rule("dup")
		if (draw(4) == 0) l = l rule("reorder")
		if (draw(4) == 0) l = l rule("corrupt")
		if (draw(4) == 0) l = l rule("ackdrop")
		if (draw(5) == 0) l = l ",delay=" draw(300)
		print "-u", u, "-W", draw(40) + 1, "-C", control[draw(3) + 1],
		    "-L", l, draw(60) + 1
	}
}' >"$tmp/runs"
n=0
while read -r line; do
	[ $((n % 50)) -ne 0 ] || rm -f "$tmp/lines"
	n=$((n + 1))
	{
		echo "$line"
		# shellcheck disable=SC2086
		"${CLI:-./cli}" -m sim -t "$tmp/trace" $line 2>"$tmp/said"
		cat "$tmp/said"
		grep -v '^#' "$tmp/trace" |
		    sed 's/^[0-9]*	//; s/corrupt	[0-9]*/corrupt/'
	} >>"$tmp/lines"
	rm -f "$tmp/trace"
	[ $((n % 50)) -ne 0 ] || echo "$((n - 49))-$n $(sed 's/dupack/ACK/; s/old ACK/ACK/' \
	    "$tmp/lines" | tr -s ' ' | cksum)"
done <"$tmp/runs" >"$tmp/now"
if [ "${1-}" = -w ]; then
	cp "$tmp/now" .ci/recorded
	exit
fi
diff .ci/recorded "$tmp/now" >"$tmp/diff" && exit
from=$(sed -n 's/^[<>] \([0-9]*\)-.*/\1/p' "$tmp/diff" | head -n 1)
echo "not as recorded, the first of these, or more than one:"
sed -n "$from,$((from + 49))p" "$tmp/runs"
exit 1
