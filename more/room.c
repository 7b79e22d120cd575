/* room.c: codes and lengths. Licence: ISC, see README. */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../proto.h"
#include "more.h"

/* ---- room ------------------------------------------------------------ */

/*
 * What follows each code: t a text behind its length in two digits, p the five
 * digits of a port, m three letters; 1 or 2 so many digits, which tell how many
 * texts follow.
 */
static const struct {
	const char *code, *layout;
} room_codes[] = {
	{ "100", "t" }, { "101", "" }, { "102", "" }, { "103", "tt" },
	{ "104", "t" }, { "105", "" }, { "106", "mt" },
	{ "200", "tp" }, { "201", "" }, { "2020", "" }, { "2021", "1" },
	{ "203", "" }, { "2040", "" }, { "2041", "1" }, { "2050", "" },
	{ "2051", "2" }, { "206", "tp" },
	{ "300", "t" }, { "301", "t" }, { "303", "tt" }, { "304", "tt" },
	{ "4001", "" }, { "4002", "" }, { "4003", "" }, { "4031", "" },
	{ "4061", "" }, { "4062", "" }, { "4990", "" },
};

/* What is left of a message; `result' is 1, or 0: more must come, or -1. */
struct room_cursor {
	const char *at;
	size_t left;
	int result;
};

/* Takes n bytes, if they are there. */
static const char *
room_bytes(struct room_cursor *k, size_t n)
{
	const char *at = k->at;

	if (k->result > 0 && n > k->left)
		k->result = 0;
	if (k->result <= 0)
		return "";
	k->at += n;
	k->left -= n;
	return at;
}

/* Takes a number of so many digits. */
static size_t
room_count(struct room_cursor *k, size_t n)
{
	const char *at;
	int value;

	at = room_bytes(k, n);
	value = k->result > 0 ? digits((const unsigned char *)at, n) : 0;
	if (value < 0)
		k->result = -1;
	return value < 0 ? 0 : (size_t)value;
}

/* Takes n bytes as the next field of a message. */
static void
room_field(struct room_cursor *k, struct room_message *m, size_t n)
{
	m->field[m->fields].text = room_bytes(k, n);
	m->field[m->fields++].n = n;
}

/* Finds the code that these bytes begin with; NULL, and the result says why. */
static const char *
room_code(struct room_cursor *k, struct room_message *m)
{
	size_t i, len, part;

	k->result = -1;
	for (i = 0; i < COUNT(room_codes); i++) {
		len = strlen(room_codes[i].code);
		part = len < k->left ? len : k->left;
		if (memcmp(room_codes[i].code, k->at, part) != 0)
			continue;
		k->result = part == len;
		if (part < len)
			continue;	/* but it may be another one */
		m->code = room_codes[i].code;
		room_bytes(k, len);
		return room_codes[i].layout;
	}
	return NULL;
}

ssize_t
room_take(struct room_message *m, const char *text, size_t n)
{
	struct room_cursor k = { text, n, 1 };
	const char *layout;
	size_t many;

	m->code = NULL;
	m->fields = 0;
	while (k.left > 0 && (*k.at == '\r' || *k.at == '\n'))
		room_bytes(&k, 1);
	if (k.left == 0)
		return (ssize_t)n;
	for (layout = room_code(&k, m); layout != NULL && *layout != '\0' &&
	    k.result > 0; layout++) {
		if (*layout == 'p' || *layout == 'm') {
			room_field(&k, m, *layout == 'p' ? 5 : 3);
			continue;
		}
		many = *layout == 't' ? 1 :
		    room_count(&k, (size_t)(*layout - '0'));
		for (; many > 0 && k.result > 0; many--)
			room_field(&k, m, room_count(&k, 2));
	}
	return k.result <= 0 ? k.result : (ssize_t)(n - k.left);
}

size_t
room_text(char *out, const char *text, size_t n)
{
	sprintf(out, "%02u", (unsigned)n % 100);
	memcpy(out + 2, text, n);
	out[2 + n] = '\0';
	return 2 + n;
}

size_t
room_pack(unsigned char *d, unsigned window, const struct rdt_packet *p)
{
	char text[16];
	unsigned n;

	n = p->seq % (window + 1);
	switch (p->type) {
	case HELLO:
		return (size_t)sprintf((char *)d, "0%02u", p->window % 100);
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

/*
 * The receiver keeps nothing but what it expects, so of the rest it need only
 * know that it is not that: taken for later ones, but for what must be older.
 */
int
room_unpack_data(struct rdt_packet *p, unsigned window, uint32_t near,
    unsigned char *d, size_t n)
{
	uint32_t ahead;
	int seq;

	seq = n < ROOM_HEAD ? -1 : digits(d + 1, 2);
	if (seq < 0 || (unsigned)seq > window || (d[0] != '0' && d[0] != '1'))
		return -1;
	ahead = ((unsigned)seq + window + 1 - near % (window + 1)) %
	    (window + 1);
	p->type = DATA;
	p->seq = ahead == window ? near - 1 : near + ahead;
	p->last = d[0] == '1';
	p->payload = d + ROOM_HEAD;
	p->length = n - ROOM_HEAD;
	return 0;
}

/* The first datagram of a client, whether its number is padded or not. */
int
room_unpack_hello(struct rdt_packet *p, const unsigned char *d, size_t n)
{
	int window;

	memset(p, 0, sizeof *p);
	window = n < 1 || n > 3 ? -1 : digits(d, n);
	if (window < 1 || window > ROOM_WINDOW_MAX)
		return -1;
	p->type = HELLO;
	p->mode = RDT_GBN;
	p->window = (unsigned)window;
	p->block = ROOM_BLOCK;
	return 0;
}

/* Three digits are the window, again: our client says it until DATA comes. */
int
room_unpack_ack(struct rdt_packet *p, unsigned window, uint32_t near,
    const unsigned char *d, size_t n)
{
	int value;

	value = n < 1 || n > 3 ? -1 : digits(d, n);
	if (value < 0)
		return -1;
	memset(p, 0, sizeof *p);
	p->type = n == 3 ? HELLO : ACK;
	if (p->type == HELLO) {
		p->window = (unsigned)value;
		return value < 1 || value > ROOM_WINDOW_MAX ? -1 : 0;
	}
	if ((unsigned)value > window)
		return -1;
	p->seq = near + ((unsigned)value + window + 1 - near % (window + 1)) %
	    (window + 1);
	return 0;
}
