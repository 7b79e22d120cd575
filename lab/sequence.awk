# sequence.awk: a capture as a sequence diagram. Licence: ISC, see README.
#
#	lab/packets.sh FILE | awk -f lab/sequence.awk >X.svg
#	-v title=TEXT
#	-v acks=1	also segments that carry an ACK alone
#	-v most=N	at most so many arrows (60)
#
# An arrow for each packet, in the order of the capture; on the left its time in
# milliseconds, on the right the port at the other end. Pairs of ports take
# five colours in turn. `out' goes to the right: the program that wrote the
# capture stands on the left.

BEGIN {
	if (sprintf("%.1f", 0.5) != "0.5") {
		print "sequence.awk: numbers have a comma in this locale: set " \
		    "LC_ALL=C" >"/dev/stderr"
		exit bad = 1
	}
	W = 600
	LEFT = 70
	RIGHT = 530
	ROW = 26
	TOP = 64
	if (most == "")
		most = 60
	split("#0072b2 #d55e00 #009e73 #cc79a7 #000", colour, " ")
}

# Number, time, way, protocol, port, >, port, and then what it says.
$3 == "in" || $3 == "out" {
	text = $0
	sub(/^ *[0-9]+ +[0-9.]+ (in|out) +(TCP|UDP) +[0-9]+ > [0-9]+ +/, "",
	    text)
	if ($4 == "TCP") {
		bytes = text
		sub(/.* seq [0-9]+, /, "", bytes)
		sub(/ bytes.*/, "", bytes)
		if (!acks && bytes == 0 && text !~ /^(SYN|FIN|RST)/) {
			left_out++
			next
		}
		sub(/ *seq [0-9]+, /, ", ", text)
		sub(/, 0 bytes/, "", text)
		sub(/^ACK, /, "", text)
	}
	if (n == most) {
		cut++
		next
	}
	here = $3 == "out" ? $5 : $7
	there = $3 == "out" ? $7 : $5
	if (!((here, there) in flow))
		flow[here, there] = ++flows
	n++
	at[n] = $2
	way[n] = $3
	port[n] = there
	hue[n] = colour[(flow[here, there] - 1) % 5 + 1]
	says[n] = text
}

END {
	if (bad)
		exit 1
	if (!n) {
		print "sequence.awk: no packets of packets.sh" >"/dev/stderr"
		exit 1
	}
	H = TOP + n * ROW + 24
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" " \
	    "height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n",
	    W, H, W, H
	printf "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", W, H
	write(W / 2, 20, "middle", 14, "#000", title)
	write(LEFT, TOP - 20, "middle", 12, "#000", "this end")
	write(RIGHT, TOP - 20, "middle", 12, "#000", "the other end")
	write(LEFT - 8, TOP + 2, "end", 10, "#000", "ms")
	write(RIGHT + 8, TOP + 2, "start", 10, "#000", "port")
	line(LEFT, TOP - 12, LEFT, TOP + n * ROW, "#888", 1)
	line(RIGHT, TOP - 12, RIGHT, TOP + n * ROW, "#888", 1)
	for (i = 1; i <= n; i++)
		arrow(i)
	write(W / 2, H - 8, "middle", 11, "#000", (cut ? "... and " cut \
	    " more" : "") (left_out ? " (bare ACKs left out)" : ""))
	print "</svg>"
}

function arrow(i,   y, from, to, back) {
	y = TOP + i * ROW - 10
	from = way[i] == "out" ? LEFT : RIGHT
	to = way[i] == "out" ? RIGHT : LEFT
	back = from < to ? -8 : 8
	line(from, y, to, y + 6, hue[i], 1.6)
	printf "<path d=\"M%d %dl%d -5v9z\" fill=\"%s\"/>\n", to, y + 6, back,
	    hue[i]
	write(LEFT - 8, y + 4, "end", 10, "#000",
	    sprintf("%.3f", at[i] * 1000))
	write(RIGHT + 8, y + 4, "start", 10, hue[i], port[i])
	write((LEFT + RIGHT) / 2, y - 2, "middle", 11, hue[i], says[i])
}

function line(x1, y1, x2, y2, stroke, width) {
	printf "<path d=\"M%d %dL%d %d\" stroke=\"%s\" stroke-width=\"%s\"/>\n",
	    x1, y1, x2, y2, stroke, width
}

function write(x, y, anchor, size, fill, text) {
	if (text == "")
		return
	if (length(text) > 66)
		text = substr(text, 1, 63) "..."
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	printf "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" font-size=\"%d\" " \
	    "fill=\"%s\">%s</text>\n", x, y, anchor, size, fill, text
}
