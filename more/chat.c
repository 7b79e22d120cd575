/* chat.c: files that are pulled, in pickles. Licence: ISC, see README.
 *
 * The download of chat. The client pulls: it asks for part 0, part 1, ... and
 * repeats a request that is not answered. That is stop-and-wait, whose packet
 * is the request and whose ACK is the answer, so that the client drives a
 * sender of the engine in proto.c:
 *
 *      rdt_send_next() --> `part I' ~~~~> chat_answer()
 *      rdt_send_ack()  <-- pickle <~~~~~~ of the bytes of part I
 *
 * An answer does not say which part it is. So each request leaves from a new
 * port, and an answer that comes late finds nobody there.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "more.h"

/* ---- pickles ---------------------------------------------------------- */

/* Byte for byte what pickle.dumps((data, n), 3) makes in Python. */
size_t
chat_pack(unsigned char *out, const void *data, size_t n)
{
	const unsigned char lo = (unsigned char)n, hi = (unsigned char)(n >> 8);
	const unsigned char big = n > 255;	/* numbers take more */
	const unsigned char head[] = { 0x80, 3, big ? 0x42 : 0x43, lo, hi, 0,
	    0 };
	const unsigned char memo[] = { 0x71, 0, big ? 0x4d : 0x4b, lo, hi };
	const unsigned char end[] = { 0x86, 0x71, 1, 0x2e };
	unsigned char *p = out;

	memcpy(p, head, big ? 7 : 4);
	p += big ? 7 : 4;
	memcpy(p, data, n);
	p += n;
	memcpy(p, memo, big ? 5 : 4);
	p += big ? 5 : 4;
	memcpy(p, end, sizeof end);
	return (size_t)(p - out) + sizeof end;
}

/* A number of n <= 8 bytes, the least significant first. */
static uint64_t
pickle_number(struct cursor *c, size_t n)
{
	const char *at;
	uint64_t value;

	at = cursor_bytes(c, n);
	for (value = 0; n > 0; n--)
		value = value << 8 | (unsigned char)at[n - 1];
	return value;
}

/* Knows the opcodes that may occur and what follows each, and obeys none. */
ssize_t
chat_unpack(const unsigned char **data, const unsigned char *in, size_t n)
{
	struct cursor c = { (const char *)in, n, GOOD };
	uint64_t length, memos, value;
	unsigned op;
	int bad;

	*data = NULL;
	length = memos = 0;
	do {
		op = (unsigned)pickle_number(&c, 1);
		bad = 0;
		switch (op) {
		case 0x80:			/* the protocol */
			value = pickle_number(&c, 1);
			bad = value < 3 || value > 5;
			break;
		case 0x95:			/* length of all that follows */
			value = pickle_number(&c, 8);
			bad = value != c.left;
			break;
		case 0x42: case 0x43:		/* the bytes */
			bad = *data != NULL;
			length = pickle_number(&c, op == 0x42 ? 4 : 1);
			*data = (const unsigned char *)cursor_bytes(&c,
			    (size_t)length);
			break;
		case 0x4b: case 0x4d:		/* how many they are */
			value = pickle_number(&c, op == 0x4b ? 1 : 2);
			bad = value != length;
			break;
		case 0x71:			/* the next object to keep */
			value = pickle_number(&c, 1);
			bad = value != memos++;
			break;
		case 0x5d: case 0x28: case 0x65:	/* a list: ] ( e */
		case 0x86: case 0x94: case 0x2e:	/* pair; keep; end */
			break;
		default:
			bad = 1;
		}
	} while (!bad && c.state == GOOD && op != 0x2e);
	return bad || c.state != GOOD || c.left > 0 || *data == NULL ? -1 :
	    (ssize_t)length;
}

/* ---- both ends of a download -------------------------------------------- */

static unsigned char datagram[65536];	/* the one that came last */

/* Parts are counted from 0; the last one is less than full, perhaps empty. */
static size_t
part_bytes(const struct rdt_session *s, uint32_t part)
{
	return part + 1 < s->packets ? CHAT_PART :
	    (size_t)(s->file.size % CHAT_PART);
}

/* Both ends begin so: with stop-and-wait, under a name of its own. */
static void
pull_begin(struct rdt_session *s)
{
	static struct rdt_protocol pull;

	pull = rdt_sw;
	pull.name = "pull";
	s->control = -1;
	s->protocol = &pull;
	s->congestion = congestion_find("none", 0);
	s->window = 1;
	s->block = CHAT_PART;
	s->packets = (uint32_t)(s->file.size / CHAT_PART + 1);
	rdt_begins(s);
}

/* Asks for a part, from a port that is new each time. */
static int
ask_part(struct rdt_session *s, int control, unsigned port, uint32_t part)
{
	char text[24];
	ssize_t sent;

	if (s->sock >= 0)
		dgram_close(s->sock);
	s->sock = data_connect(control, SOCK_DGRAM, port);
	if (s->sock < 0 || sock_nonblock(s->sock) < 0)
		return -1;
	sent = dgram_send(s->sock, text, (size_t)sprintf(text, "part %lu",
	    (unsigned long)part), NULL, rdt_slot(&s->sender,
	    part)->retransmitted ? COUNTED | AGAIN : COUNTED);
	if (sent == 0)
		rdt_happened(now(), EV_DROP, part, &s->sender);
	return sent < 0 ? -1 : 0;
}

/* Takes an answer, if there is one: it can only be that to the last request. */
static int
receive_part(struct rdt_session *s)
{
	const unsigned char *data;
	uint32_t part;
	ssize_t got;

	got = dgram_recv(s->sock, datagram, sizeof datagram, NULL);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	part = s->sender.base;
	got = chat_unpack(&data, datagram, (size_t)got);
	if (got < 0 || (size_t)got != part_bytes(s, part)) {
		rdt_corrupt(s);
		return 0;
	}
	if (write_all(s->file.fd, data, (size_t)got) < (size_t)got)
		return -1;
	s->file.done += (uint64_t)got;
	rdt_send_ack(&s->sender, now(), part + 1, NULL, 0);
	return 0;
}

/* The client: each turn asks, waits, and stores what came. */
int
chat_pull(struct rdt_session *s, int control, unsigned port)
{
	struct rdt_sender *snd = &s->sender;
	uint32_t part;
	int result;

	s->is_sender = 1;
	pull_begin(s);
	rdt_send_init(snd, s->protocol, 1, s->congestion, 0, s->packets);
	do {
		if (now() >= rdt_send_deadline(snd))
			rdt_send_timer(snd, now());
		errno = ETIMEDOUT;
		result = rdt_send_gave_up(snd) ||
		    (rdt_send_next(snd, now(), &part) &&
		    ask_part(s, control, port, part) < 0) ||
		    rdt_await(s, rdt_send_deadline(snd)) < 0 ? -1 :
		    receive_part(s);
	} while (result == 0 && !rdt_send_done(snd));
	s->took = now() - s->start;
	if (result == 0)
		dgram_send(s->sock, "finished", 8, NULL, UNCOUNTED);
	return result;
}

/* Sends a part to the address that asked. Beyond the end an empty one is
 * sent. */
static int
send_part(struct rdt_session *s, uint32_t part, const struct addr *to)
{
	unsigned char out[CHAT_PICKLE], bytes[CHAT_PART];
	enum rdt_event event;
	ssize_t got, sent;

	if (part >= s->packets) {
		dgram_send(s->sock, out, chat_pack(out, "", 0), to, COUNTED);
		return 0;
	}
	got = pread(s->file.fd, bytes, part_bytes(s, part),
	    (off_t)part * CHAT_PART);
	if (got >= 0)
		errno = ESTALE;
	if (got < 0 || (size_t)got < part_bytes(s, part))
		return -1;
	event = rdt_recv_data(&s->receiver, part);
	rdt_happened(now(), event, part, NULL);
	sent = dgram_send(s->sock, out, chat_pack(out, bytes, (size_t)got),
	    to, event == EV_DUP ? COUNTED | AGAIN : COUNTED);
	s->arrived++;
	s->file.done += event == EV_RECV ? (uint64_t)got : 0;
	counters[RETRANSMISSIONS] += event == EV_DUP && sent > 0;
	if (sent == 0)
		rdt_happened(now(), EV_DROP, part, NULL);
	return 0;
}

/* Takes a request and answers it, if there is one; -1: `finished', which is
 * ECONNABORTED, or an error. */
static int
answer_turn(struct rdt_session *s, const char *client)
{
	struct addr from;
	int64_t part;
	ssize_t got;

	got = dgram_recv(s->sock, datagram, sizeof datagram, &from);
	if (got < 0)
		return 0;		/* EAGAIN; ECONNREFUSED of an answer */
	if (!addr_is_of(&from, client))
		got = 0;
	errno = ECONNABORTED;
	if (got == 8 && memcmp(datagram, "finished", 8) == 0)
		return -1;
	part = -1;
	if (got > 5 && got < 24 && memcmp(datagram, "part ", 5) == 0)
		part = number((char *)datagram + 5, (size_t)got - 5, 0,
		    UINT32_MAX);
	if (part < 0) {
		rdt_corrupt(s);
		return 0;
	}
	s->silence = 0;
	return send_part(s, (uint32_t)part, &from);
}

/* The server, in a child: it answers; its only timer is that of silence. The
 * requests count as packets that were received. */
int
chat_answer(struct rdt_session *s, const char *client)
{
	pull_begin(s);
	rdt_recv_init(&s->receiver, s->protocol, 1, 0);
	while (rdt_await(s, NEVER) == 0) {
		errno = ETIMEDOUT;
		if (s->silence >= CHAT_SILENCE_S * SECOND ||
		    answer_turn(s, client) < 0)
			break;
	}
	s->took = now() - s->start;
	return errno == ECONNABORTED && s->receiver.expected == s->packets ?
	    0 : -1;
}
