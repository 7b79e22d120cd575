# ladder.awk: a time-sequence diagram of a trace. Licence: ISC, see README.
#
#	awk -f lab/ladder.awk TRACE ...			as text, 80 columns
#	awk -v svg=1 -f lab/ladder.awk TRACE ... >X.svg	as a picture
#	-v from=S -v to=S	this part of it, in seconds
#	-v most=N		events at most (text 1000, picture 150)
#	-v n=N			the N-th transfer of the trace (the last one)
#
# TRACE is what -t wrote: at the sender, at the receiver (as two files or one),
# or in mode sim, which is both. Without the receiver's lines an arrow ends at a
# guess, half a round trip away. The two clocks need not agree: as NTP does, it
# takes the least time that DATA and that ACKs took, and shares the difference.
#
# An ACK is not in the receiver's trace: it is matched with a packet after which
# the receiver expected its number. What is not in order is answered at once; a
# packet in order may share the ACK of the next one, and gets none if the others
# account for all that came.

BEGIN {
	FS = "\t"
	if (most == "")
		most = svg ? 150 : 1000
	words["recv"] = "got"
	words["dup"] = "had"
	words["ooo"] = "dropped"
}

/^#/ { next }

# The header says which column is which.
$1 == "seconds" || $2 == "seconds" {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

!("seq" in column) {
	print "ladder.awk: " FILENAME ": no header of a trace" >"/dev/stderr"
	exit bad = 1
}

# A side whose time goes back has begun another transfer.
{
	t = $column["seconds"] + 0
	side = $column["side"]
	if (!(side in count) || t < latest[side])
		count[side]++
	latest[side] = t
	k = count[side]
	if (side == "snd") {
		i = ++sent[k]
		s_time[k, i] = t
		s_event[k, i] = $column["event"]
		s_seq[k, i] = $column["seq"] + 0
		s_window[k, i] = $column["window"] + 0
		s_rtt[k, i] = $column["srtt"] + 0
	} else if (side == "rcv") {
		i = ++received[k]
		r_time[k, i] = t
		r_event[k, i] = $column["event"]
		r_seq[k, i] = $column["seq"] + 0
	}
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
	R = (k in received) ? received[k] : 0
	read_sender()
	read_receiver()
	match_data()
	match_acks()
	align()
	merge()
	if (svg)
		draw()
	else
		print_text()
}

# What each transmission is, and the window after each event.
function read_sender(   i, e, base) {
	base = s_seq[k, 1]
	first = base
	for (i = 1; i <= S; i++) {
		e = s_event[k, i]
		if (e == "send" || e == "resend")
			last_sent = i
		if (e == "drop" && last_sent)
			lost[last_sent] = 1
		if (e == "ack")
			base = s_seq[k, i]
		if (e == "send" && s_seq[k, i] >= end_seq)
			end_seq = s_seq[k, i] + 1
		low[i] = base
		high[i] = base + s_window[k, i] - 1
		if (s_window[k, i] > widest)
			widest = s_window[k, i]
	}
	for (i = 1; i <= S; i++)
		if (high[i] >= end_seq && s_event[k, S] == "done")
			high[i] = end_seq - 1
}

# What the receiver expects after each packet; which ACKs -L dropped.
function read_receiver(   i, e, expected, q) {
	expected = first
	for (i = 1; i <= R; i++) {
		e = r_event[k, i]
		q = r_seq[k, i]
		in_order[i] = e == "recv" && q == expected
		if (e == "recv" && !(q in here)) {
			here[q] = 1
			buffered++
		}
		for (; expected in here; expected++)
			buffered--
		in_order[i] = in_order[i] && buffered == 0
		expects[i] = expected
		beyond[i] = buffered + 0
		if (e == "drop" && i > 1)
			ack_lost[i - 1] = 1
		packet[i] = e == "recv" || e == "dup" || e == "ooo" ||
		    (e == "corrupt" && q > 0)
	}
}

# The k-th transmission of a number that was not lost is the k-th that came.
function match_data(   i, e, q) {
	for (i = 1; i <= R; i++)
		if (packet[i]) {
			q = r_seq[k, i]
			came[q, ++n_came[q]] = i
		}
	for (i = 1; i <= S; i++) {
		e = s_event[k, i]
		q = s_seq[k, i]
		if ((e == "send" || e == "resend") && !(i in lost)) {
			n_went[q]++
			if ((q, n_went[q]) in came)
				arrival[i] = came[q, n_went[q]]
			else if (R)
				lost[i] = 1
		}
	}
	for (i in arrival)
		data_of[arrival[i]] = i
}

function match_acks(   i, j, e) {
	for (j = 1; j <= R; j++)
		if (packet[j] && r_event[k, j] != "corrupt" &&
		    !(j in ack_lost) && !in_order[j])
			certain[expects[j]]++
	for (i = 1; i <= S; i++)
		if (s_event[k, i] == "ack" || s_event[k, i] == "dupack")
			acks[s_seq[k, i]]++
	for (i = 1; i <= S; i++) {
		e = s_event[k, i]
		if (e != "ack" && e != "dupack")
			continue
		for (j = from_ack[s_seq[k, i]] + 1; j <= R; j++)
			if (packet[j] && r_event[k, j] != "corrupt" &&
			    !(j in ack_lost) && expects[j] == s_seq[k, i] &&
			    (!in_order[j] ||
			    acks[expects[j]] > certain[expects[j]]))
				break
		if (j <= R) {
			from_ack[s_seq[k, i]] = j
			origin[i] = j
			ack_of[j] = i
		}
	}
}

# Puts the receiver's times on the sender's clock.
function align(   i, d, there, back, some, other, sum, flights) {
	for (i in arrival) {
		d = r_time[k, arrival[i]] - s_time[k, i]
		if (!some || d < there)
			there = d
		some = 1
		sum += d
		flights++
	}
	for (i in origin) {
		d = s_time[k, i] - r_time[k, origin[i]]
		if (!other || d < back)
			back = d
		other = 1
		sum += d
		flights++
	}
	if (some && other)
		for (i = 1; i <= R; i++)
			r_time[k, i] -= (there - back) / 2
	for (i = 1; i <= S; i++)
		if (s_rtt[k, i] > 0 && (!half || s_rtt[k, i] / 2 < half))
			half = s_rtt[k, i] / 2
	if (some && other)
		half = sum / flights
	if (half <= 0)
		half = 0.000001
}

# All events in the order of time: E of them; side and index of each.
function merge(   i, j, right) {
	i = j = 1
	while (i <= S || j <= R) {
		right = j <= R && (i > S || r_time[k, j] < s_time[k, i])
		add(right, right ? j++ : i++)
	}
}

function add(right, i,   e, t) {
	e = right ? r_event[k, i] : s_event[k, i]
	t = right ? r_time[k, i] : s_time[k, i]
	if (e == "drop" || (right && e == "done"))
		return
	if ((from != "" && t < from + 0) || (to != "" && t > to + 0))
		return
	if (++events > most)
		return
	E = events
	on_right[E] = right
	at[E] = i
	time[E] = t
	if (right)
		row_r[i] = E
	else
		row_s[i] = E
}

function window_text(i) {
	if (high[i] < low[i])
		return ""
	return high[i] == low[i] ? low[i] "" : low[i] ".." high[i]
}

function left_text(i,   e) {
	e = s_event[k, i]
	if (e == "fast")
		e = "lost:"
	return e == "done" ? e : e " " s_seq[k, i]
}

function right_text(j,   e, q) {
	e = r_event[k, j]
	q = r_seq[k, j]
	if (e in words)
		return words[e] " " q
	return e == "corrupt" ? "damaged" : e
}

# With how many packets are here beyond it, which sr tells the sender.
function ack_text(j) {
	return ", ACK " expects[j] (beyond[j] ? " +" beyond[j] : "")
}

function cut_short() {
	if (events > most)
		printf "... %d events more (-v from=%.3f)\n", events - most,
		    time[E]
}

# ---- text -------------------------------------------------------------------

function print_text(   x, i, e, arrow, text) {
	printf "%11s  %-13s %-14s %-17s %s\n", "seconds", "sender", "channel",
	    "receiver", "window"
	for (x = 1; x <= E; x++) {
		i = at[x]
		if (on_right[x]) {
			text = right_text(i)
			arrow = "------------->"
			if (r_event[k, i] == "corrupt")
				arrow = "--*---------->"
			if (i in ack_of)
				text = text ack_text(i)
			else if (i in ack_lost)
				text = text ack_text(i) " lost"
			printf "%11.6f  %-13s %-14s %s\n", time[x], "", arrow,
			    text
			continue
		}
		e = s_event[k, i]
		arrow = ""
		if (e == "send" || e == "resend")
			arrow = (i in lost) ? "------X lost" : "-->"
		else if (e == "ack" || e == "dupack")
			arrow = "<-------------"
		else if (e == "timeout")
			arrow = "timer runs out"
		text = sprintf("%11.6f  %-13s %-14s %-17s %s", time[x],
		    left_text(i), arrow, "", window_text(i))
		sub(/ +$/, "", text)
		print text
	}
	cut_short()
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
		for (x2 = x; x2 <= E && time[x2] == time[x]; x2++) {
			Y[x2] = y + 14 * lines[on_right[x2]]++
			flight_end(x2)
		}
		need = 14 * (lines[0] > lines[1] ? lines[0] : lines[1])
		if (x2 > E)
			break
		dt = (time[x2] - time[x]) * scale
		drawn = (air - time[x]) * scale
		if (drawn < need)
			drawn = need
		if ((time[x2] - air) * scale > 160) {
			dt = drawn + 45
			gap[++gaps] = y + drawn + 20
			gap_time[gaps] = time[x2] - time[x]
		} else if (dt > 250) {
			dt = 250
		}
		y += dt > need ? dt : need
		x = x2
	}
	bottom = y + need + 26
}

# Notes until when something is on its way.
function flight_end(x,   i, t) {
	i = at[x]
	t = time[x]
	if (on_right[x] && (i in ack_of))
		t = s_time[k, ack_of[i]]
	else if (!on_right[x] && (i in arrival))
		t = r_time[k, arrival[i]]
	else if (on_right[x] ? (i in ack_lost) : (i in lost))
		t += half * 0.55
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
	if (dead) {		# it ends half-way, in a cross
		x2 = x1 + (x2 - x1) * 0.55
		y2 = y1 + (y2 - y1) * 0.55
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
	    "height=\"%d\" viewBox=\"0 0 760 %d\" font-family=\"sans-serif\">\n",
	    bottom, bottom
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
	printf "<rect width=\"760\" height=\"%d\" fill=\"#fff\"/>\n", bottom
	text_at(60, 24, "middle", 13, "window")
	text_at(left, 24, "middle", 13, "sender")
	text_at(right, 24, "middle", 13, "receiver")
	text_at(735, 24, "end", 13, "seconds")
	printf "<line class=\"axis\" x1=\"%d\" y1=\"35\" x2=\"%d\" y2=\"%d\"/>" \
	    "\n", left, left, bottom - 10
	printf "<line class=\"axis\" x1=\"%d\" y1=\"35\" x2=\"%d\" y2=\"%d\"/>" \
	    "\n", right, right, bottom - 10
	for (x = 1; x <= gaps; x++)
		draw_gap(gap[x], gap_time[x])
	for (x = 1; x <= E; x++)
		if (on_right[x])
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
		text_at(750, y + 4, "end", 10, sprintf("%.6f", t))
		last_time_y = y
	}
}

function draw_left(x, i,   e, y2, kind) {
	e = s_event[k, i]
	text_at(left - 8, Y[x] + 4, "end", 11, left_text(i))
	time_at(Y[x], time[x])
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
	kind = e == "send" ? "data" : "again"
	if (!(i in lost) && (i in arrival) && (arrival[i] in row_r))
		y2 = Y[row_r[arrival[i]]]
	else
		y2 = Y[x] + half * scale
	line(left, Y[x], right, y2, kind, i in lost)
}

function draw_right(x, j,   y2) {
	text_at(right + 8, Y[x] + 4, "start", 11, right_text(j) \
	    ((j in ack_of) || (j in ack_lost) ? ack_text(j) : ""))
	time_at(Y[x], time[x])
	if (j in ack_lost)
		line(right, Y[x], left, Y[x] + half * scale, "ack", 1)
	else if ((j in ack_of) && (ack_of[j] in row_s))
		line(right, Y[x], left, Y[row_s[ack_of[j]]], "ack", 0)
}
