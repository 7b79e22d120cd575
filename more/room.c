/* room.c: the messages of room. Licence: ISC, see README.
 *
 * Codes and lengths; between messages only CR and LF may stand; each code has a
 * layout, by which room_unpack() takes a message apart. Then the encoding of
 * rdt in which room sends files: functions that the driver in proto.c calls.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <string.h>

#include "more.h"

/* ---- messages --------------------------------------------------------- */

/* What follows each code: t a text after its length in two digits, p the five
 * digits of a port, m three letters; 1 or 2: one or two digits, which tell how
 * many texts follow. The code of an error has its words. */
static const struct {
	const char *code, *layout, *why;
} room_codes[] = {
	{ "100", "t", NULL }, { "101", "", NULL }, { "102", "", NULL },
	{ "103", "tt", NULL }, { "104", "t", NULL }, { "105", "", NULL },
	{ "106", "mt", NULL },
	{ "200", "tp", NULL }, { "201", "", NULL }, { "2020", "", NULL },
	{ "2021", "1", NULL }, { "203", "", NULL }, { "2040", "", NULL },
	{ "2041", "1", NULL }, { "2050", "", NULL }, { "2051", "2", NULL },
	{ "206", "tp", NULL },
	{ "300", "t", NULL }, { "301", "t", NULL }, { "303", "tt", NULL },
	{ "304", "tt", NULL },
	{ "4001", "", "not a name: 2 to 32 letters, digits, _ - ." },
	{ "4002", "", "the name is taken" },
	{ "4003", "", "the room is full" },
	{ "4031", "", "no such user" },
	{ "4061", "", "no such file on the server" },
	{ "4062", "", "no port, or too many downloads" },
	{ "4990", "", "malformed, or not now: join first" },
};

static void
take_field(struct cursor *c, struct room_message *m, size_t n)
{
	m->field[m->fields].text = cursor_bytes(c, n);
	m->field[m->fields++].n = n;
}

/* Finds the code that these bytes begin with, and moves past it. NULL: there is
 * none; the cursor's state says whether more bytes could make one. */
static const char *
take_code(struct cursor *c, struct room_message *m)
{
	size_t i, len, part;

	c->state = BAD;
	for (i = 0; i < COUNT(room_codes); i++) {
		len = strlen(room_codes[i].code);
		part = len < c->left ? len : c->left;
		if (memcmp(room_codes[i].code, c->at, part) != 0)
			continue;
		c->state = part == len ? GOOD : INCOMPLETE;
		if (part < len)
			continue;	/* but it may be another one */
		m->code = room_codes[i].code;
		m->why = room_codes[i].why;
		cursor_bytes(c, len);
		return room_codes[i].layout;
	}
	return NULL;
}

/* The layout of its code says what follows. CR and LF before a message are
 * passed over: someone may be typing. */
ssize_t
room_unpack(struct room_message *m, const char *text, size_t n)
{
	struct cursor c = { text, n, GOOD };
	const char *layout;
	uint64_t texts;

	m->code = NULL;
	m->fields = 0;
	while (c.left > 0 && (*c.at == '\r' || *c.at == '\n'))
		cursor_bytes(&c, 1);
	if (c.left == 0)
		return (ssize_t)n;
	for (layout = take_code(&c, m); layout != NULL && *layout != '\0' &&
	    c.state == GOOD; layout++) {
		if (*layout == 'p' || *layout == 'm') {
			take_field(&c, m, *layout == 'p' ? 5 : 3);
			continue;
		}
		texts = *layout == 't' ? 1 :
		    cursor_number(&c, (size_t)(*layout - '0'), 10);
		for (; texts > 0 && c.state == GOOD; texts--)
			take_field(&c, m,
			    (size_t)cursor_number(&c, 2, 10));
	}
	return c.state == BAD ? -1 : c.state == INCOMPLETE ? 0 :
	    (ssize_t)(n - c.left);
}

struct room_words room_words;

void
room_begin(const char *code)
{
	room_words.n = (size_t)sprintf(room_words.text, "%s", code);
}

void
room_add(const char *text, size_t n)
{
	char *end = room_words.text + room_words.n;

	sprintf(end, "%02u", (unsigned)n % 100);
	memcpy(end + 2, text, n);
	room_words.n += 2 + n;
}

/* ---- the encoding of rdt ------------------------------------------------- */

/* The server has no HELLO: DATA is its answer. */
static size_t
encoding_pack(const struct rdt_session *s, unsigned char *d,
    const struct rdt_packet *p)
{
	char text[16];
	unsigned n;

	n = p->seq % (s->window + 1);
	switch (p->type) {
	case HELLO:
		return s->is_server ? 0 :
		    (size_t)sprintf((char *)d, "0%02u", p->window % 100);
	case DATA:
		sprintf(text, "%d%02u", p->last != 0, n);
		memcpy(d, text, ROOM_HEAD);	/* and no NUL */
		return ROOM_HEAD + p->length;
	case ACK:
		return (size_t)sprintf((char *)d, "%u", n);
	default:
		return 0;
	}
}

/* How far n is ahead of `near', modulo window + 1. */
static uint32_t
ahead_of(uint32_t near, uint32_t n, unsigned window)
{
	return (n + window + 1 - near % (window + 1)) % (window + 1);
}

/*
 * The receiver keeps only the packet that it expects. Of another it must only
 * know that it is another; each still gets an ACK. It takes all of them for
 * later ones, except the number just before `expected', which can only be an
 * old one.
 */
static int
unpack_data(const struct rdt_session *s, struct rdt_packet *p,
    unsigned char *d, size_t n)
{
	uint32_t ahead, near = s->receiver.expected;
	int64_t seq;

	seq = n < ROOM_HEAD ? -1 : number((char *)d + 1, 2, 0, s->window);
	if (seq < 0 || (d[0] != '0' && d[0] != '1'))
		return -1;
	ahead = ahead_of(near, (uint32_t)seq, s->window);
	p->type = DATA;
	p->seq = ahead == s->window ? near - 1 : near + ahead;
	p->last = d[0] == '1';
	p->payload = d + ROOM_HEAD;
	p->length = n - ROOM_HEAD;
	return 0;
}

/* What both ends use: all but the window is fixed. */
static void
hello(struct rdt_packet *p, unsigned window)
{
	memset(p, 0, sizeof *p);
	p->type = HELLO;
	p->protocol = rdt_gbn.code;
	p->control = congestion_find("half", 0)->code;
	p->window = window;
	p->block = ROOM_BLOCK;
}

/* The first datagram of a client is its window, padded or not; later, three
 * digits repeat it: our client does so until DATA comes. */
static int
unpack_ack(const struct rdt_session *s, struct rdt_packet *p,
    unsigned char *d, size_t n)
{
	uint32_t near = s->sender.base;
	int64_t value;
	int first;

	first = n == 3 || s->start == 0;
	value = n > 3 ? -1 : number((char *)d, n, first ? 1 : 0,
	    first ? ROOM_WINDOW_MAX : s->window);
	hello(p, (unsigned)value);
	if (!first) {
		p->type = ACK;
		p->seq = near + ahead_of(near, (uint32_t)value, s->window);
	}
	return value < 0 ? -1 : 0;
}

/* Only a sender gets ACKs, and only a receiver gets DATA. */
static int
encoding_unpack(const struct rdt_session *s, struct rdt_packet *p,
    unsigned char *d, size_t n)
{
	return s->is_sender ? unpack_ack(s, p, d, n) : unpack_data(s, p, d, n);
}

/* An ACK of its own for each DATA: the original takes no other. */
const struct rdt_encoding room_encoding = { ROOM_HEAD, 1, encoding_pack,
    encoding_unpack };

/* No HELLO is awaited: DATA is the answer. */
int
room_connect(struct rdt_session *s, int control, unsigned port)
{
	struct rdt_packet p;

	s->encoding = &room_encoding;
	s->control = -1;
	hello(&p, s->window);
	s->sock = data_connect(control, SOCK_DGRAM, port);
	if (s->sock < 0 || sock_nonblock(s->sock) < 0)
		return -1;
	rdt_agree(s, &p);
	return 0;
}
