# plot.awk: a trace as a picture. Licence: ISC, see README.
#
#	awk -f lab/plot.awk TRACE ... >X.svg		cwnd and ssthresh over time
#	awk -v y=seq -f lab/plot.awk TRACE >X.svg	sequence numbers over time
#	awk -v y=rtt -f lab/plot.awk TRACE >X.svg	RTT, SRTT and RTO over time
#	awk -v y=curves -f lab/plot.awk TABLE >X.svg	see theory.sh -c
#	-v from=S -v to=S	this part of it, in seconds
#	-v n=N			the N-th transfer of a trace (the last one)
#	-v title=TEXT
#
# TRACE is what -t wrote at the sender, or in mode sim. Of several traces the
# cwnd of each is drawn, by lines of different kinds. An RTT is measured as Karn
# says: of packets that were sent once.

BEGIN {
	FS = "\t"
	if (sprintf("%.1f", 0.5) != "0.5") {
		print "plot.awk: numbers have a comma in this locale: set " \
		    "LC_ALL=C" >"/dev/stderr"
		exit bad = 1
	}
	y = y == "" ? "cwnd" : y
	if (y != "cwnd" && y != "seq" && y != "rtt" && y != "curves") {
		print "plot.awk: y is none of cwnd, seq, rtt, curves" \
		    >"/dev/stderr"
		exit bad = 1
	}
	W = 760
	H = 420
	X0 = 66
	X1 = 740
	Y0 = BOTTOM = 370
	Y1 = 52
	below = "time (seconds)"
}

{ sub(/\r$/, "") }

FNR == 1 {
	name[++file] = FILENAME
	sub(/.*\//, "", name[file])
	if (file > 5) {
		print "plot.awk: five traces at most" >"/dev/stderr"
		exit bad = 1
	}
}

# The names of both axes, and of the curves; then their points.
y == "curves" && FNR == 1 {
	below = $1
	beside = $2
	for (i = curves = NF; i > 2; i--)
		column[i] = $i
	next
}

y == "curves" {
	for (c = 3; c <= curves; c++)
		put(column[c], $1 + 0, $c + 0)
	next
}

/^#/ { next }

$2 == "seconds" {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

!("seq" in column) {
	print "plot.awk: " FILENAME ": no header of a trace" >"/dev/stderr"
	exit bad = 1
}

$column["side"] != "snd" { next }

# A new transfer replaces the one before, whose later lines are left out; with
# n=N only the N-th counts.
{
	t = $column["seconds"] + 0
	if (!((file, $1) in number)) {
		number[file, $1] = ++transfer[file]
		if (n == "")
			points[file] = 0
	}
	k = number[file, $1]
	if (k != (n != "" ? n : transfer[file]))
		next
	if ((from != "" && t < from + 0) || (to != "" && t > to + 0))
		next
	event = $column["event"]
	q = $column["seq"] + 0
	if (event == "done")
		next
	if (y == "cwnd") {
		put("cwnd", t, $column["cwnd"] + 0)
		put("ssthresh", t, $column["ssthresh"] + 0)
		if (event == "timeout" || event == "fast")
			put(event, t, $column["cwnd"] + 0)
	} else if (y == "seq") {
		seq_event()
	} else {
		rtt_event()
	}
}

END {
	if (bad)
		exit 1
	if (y != "cwnd" && file > 1) {
		print "plot.awk: one trace for " y >"/dev/stderr"
		exit 1
	}
	for (f = 1; f <= file; f++)
		for (i = 1; i <= points[f]; i++)
			extent(kind[f, i], px[f, i], py[f, i])
	if (max_y == "") {
		print "plot.awk: no lines of a sender" >"/dev/stderr"
		exit 1
	}
	draw()
}

function put(what, t, value) {
	i = ++points[file]
	kind[file, i] = what
	px[file, i] = t
	py[file, i] = value
}

function seq_event() {
	if (event == "send" || event == "resend")
		put(event, t, q)
	else if (event == "drop" || event == "full" || event == "timeout")
		put(event == "full" ? "drop" : event, t, q)
	else if (event == "ack" || event == "dupack")
		put("ack", t, q)
}

# An ACK gives a sample, of the last packet that it acknowledges, if none of
# those was sent twice.
function rtt_event(   once) {
	if (event == "send")
		when[k, q] = t
	else if (event == "resend")
		delete when[k, q]
	if (!(k in base))
		base[k] = q
	if (event == "ack") {
		for (once = 1; base[k] < q; base[k]++)
			once = once && ((k, base[k]) in when)
		if (once)
			put("rtt", t, t - when[k, q - 1])
	}
	if ($column["srtt"] != "-")
		put("srtt", t, $column["srtt"] + 0)
	put("rto", t, $column["rto"] + 0)
	if (event == "timeout")
		put("timeout", t, $column["rto"] + 0)
}

function extent(what, a, b) {
	number_of[what]++
	if (!(what in most) || b > most[what])
		most[what] = b
	if (max_x == "" || a > max_x)
		max_x = a
	if (min_x == "" || a < min_x)
		min_x = a
	if (max_y == "" || b > max_y)
		max_y = b
	if (min_y == "" || b < min_y)
		min_y = b
}

# The distance of about so many ticks: 1, 2 or 5 times a power of ten.
function tick(range, about,   step) {
	step = 1
	while (step * about > range)
		step /= 10
	while (step * 10 * about <= range)
		step *= 10
	if (step * 5 * about <= range)
		return 5 * step
	return step * 2 * about <= range ? 2 * step : step
}

function X(t) { return X0 + (t - low_x) / (high_x - low_x) * (X1 - X0) }
function Y(v) { return Y0 - (v - low_y) / (high_y - low_y) * (Y0 - Y1) }

function text_at(x, y, anchor, size, text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" " \
	    "font-size=\"%d\">%s</text>\n", x, y, anchor, size, text
}

# The axes of a picture, or of a part of one, from Y0 up to Y1, for values from
# low to high.
function axes(low, high, label,   step, v, i) {
	step = tick(max_x - min_x > 0 ? max_x - min_x : 1, 8)
	low_x = int(min_x / step) * step
	high_x = int(max_x / step + 0.999) * step
	if (high_x <= low_x)
		high_x = low_x + step
	for (i = 0; (v = low_x + i * step) <= high_x + step / 2; i++) {
		printf "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", X(v), Y0,
		    Y1
		if (Y0 == BOTTOM)
			text_at(X(v), Y0 + 18, "middle", 12, sprintf("%g", v))
	}
	step = tick(high - low > 0 ? high - low : 1, int((Y0 - Y1) / 50))
	low_y = int(low / step) * step
	high_y = (int(high / step) + 1) * step	# no curve on the frame
	for (i = 0; (v = low_y + i * step) <= high_y + step / 2; i++) {
		printf "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", X0, Y(v),
		    X1
		text_at(X0 - 8, Y(v) + 4, "end", 12, sprintf("%g", v))
	}
	printf "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", X0, Y1, Y0, X1
	printf "<text transform=\"translate(16 %d) rotate(-90)\" " \
	    "text-anchor=\"middle\" font-size=\"13\">%s</text>\n",
	    (Y0 + Y1) / 2, label
	if (Y0 == BOTTOM)
		text_at((X0 + X1) / 2, Y0 + 40, "middle", 13, below)
}

# A line that changes in steps, or goes from point to point, and its legend.
function curve(f, what, class, stepped, text,   i, x, v, last_x, last_v, path) {
	for (i = 1; i <= points[f]; i++) {
		if (kind[f, i] != what)
			continue
		x = sprintf("%.1f", X(px[f, i]))
		v = sprintf("%.1f", Y(py[f, i]))
		if (path == "")
			path = "M" x " " v
		else if (v != last_v)
			path = path (stepped ? "H" x "V" v : "L" x " " v)
		else if (i == points[f] || x - last_x > 2)
			path = path "H" x
		else
			continue
		last_x = x
		last_v = v
	}
	if (path != "")
		printf "<path class=\"%s\" d=\"%s\"/>\n", class, path
	legend(class, text)
}

# One mark: a dot, a triangle, a cross or a ring, r to each side.
function mark(shape, x, v, r) {
	if (shape == "triangle")
		printf "<path class=\"triangle\" d=\"M%.1f %.1fl%.1f %.1f" \
		    "h%.1fz\"/>\n", x, v - r, r, 1.75 * r, -2 * r
	else if (shape == "cross")
		printf "<path class=\"cross\" style=\"stroke-width:%.1f\" " \
		    "d=\"M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f\"/>\n", r / 2,
		    x - r, v - r, 2 * r, 2 * r, -2 * r, -2 * r, 2 * r
	else
		printf "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" " \
		    "r=\"%.1f\"/>\n", shape, x, v,
		    (shape == "dot") ? 0.55 * r : 1.25 * r
}

# Small ones where there are many.
function marks(f, what, shape,   i, x, v, last, r) {
	r = number_of[what] > 100 ? 2 : 4
	for (i = 1; i <= points[f]; i++) {
		if (kind[f, i] != what)
			continue
		x = X(px[f, i])
		v = Y(py[f, i])
		if (int(x) " " int(v) != last)
			mark(shape, x, v, r)
		last = int(x) " " int(v)
	}
}

# The legend grows to the right, above the picture.
function legend(look, text) {
	legend_x = legend_x == "" ? X0 : legend_x
	if (look ~ /^line/)
		printf "<path class=\"%s\" d=\"M%d 34h26\"/>\n", look, legend_x
	else
		mark(look, legend_x + 13, 34, 4)
	text_at(legend_x + 32, 38, "start", 12, text)
	legend_x += 48 + 7 * length(text)
}

function timeouts(   f) {
	for (f = 1; f <= file; f++) {
		marks(f, "fast", "triangle")
		marks(f, "timeout", "ring")
	}
	if ("fast" in most)
		legend("triangle", "fast retransmit")
	if ("timeout" in most)
		legend("ring", "timeout")
}

function draw_cwnd(   f) {
	axes(0, max_y, "window (packets)")
	if (file == 1)
		curve(1, "ssthresh", "line2", 1, "ssthresh")
	for (f = 1; f <= file; f++)
		curve(f, "cwnd", "line" (f == 1 ? 1 : f + 1), 1,
		    file == 1 ? "cwnd" : name[f])
	timeouts()
}

function draw_seq() {
	axes(min_y, max_y, "sequence number (packets)")
	curve(1, "ack", "line2", 1, "ACK")
	marks(1, "drop", "cross")
	marks(1, "send", "dot")
	legend("dot", "DATA")
	marks(1, "resend", "triangle")
	legend("triangle", "retransmission")
	legend("cross", "lost")
	timeouts()
}

# In two parts, since the RTO is much larger than most RTTs.
function draw_rtt() {
	Y0 = 190
	axes(0, most["rto"], "RTO (seconds)")
	curve(1, "rto", "line2", 1, "RTO")
	timeouts()
	Y0 = BOTTOM
	Y1 = 215
	axes(0, most["rtt"] > most["srtt"] ? most["rtt"] : most["srtt"],
	    "RTT (seconds)")
	curve(1, "srtt", "line1", 0, "SRTT")
	marks(1, "rtt", "dot")
	legend("dot", "RTT")
}

# A curve, or a dot for each of what was measured.
function draw_curves(   i, shape) {
	axes(0, max_y, beside)
	for (i = 3; i <= curves; i++)
		if (column[i] ~ /measured/) {
			shape = i < 5 ? "dot" : i < 7 ? "triangle" : "cross"
			marks(1, column[i], shape)
			legend(shape, column[i])
		} else {
			curve(1, column[i], "line" i - 2, 0, column[i])
		}
}

function draw() {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" " \
	    "height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n",
	    W, H, W, H
	print "<style>path{fill:none}.grid{stroke:#ddd}" \
	    ".axis{stroke:#000;stroke-width:1.5}" \
	    ".line1{stroke:#0072b2;stroke-width:2}" \
	    ".line2{stroke:#000;stroke-width:1.3;stroke-dasharray:7 4}" \
	    ".line3{stroke:#d55e00;stroke-width:2;stroke-dasharray:2 3}" \
	    ".line4{stroke:#009e73;stroke-width:2;stroke-dasharray:12 3 3 3}" \
	    ".line5{stroke:#cc79a7;stroke-width:3;stroke-dasharray:18 4}" \
	    ".line6{stroke:#e69f00;stroke-width:3;stroke-dasharray:3 7}" \
	    ".dot{fill:#0072b2}.triangle{fill:#d55e00}" \
	    ".cross{stroke:#000;stroke-width:2}" \
	    ".ring{fill:none;stroke:#c00;stroke-width:1.8}</style>"
	printf "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", W, H
	text_at((X0 + X1) / 2, 18, "middle", 14,
	    title != "" ? title : file == 1 ? name[1] : "")
	if (y == "cwnd")
		draw_cwnd()
	else if (y == "seq")
		draw_seq()
	else if (y == "curves")
		draw_curves()
	else
		draw_rtt()
	print "</svg>"
}
