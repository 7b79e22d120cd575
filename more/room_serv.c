/* room_serv.c: a room, in codes and lengths. Licence: ISC, see README.
 *
 * The server of room, over talk_serv.c. A client has two connections: the
 * main one, for its requests and their answers, and the update socket, for what
 * others do. It is in the room (`joined') once the second one stands:
 *
 *      room_input() --> room_message() --> table --> room_join(), ...
 *                                                      |
 *      reply(), update_all() <--- compose, add_text() <+
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "serv.h"

/* ---- what is said ------------------------------------------------------- */

static struct {				/* an answer, or an update */
	char text[ROOM_ANSWER_MAX];
	size_t n;
} words;

/* Begins the message with its code. */
static void
begin(const char *code)
{
	words.n = (size_t)sprintf(words.text, "%s", code);
}

/* Adds a text, after its length. */
static void
add_text(const char *text, size_t n)
{
	words.n += room_text_pack(words.text + words.n, text, n);
}

#define add_number(format, number) \
	(words.n += (size_t)sprintf(words.text + words.n, format, \
	(unsigned)(number)))

/* Sends it as the answer to c. */
static void
reply(struct client *c)
{
	send_message(c, words.text, words.n);
}

/* Sends it as an update to all but one. */
static void
update_all(const struct client *but)
{
	size_t i;

	for (i = 0; i < clients.n; i++)
		if (clients.client[i]->joined && clients.client[i] != but)
			send_update(clients.client[i], words.text, words.n);
}

/* Answers with an error; 4990 is the end. */
static void
refuse(struct client *c, const char *code, const char *why)
{
	log_msg(INFO, "room: %s from %s: %s", c->name, c->peer, why);
	begin(code);
	reply(c);
	if (strcmp(code, "4990") == 0)
		dismiss(c);
}

/* 300, 301: a client has come, or is gone. */
static void
update_presence(const struct client *c, const char *code)
{
	begin(code);
	add_text(c->name, strlen(c->name));
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
		    is_present(clients.client[i]);
	return n;
}

/* 100 name */
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
	} else if ((c->update_listener = data_listen(c->fd, SOCK_STREAM,
	    serv.data_lo, serv.data_hi, &port)) < 0) {
		refuse(c, "4003", "no port is free");
	} else {
		memcpy(c->name, name, n);
		c->name[n] = '\0';
		c->deadline = now() + ROOM_JOIN_S * SECOND;
		begin("200");
		add_text(name, n);
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

	fd = sock_accept(c->update_listener, other);	/* does not wait */
	if (fd < 0)
		return;
	if (sock_host(c->fd, getpeername, host) < 0 ||
	    strcmp(host, other) != 0 || sock_nonblock(fd) < 0) {
		sock_close(fd);
		return;
	}
	close(c->update_listener);
	c->update_listener = -1;
	c->update_fd = fd;
	c->joined = 1;
	c->deadline = NEVER;
	log_msg(INFO, "%s joined from %s.", c->name, c->peer);
	update_presence(c, "300");
}

/* 101 */
static void
room_leave(struct client *c, const struct room_message *m)
{
	(void)m;
	begin("201");
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
	begin(n == 0 ? none : some);
	if (n > 0)
		add_number("%u", n);
	for (i = 0; i < clients.n; i++)
		if (clients.client[i]->joined && clients.client[i] != c)
			add_text(clients.client[i]->name,
			    strlen(clients.client[i]->name));
	reply(c);
}

/* 102 */
static void
room_who(struct client *c, const struct room_message *m)
{
	(void)m;
	reply_others(c, "2020", "2021");
}

/* 103 name text */
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
	begin("303");
	add_text(c->name, strlen(c->name));
	add_text(m->field[1].text, m->field[1].n);
	send_update(to, words.text, words.n);
	begin("203");
	reply(c);
}

/* 104 text */
static void
room_all(struct client *c, const struct room_message *m)
{
	log_message(c, "all");
	begin("304");
	add_text(c->name, strlen(c->name));
	add_text(m->field[0].text, m->field[0].n);
	update_all(c);
	reply_others(c, "2040", "2041");
}

/* 105: at most 99 names, of at most 99 bytes. A directory that is gone is no
 * empty one. */
static void
room_files(struct client *c, const struct room_message *m)
{
	const char *files, *at, *name;
	size_t left, len, n, some;

	(void)m;
	at = files = files_now(&len);
	for (some = 0, left = len; next_line(&at, &left, &name, &n) > 0;)
		some += n <= ROOM_TEXT_MAX;
	some = some < ROOM_FIELDS ? some : ROOM_FIELDS - 1;
	begin(files == NULL ? "4061" : some == 0 ? "2050" : "2051");
	if (some > 0)
		add_number("%02u", some);
	for (at = files; some > 0; some -= n <= ROOM_TEXT_MAX) {
		next_line(&at, &len, &name, &n);
		if (n <= ROOM_TEXT_MAX)
			add_text(name, n);
	}
	reply(c);
	log_list(c, files);
}

/* The two ways of a file, each in a child. */
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

/* 106 TCP name, 106 UDP name */
static void
room_get(struct client *c, const struct room_message *m)
{
	char digits[24], name[ROOM_TEXT_MAX + 1];
	enum offer offer;
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
	offer = NO_FILE;
	if (strlen(name) == m->field[1].n)
		offer = offer_file(c, name, udp ? SOCK_DGRAM : SOCK_STREAM,
		    udp ? send_by_udp : send_by_tcp, &port, &size, &why);
	begin(offer == OFFERED ? "206" : offer == NO_FILE ? "4061" : "4062");
	if (offer == OFFERED) {
		add_text(digits, (size_t)sprintf(digits, "%llu",
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

/*
 * Takes the next message of what came. Returns its bytes; 0: more must come;
 * -1: it is none that may be sent now. The original client sends requests
 * before its update socket is connected: they wait in the buffer until it is.
 */
static ssize_t
next_message(struct client *c)
{
	struct room_message m;
	ssize_t used;
	size_t i;

	used = room_unpack(&m, buffer_at(&c->in), buffer_n(&c->in));
	if (used > 0 && m.code != NULL) {	/* else the end of a line */
		announce_gone();
		if (m.code[0] != '1')
			return -1;
		i = (size_t)(m.code[2] - '0');
		if (!c->joined && !room_requests[i].outside)
			return c->update_listener >= 0 ? 0 : -1;
		counters[COMMANDS + i]++;
		room_requests[i].run(c, &m);
	}
	if (used > 0)
		buffer_drop(&c->in, (size_t)used);
	return used;
}

/* Takes bytes from a client: messages, however they were split or joined. With
 * none, it takes those that have waited for its update socket. */
static void
room_input(struct client *c, char *text, size_t n)
{
	ssize_t used;
	size_t part;

	if (c->update_listener >= 0)
		room_enter(c);
	do {
		part = c->in.max - buffer_n(&c->in);
		part = part < n ? part : n;
		if (buffer_add(&c->in, text, part) < 0)
			drop_client(c, LOST);
		used = 0;
		while (buffer_n(&c->in) > 0 && is_present(c) &&
		    (used = next_message(c)) > 0)
			;
		if (c->stage == TALKING && (used < 0 ||
		    buffer_n(&c->in) == c->in.max)) {
			counters[BAD_REQUESTS]++;
			refuse(c, "4990", "malformed, or not now");
		}
		text += part;
		n -= part;
	} while (n > 0 && is_present(c));
}

/* A daemon: it never returns while the parent lives. */
static void
room_serve(int listener, const char *peer)
{
	static const struct talk_serv t = { "4003", ROOM_REQUEST_MAX,
	    room_input, room_left };

	(void)peer;
	talk_serve(listener, &t);
}

const struct service room_service = {
	.name = "room", .type = SOCK_STREAM, .port = "13337",
	.is_daemon = 1, .serve = room_serve, NAMES_OF(room_requests)
};
