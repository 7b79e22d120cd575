/* room_serv.c: a room, the server. Licence: ISC, see README. */
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
#include "serv.h"

/* ---- room (seeds/003) --------------------------------------------------- */

static char answer[ROOM_ANSWER_MAX];	/* to a request, or an update */
static size_t nanswer;

/* Begins it with a code; adds a text. */
static void
room_begin(const char *code)
{
	nanswer = (size_t)sprintf(answer, "%s", code);
}

static void
room_add(const char *text, size_t n)
{
	nanswer += room_text(answer + nanswer, text, n);
}

/* Sends it as the answer to c; or as an update, to one or to all others. */
static void
room_answer(struct client *c)
{
	push(c, &c->main, answer, nanswer);
}

static void
room_refuse(struct client *c, const char *code, const char *why)
{
	log_msg(INFO, "room: %s from %s: %s", c->name, c->peer, why);
	room_begin(code);
	room_answer(c);
	if (strcmp(code, "4990") == 0)
		finish(c);
}

static void
room_update_all(const struct client *but)
{
	size_t i;

	for (i = 0; i < nclients; i++)
		if (clients[i]->joined && clients[i] != but)
			push(clients[i], &clients[i]->news, answer, nanswer);
}

/* 300, 301: one has come, or is gone. */
static void
room_news(const struct client *c, const char *code)
{
	room_begin(code);
	room_add(c->name, strlen(c->name));
	room_update_all(c);
}

static void
room_left(const struct client *c)
{
	room_news(c, "301");
}

/* 100 name */
static void
room_join(struct client *c, const struct room_message *m)
{
	const char *name = m->field[0].text;
	size_t i, n = m->field[0].n, here;
	unsigned port;

	for (i = here = 0; i < nclients; i++)
		here += clients[i]->name[0] != '\0' && !clients[i]->ending &&
		    clients[i]->gone == NULL;
	if (n < ROOM_NAME_MIN || !nick_ok(name, n) || reserved(name, n)) {
		room_refuse(c, "4001", "not a name");
	} else if (c->name[0] != '\0' || client_named(name, n) != NULL) {
		room_refuse(c, "4002", "the name is taken");
	} else if (here >= ROOM_USERS) {
		room_refuse(c, "4003", "the room is full");
	} else if ((c->door = data_listen(c->main.fd, SOCK_STREAM, data_lo,
	    data_hi, &port)) < 0) {
		room_refuse(c, "4003", "no port is free");
	} else {
		memcpy(c->name, name, n);
		c->name[n] = '\0';
		c->deadline = now() + ROOM_JOIN_S * SECOND;
		room_begin("200");
		room_add(name, n);
		nanswer += (size_t)sprintf(answer + nanswer, "%05u", port);
		room_answer(c);
	}
}

/* The second connection has come: so he is in the room. */
static void
room_enter(struct client *c)
{
	struct addr a, own;
	int fd;

	fd = sock_accept(c->door, &a);
	if (fd < 0)
		return;
	if (addr_peer(c->main.fd, &own) < 0 || !addr_same_host(&a, &own)) {
		close(fd);		/* a stranger */
		return;
	}
	close(c->door);
	c->door = -1;
	c->news.fd = fd;
	c->joined = 1;
	c->deadline = NEVER;
	log_msg(INFO, "%s joined from %s.", c->name, c->peer);
	room_news(c, "300");
}

/* 101 */
static void
room_leave(struct client *c, const struct room_message *m)
{
	(void)m;
	if (c->joined)
		log_msg(INFO, "%s left from %s.", c->name, c->peer);
	room_begin("201");
	room_answer(c);
	finish(c);
}

/* Answers with the names of all others: `none', or `some', Y and the names. */
static void
room_others(struct client *c, const char *none, const char *some)
{
	size_t i, n;

	for (i = n = 0; i < nclients; i++)
		n += clients[i]->joined && clients[i] != c;
	room_begin(n == 0 ? none : some);
	if (n > 0)
		nanswer += (size_t)sprintf(answer + nanswer, "%u", (unsigned)n);
	for (i = 0; i < nclients; i++)
		if (clients[i]->joined && clients[i] != c)
			room_add(clients[i]->name, strlen(clients[i]->name));
	room_answer(c);
}

/* 102 */
static void
room_who(struct client *c, const struct room_message *m)
{
	(void)m;
	room_others(c, "2020", "2021");
}

/* 103 name text */
static void
room_to(struct client *c, const struct room_message *m)
{
	struct client *to;

	to = client_named(m->field[0].text, m->field[0].n);
	if (to == NULL || !to->joined) {
		room_refuse(c, "4031", "no such user");
		return;
	}
	log_msg(INFO, "%s to %s from %s", c->name, to->name, c->peer);
	room_begin("303");
	room_add(c->name, strlen(c->name));
	room_add(m->field[1].text, m->field[1].n);
	push(to, &to->news, answer, nanswer);
	room_begin("203");
	room_answer(c);
}

/* 104 text */
static void
room_all(struct client *c, const struct room_message *m)
{
	log_msg(INFO, "%s to all from %s", c->name, c->peer);
	room_begin("304");
	room_add(c->name, strlen(c->name));
	room_add(m->field[0].text, m->field[0].n);
	room_update_all(c);
	room_others(c, "2040", "2041");
}

/* 105 */
static void
room_files(struct client *c, const struct room_message *m)
{
	ssize_t i, n, some;
	char **names;

	(void)m;
	n = files_now(&names);
	for (i = some = 0; i < n; i++)
		some += strlen(names[i]) <= ROOM_TEXT_MAX;
	some = some < ROOM_FIELDS ? some : ROOM_FIELDS - 1;
	room_begin(some == 0 ? "2050" : "2051");
	if (some > 0)
		nanswer += (size_t)sprintf(answer + nanswer, "%02u",
		    (unsigned)some);
	for (i = 0; i < n && some > 0; i++)
		if (strlen(names[i]) <= ROOM_TEXT_MAX) {
			room_add(names[i], strlen(names[i]));
			some--;
		}
	room_answer(c);
	list_told(c, n);
}

/* The two ways of a file, in a child. */
static enum moved
room_push(struct rdt_session *s, const struct addr *to)
{
	enum moved moved;

	s->room = 1;
	s->congestion = congestion_find("half");
	moved = rdt_accept(s, to);
	return moved == MOVED ? rdt_send(s) : moved;
}

static enum moved
room_send(struct rdt_session *s, const struct addr *to)
{
	enum moved moved;
	int listener;

	listener = s->t.sock;
	s->t.sock = data_accept(listener, to, now() + FTP_ACCEPT_S * SECOND);
	if (s->t.sock < 0)
		return PEER_FAILED;
	s->t.idle = idle;
	moved = transfer_send(&s->t, "", 0);
	if (moved == MOVED)
		shutdown(s->t.sock, SHUT_WR);
	return moved;
}

/* 106 TCP name, 106 UDP name */
static void
room_file(struct client *c, const struct room_message *m)
{
	char digits[24], name[ROOM_TEXT_MAX + 1];
	const char *why;
	unsigned port;
	int udp;

	udp = memcmp(m->field[0].text, "UDP", 3) == 0;
	if (!udp && memcmp(m->field[0].text, "TCP", 3) != 0) {
		room_refuse(c, "4990", "neither TCP nor UDP");
		return;
	}
	memcpy(name, m->field[1].text, m->field[1].n);
	name[m->field[1].n] = '\0';
	why = strlen(name) < m->field[1].n ? no_such : download_offer(c, name,
	    udp ? SOCK_DGRAM : SOCK_STREAM, &port, udp ? room_push :
	    room_send);
	room_begin(why == NULL ? "206" : why == no_such ? "4061" : "4062");
	if (why == NULL) {
		room_add(digits, (size_t)sprintf(digits, "%llu",
		    (unsigned long long)session.t.size));
		nanswer += (size_t)sprintf(answer + nanswer, "%05u", port);
	}
	room_answer(c);
}

static const struct {
	const char *code, *name;
	int outside;			/* for who is not in the room, too */
	void (*run)(struct client *c, const struct room_message *m);
} room_requests[] = {
	{ "100", "join", 1, room_join },
	{ "101", "leave", 1, room_leave },
	{ "102", "who", 0, room_who },
	{ "103", "to", 0, room_to },
	{ "104", "all", 0, room_all },
	{ "105", "files", 0, room_files },
	{ "106", "get", 0, room_file },
};
NAMES(room_name, room_requests, name);

/* Carries out a message. Returns -1 if it is none that he may send now. */
static int
room_message(struct client *c, const struct room_message *m)
{
	size_t i;

	if (m->code == NULL)
		return 0;		/* the end of a line */
	take_leave();
	if (c->door >= 0)		/* he may be there just now */
		room_enter(c);
	for (i = 0; i < COUNT(room_requests); i++)
		if (strcmp(m->code, room_requests[i].code) == 0 &&
		    (c->joined || room_requests[i].outside)) {
			did.n[COMMANDS + i]++;
			room_requests[i].run(c, m);
			return 0;
		}
	return -1;
}

/* Takes the next message of what came. Returns as room_take(). */
static ssize_t
room_step(struct client *c)
{
	struct room_message m;
	ssize_t took;

	took = room_take(&m, c->in, c->have);
	if (took <= 0)
		return took;
	if (room_message(c, &m) < 0)
		return -1;
	c->have -= (size_t)took;
	memmove(c->in, c->in + took, c->have);
	return took;
}

/* What came of a client: messages, however they were split or joined. */
static void
room_input(struct client *c, char *text, size_t n)
{
	ssize_t took;
	size_t part;

	for (took = 0; n > 0 && !c->ending && c->gone == NULL;
	    text += part, n -= part) {
		part = ROOM_REQUEST_MAX - c->have;
		part = part < n ? part : n;
		memcpy(c->in + c->have, text, part);
		c->have += part;
		while (c->have > 0 && !c->ending && c->gone == NULL &&
		    (took = room_step(c)) > 0)
			;
		if (!c->ending && (took < 0 || c->have == ROOM_REQUEST_MAX)) {
			did.n[BAD_REQUESTS]++;
			room_refuse(c, "4990", "malformed, or not now");
		}
	}
}

static void
room_serve(int listener)
{
	static const struct talk t = { "4003", room_input, room_left,
	    room_enter };

	talk_serve(listener, &t);
}


const struct service room_service = { "room", SOCK_STREAM, "13337", NULL, room_serve, room_name };
