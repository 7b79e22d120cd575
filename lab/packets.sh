#!/bin/sh
# packets.sh: lists the packets of a capture. Licence: ISC, see README.
#
#	lab/packets.sh FILE
#
# For captures that -w wrote, where there is no tshark: a line for each packet,
# with its time, ports, flags and bytes, what it says in rdt or dir, or its
# first bytes as text, and its comment. It checks each block, length and
# checksum, prints the first fault, and exits with 1.

[ $# -eq 1 ] || { echo "usage: lab/packets.sh FILE" >&2; exit 2; }
[ -r "$1" ] || { echo "packets.sh: $1: cannot be read" >&2; exit 1; }

LC_ALL=C
export LC_ALL
od -An -v -tu1 "$1" | awk '
BEGIN {
	split("sw gbn sr", protocol, " ")
	split("Login LoginOk Lookup LookupOk LookupFail Register RegisterOk " \
	    "RegisterFail ServeFiles ServeFilesOk ServeFilesFail GetUsers " \
	    "Users GetFiles Files Publish PublishOk Stop StopOk Logout " \
	    "LogoutOk Fail", op, " ")
}

# A block at a time: its type and length, then as many bytes.
{
	for (i = 1; i <= NF; i++) {
		b[n++] = $i
		if (n == 8) {
			need = le(4)
			if (!blocks && le(0) != 168627466)
				bad("not pcapng")
			if (need < 12 || need % 4 || need > 1000000)
				bad("a block of " need " bytes")
		}
		if (n >= 8 && n == need) {
			block()
			n = 0
		}
	}
}

END {
	if (!stopped && (n || !blocks))
		bad(n ? "it is cut short" : "there is none")
	exit stopped
}

function bad(what) {
	print "packets.sh: block " blocks + 1 ": " what
	stopped = 1
	exit 1
}

function le(at) {
	return b[at] + 256 * (b[at+1] + 256 * (b[at+2] + 256 * b[at+3]))
}

function be(at) { return 256 * b[at] + b[at+1] }

function block(   type) {
	type = le(0)
	if (le(n - 4) != need)
		bad("its two lengths differ")
	if (type == 1 && (b[8] != 101 || b[9] != 0))
		bad("a link type other than RAW")
	if (type == 6)
		packet()
	blocks++
}

function options(at,   code, len, i) {
	note = way = ""
	while (at + 4 <= n - 4) {
		code = b[at] + 256 * b[at+1]
		len = b[at+2] + 256 * b[at+3]
		if (code == 0)
			return
		if (code == 1)
			for (i = 0; i < len; i++)
				note = note sprintf("%c", b[at+4+i])
		if (code == 2)
			way = b[at+4] == 1 ? "in" : "out"
		at += 4 + int((len + 3) / 4) * 4
	}
}

function sum(at, len,   s) {
	for (s = 0; len > 1; len -= 2) {
		s += be(at)
		at += 2
	}
	return s + (len ? 256 * b[at] : 0)
}

function bad_sum(s) { return s <= 0 || s % 65535 != 0 }

function packet(   ip, len, v6, head, size, proto, i, s, text) {
	len = le(20)
	if (le(24) != len || 28 + len > n)
		bad("the length of the packet")
	options(28 + int((len + 3) / 4) * 4)
	ip = 28
	v6 = int(b[ip] / 16) == 6
	head = v6 ? 40 : 20
	size = v6 ? 40 + be(ip + 4) : be(ip + 2)
	if (size != len)
		bad("the length in the IP header")
	if (!v6 && bad_sum(sum(ip, 20)))
		bad("the checksum of IPv4")
	proto = b[ip + (v6 ? 6 : 9)]
	time = (le(12) * 4294967296 + le(16)) / 1000000
	if (start == "")
		start = time
	text = sprintf("%6d %12.6f %-3s ", ++packets, time - start, way)
	s = sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8) + proto + size - head
	if (bad_sum(s + sum(ip + head, size - head)))
		bad("the checksum of TCP or UDP")
	ip += head
	text = text (proto == 6 ? "TCP " : "UDP ") sprintf("%6d > %-6d", be(ip),
	    be(ip + 2))
	if (proto == 6)
		text = text segment(ip, size - head) \
		    preview(ip + int(b[ip + 12] / 16) * 4, 28 + len)
	else
		text = text size - head - 8 " bytes" datagram(ip + 8,
		    size - head - 8)
	print text (note != "" ? "  (" note ")" : "")
}

# What a datagram says, if it looks like one of rdt or of dir.
function datagram(at, len,   type, text, i) {
	type = b[at]
	if (len >= 16 && be(at + 2) == len - 16 && type >= 1 && type <= 4 &&
	    b[at + 1] < 2) {
		if (type == 1)
			return "  HELLO " protocol[b[at + 16]] ", window " \
			    be(at + 18) ", block " be(at + 20)
		i = be(at + 8) * 65536 + be(at + 10)
		return type == 4 ? "  DONE" : type == 3 ? "  ACK " i \
		    (len > 16 ? ", bitmap" : "") : \
		    "  DATA " i ", " len - 16 " bytes" (b[at + 1] ? ", last" : "")
	}
	if (len < 1 || type < 1 || type > 22)
		return preview(at, at + len)
	if (len == 1 || len == 5 || len == 9) {
		text = "  " op[type]
		for (i = 1; i < len; i += 4)
			text = text " " be(at + i) * 65536 + be(at + i + 2)
		return text
	}
	if (len > 5 && be(at + 1) == 0 && be(at + 3) == len - 5)
		return "  " op[type] preview(at + 5, at + len)
	return preview(at, at + len)
}

# The first bytes of what is carried; a dot for what is no character.
function preview(at, end,   text) {
	if (at == end)
		return ""
	for (; at < end && length(text) < 24; at++)
		text = text (b[at] >= 32 && b[at] < 127 ? \
		    sprintf("%c", b[at]) : ".")
	return "  \"" text "\"" (at < end ? "..." : "")
}

# Numbers are relative to that of the SYN, and must continue; if both ends write
# to one file, everything is there twice.
function segment(at, len,   seq, flow, flags, data, text) {
	flow = be(at) " " be(at + 2)
	seq = be(at + 4) * 65536 + be(at + 6)
	flags = b[at + 13]
	data = len - int(b[at + 12] / 16) * 4
	text = (int(flags / 2) % 2 ? " SYN" : "") (flags % 2 ? " FIN" : "") \
	    (int(flags / 4) % 2 ? " RST" : "") (int(flags / 16) % 2 ? " ACK" : "")
	if (int(flags / 2) % 2 && (!(flow in first) || first[flow] != seq)) {
		first[flow] = seq
		next_seq[flow] = 0
	}
	seq = (seq - first[flow] + 4294967296) % 4294967296
	if (seq > next_seq[flow])
		bad("a sequence number")
	text = sprintf("%-12s seq %d, %d bytes%s", text, seq, data,
	    seq < next_seq[flow] ? ", again" : "")
	seq += data + flags % 2 + int(flags / 2) % 2
	if (seq > next_seq[flow])
		next_seq[flow] = seq
	return text
}'
