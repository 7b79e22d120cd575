-- proto.lua: serv and cli in Wireshark. Licence: ISC, see README.
--
--	wireshark -X lua_script:lab/proto.lua FILE
--	tshark -X lua_script:lab/proto.lua -r FILE -Y 'rdt.seq == 5'
--
-- proto.h and more/more.h draw the formats; the fields have the names that they
-- have there. Who speaks what:
--
--	name         transport   default port     fields
--	ftp_frames   TCP         50000, heuristic  ftp.verb ftp.name ftp.code ...
--	rdt_native   UDP         heuristic         rdt.type rdt.seq rdt.last ...
--	xfer         TCP         4321              xfer.op xfer.status ...
--	dir          UDP         6868              dir.op dir.text dir.number
--	peer         TCP                           peer.operation peer.key ...
--	chat         TCP         55000             chat.text
--	chat_pull    UDP                           chat.part chat.length
--	room         TCP         13337             room.code room.text room.port
--	room_rdt     UDP                           rdt.type rdt.seq rdt.last
--
-- (The filters rdt and ftp alone are other protocols of Wireshark's.)
--
-- For other ports: Decode As, or -d tcp.port==4322,xfer. Ports that a message
-- names are found by themselves: the data connections of ftp, sessions of rdt,
-- peers of dir, downloads of chat and room, and room's second connection.

local bits = bit or bit32 or
    load("return { bxor = function(a, b) return a ~ b end }")()

local tcp_port = DissectorTable.get("tcp.port")
local udp_port = DissectorTable.get("udp.port")
local tcp_stream = Field.new("tcp.stream")
local comment = Field.new("frame.comment")

local bad = {}

-- What is known of the capture. now: by stream, what its messages have said so
-- far; kept: by frame, what they had said before it. sessions: of rdt and
-- room_rdt, by their two ends and key; the parts of chat that were asked for;
-- and the last datagram of dir, by where it went. marks: by frame. ftp_data: by
-- port, the verb that asked for it. downloads: by port, how many chat made.
local now, kept, sessions, marks, ftp_data, downloads

-- A protocol with its fields, { name = ProtoField }, and expert infos, of which
-- the first is for what is malformed.
local function protocol(name, text, fields, expert1, expert2)
	local p = Proto(name, text)
	local list = {}
	for _, field in pairs(fields) do
		list[#list + 1] = field
	end
	p.fields = list
	local e = ProtoExpert.new(name .. ".malformed", "Malformed",
	    expert.group.MALFORMED, expert.severity.ERROR)
	p.experts = { e, expert1, expert2 }
	bad[text] = e
	return p
end

-- Returns what the column says of it.
local function malformed(p, tree, what)
	tree:add_proto_expert_info(bad[p.description], what)
	return "[malformed: " .. what .. "]"
end

-- What -L did to this datagram, if a comment of -w says so.
local function fate()
	local c, what = comment(), ""
	for fault in (c and c.value or ""):gmatch("([%a ]+) here:") do
		what = what .. " [" .. fault:match("%a.*") .. " here]"
	end
	return what
end

local function commented(text)
	local c = comment()
	return c ~= nil and c.value:find(text, 1, true) ~= nil
end

-- Was less of it captured than there was?
local function cut(tvb)
	return tvb:len() < tvb:reported_len()
end

local utf8_forms = { "^[%g ]", "^[\194-\223][\128-\191]",
    "^[\224-\239][\128-\191][\128-\191]",
    "^[\240-\244][\128-\191][\128-\191][\128-\191]" }

-- Text for a column or a field: not too long, control characters and what is no
-- UTF-8 as \xNN.
local function shown(text)
	local out, at = {}, 1
	while at <= #text and #out < 120 do
		local char
		for _, form in ipairs(utf8_forms) do
			char = char or text:match(form, at)
		end
		out[#out + 1] = char or ("\\x%02x"):format(text:byte(at))
		at = at + (char and #char or 1)
	end
	return table.concat(out) .. (at <= #text and "..." or "")
end

-- One end of a stream or datagram, and the other.
local function ends(pinfo)
	return tostring(pinfo.src) .. ":" .. pinfo.src_port,
	    tostring(pinfo.dst) .. ":" .. pinfo.dst_port
end

-- ---- streams ------------------------------------------------------------
--
-- parse(tvb, at, say, tree, st, pinfo) takes one message off and returns its
-- bytes; 0: more must come. st is what is known of the connection: st.client
-- is the end that began, and st.from whoever speaks, "client" or "server". The
-- first pass goes through a file in order; what st was then is kept for later.
local function stream(p, column, parse)
	function p.dissector(tvb, pinfo, tree)
		local src, dst = ends(pinfo)
		local id = tcp_stream()		-- nil in pass 1 of tshark -2
		id = id and id.value or src < dst and src .. dst or dst .. src
		local known = pinfo.visited and kept[pinfo.number] or now[id] or
		    { client = pinfo.dst_port == pinfo.match_uint and src or
		    pinfo.src_port == pinfo.match_uint and dst or src }
		local st = {}
		for k, v in pairs(known) do
			st[k] = v
		end
		st.from = src == st.client and "client" or "server"
		st.server_port = src == st.client and pinfo.dst_port or
		    pinfo.src_port
		pinfo.cols.protocol = column
		local said = {}
		local function say(text)
			said[#said + 1] = text
		end
		local at = 0
		while at < tvb:len() do
			local n = parse(tvb, at, say, tree, st, pinfo)
			if n == 0 then
				pinfo.desegment_offset = at
				pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
				break
			end
			at = at + n
		end
		if #said > 0 then
			pinfo.cols.info = table.concat(said, "; ")
		elseif at > 0 then
			pinfo.cols.info = "..."
		end
		if not pinfo.visited then
			kept[pinfo.number] = known
			now[id] = st
		end
		return tvb:len()
	end
end

-- Bytes of a file or list that st.from is still to send: announce() notes them,
-- contents() takes those that are here, and returns how many; nil: none is due.
local function announce(st, n)
	st["left of " .. st.from] = n
end

local function contents(p, tvb, at, say, tree, st, field)
	local left = st["left of " .. st.from] or 0
	if left == 0 then
		return nil
	end
	local n = math.min(left, tvb:len() - at)
	tree:add(p, tvb(at, n), "Contents, " .. n .. " bytes"):add(field,
	    tvb(at, n))
	announce(st, left - n)
	if left == n then
		say("...the end of the contents")
	end
	return n
end

-- ---- rdt ------------------------------------------------------------------

local rdt_types = { "HELLO", "DATA", "ACK", "DONE" }
local rdt_modes = { "sw", "gbn", "sr" }
local rdt_controls = { [0] = "its own", "none", "half", "reno" }
local R = {
	type = ProtoField.uint8("rdt.type", "Type", base.DEC, rdt_types),
	flags = ProtoField.uint8("rdt.flags", "Flags", base.HEX),
	last = ProtoField.bool("rdt.last", "Last packet"),
	length = ProtoField.uint16("rdt.length", "Length of payload"),
	key = ProtoField.uint32("rdt.key", "Key", base.HEX),
	seq = ProtoField.uint32("rdt.seq", "Sequence number"),
	crc = ProtoField.uint32("rdt.crc", "CRC-32", base.HEX),
	good = ProtoField.bool("rdt.crc_ok", "CRC-32 is right"),
	mode = ProtoField.uint8("rdt.mode", "Mode", base.DEC, rdt_modes),
	control = ProtoField.uint8("rdt.control", "Congestion control",
	    base.DEC, rdt_controls),
	window = ProtoField.uint16("rdt.window", "Window"),
	block = ProtoField.uint16("rdt.block", "Block"),
	arrived = ProtoField.string("rdt.arrived", "Has arrived beyond"),
	payload = ProtoField.bytes("rdt.payload", "Payload"),
	again = ProtoField.bool("rdt.retransmission", "Retransmission"),
	dup = ProtoField.bool("rdt.duplicate", "Duplicate"),
	gap = ProtoField.bool("rdt.gap", "Gap before it"),
}
local e_crc = ProtoExpert.new("rdt.crc_bad", "Wrong CRC-32",
    expert.group.CHECKSUM, expert.severity.WARN)
local e_mark = ProtoExpert.new("rdt.mark", "Out of order",
    expert.group.SEQUENCE, expert.severity.NOTE)
local rdt = protocol("rdt_native", "Reliable data transfer", R, e_crc, e_mark)

local crc_table = {}
for i = 0, 255 do
	local c = i
	for _ = 1, 8 do
		local odd = c % 2 == 1
		c = math.floor(c / 2)
		c = odd and bits.bxor(c, 0xedb88320) % 0x100000000 or c
	end
	crc_table[i] = c
end

local function crc32(bytes)
	local c = 0xffffffff
	for i = 1, #bytes do
		local low = bits.bxor(c % 256, bytes:byte(i)) % 256
		c = bits.bxor(math.floor(c / 256), crc_table[low]) % 0x100000000
	end
	return 0xffffffff - c
end

function rdt.init()
	now, kept, sessions, marks = {}, {}, {}, {}
	ftp_data, downloads = {}, {}
end

-- Datagrams of both directions of one session find the same table.
local function session(pinfo, key)
	local a, b = ends(pinfo)
	local id = (a < b and a .. " " .. b or b .. " " .. a) .. " " .. key
	sessions[id] = sessions[id] or { seen = {}, next = nil, ack = nil }
	return sessions[id]
end

-- What is odd about DATA, or an ACK, is found in the first pass. What is there
-- again was sent again, unless a comment of -w knows better.
local function mark_data(s, seq)
	local mark
	if s.seen[seq] then
		mark = "retransmission"
	elseif seq > (s.next or 1) then
		mark = "gap"
	end
	s.seen[seq] = true
	s.next = math.max(s.next or 0, seq + 1)
	return mark
end

local function mark_ack(s, seq, bitmap)
	local same = s.ack == seq and s.bitmap == bitmap
	s.ack = math.max(s.ack or 0, seq)
	s.bitmap = bitmap
	return same and "duplicate" or nil
end

local mark_fields = { retransmission = "again", duplicate = "dup", gap = "gap" }

local function show_mark(tree, range, mark, pinfo)
	if commented("retransmission") then
		mark = "retransmission"
	elseif commented("doubled here") then
		mark = "duplicate"
	end
	if mark then
		tree:add(R[mark_fields[mark]], range, true):set_generated()
		tree:add_proto_expert_info(e_mark, mark)
		pinfo.cols.info:append(" [" .. mark .. "]")
	end
end

-- The packets that a bitmap names, as text.
local function arrived(seq, bitmap)
	local list = {}
	for i = 0, 8 * #bitmap - 1 do
		local byte = bitmap:byte(math.floor(i / 8) + 1)
		if math.floor(byte / 2 ^ (7 - i % 8)) % 2 == 1 then
			list[#list + 1] = seq + 1 + i
		end
	end
	return table.concat(list, " ")
end

local function show_hello(t, tvb)
	t:add(R.mode, tvb(16, 1))
	t:add(R.control, tvb(17, 1))
	t:add(R.window, tvb(18, 2))
	t:add(R.block, tvb(20, 2))
	return ("HELLO %s, %s, window %d, block %d"):format(
	    rdt_modes[tvb(16, 1):uint()] or "?",
	    rdt_controls[tvb(17, 1):uint()] or "its own",
	    tvb(18, 2):uint(), tvb(20, 2):uint())
end

function rdt.dissector(tvb, pinfo, tree)
	local n = tvb:len()
	local t = tree:add(rdt, tvb())
	pinfo.cols.protocol = "RDT"
	pinfo.cols.info = "datagram of " .. n .. " bytes"
	if n < 16 then
		pinfo.cols.info:append(" " ..
		    malformed(rdt, t, "shorter than a head"))
		return n
	end
	local kind, length = tvb(0, 1):uint(), tvb(2, 2):uint()
	local seq = tvb(8, 4):uint()
	t:add(R.type, tvb(0, 1))
	t:add(R.flags, tvb(1, 1))
	t:add(R.last, tvb(1, 1), tvb(1, 1):uint() % 2 == 1)
	t:add(R.length, tvb(2, 2))
	t:add(R.key, tvb(4, 4))
	t:add(R.seq, tvb(8, 4))
	t:add(R.crc, tvb(12, 4))
	local body = n > 16 and tvb:raw(16, n - 16) or ""
	local good = cut(tvb) or
	    crc32(tvb:raw(0, 12) .. body) == tvb(12, 4):uint()
	if not cut(tvb) then
		t:add(R.good, tvb(12, 4), good):set_generated()
	end
	local text = rdt_types[kind] or "type " .. kind
	if kind == 1 and n >= 22 then
		text = show_hello(t, tvb)
	elseif kind == 2 then
		text = ("DATA %u, %d bytes%s"):format(seq, n - 16,
		    tvb(1, 1):uint() % 2 == 1 and ", last" or "")
	elseif kind == 3 then
		text = ("ACK %u%s"):format(seq, body == "" and "" or
		    ", has " .. arrived(seq, body))
	end
	if kind == 3 and body ~= "" then
		t:add(R.arrived, tvb(16), arrived(seq, body))
	elseif body ~= "" and kind ~= 1 then
		t:add(R.payload, tvb(16))
	end
	pinfo.cols.info = text .. fate()
	if not good then
		t:add_proto_expert_info(e_crc, "wrong CRC-32")
		pinfo.cols.info:append(" [wrong CRC]")
	elseif not rdt_types[kind] or length ~= tvb:reported_len() - 16 or
	    (kind == 1 and length ~= 6) then
		pinfo.cols.info:append(" " ..
		    malformed(rdt, t, "length or type"))
	elseif not pinfo.visited then
		local s = session(pinfo, tvb(4, 4):uint())
		marks[pinfo.number] = kind == 2 and mark_data(s, seq) or
		    kind == 3 and mark_ack(s, seq, body) or nil
	end
	if good then
		show_mark(t, tvb(8, 4), marks[pinfo.number], pinfo)
	end
	return n
end

-- A datagram whose CRC is right can hardly be anything else.
rdt:register_heuristic("udp", function(tvb, pinfo, tree)
	local n = tvb:len()
	if n < 16 or tvb(2, 2):uint() ~= n - 16 or
	    not rdt_types[tvb(0, 1):uint()] or crc32(tvb:raw(0, 12) ..
	    (n > 16 and tvb:raw(16) or "")) ~= tvb(12, 4):uint() then
		return false
	end
	rdt.dissector(tvb, pinfo, tree)
	pinfo.conversation = rdt
	return true
end)
udp_port:add_for_decode_as(rdt)

-- ---- ftp ------------------------------------------------------------------

local ftp_codes = { ["0"] = "stored", ["-1"] = "no such file",
    ["-2"] = "name refused", ["-3"] = "cannot store or read it",
    ["-4"] = "server is full", ["-5"] = "malformed or unknown" }
local F = {
	length = ProtoField.uint64("ftp.length", "Length of text"),
	text = ProtoField.string("ftp.text", "Text"),
	verb = ProtoField.string("ftp.verb", "Verb"),
	name = ProtoField.string("ftp.name", "Name"),
	port = ProtoField.uint16("ftp.data_port", "Data port"),
	key = ProtoField.string("ftp.key", "Key of the rdt session"),
	size = ProtoField.uint64("ftp.file_size", "Size of the file"),
	code = ProtoField.string("ftp.code", "Code"),
	contents = ProtoField.bytes("ftp.contents", "Contents"),
}
local ftp = protocol("ftp_frames", "Frames of ftp", F)
-- Commands wait for their answers: st.asked is a queue of verbs.
local function ftp_command(t, range, text, say, st)
	local verb, name = text:match("^(%S*) ?(.*)$")
	verb = shown(verb:lower())
	if verb ~= "quit" then
		st.asked = (st.asked or "") .. verb .. "\n"
	end
	t:add(F.verb, range, verb)
	if verb == "uput" and name:match(" %d+$") then
		t:add(F.size, range, UInt64(tonumber(name:match("%d+$"))))
		name = name:match("^(.*) %d+$")
	end
	if name ~= "" then
		t:add(F.name, range, shown(name))
	end
	say(shown(text))
end

-- What an answer means depends on the command before it.
local function ftp_answer(t, range, text, say, st)
	local port, key, size = text:match("^(%d+) (%x+) ?(%d*)$")
	local verb = ""
	if st.asked and st.asked ~= "" then
		verb, st.asked = st.asked:match("^(.-)\n(.*)$")
	end
	if ftp_codes[text] then
		t:add(F.code, range, text)
		say("code " .. text .. ": " .. ftp_codes[text])
	elseif key and (verb == "uget" or verb == "uput") then
		t:add(F.port, range, tonumber(port))
		t:add(F.key, range, key)
		if size ~= "" then
			t:add(F.size, range, UInt64(tonumber(size)))
		end
		say("rdt on UDP port " .. port .. ", key " .. key ..
		    (size == "" and "" or ", " .. size .. " bytes"))
		udp_port:add(tonumber(port), rdt)
	elseif text:match("^%d+$") and (verb == "get" or verb == "put") then
		t:add(F.port, range, tonumber(text))
		say("data connection to port " .. text)
		ftp_data[tonumber(text)] = verb
		tcp_port:add(tonumber(text), ftp)
	else
		local _, lines = text:gsub("\n", "")
		say(text == "" and "no files" or lines + 1 .. " files: " ..
		    shown(text))
	end
end

local function ftp_frame(tvb, at, say, tree, st)
	st.data = st.data or ftp_data[st.server_port]
	local taken = contents(ftp, tvb, at, say, tree, st, F.contents)
	if taken then
		return taken
	end
	local have = tvb:len() - at
	local head = tvb:raw(at, math.min(have, 10))
	if not head:match("^%d+$") then
		local t = tree:add(ftp, tvb(at))
		say(malformed(ftp, t, "no ten digits: " .. shown(head)))
		return have
	end
	if have < 10 then
		return 0
	end
	local n = tonumber(head)
	if n > 4096 and st.from == "client" and not st.data then
		say(malformed(ftp, tree:add(ftp, tvb(at)),
		    "longer than a command: " .. head))
		return have
	end
	local is_contents = n > 4096 or
	    st.data == (st.from == "client" and "put" or "get")
	if not is_contents and have < 10 + n then
		return 0
	end
	local size = is_contents and 10 or 10 + n
	local t = tree:add(ftp, tvb(at, size), "Frame of ftp, " .. n .. " bytes")
	t:add(F.length, tvb(at, 10), UInt64(n))
	if is_contents then
		say((st.data and "contents, " or "list, ") .. n .. " bytes...")
		announce(st, n)
		return 10
	end
	local text = n > 0 and tvb:raw(at + 10, n) or ""
	local range = n > 0 and tvb(at + 10, n) or tvb(at, 10)
	t:add(F.text, range, shown(text))
	if st.from == "client" then
		ftp_command(t, range, text, say, st)
	else
		ftp_answer(t, range, text, say, st)
	end
	return size
end
stream(ftp, "FTP frames", ftp_frame)
tcp_port:add(50000, ftp)
tcp_port:add_for_decode_as(ftp)

-- A connection that begins with ten digits, alone, or with a verb behind them.
ftp:register_heuristic("tcp", function(tvb, pinfo, tree)
	local text = tvb:raw():lower()
	local head, rest = text:match("^(%d%d%d%d%d%d%d%d%d%d)(.*)$")
	local n = tonumber(head or "")
	if not n or n > 4096 or (rest ~= "" and
	    not (n == 2 and rest:match("^ls")) and
	    not (n == 4 and rest:match("^quit")) and
	    not (n > 4 and rest:match("^u?[gp][eu]t ") and #rest >= n)) then
		return false
	end
	ftp.dissector(tvb, pinfo, tree)
	pinfo.conversation = ftp
	return true
end)

-- ---- xfer -----------------------------------------------------------------

local xfer_ops = { [0] = "upload", "download", "list" }
local xfer_statuses = { [0] = "ok", "unknown opcode", "file not found",
    "refused or failed" }
local X = {
	op = ProtoField.uint8("xfer.op", "Opcode", base.DEC, xfer_ops),
	status = ProtoField.uint8("xfer.status", "Status", base.DEC,
	    xfer_statuses),
	length = ProtoField.uint64("xfer.length", "Length"),
	name = ProtoField.string("xfer.name", "Name"),
	list = ProtoField.string("xfer.list", "List"),
	contents = ProtoField.bytes("xfer.contents", "Contents"),
}
local xfer = protocol("xfer", "One request per connection", X)

-- A length in 8 bytes; -1: more than any file has.
local function length8(tvb, at)
	local n = tvb(at, 8):uint64()
	return n:higher() < 0x80000000 and n:tonumber() or -1
end

local function xfer_length(tvb, at, say, tree, st, what)
	if tvb:len() - at < 8 then
		return 0
	end
	local n = length8(tvb, at)
	local t = tree:add(xfer, tvb(at, 8), "Length of " .. what)
	t:add(X.length, tvb(at, 8))
	if n < 0 then
		say(malformed(xfer, t, "length of " .. what))
	else
		say(("%s, %.0f bytes..."):format(what, n))
	end
	announce(st, math.max(n, 0))
	return 8
end

local function xfer_client(tvb, at, say, tree, st)
	if not st.op then
		st.op = tvb(at, 1):uint()
		tree:add(xfer, tvb(at, 1)):add(X.op, tvb(at, 1))
		say(xfer_ops[st.op] or "opcode " .. st.op)
		return 1
	elseif not st.name then
		if tvb:len() - at < 8 then
			return 0
		end
		local n = length8(tvb, at)
		if n < 0 or n > 4096 then
			say(malformed(xfer, tree:add(xfer, tvb(at)),
			    "length of name"))
			return tvb:len() - at
		elseif tvb:len() - at < 8 + n then
			return 0
		end
		local t = tree:add(xfer, tvb(at, 8 + n))
		t:add(X.length, tvb(at, 8))
		st.name = n > 0 and tvb:raw(at + 8, n) or ""
		t:add(X.name, tvb(at, 8 + n), shown(st.name))
		say("name " .. shown(st.name))
		return 8 + n
	end
	return xfer_length(tvb, at, say, tree, st, "contents")
end

-- Statuses: after the opcode, after the name of a download, after an upload;
-- what is not 0 is the end.
local function xfer_server(tvb, at, say, tree, st)
	local statuses = st.op == 1 and 2 or 1
	st.statuses = st.statuses or 0
	if st.statuses < statuses or st.op == 0 then
		local status = tvb(at, 1):uint()
		st.statuses = st.statuses + 1
		tree:add(xfer, tvb(at, 1)):add(X.status, tvb(at, 1))
		say("status " .. status .. ": " ..
		    (xfer_statuses[status] or "?"))
		return 1
	end
	return xfer_length(tvb, at, say, tree, st,
	    st.op == 2 and "list" or "contents")
end

stream(xfer, "XFER", function(tvb, at, say, tree, st)
	return contents(xfer, tvb, at, say, tree, st,
	    st.op == 2 and X.list or X.contents) or
	    (st.from == "client" and xfer_client or xfer_server)(tvb, at,
	    say, tree, st)
end)
tcp_port:add(4321, xfer)

-- ---- peer -----------------------------------------------------------------

local P = {
	length = ProtoField.uint16("peer.length", "Length"),
	operation = ProtoField.string("peer.operation", "Operation"),
	key = ProtoField.string("peer.key", "Key"),
	value = ProtoField.string("peer.value", "Value"),
}
local peer = protocol("peer", "Transfer between peers", P)

stream(peer, "PEER", function(tvb, at, say, tree)
	local have = tvb:len() - at
	local n = have >= 2 and tvb(at, 2):uint()
	if not n or have < 2 + n then
		return 0
	end
	local t = tree:add(peer, tvb(at, 2 + n))
	t:add(P.length, tvb(at, 2))
	local text = n > 0 and tvb:raw(at + 2, n) or ""
	local operation = text:match("^operation: ?([^\n]*)\n")
	if not operation or text:sub(-2) ~= "\n\n" then
		say(malformed(peer, t, "no operation, or no empty line"))
		return 2 + n
	end
	t:add(P.operation, tvb(at + 2, n), shown(operation))
	local from, fields = 3, {}
	for line in text:gmatch("([^\n]*)\n") do
		local key, value = line:match("^([^:]*): ?(.*)$")
		if key and key ~= "operation" then
			local range = tvb(at - 1 + from, #line)
			t:add(P.key, range, shown(key))
			t:add(P.value, range, shown(value))
			fields[#fields + 1] = key .. " " .. (key == "file" and
			    #value .. " digits of base 64" or value)
		end
		from = from + #line + 1
	end
	say(shown(operation .. (#fields > 0 and ": " or "") ..
	    table.concat(fields, ", ")))
	return 2 + n
end)
tcp_port:add_for_decode_as(peer)

-- ---- dir ------------------------------------------------------------------

local dir_ops = { "Login", "LoginOk", "Lookup", "LookupOk", "LookupFail",
    "Register", "RegisterOk", "RegisterFail", "ServeFiles", "ServeFilesOk",
    "ServeFilesFail", "GetUsers", "Users", "GetFiles", "Files", "Publish",
    "PublishOk", "Stop", "StopOk", "Logout", "LogoutOk", "Fail" }
-- Control, One, Two, Text: which formats an op may have.
local dir_formats = { "C", "O", "T", "2", "C", "T", "C", "C", "OT", "C", "C",
    "CO", "T", "CO", "T", "T", "CO", "T", "C", "T", "C", "C" }
local D = {
	op = ProtoField.uint8("dir.op", "Op", base.DEC, dir_ops),
	number = ProtoField.uint32("dir.number", "Number"),
	address = ProtoField.ipv4("dir.address", "Address"),
	port = ProtoField.uint32("dir.port", "Port"),
	length = ProtoField.uint32("dir.length", "Length of text"),
	text = ProtoField.string("dir.text", "Text"),
	again = ProtoField.bool("dir.repeated", "Repeated"),
}
local e_repeated = ProtoExpert.new("dir.mark", "Repeated",
    expert.group.SEQUENCE, expert.severity.NOTE)
local dir = protocol("dir", "Directory of files", D, e_repeated)

-- The format of a datagram: exact, or none.
local function dir_format(tvb)
	local n = tvb:len()
	local allowed = n > 0 and dir_formats[tvb(0, 1):uint()] or ""
	return n == 1 and allowed:find("C") and "C" or
	    n == 5 and allowed:find("O") and "O" or
	    n == 9 and allowed:find("2") and "2" or
	    n >= 5 and allowed:find("T") and tvb(1, 4):uint() == n - 5 and
	    "T" or nil
end

local function dir_body(t, tvb, op, format)
	if format == "2" then
		local port = tvb(5, 4):uint()
		t:add(D.address, tvb(1, 4))
		t:add(D.port, tvb(5, 4))
		if port > 0 and port < 65536 then
			tcp_port:add(port, peer)
		end
		return " " .. tostring(tvb(1, 4):ipv4()) .. ":" .. port
	elseif format == "O" then
		local number = tvb(1, 4):uint()
		t:add(op == 9 and D.port or D.number, tvb(1, 4))
		if op == 9 and number > 0 and number < 65536 then
			tcp_port:add(number, peer)
		end
		return (op == 9 and " port " or op == 17 and " " or
		    op == 2 and " " or " skip ") .. number
	elseif format == "T" then
		local text = tvb:len() > 5 and tvb:raw(5) or ""
		t:add(D.length, tvb(1, 4))
		t:add(D.text, tvb:len() > 5 and tvb(5) or tvb(1, 4), shown(text))
		local where = op == 13 and " %d+%.%d+%.%d+%.%d+:(%d+)\n" or "^$"
		for port in text:gmatch(where) do
			tcp_port:add(tonumber(port) or 0, peer)
		end
		local _, lines = text:gsub("\n", "")
		local from = text:match("^skip (%d+)\n") or
		    text:match("^at (%d+)\n")
		return lines == 0 and " " .. shown(text) or (" %d entries%s"):
		    format(from and lines - 1 or lines,
		    from and " from " .. from .. " on" or "")
	end
	return ""
end

function dir.dissector(tvb, pinfo, tree)
	local t = tree:add(dir, tvb())
	local format = dir_format(tvb)
	local op = tvb:len() > 0 and tvb(0, 1):uint() or 0
	pinfo.cols.protocol = "DIR"
	pinfo.cols.info = dir_ops[op] or "op " .. op
	if tvb:len() > 0 then
		t:add(D.op, tvb(0, 1))
	end
	if not format then
		pinfo.cols.info:append(cut(tvb) and " [cut]" or
		    " " .. malformed(dir, t, "size"))
		return tvb:len()
	end
	pinfo.cols.info:append(dir_body(t, tvb, op, format) .. fate())
	if not pinfo.visited then
		local src, dst = ends(pinfo)
		marks[pinfo.number] = sessions[src .. dst] == tvb:raw()
		sessions[src .. dst] = tvb:raw()
		if not commented("dropped here") then
			sessions[dst .. src] = nil	-- it is answered
		end
	end
	if marks[pinfo.number] then
		t:add(D.again, tvb(), true):set_generated()
		t:add_proto_expert_info(e_repeated, "repeated")
		pinfo.cols.info:append(" [repeated]")
	end
	return tvb:len()
end
udp_port:add(6868, dir)

-- ---- chat -----------------------------------------------------------------

local C = {
	text = ProtoField.string("chat.text", "Text"),
	part = ProtoField.uint32("chat.part", "Part"),
	length = ProtoField.uint16("chat.length", "Bytes of the file"),
	data = ProtoField.bytes("chat.data", "Data"),
}
local chat = protocol("chat", "Chat", C)
local pull = protocol("chat_pull", "Download of chat", {})

-- Each request comes from a new port: a part is known by server, download and
-- number.
local function mark_part(id, pinfo)
	if not pinfo.visited then
		marks[pinfo.number] = sessions[id] and "retransmission"
		sessions[id] = true
	end
end

function pull.dissector(tvb, pinfo, tree)
	local t = tree:add(pull, tvb())
	local text = tvb:raw()
	local part = text:match("^part (%d+)$")
	pinfo.cols.protocol = "CHAT"
	if part or text == "finished" then
		pinfo.cols.info = text .. fate()
		if part then
			t:add(C.part, tvb(), tonumber(part))
			mark_part(tostring(pinfo.dst) .. pinfo.dst_port .. " " ..
			    (downloads[pinfo.dst_port] or 0) .. " " .. part,
			    pinfo)
			show_mark(t, tvb(), marks[pinfo.number], pinfo)
		end
		return tvb:len()
	end
	-- A pickle, version 3 or 4: a pair or a list; then bytes, their length.
	local at = 3
	at = at + (text:byte(at) == 0x95 and 9 or 0)
	if text:byte(at) == 0x5d then		-- a list: ] q 0 (
		at = at + (text:byte(at + 1) == 0x71 and 4 or 3)
	end
	local kind, head, n = text:byte(at), 2, text:byte(at + 1)
	if kind == 0x42 and #text >= at + 4 then
		head, n = 5, tvb(at, 4):le_uint()
	elseif kind ~= 0x43 then
		n = nil
	end
	pinfo.cols.info = "pickle"
	if cut(tvb) then
		pinfo.cols.info:append(" [cut]")
		return tvb:len()
	elseif text:byte(1) ~= 0x80 or not n or at - 1 + head + n > #text then
		pinfo.cols.info:append(" " .. malformed(pull, t, "no pickle"))
		return tvb:len()
	end
	t:add(C.length, tvb(at, head - 1), n)
	if n > 0 then
		t:add(C.data, tvb(at - 1 + head, n))
	end
	pinfo.cols.info = n .. " bytes" .. fate()
	return tvb:len()
end
udp_port:add_for_decode_as(pull)

-- Lines, if there is a newline in what the client says first; else what one
-- segment holds.
stream(chat, "CHAT", function(tvb, at, say, tree, st, pinfo)
	local text = tvb:raw(at)
	if st.from == "client" and st.lines == nil then
		st.lines = text:find("\n", 1, true) ~= nil
	end
	local line = st.lines and text:match("^[^\n]*\n") or
	    not st.lines and text
	if not line then
		return 0
	end
	local message = line:gsub("\r?\n$", "")
	local port = message:match("^UDP (%d+) %d+ ")
	port = st.from == "server" and tonumber(port)
	if port and not pinfo.visited then
		udp_port:add(port, pull)
		downloads[port] = (downloads[port] or 0) + 1
	end
	tree:add(chat, tvb(at, #line)):add(C.text, tvb(at, #line),
	    shown(message))
	say(st.from .. ": " .. shown(message))
	return #line
end)
tcp_port:add(55000, chat)

-- ---- room -----------------------------------------------------------------

-- By code: what it says, and a layout as in more/room.c: t a text behind its
-- length, p a port, m three letters, 1 and 2 so many digits, which tell how
-- many texts follow.
local room_codes = {
	["100"] = { "join", "t" }, ["101"] = { "leave", "" },
	["102"] = { "who", "" }, ["103"] = { "to one", "tt" },
	["104"] = { "to all", "t" }, ["105"] = { "files", "" },
	["106"] = { "get", "mt" }, ["200"] = { "joined, updates on", "tp" },
	["201"] = { "left", "" }, ["2020"] = { "nobody", "" },
	["2021"] = { "here are", "1" }, ["203"] = { "sent", "" },
	["2040"] = { "nobody", "" }, ["2041"] = { "sent to", "1" },
	["2050"] = { "no files", "" }, ["2051"] = { "files", "2" },
	["206"] = { "size, port", "tp" }, ["300"] = { "joined", "t" },
	["301"] = { "left", "t" }, ["303"] = { "privately", "tt" },
	["304"] = { "to all", "tt" }, ["4001"] = { "no name", "" },
	["4002"] = { "name taken", "" }, ["4003"] = { "room is full", "" },
	["4031"] = { "no such user", "" }, ["4061"] = { "no such file", "" },
	["4062"] = { "no port", "" }, ["4990"] = { "malformed", "" },
}
local room_widths = { t = 2, p = 5, m = 3, ["1"] = 1, ["2"] = 2 }
local M = {
	code = ProtoField.string("room.code", "Code"),
	text = ProtoField.string("room.text", "Text"),
	port = ProtoField.uint16("room.port", "Port"),
}
local room = protocol("room", "Room", M)
local room_rdt = protocol("room_rdt", "Download of room over UDP", {})

-- Counted from the last ACK, modulo window + 1: a number below the next one is
-- a retransmission, and one above it leaves a gap.
local function mark_room(s, seq, mod)
	local base = tonumber(s.acked or "0")
	local ahead = (seq - base) % mod - ((s.next or 0) - base) % mod
	if ahead >= 0 then
		s.next = (seq + 1) % mod
	end
	return ahead < 0 and "retransmission" or ahead > 0 and "gap" or nil
end

function room_rdt.dissector(tvb, pinfo, tree)
	local t = tree:add(room_rdt, tvb())
	local text = tvb:raw()
	local s = session(pinfo, "room")
	pinfo.cols.protocol = "ROOM"
	local first = not s.window and text:match("^%d%d?%d?$") and
	    (#text == 3 or pinfo.dst_port == pinfo.match_uint)
	if first and not pinfo.visited then
		s.window, s.client = tonumber(text), pinfo.src_port
		s.hello = pinfo.number
	end
	if pinfo.src_port == s.client and text:match("^%d%d?%d?$") then
		local hello = #text == 3 or pinfo.number == s.hello
		t:add(R.type, tvb(), hello and 1 or 3)
		t:add(hello and R.window or R.seq, tvb(), tonumber(text))
		pinfo.cols.info = (hello and "HELLO, window " or "ACK ") ..
		    tonumber(text) .. fate()
		if not pinfo.visited and not hello then
			marks[pinfo.number] = s.acked == text and "duplicate"
			s.acked = text
		end
	elseif text:match("^[01]%d%d") then
		local seq = tonumber(text:sub(2, 3))
		t:add(R.type, tvb(0, 1), 2)
		t:add(R.last, tvb(0, 1), text:sub(1, 1) == "1")
		t:add(R.seq, tvb(1, 2), seq)
		if #text > 3 then
			t:add(R.payload, tvb(3))
		end
		pinfo.cols.info = ("DATA %d, %d bytes%s%s"):format(seq,
		    #text - 3, text:sub(1, 1) == "1" and ", last" or "",
		    fate())
		if not pinfo.visited then
			marks[pinfo.number] = mark_room(s, seq,
			    (s.window or 99) + 1)
		end
	else
		pinfo.cols.info:append(" " .. malformed(room_rdt, t,
		    "neither digits nor a packet"))
	end
	show_mark(t, tvb(), marks[pinfo.number], pinfo)
	return tvb:len()
end
udp_port:add_for_decode_as(room_rdt)

-- Takes a message apart: its bytes and fields; 0: more must come; nil: none.
local function room_unpack(text)
	local code = room_codes[text:sub(1, 4)] and text:sub(1, 4) or
	    text:sub(1, 3)
	if not room_codes[code] then
		return #text < 4 and 0 or nil
	end
	local layout = room_codes[code][2]
	local at, fields = #code + 1, {}
	local function take(n)
		local field = text:sub(at, at + n - 1)
		at = at + n
		return #field == n and field
	end
	while layout ~= "" do
		local kind = layout:sub(1, 1)
		local field = take(room_widths[kind])
		layout = layout:sub(2)
		if field and kind ~= "m" and not field:match("^%d+$") then
			return nil
		elseif field and kind == "t" then
			field = take(tonumber(field))
		end
		if not field then
			return 0
		elseif kind:match("%d") then
			layout = ("t"):rep(tonumber(field))
		else
			fields[#fields + 1] = field
		end
	end
	return at - 1, code, fields
end

stream(room, "ROOM", function(tvb, at, say, tree, st)
	local text = tvb:raw(at)
	local blank = #text:match("^[\r\n]*")
	if blank > 0 then
		return blank
	end
	local n, code, fields = room_unpack(text)
	if n == 0 then
		return 0
	end
	local t = tree:add(room, tvb(at, n or -1))
	if not n then
		say(malformed(room, t, "no such code: " .. shown(text)))
		return #text
	end
	t:add(M.code, tvb(at, #code))
	for i, field in ipairs(fields) do
		if (code == "200" or code == "206") and i == 2 then
			t:add(M.port, tvb(at, n), tonumber(field) or 0)
		else
			t:add(M.text, tvb(at, n), shown(field))
		end
	end
	local port = tonumber(fields[2] or "")
	if code == "106" then
		st.asked = (st.asked or "") .. fields[1]
	elseif code:match("^406") then
		st.asked = (st.asked or ""):sub(4)
	elseif code == "200" and port then
		tcp_port:add(port, room)
	elseif code == "206" and port then
		if (st.asked or ""):sub(1, 3) == "UDP" then
			udp_port:add(port, room_rdt)
		end
		st.asked = (st.asked or ""):sub(4)
	end
	say(code .. " " .. room_codes[code][1] ..
	    (#fields > 0 and ": " or "") .. shown(table.concat(fields, " ")))
	return n
end)
tcp_port:add(13337, room)
