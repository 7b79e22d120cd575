# ladder.awk: a time-sequence diagram of a trace. Licence: ISC, see README.
#
#	awk -f lab/ladder.awk TRACE ...			as text, 80 columns
#	awk -v svg=1 -f lab/ladder.awk TRACE ... >X.svg	as a picture
#	-v from=S -v to=S	this part of it, in seconds
#	-v most=N		events at most (text 1000, picture 150)
#	-v title=TEXT		above the picture
#	-v n=N			the N-th transfer of the trace (the last one)
#
# TRACE is what -t wrote: at the sender, at the receiver (as two files or one),
# or in mode sim, which is both. Without the receiver's lines an arrow ends at a
# guess, half a round trip away. The two clocks need not agree: as NTP does, it
# takes the fastest DATA and the fastest ACK to be equally fast.
#
# A packet that came is matched with the latest transmission of its number that
# left early enough. An ACK is not in the receiver's trace: it is matched
# with a packet after which the receiver expected its number. What is not in
# order is answered at once; a packet in order may share the ACK of the next
# one, and gets none if all ACKs belong to others.

BEGIN {
	FS = "\t"
	if (sprintf("%.1f", 0.5) != "0.5") {
		print "ladder.awk: numbers have a comma in this locale: set " \
		    "LC_ALL=C" >"/dev/stderr"
		exit bad = 1
	}
	if (most == "")
		most = svg ? 150 : 1000
	words["recv"] = "got"
	words["dup"] = "had"
	words["ooo"] = "dropped"
	words["ack"] = "ACK"
	words["fast"] = "lost:"
}

{ sub(/\r$/, "") }

/^#/ { next }

# The header says which column is which.
$2 == "seconds" {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

!("seq" in column) {
	print "ladder.awk: " FILENAME ": no header of a trace" >"/dev/stderr"
	exit bad = 1
}

# Each file numbers its transfers, of which several may run at once. The lines
# of a sender are numbered 1, 2..., those of a receiver -1, -2...
$column["side"] ~ /^(snd|rcv)$/ {
	t = $column["seconds"] + 0
	side = $column["side"]
	if (!((FILENAME, side, $1) in number))
		number[FILENAME, side, $1] = ++count[side]
	k = number[FILENAME, side, $1]
	# In mode sim both sides have one clock, and all lines are in order.
	if (k in last_time && (t < last_time[k] || FILENAME != last_file[k]))
		two_clocks[k] = 1
	last_time[k] = t
	last_file[k] = FILENAME
	i = side == "snd" ? ++sent[k] : --received[k]
	time[k, i] = t
	event[k, i] = $column["event"]
	seq[k, i] = $column["seq"] + 0
	window[k, i] = $column["window"] + 0
	rtt[k, i] = $column["srtt"] + 0
}

END {
	if (bad)
		exit 1
	if (!("snd" in count)) {
		print "ladder.awk: no lines of a sender" >"/dev/stderr"
		exit 1
	}
	k = n != "" ? n + 0 : count["snd"]
	if (!(k in sent)) {
		print "ladder.awk: " count["snd"] " transfers, no " k \
		    >"/dev/stderr"
		exit 1
	}
	if (n == "" && k > 1)
		print "ladder.awk: transfer " k " of " k \
		    " (-v n=1 for the first)" >"/dev/stderr"
	S = sent[k]
	R = (k in received) ? received[k] : 0	# the last line, negative
	read_sender()
	if (R && of_another())
		R = 0
	read_receiver()
	align()
	match_data()
	match_acks()
	merge()
	if (svg)
		draw()
	else
		print_text()
}

# What each transmission is, and the window after each event. The transmissions
# of packet q that -L did not drop are out[q, 1], out[q, 2]...
function read_sender(   i, e, q, base) {
	base = first = seq[k, 1]
	for (i = 1; i <= S; i++) {
		e = event[k, i]
		q = seq[k, i]
		if ((e == "drop" || e == "full") && last_sent) {
			lost[last_sent] = e == "full" ? "full" : "lost"
			n_out[seq[k, last_sent]]--
		}
		if (e == "send" || e == "resend") {
			out[q, ++n_out[q]] = last_sent = i
			if (q >= end_seq)
				end_seq = q + 1
		}
		if (e == "ack")
			base = q
		low[i] = base
		high[i] = base + window[k, i] - 1
		if (window[k, i] > widest)
			widest = window[k, i]
	}
	for (i = 1; i <= S; i++)
		if (high[i] >= end_seq && event[k, S] == "done")
			high[i] = end_seq - 1
}

# Do these lines of a receiver contradict the sender's?
function of_another(   i) {
	for (i = -1; i >= R; i--)
		if (seq[k, i] > end_seq || (event[k, i] == "done" &&
		    event[k, S] == "done" && seq[k, i] != end_seq)) {
			print "ladder.awk: the receiver's lines are of another " \
			    "transfer, and left out" >"/dev/stderr"
			return 1
		}
	return 0
}

# What the receiver expects after each packet, and how many are here beyond it;
# which ACKs -L dropped.
function read_receiver(   i, e, expected, q) {
	expected = first
	for (i = -1; i >= R; i--) {
		e = event[k, i]
		q = seq[k, i]
		in_order[i] = e == "recv" && q == expected && !buffered
		if (e == "recv" && !(q in here)) {
			here[q] = 1
			buffered++
		}
		for (; expected in here; expected++)
			buffered--
		expects[i] = expected
		beyond[i] = buffered + 0
		if ((e == "drop" || e == "full") && i < -1)
			lost[i + 1] = e == "full" ? "full" : "lost"
		packet[i] = e == "recv" || e == "dup" || e == "ooo"
		if (packet[i])
			after[expected, ++n_after[expected]] = i
	}
}

# Puts the receiver's times on the sender's clock. No packet comes before its
# number was first sent, and no ACK before its number was first expected.
function align(   i, q, d, there, back, some, other) {
	for (i = -1; i >= R; i--) {
		q = seq[k, i]
		if (packet[i] && !(q in came) && n_out[q] > 0) {
			came[q] = 1
			d = time[k, i] - time[k, out[q, 1]]
			if (!some++ || d < there)
				there = d
		}
	}
	for (i = 1; i <= S; i++) {
		q = seq[k, i]
		if (event[k, i] ~ /ack$/ && !(q in heard) && n_after[q] > 0) {
			heard[q] = 1
			d = time[k, i] - time[k, after[q, 1]]
			if (!other++ || d < back)
				back = d
		}
	}
	least = some && other ? (there + back) / 2 : 0
	if (some && other && (k in two_clocks))
		for (i = -1; i >= R; i--)
			time[k, i] -= (there - back) / 2
	else if (some)
		least = there
	for (i = 1; i <= S; i++)
		if (rtt[k, i] > 0 && (!half || rtt[k, i] / 2 < half))
			half = rtt[k, i] / 2
	if (half <= 0)
		half = least > 0 ? least : 0.000001
}

# Where each packet came from. What did not come is lost, unless the trace ends
# before it could. A damaged one has no number: it is matched with the latest
# that is not here otherwise.
function match_data(   i, j, n, q, flights, sum) {
	for (j = -1; j >= R; j--) {
		q = seq[k, j]
		if (!packet[j] && (event[k, j] != "corrupt" || q == 0))
			continue
		for (n = n_out[q]; n > 0; n--)
			if (time[k, out[q, n]] <= time[k, j] - least * 0.5)
				break
		if (n > 0)
			found(out[q, n], j)
	}
	for (j = -1; j >= R; j--)
		if (event[k, j] == "corrupt" && !(j in source))
			match_damaged(j, time[k, j] - least * 0.5)
	for (i = 1; i <= S; i++) {
		if (i in goes) {
			sum += time[k, goes[i]] - time[k, i]
			flights++
		} else if (R && event[k, i] ~ /send$/ &&
		    time[k, i] + 2 * least < time[k, R])
			lost[i] = (i in lost) ? lost[i] : "lost"
	}
	if (flights)
		half = sum / flights > least ? sum / flights : least
	if (half <= 0)
		half = 0.000001
}

function match_damaged(j, before,   i) {
	for (i = S; i > 0; i--)
		if (event[k, i] ~ /send$/ && time[k, i] <= before &&
		    !(i in lost) && !(i in goes)) {
			found(i, j)
			return
		}
}

# goes: to which line of the other end a transmission, or an ACK, leads.
function found(i, j) {
	source[j] = i
	goes[i] = j
}

function match_acks(   i, j, c, m, t, last) {
	for (j = -1; j >= R; j--)
		if (packet[j] && !(j in lost) && !in_order[j])
			certain[expects[j]]++
	for (i = 1; i <= S; i++)
		if (event[k, i] ~ /ack$/)
			acks[seq[k, i]]++
	for (i = 1; i <= S; i++) {
		if (event[k, i] !~ /ack$/)
			continue
		m = seq[k, i]
		t = time[k, i] - least * 0.5
		last = 0
		for (c = from_ack[m] + 1; c <= n_after[m]; c++) {
			j = after[m, c]
			if (time[k, j] > t)
				break
			if ((j in lost) || (j in goes) ||
			    (in_order[j] && acks[m] <= certain[m]))
				continue
			last = c
			if (time[k, i] - time[k, j] < 2 * least)
				break
		}
		if (last) {
			goes[after[m, last]] = i
			from_ack[m] = last
		}
	}
}

# All events in the order of time: E of them.
function merge(   i, j) {
	i = 1
	j = -1
	while (i <= S || j >= R)
		if (j >= R && (i > S || time[k, j] < time[k, i]))
			add(j--)
		else
			add(i++)
}

function add(i,   e, t) {
	e = event[k, i]
	t = time[k, i]
	if (e == "drop" || e == "full" || (i < 0 && e == "done"))
		return
	if ((from != "" && t < from + 0) || (to != "" && t > to + 0))
		return
	if (++events > most)
		return
	E = events
	at[E] = i
	when[E] = t
	row[i] = E
}

function window_text(i) {
	if (high[i] < low[i])
		return ""
	return high[i] == low[i] ? low[i] "" : low[i] ".." high[i]
}

# What a line says. ACK N +M: sr says that M packets beyond N are here.
function text_of(i,   e, ack) {
	e = event[k, i]
	if (i < 0 && ((i in goes) || (i in lost)))
		ack = ", ACK " expects[i] (beyond[i] ? " +" beyond[i] : "")
	if (e == "corrupt")
		return i > 0 ? "damaged ACK" : "damaged" ack
	if (e == "done")
		return e
	return ((e in words) ? words[e] : e) " " seq[k, i] ack
}

# ---- text -------------------------------------------------------------------

function print_text(   x, i, e, arrow, text) {
	printf "%11s  %-13s %-14s %-17s %s\n", "seconds", "sender", "channel",
	    "receiver", "window"
	for (x = 1; x <= E; x++) {
		i = at[x]
		e = event[k, i]
		arrow = i < 0 ? "------------->" : ""
		if (e == "send" || e == "resend")
			arrow = (i in lost) ? "------X " lost[i] : "-->"
		else if (e == "ack" || e == "dupack")
			arrow = "<-------------"
		else if (e == "corrupt")
			arrow = i < 0 ? "--*---------->" : "<----------*--"
		else if (e == "timeout")
			arrow = "timer runs out"
		text = text_of(i)
		if (i > 0)
			text = sprintf("%-13s %-14s %-17s %s", text, arrow, "",
			    window_text(i))
		else
			text = sprintf("%-13s %-14s %s", "", arrow,
			    text ((i in lost) ? " " lost[i] : ""))
		sub(/ +$/, "", text)
		printf "%11.6f  %s\n", when[x], text
	}
	if (events > most)
		printf "... %d events more (-v from=%.3f)\n", events - most,
		    when[E]
}

# ---- a picture --------------------------------------------------------------

# Where each event stands. Distance is time, but events on one side need a line
# each, and a long time in which nothing happens is cut out.
function place(   x, x2, y, dt, need, lines, drawn) {
	scale = 70 / half
	y = 60
	x = 1
	while (x <= E) {
		lines[0] = lines[1] = 0
		for (x2 = x; x2 <= E && when[x2] == when[x]; x2++) {
			Y[x2] = y + 14 * lines[at[x2] < 0]++
			flight_end(x2)
		}
		need = 14 * (lines[0] > lines[1] ? lines[0] : lines[1])
		if (x2 > E)
			break
		dt = (when[x2] - when[x]) * scale
		drawn = (air - when[x]) * scale
		if (drawn < need)
			drawn = need
		if ((when[x2] - air) * scale > 160) {
			dt = drawn + 62
			gap[++gaps] = y + drawn + 34
			gap_time[gaps] = when[x2] - when[x]
		} else if (dt > 250) {
			dt = 250
		}
		y += dt > need ? dt : need
		x = x2
	}
	bottom = y + need + 26 + (events > most ? half * scale : 0)
}

# Notes until when something is on its way.
function flight_end(x,   i, t) {
	i = at[x]
	t = when[x]
	if (i in goes)
		t = time[k, goes[i]]
	else if (i in lost)
		t += half * 0.55
	else if (event[k, i] ~ /send$/)
		t += half
	if (t > air)
		air = t
}

function text_at(x, y, anchor, size, text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" " \
	    "font-size=\"%d\">%s</text>\n", x, y, anchor, size, text
}

function line(x1, y1, x2, y2, class, dead) {
	if (dead) {		# it ends before half-way, in a cross
		x2 = x1 + (x2 - x1) * 0.45
		y2 = y1 + (y2 - y1) * 0.45
	}
	printf "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" " \
	    "y2=\"%.1f\"%s/>\n", class, x1, y1, x2, y2,
	    dead ? "" : " marker-end=\"url(#head)\""
	if (dead)
		printf "<path class=\"cross\" d=\"M%.1f %.1fl10 10m0 -10" \
		    "l-10 10\"/>\n", x2 - 5, y2 - 5
}

# The window as boxes, numbered; a large one as a range.
function window_at(y, i,   w, q, x) {
	w = high[i] - low[i] + 1
	if (w < 1)
		return
	if (widest > 6) {
		text_at(60, y + 4, "middle", 10, window_text(i))
		return
	}
	for (q = low[i]; q <= high[i]; q++) {
		x = 8 + (q - low[i]) * 18
		printf "<rect x=\"%d\" y=\"%.1f\" width=\"18\" height=\"13\" " \
		    "class=\"box\"/>\n", x, y - 6
		text_at(x + 9, y + 4, "middle", q > 99 ? 8 : 10, q)
	}
}

function draw(   x) {
	left = 225
	right = 575
	place()
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" " \
	    "height=\"%d\" viewBox=\"0 -26 760 %d\" " \
	    "font-family=\"sans-serif\">\n", bottom + 56, bottom + 56
	print "<style>line{stroke:#000;stroke-width:1.2}" \
	    ".data{stroke:#0072b2}.again{stroke:#d55e00;stroke-width:2.2}" \
	    ".ack{stroke:#000;stroke-dasharray:5 3}" \
	    ".axis{stroke:#555;stroke-width:2}" \
	    ".cross{stroke:#c00;stroke-width:2.5;fill:none}" \
	    ".box{fill:#f2f2f2;stroke:#777}.cut{fill:#fff}</style>"
	print "<defs><marker id=\"head\" orient=\"auto\" refX=\"9\" " \
	    "refY=\"4\" markerWidth=\"9\" markerHeight=\"8\" " \
	    "markerUnits=\"userSpaceOnUse\"><path d=\"M0 0L9 4L0 8Z\"/>" \
	    "</marker></defs>"
	printf "<rect y=\"-26\" width=\"760\" height=\"%d\" " \
	    "fill=\"#fff\"/>\n", bottom + 56
	text_at(400, -6, "middle", 14, title)
	line(40, bottom + 14, 100, bottom + 14, "data", 0)
	text_at(108, bottom + 18, "start", 12, "DATA")
	line(190, bottom + 14, 250, bottom + 14, "again", 0)
	text_at(258, bottom + 18, "start", 12, "DATA, again")
	line(390, bottom + 14, 450, bottom + 14, "ack", 0)
	text_at(458, bottom + 18, "start", 12, "ACK")
	line(540, bottom + 14, 650, bottom + 14, "data", 1)
	text_at(608, bottom + 18, "start", 12, "lost")
	text_at(60, 24, "middle", 13, "window")
	text_at(left, 24, "middle", 13, "sender")
	text_at(right, 24, "middle", 13, "receiver")
	text_at(750, 24, "end", 13, "ms")
	printf "<line class=\"axis\" x1=\"%d\" y1=\"35\" x2=\"%d\" y2=\"%d\"/>" \
	    "\n", left, left, bottom - 10
	printf "<line class=\"axis\" x1=\"%d\" y1=\"35\" x2=\"%d\" y2=\"%d\"/>" \
	    "\n", right, right, bottom - 10
	for (x = 1; x <= gaps; x++)
		draw_gap(gap[x], gap_time[x])
	for (x = 1; x <= E; x++)
		if (at[x] < 0)
			draw_right(x, at[x])
		else
			draw_left(x, at[x])
	if (events > most)
		text_at(400, bottom - 6, "middle", 11, "... " events - most \
		    " events more")
	print "</svg>"
}

function draw_gap(y, t) {
	printf "<rect class=\"cut\" x=\"%d\" y=\"%.1f\" width=\"%d\" " \
	    "height=\"14\"/>\n", left - 4, y - 7, right - left + 8
	text_at((left + right) / 2, y + 4, "middle", 11,
	    sprintf("~ %.3g s in which nothing happens ~", t))
}

function time_at(y, t) {
	if (y - last_time_y >= 13 || !last_time_y) {
		text_at(750, y + 4, "end", 10, sprintf("%.10g",
		    int(t * 1000000 + 0.5) / 1000))
		last_time_y = y
	}
}

function draw_left(x, i,   e) {
	e = event[k, i]
	text_at(left - 8, Y[x] + 4, "end", 11, text_of(i))
	time_at(Y[x], when[x])
	if (window_text(i) != shown_window || e == "timeout") {
		window_at(Y[x], i)
		shown_window = window_text(i)
	}
	if (e == "timeout")
		printf "<circle cx=\"%d\" cy=\"%.1f\" r=\"6\" fill=\"#fff\" " \
		    "stroke=\"#c00\" stroke-width=\"2\"/>" \
		    "<path class=\"cross\" style=\"stroke-width:1.5\" " \
		    "d=\"M%d %.1fv-4m0 4h3\"/>\n", left, Y[x], left, Y[x]
	if (e != "send" && e != "resend")
		return
	if (i in lost)
		line(left, Y[x], right, Y[x] + slope(i), kind_of(i), 1)
	else if (!(i in goes))
		line(left, Y[x], right, Y[x] + half * scale, kind_of(i), 0)
}

# The slope of a lost packet's arrow: that of one that left near it, and came.
function slope(i,   d, j) {
	for (d = 1; d < 4; d++)
		for (j = i - d; j <= i + d; j += 2 * d)
			if (j > 0 && (j in goes) && (j in row) &&
			    (goes[j] in row))
				return Y[row[goes[j]]] - Y[row[j]]
	return half * scale
}

function kind_of(i) {
	return event[k, i] == "send" ? "data" : "again"
}

function draw_right(x, j) {
	if ((j in source) && (source[j] in row))
		line(left, Y[row[source[j]]], right, Y[x],
		    kind_of(source[j]), 0)
	text_at(right + 8, Y[x] + 4, "start", 11, text_of(j))
	time_at(Y[x], when[x])
	if (j in lost)
		line(right, Y[x], left, Y[x] + half * scale, "ack", 1)
	else if ((j in goes) && (goes[j] in row))
		line(right, Y[x], left, Y[row[goes[j]]], "ack", 0)
}
