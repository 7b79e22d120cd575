/* engine.c: the rdt engine alone, near the end of its numbers.
 * Licence: ISC, see README.
 *
 * Sends packets whose numbers run past 2^32 over a channel that loses, doubles
 * and swaps them, and loses ACKs, in all modes and under all congestion
 * control. Checks that each arrives once and, except in sr, in order, and that
 * the sender ignores ACKs that no receiver can have sent. The channel is a
 * queue: what is sent arrives in the same turn. Then the same in the encoding
 * of room, over a channel that keeps the order; then all encodings, hashes and
 * lists, compared with what other programs made. Prints what went wrong; exit
 * status 0 if nothing did.
 *
 *      engine          all of that
 *      engine N        instead: all patterns of what can happen to the first N
 *                      transmissions; 6 take seconds, 12 hours
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../more/more.h"

#define PACKETS	300

extern const struct rdt_protocol rdt_sr;
static struct rdt_sender s;
static struct rdt_receiver r;
static unsigned char got[PACKETS];
static int room;			/* go through the encoding of room */
static uint32_t first = UINT32_MAX - PACKETS / 2;	/* of their numbers */
static int wrong;

static void
check(int ok, const char *what)
{
	if (!ok)
		printf("engine: %s, %s, window %u: %s\n", s.protocol->name,
		    s.congestion->name, s.window, what);
	wrong |= !ok;
}

/* The numbers of a well-known book: a run is the same everywhere. */
static unsigned
chance(unsigned n)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;	/* Numerical Recipes */
	return (state >> 16) % n;
}

/*
 * Packs and unpacks in the encoding of room, as its sender or its receiver
 * does: base or expected is the number it is near to.
 */
static struct rdt_session session;

static size_t
pack(unsigned char *d, unsigned w, const struct rdt_packet *p)
{
	session.window = w;
	return room_encoding.pack(&session, d, p);
}

static int
unpack(struct rdt_packet *p, unsigned w, int is_sender, uint32_t near,
    const void *bytes, size_t n)
{
	unsigned char d[16];

	memcpy(d, bytes, n);
	session.window = w;
	session.is_sender = is_sender;
	session.start = 1;
	session.sender.base = session.receiver.expected = near;
	return room_encoding.unpack(&session, p, d, n);
}

/* What a number becomes in the encoding of room, there and back. */
static uint32_t
through_room(enum rdt_type type, uint32_t seq)
{
	unsigned char d[16];
	struct rdt_packet p = { 0 };
	size_t n;

	p.type = type;
	p.seq = seq;
	n = pack(d, s.window, &p);
	check(unpack(&p, s.window, type == ACK, type == ACK ? s.base :
	    r.expected, d, n) == 0 && p.type == type, "room: not what it was");
	return p.seq;
}

/* DATA arrives, and its ACK at the sender, if neither is lost. */
static void
arrive(uint32_t seq, int64_t t)
{
	unsigned char bits[RDT_WINDOW_MAX / 8];
	enum rdt_event event;
	uint32_t before;
	size_t n;

	before = r.expected;
	if (room) {
		check((through_room(DATA, seq) == before) == (seq == before),
		    "room: another packet taken for the one expected");
		seq = through_room(DATA, seq);
	}
	event = rdt_recv_data(&r, seq);
	if (event == EV_RECV) {
		check(seq - first < PACKETS, "a number never sent");
		check(!got[seq - first]++, "a packet stored twice");
		check(s.protocol == &rdt_sr || seq == before, "out of order");
	}
	n = rdt_recv_bitmap(&r, bits);
	if (chance(5) > 0)
		rdt_send_ack(&s, t, room ? through_room(ACK, r.expected) :
		    r.expected, bits, n);
	check(s.highest - s.base <= s.window, "more in flight than the window");
}

/* What a sender must not believe. */
static void
lies(int64_t t)
{
	unsigned char bits[RDT_WINDOW_MAX / 8];
	struct rdt_sender before;

	memset(bits, 0xff, sizeof bits);
	before = s;
	rdt_send_ack(&s, t, s.highest + 1, bits, sizeof bits);
	rdt_send_ack(&s, t, s.base - 1, bits, sizeof bits);
	rdt_send_ack(&s, t, s.base + 0x80000000u, bits, sizeof bits);
	check(memcmp(&before, &s, sizeof s) == 0, "it believed a lie");
}

static void
run(const struct rdt_protocol *mode, unsigned window, const char *control)
{
	uint32_t wire[2 * RDT_WINDOW_MAX], seq;
	unsigned i, n;
	int64_t t;

	memset(got, 0, sizeof got);
	rdt_send_init(&s, mode, window, congestion_find(control, 0), first,
	    PACKETS);
	rdt_recv_init(&r, mode, s.window, first);
	for (t = 0; !rdt_send_done(&s) && !rdt_send_gave_up(&s);
	    t += SECOND / 100) {
		for (n = 0; rdt_send_next(&s, t, &seq);) {
			for (i = chance(10) == 0 ? 2 : 1; i > 0; i--)
				wire[n++] = seq;
			if (chance(8) == 0)
				n--;
			if (n > 1 && !room && chance(8) == 0) {
				seq = wire[n - 1];
				wire[n - 1] = wire[n - 2];
				wire[n - 2] = seq;
			}
		}
		for (i = 0; i < n; i++)
			arrive(wire[i], t);
		lies(t);
		if (t >= rdt_send_deadline(&s))
			rdt_send_timer(&s, t);
	}
	check(rdt_send_done(&s), "given up");
	for (i = 0; i < PACKETS && got[i] == 1; i++)
		;
	check(i == PACKETS, "a packet is missing");
	free(s.own);
	free(r.own);
}

/* Bytes that zlib and a person made. */
static void
golden(void)
{
	static const unsigned char hello[] = { 1, 0, 0, 6, 0x89, 0xab, 0xcd,
	    0xef, 0, 0, 0, 0, 0x5f, 0xa1, 0x08, 0x82, 2, 0, 0, 32, 5, 0x78 };
	static const unsigned char data[] = { 2, 1, 0, 5, 0, 0, 0, 1, 0, 1, 0,
	    2, 0xa9, 0x8a, 0x05, 0xb6, 'h', 'e', 'l', 'l', 'o' };
	unsigned char d[64];
	struct rdt_packet p = { 0 };

	check(crc32(0, "123456789", 9) == 0xcbf43926 &&
	    crc32(crc32(0, "1234", 4), "56789", 5) == 0xcbf43926, "crc-32");
	session.key = 0x89abcdef;
	p.type = HELLO;
	p.protocol = rdt_gbn.code;
	p.window = 32;
	p.block = 1400;
	check(rdt_pack(&session, d, &p) == sizeof hello &&
	    memcmp(d, hello, sizeof hello) == 0, "the bytes of HELLO");
	session.key = 1;
	p.type = DATA;
	p.seq = 0x10002;
	p.last = 1;
	p.length = 5;
	memcpy(d + RDT_HEAD, "hello", 5);
	check(rdt_pack(&session, d, &p) == sizeof data &&
	    memcmp(d, data, sizeof data) == 0, "the bytes of DATA");
	check(rdt_unpack(&session, &p, d, sizeof data) == 0 && p.seq == 0x10002 &&
	    p.last && p.length == 5, "DATA taken apart");
	check(rdt_unpack(&session, &p, d, sizeof data - 1) < 0,
	    "a length that lies");
	session.key = 2;
	check(rdt_unpack(&session, &p, d, sizeof data) < 0, "another key");

	p.window = 20;
	p.type = HELLO;
	check(pack(d, 20, &p) == 3 && memcmp(d, "020", 3) == 0,
	    "room: the window");
	p.type = DATA;
	p.seq = 20;
	check(pack(d, 20, &p) == 8 && memcmp(d, "120hello", 3) == 0,
	    "room: DATA");
	p.type = ACK;
	p.seq = 30;
	check(pack(d, 20, &p) == 1 && d[0] == '9', "room: ACK");
	check(unpack(&p, 20, 1, 18, "0", 1) == 0 && p.seq == 21,
	    "room: an ACK beyond the wrap");
	check(unpack(&p, 20, 1, 0, "21", 2) < 0 &&
	    unpack(&p, 20, 1, 0, "1x", 2) < 0 &&
	    unpack(&p, 20, 1, 0, "", 0) < 0, "room: ACKs that are none");
}

/* The vectors of RFC 3174, and of RFC 4648, section 10. */
static void
hashes(void)
{
	static const struct {
		const char *text, *hash;
		int times;
	} v[] = {
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709", 1 },
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d", 1 },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "84983e441c3bd26ebaae4aa1f95129e5e54670f1", 1 },
		{ "a", "34aa973cd4c4daa4f61eeb2bdbad27316534016f", 1000000 },
		{ "0123456701234567012345670123456701234567012345670123456701"
		    "234567", "dea356a2cddd90c7a7ecedc5ebb563934f460452", 10 },
	};
	static const char *const base64[] = { "", "Zg==", "Zm8=", "Zm9v",
	    "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
	static const char *const none[] = { "Z", "Zg=", "Zh==", "Zm9=", "Z===",
	    "====", "Zg==Zm8=", "Zm8\n", "Zm-v", "=m8=", "Zm 8" };
	unsigned char out[16];
	char hex[HASH_DIGITS + 1], text[16];
	size_t i;
	FILE *file;
	int k;

	for (i = 0; i < COUNT(v); i++) {
		file = tmpfile();
		if (file == NULL)
			exit(1);
		for (k = 0; k < v[i].times; k++)
			fputs(v[i].text, file);
		rewind(file);
		check(hash_file(fileno(file), hex) == 0 &&
		    strcmp(hex, v[i].hash) == 0, "SHA-1");
		fclose(file);
	}
	for (i = 0; i < COUNT(base64); i++)
		check(base64_encode(text, (const unsigned char *)"foobar", i) ==
		    strlen(base64[i]) &&
		    memcmp(text, base64[i], strlen(base64[i])) == 0 &&
		    base64_decode(out, base64[i], strlen(base64[i])) ==
		    (ssize_t)i && memcmp(out, "foobar", i) == 0, "base64");
	for (i = 0; i < COUNT(none); i++)
		check(base64_decode(out, none[i], strlen(none[i])) < 0,
		    "what is no base64");
}

/* Lines of the list of xfer, there and back; and what comes from others. */
static void
tuples(void)
{
	static const struct {
		const char *name, *line;
	} v[] = {
		{ "lorem_ipsum.txt",
		    "('lorem_ipsum.txt', 100321, 1620948149.0)" },
		{ "it's", "('it\\'s', 100321, 1620948149.0)" },
		{ "\"\\", "('\"\\\\', 100321, 1620948149.0)" },
		{ "\303\261 \342\202\254 \360\237\220\247",
		    "('\303\261 \342\202\254 \360\237\220\247', 100321, "
		    "1620948149.0)" },
		{ "\377\303", "('\\xff\\xc3', 100321, 1620948149.0)" },
		{ "\302\205\342\200\256\n", "('\\xc2\\x85\\xe2\\x80\\xae"
		    "\\x0a', 100321, 1620948149.0)" },
	};
	static const char *const others[] = { "(\"it's\", 0, -1.5)",
	    "('it\\'s', 0, -15e-1)", "('\\x69t\\u0027s', 0, -1.5)",
	    "('it\\U00000027s', 0, -1.500)" };
	static const char *const none[] = { "", "(", "('", "('a", "('a'",
	    "('a',", "('a', 1", "('a', 1, 2", "('a', 1, 2)x", "('a', 1, 2) ",
	    "('a', -1, 2)", "('a', 1, )", "('a', , 2)", "('a', 1.0, 2)",
	    "('a', 1, 2, 3)", "('a', 1, 1.2.3)",
	    "('a',1, 2)", "('a',  1, 2)", "('a', 1,\t2)", "('a' , 1, 2)",
	    "('a', 0x1, 2)", "('a', 1, 0x2)", "('a', 1, inf)",
	    "('a', 1, nan)", "('a', 1, 1-)",
	    "('a', 99999999999999999999, 2)", "('a', 9999999999999999999, 2)",
	    "(a, 1, 2)", "(b'a', 1, 2)", "('a\", 1, 2)", "['a', 1, 2]",
	    "('a\\', 1, 2)", "('\\x4', 1, 2)", "('\\x00', 1, 2)",
	    "('\\q', 1, 2)", "('\\ud800', 1, 2)", "('\\U00110000', 1, 2)",
	    "(\"a\" 'b', 1, 2)", "('a'.x(), 1, 2)", "\"a\", 1, 2" };
	char line[XFER_LINE_MAX];
	struct xfer_file f;
	size_t i;

	for (i = 0; i < COUNT(v); i++) {
		f.name = v[i].name;
		f.size = 100321;
		f.time = 1620948149;
		check(xfer_line_pack(line, &f) == strlen(v[i].line) &&
		    strcmp(line, v[i].line) == 0, v[i].line);
		check(xfer_line_unpack(&f, line) == 0 && f.size == 100321 &&
		    f.time == 1620948149 && strcmp(f.name, v[i].name) == 0,
		    v[i].line);
	}
	for (i = 0; i < COUNT(others); i++) {
		strcpy(line, others[i]);
		check(xfer_line_unpack(&f, line) == 0 && f.size == 0 &&
		    f.time == -1.5 && strcmp(f.name, "it's") == 0, others[i]);
	}
	strcpy(line, "('\\udcff\\u20ac', 1, 2)");
	check(xfer_line_unpack(&f, line) == 0 &&
	    strcmp(f.name, "\377\342\202\254") == 0, "a byte in Python");
	for (i = 0; i < COUNT(none); i++) {
		strcpy(line, none[i]);
		check(xfer_line_unpack(&f, line) < 0, none[i]);
	}
}

/* The pickles that Python makes of (b'hello', 5), of [b'hello', 5], and of
 * b'hello' alone. */
static void
pickles(void)
{
	static const char *const v[] = {
	    "8003430568656c6c6f71004b058671012e",
	    "80035d710028430568656c6c6f71014b05652e",
	    "8004950d00000000000000430568656c6c6f944b0586942e",
	    "8004950f000000000000005d9428430568656c6c6f944b05652e",
	    "8005950d00000000000000430568656c6c6f944b0586942e",
	    "8004950900000000000000430568656c6c6f942e",
	    "8003430568656c6c6f71002e" };
	static unsigned char full[CHAT_PART];
	struct cursor c = { 0 };
	const unsigned char *data;
	unsigned char d[CHAT_PICKLE];
	size_t i, k, n;

	for (i = 0; i < COUNT(v); i++) {
		c.at = v[i];
		c.left = strlen(v[i]);
		n = c.left / 2;
		for (k = 0; k < n; k++)
			d[k] = (unsigned char)cursor_number(&c, 2, 16);
		check(chat_unpack(&data, d, n) == 5 &&
		    memcmp(data, "hello", 5) == 0, v[i]);
		for (k = 0; k < n; k++)
			check(chat_unpack(&data, d, k) < 0, "half a pickle");
		for (k = 0; k < n; k++) {
			d[k] ^= k == 1 ? 8 : 1;	/* 4 and 5 are good */
			check(chat_unpack(&data, d, n) != 5 ||
			    memcmp(data, "hello", 5) != 0, "a wrong pickle");
			d[k] ^= k == 1 ? 8 : 1;
		}
	}
	n = chat_pack(d, "hello", 5);
	check(n == 17 && chat_unpack(&data, d, n) == 5 && d[2] == 0x43,
	    "a small pickle");
	n = chat_pack(d, full, sizeof full);
	check(n == 1016 && d[2] == 0x42 && d[3] == 0xe8 && d[4] == 3 &&
	    d[n - 7] == 0x4d && chat_unpack(&data, d, n) == 1000,
	    "a full pickle");
	check(chat_unpack(&data, d, chat_pack(d, full, 0)) == 0 &&
	    chat_unpack(&data, d, chat_pack(d, full, 255)) == 255 &&
	    chat_unpack(&data, d, chat_pack(d, full, 256)) == 256,
	    "pickles where their form changes");
}

/* ---- every pattern of losses -------------------------------------------- */

/*
 * Sender and receiver over a channel in virtual time, 10 ms each way. Each of
 * the first `depth' transmissions, of DATA and ACKs alike, is delivered, lost,
 * doubled or late: 4^depth patterns. A pattern is a number to the base of 4
 * whose first digit is the fate of the first transmission.
 */
enum fate { DELIVERED, LOST, TWICE, LATE, FATES };

#define DELAY	(SECOND / 100)
#define FLIGHTS	256

static struct {
	struct flight {
		int64_t at;		/* when it arrives */
		unsigned order;		/* of those that arrive together */
		int ack;
		uint32_t seq;
		unsigned char bits[RDT_WINDOW_MAX / 8];
		size_t n;
	} flight[FLIGHTS];
	size_t n;
	unsigned order;
	int64_t t;
	const unsigned char *fate;	/* of each transmission, */
	unsigned depth, used;		/* up to depth; so many were used */
	unsigned known;			/* bits: the sender knows it arrived */
	uint32_t first;
} all;

/* Lets a datagram arrive after so long. */
static void
fly(const struct flight *f, int64_t delay)
{
	check(all.n < FLIGHTS, "exhaustive: too many in flight");
	if (all.n == FLIGHTS)
		exit(1);
	all.flight[all.n] = *f;
	all.flight[all.n].at = all.t + delay;
	all.flight[all.n++].order = all.order++;
}

/* Sends it through its fate. */
static void
transmit(const struct flight *f)
{
	enum fate fate;

	fate = all.used < all.depth ? all.fate[all.used] : DELIVERED;
	all.used++;
	if (fate == DELIVERED || fate == TWICE)
		fly(f, DELAY);
	if (fate == TWICE)
		fly(f, DELAY);
	if (fate == LATE)
		fly(f, 5 * DELAY / 2);
}

/* Sends all that the sender may send, and looks whether it may. */
static void
send_all_allowed(void)
{
	struct flight f = { 0 };

	while (rdt_send_next(&s, all.t, &f.seq)) {
		check(f.seq - s.base < s.window && f.seq - s.base <
		    rdt_send_window(&s) && f.seq != s.end,
		    "exhaustive: beyond the window");
		check(!(all.known >> (f.seq - all.first) & 1),
		    "exhaustive: sent again, though known to be there");
		transmit(&f);
	}
}

/* The next datagram arrives. */
static void
arrival(void)
{
	struct flight f, ack = { 0 };
	size_t i, next;
	uint32_t expected, k;
	unsigned bit;

	for (next = 0, i = 1; i < all.n; i++)
		if (all.flight[i].at < all.flight[next].at ||
		    (all.flight[i].at == all.flight[next].at &&
		    all.flight[i].order < all.flight[next].order))
			next = i;
	f = all.flight[next];
	all.flight[next] = all.flight[--all.n];
	all.t = f.at;
	if (f.ack) {
		for (k = all.first; k != f.seq; k++)
			all.known |= 1u << (k - all.first);
		for (k = 0; k < 8 * f.n; k++)
			if (f.bits[k / 8] & (0x80 >> k % 8))
				all.known |= 1u << (f.seq + 1 + k - all.first);
		rdt_send_ack(&s, all.t, f.seq, f.bits, f.n);
		return;
	}
	expected = r.expected;
	bit = f.seq - all.first;
	if (rdt_recv_data(&r, f.seq) == EV_RECV) {
		check(s.protocol == &rdt_sr || f.seq == expected,
		    "exhaustive: out of order");
		check(bit < PACKETS && !got[bit], "exhaustive: stored twice");
		got[bit]++;
	}
	ack.ack = 1;
	ack.seq = r.expected;
	ack.n = rdt_recv_bitmap(&r, ack.bits);
	transmit(&ack);
}

/* One run, with this pattern. Returns how many transmissions it had. */
static unsigned
one_run(const struct rdt_protocol *mode, unsigned window, const char *control,
    unsigned packets, const unsigned char *fate, unsigned depth)
{
	unsigned i, turns;

	memset(got, 0, PACKETS);
	all.n = all.used = all.known = all.order = 0;
	all.t = 0;
	all.fate = fate;
	all.depth = depth;
	rdt_send_init(&s, mode, window, congestion_find(control, 0), all.first,
	    packets);
	rdt_recv_init(&r, mode, s.window, all.first);
	for (turns = 0; turns < 5000 && !rdt_send_done(&s) &&
	    !rdt_send_gave_up(&s); turns++) {
		send_all_allowed();
		for (i = 0; i < all.n && all.flight[i].at >
		    rdt_send_deadline(&s); i++)
			;
		if (i < all.n) {
			arrival();
		} else {
			all.t = rdt_send_deadline(&s);
			check(all.t != NEVER, "exhaustive: no timer runs");
			rdt_send_timer(&s, all.t);
		}
	}
	check(rdt_send_done(&s) || depth >= RDT_GIVE_UP,
	    "exhaustive: it does not end");
	if (turns == 5000)
		exit(1);		/* one is enough */
	for (i = 0; i < packets && rdt_send_done(&s); i++)
		check(got[i] == 1, "exhaustive: a packet is missing");
	free(s.own);
	free(r.own);
	return all.used;
}

/* All patterns of one kind of sender. A run that used less than depth of them
 * stands for all that begin so. */
static unsigned long
patterns(const struct rdt_protocol *mode, unsigned window, const char *control,
    unsigned packets, unsigned depth)
{
	unsigned char fate[16] = { 0 };
	unsigned long runs;
	unsigned used;

	for (runs = 0;; runs++) {
		used = one_run(mode, window, control, packets, fate, depth);
		used = used < depth ? used : depth;
		memset(fate + used, 0, sizeof fate - used);
		while (used > 0 && fate[used - 1] == FATES - 1)
			fate[--used] = 0;
		if (used == 0)
			return runs + 1;
		fate[used - 1]++;
	}
}

/* All modes, windows of 1 to 4, 1 to 6 packets, numbers from 0 and across the
 * wrap. */
static void
exhaustive(unsigned depth)
{
	static const char *const controls[] = { "none", "reno" };
	unsigned long runs;
	unsigned packets, window;
	size_t c, wrap;

	runs = 0;
	for (wrap = 0; wrap < 2; wrap++)
		for (c = 0; c < COUNT(controls); c++)
			for (packets = 1; packets <= 6; packets++) {
				all.first = wrap ? UINT32_MAX - 2 : 0;
				runs += patterns(&rdt_sw, 1, controls[c],
				    packets, depth);
				for (window = 1; window <= 4; window++) {
					runs += patterns(&rdt_gbn, window,
					    controls[c], packets, depth);
					runs += patterns(&rdt_sr, window,
					    controls[c], packets, depth);
				}
			}
	printf("%lu runs\n", runs);
}

/* With a number, at most 12: the patterns of so many transmissions. */
int
main(int argc, char **argv)
{
	static const char *const controls[] = { "none", "half", "reno" };
	static const unsigned windows[] = { 1, 2, 3, 7, 8, 32, 1000, 4096 };
	size_t i, k;

	s.congestion = congestion_find("none", 0);
	if (argc > 1) {
		exhaustive((unsigned)atoi(argv[1]) % 13);
		return wrong;
	}
	check(seq_less(UINT32_MAX, 0) && !seq_less(0, UINT32_MAX) &&
	    !seq_less(5, 5), "seq_less at the wrap");
	for (i = 0; i < COUNT(controls); i++) {
		for (k = 0; k < COUNT(windows); k++) {
			run(&rdt_gbn, windows[k], controls[i]);
			run(&rdt_sr, windows[k], controls[i]);
		}
		run(&rdt_sw, 1, controls[i]);
	}
	golden();
	hashes();
	tuples();
	pickles();
	room = 1;
	first = 0;		/* room wraps at window + 1 alone */
	for (i = 1; i <= ROOM_WINDOW_MAX; i++)
		run(&rdt_gbn, (unsigned)i, "half");
	return wrong;
}
