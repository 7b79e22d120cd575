/* room_serv.c: a room, in codes and lengths. Licence: ISC, see README.
 *
 * The server of room, over talk_serv.c. A client has two connections: the
 * main one, for its requests and their answers, and the update socket, for what
 * others do. It is in the room (`joined') once the second one is connected:
 *
 *      room_input() --> next_message() --> table --> room_join(), ...
 *                                                      |
 *      reply(), update_all() <-- room_begin(), ... <---+
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "serv.h"

/* ---- what is said ------------------------------------------------------- */

#define add_number(format, number) \
	(room_words.n += (size_t)sprintf(room_words.text + room_words.n, \
	format, (unsigned)(number)))

static void
reply(struct client *c)
{
	send_message(c, room_words.text, room_words.n);
}

static void
update_all(const struct client *but)
{
	size_t i;

	for (i = 0; i < clients.n; i++)
		if (clients.client[i]->joined && clients.client[i] != but)
			send_update(clients.client[i], room_words.text,
			    room_words.n);
}

/* Answers with an error; 4990 is the end. */
static void
refuse(struct client *c, const char *code, const char *why)
{
	log_msg(INFO, "room: %s from %s: %s", c->name, c->peer, why);
	room_begin(code);
	reply(c);
	if (strcmp(code, "4990") == 0)
		dismiss(c);
}

/* 300, 301: a client has come, or is gone. */
static void
update_presence(const struct client *c, const char *code)
{
	room_begin(code);
	room_add(c->name, strlen(c->name));
	update_all(c);
}

/* Called by talk_serv.c, when a client is gone for any reason. */
static void
room_left(const struct client *c)
{
	log_msg(INFO, "%s left from %s.", c->name, c->peer);
	update_presence(c, "301");
}

/* ---- requests ------------------------------------------------------------ */

/* How many clients have a name, whether they are in the room or about to be. */
static size_t
users(void)
{
	size_t i, n;

	for (i = n = 0; i < clients.n; i++)
		n += clients.client[i]->name[0] != '\0' &&
		    clients.client[i]->stage == TALKING;
	return n;
}

static void
room_join(struct client *c, const struct room_message *m)
{
	const char *name = m->field[0].text;
	size_t n = m->field[0].n;
	unsigned port;

	if (n < ROOM_NAME_MIN || !nick_ok(name, n) || is_reserved(name, n)) {
		refuse(c, "4001", "not a name");
	} else if (c->name[0] != '\0' || client_named(name, n) != NULL) {
		refuse(c, "4002", "the name is taken");
	} else if (users() >= ROOM_USERS) {
		refuse(c, "4003", "the room is full");
	} else if ((c->update_fd = data_listen(c->fd, SOCK_STREAM,
	    serv.data_lo, serv.data_hi, &port)) < 0) {
		refuse(c, "4003", "no port is free");
	} else {
		memcpy(c->name, name, n);
		c->name[n] = '\0';
		c->deadline = now() + ROOM_JOIN_S * SECOND;
		room_begin("200");
		room_add(name, n);
		add_number("%05u", port);
		reply(c);
	}
}

/* The update socket has come: so the client is in the room. */
static void
room_enter(struct client *c)
{
	char host[HOST_BYTES], other[HOST_BYTES];
	int fd;

	fd = sock_accept(c->update_fd, other);	/* does not wait */
	if (fd < 0 && errno != EAGAIN)
		drop_client(c, NULL);		/* no spin */
	if (fd < 0)
		return;
	if (sock_host(c->fd, getpeername, host) < 0 ||
	    strcmp(host, other) != 0 || sock_nonblock(fd) < 0) {
		sock_close(fd);
		return;
	}
	close(c->update_fd);
	c->update_fd = fd;
	c->joined = 1;
	c->deadline = NEVER;
	log_msg(INFO, "%s joined from %s.", c->name, c->peer);
	update_presence(c, "300");
}

static void
room_leave(struct client *c, const struct room_message *m)
{
	(void)m;
	room_begin("201");
	reply(c);
	dismiss(c);
}

/* Answers with the names of all others: `none', or `some', Y and the names. */
static void
reply_others(struct client *c, const char *none, const char *some)
{
	size_t i, n;

	for (i = n = 0; i < clients.n; i++)
		n += clients.client[i]->joined && clients.client[i] != c;
	room_begin(n == 0 ? none : some);
	if (n > 0)
		add_number("%u", n);
	for (i = 0; i < clients.n; i++)
		if (clients.client[i]->joined && clients.client[i] != c)
			room_add(clients.client[i]->name,
			    strlen(clients.client[i]->name));
	reply(c);
}

static void
room_who(struct client *c, const struct room_message *m)
{
	(void)m;
	reply_others(c, "2020", "2021");
}

static void
room_to(struct client *c, const struct room_message *m)
{
	struct client *to;

	to = client_named(m->field[0].text, m->field[0].n);
	if (to == NULL || !to->joined) {
		refuse(c, "4031", "no such user");
		return;
	}
	log_message(c, to->name);
	room_begin("303");
	room_add(c->name, strlen(c->name));
	room_add(m->field[1].text, m->field[1].n);
	send_update(to, room_words.text, room_words.n);
	room_begin("203");
	reply(c);
}

static void
room_all(struct client *c, const struct room_message *m)
{
	log_message(c, "all");
	room_begin("304");
	room_add(c->name, strlen(c->name));
	room_add(m->field[0].text, m->field[0].n);
	update_all(c);
	reply_others(c, "2040", "2041");
}

/* 105: at most 99 names, of at most 99 bytes. A directory that is gone is not
 * an empty one. */
static void
room_files(struct client *c, const struct room_message *m)
{
	const char *at, *name;
	size_t left, n, some;

	(void)m;
	at = files_now(c, &left);
	room_begin(at == NULL ? "4061" : "2050");
	for (some = 0; some < ROOM_FIELDS - 1 &&
	    next_line(&at, &left, &name, &n) > 0;) {
		if (n > ROOM_TEXT_MAX)
			continue;
		if (some++ == 0)
			room_begin("205100");
		room_add(name, n);
		room_words.text[4] = (char)('0' + some / 10);
		room_words.text[5] = (char)('0' + some % 10);
	}
	reply(c);
}

/* Two ways to send a file, each in a child. */
static int
send_by_udp(struct rdt_session *s, const char *client)
{
	s->encoding = &room_encoding;
	s->control = -1;
	s->is_sender = 1;
	return rdt_accept(s, client) < 0 ? -1 : rdt_send(s);
}

/* The size was told before, so nothing goes before the contents. */
static int
send_by_tcp(struct rdt_session *s, const char *client)
{
	s->sock = data_accept(s->sock, client);
	if (s->sock < 0)
		return -1;
	sock_limit(s->sock, serv.idle);
	if (file_send(s->sock, &s->file, "", 0) < 0)
		return -1;
	sock_end(s->sock);
	return 0;
}

static void
room_get(struct client *c, const struct room_message *m)
{
	char digits[24], name[ROOM_TEXT_MAX + 1];
	const char *why;
	uint64_t size;
	unsigned port;
	int udp;

	udp = memcmp(m->field[0].text, "UDP", 3) == 0;
	if (!udp && memcmp(m->field[0].text, "TCP", 3) != 0) {
		refuse(c, "4990", "neither TCP nor UDP");
		return;
	}
	memcpy(name, m->field[1].text, m->field[1].n);
	name[m->field[1].n] = '\0';
	why = offer_file(c, name, m->field[1].n, udp ? SOCK_DGRAM :
	    SOCK_STREAM, udp ? send_by_udp : send_by_tcp, &port, &size);
	room_begin(why == NULL ? "206" : why == no_file ? "4061" : "4062");
	if (why == NULL) {
		room_add(digits, (size_t)sprintf(digits, "%llu",
		    (unsigned long long)size));
		add_number("%05u", port);
	}
	reply(c);
}

/* By the last digit of their codes, 100 to 106. */
static const struct {
	const char *name;
	int outside;			/* also before it is in the room */
	void (*run)(struct client *c, const struct room_message *m);
} room_requests[] = {
	{ "join", 1, room_join },
	{ "leave", 1, room_leave },
	{ "who", 0, room_who },
	{ "to", 0, room_to },
	{ "all", 0, room_all },
	{ "files", 0, room_files },
	{ "get", 0, room_get },
};

/* ---- what comes --------------------------------------------------------- */

/* Takes the message that these bytes begin with. Returns its size; 0: more
 * must come; -1: it is none that may be sent now. Requests that came before the
 * update socket wait in c->in: the original client sends some. */
static ssize_t
next_message(struct client *c, const char *text, size_t n)
{
	struct room_message m;
	ssize_t used;
	size_t i;

	used = room_unpack(&m, text, n);
	if (used > 0 && m.code != NULL) {	/* else the end of a line */
		announce_gone();
		if (m.code[0] != '1')
			return -1;
		i = (size_t)(m.code[2] - '0');
		if (!c->joined && !room_requests[i].outside)
			return c->update_fd >= 0 ? 0 : -1;
		counters[COMMANDS + i]++;
		room_requests[i].run(c, &m);
	}
	return used;
}

/* Takes messages, however they were split or joined. */
static void
room_input(struct client *c)
{
	ssize_t used;
	size_t n;

	if (!c->joined && c->update_fd >= 0)
		room_enter(c);
	used = 0;
	for (n = 0; n < c->in.n && c->stage == TALKING; n += (size_t)used) {
		used = next_message(c, c->in.bytes + n, c->in.n - n);
		if (used <= 0)
			break;
	}
	if (c->stage == TALKING &&
	    (used < 0 || c->in.n - n >= ROOM_REQUEST_MAX)) {
		counters[BAD_REQUESTS]++;
		refuse(c, "4990", "malformed, or not now");
	}
	buffer_drop(&c->in, n);
}

static void
room_serve(int listener, const char *peer)
{
	static const struct talk_serv t = { "4003", room_input, room_left };

	(void)peer;
	talk_serve(listener, &t);
}

const struct service room_service = {
	.name = "room", .type = SOCK_STREAM, .port = "13337",
	.is_daemon = 1, .serve = room_serve, NAMES_OF(room_requests)
};
