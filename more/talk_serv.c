/* talk_serv.c: what the servers of chat and room share. Licence: ISC, see README. */
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

/* ---- chat and room: many clients in one process ------------------------ */

/*
 * One poll loop, which waits for nobody:
 *
 *      wait_many() --> what came: input() of the service, which queues what it
 *          ^                      has to say, to this client and to others
 *          |       --> what is queued is sent, as much as goes
 *          +------ --> who is gone is taken leave of
 *
 * A queue is bounded: he for whom more than QUEUE_MAX bytes wait does not read,
 * and is dropped. So is the time of whom the server does not know by name.
 * Files are sent by children, one each, so that no transfer holds up the talk.
 */
#define QUEUE_MAX	(64 * 1024)
#define READ_MAX	(16 * 1024)	/* of one client, each round */
#define DOWNLOADS_MAX	16		/* children at a time, */
#define DOWNLOADS_EACH	4		/* and for one client */

struct client **clients;
size_t nclients;
static int talk_listener;
static int some_gone;			/* and the others do not know yet */
static unsigned long rounds;		/* of the loop */
static struct {				/* children that send files */
	pid_t pid;
	unsigned long number;		/* of the client */
} downloads[DOWNLOADS_MAX];
static size_t ndownloads;

static const struct talk *talk;

static const char ended_itself[] = "lost";	/* as connections do */

/* Marks a client as gone; he is taken leave of when the round ends. */
void
lose(struct client *c, const char *why)
{
	if (c->gone == NULL)
		c->gone = why;
	some_gone = 1;
}

/*
 * Tells the others who is gone, before anything else happens to his name. That
 * may show that another one is.
 */
void
take_leave(void)
{
	size_t i;

	while (some_gone) {
		some_gone = 0;
		for (i = 0; i < nclients; i++)
			if (clients[i]->gone != NULL && clients[i]->joined) {
				clients[i]->joined = 0;
				talk->left(clients[i]);
			}
	}
}

/* Sends what goes of a queue. Returns -1 if the connection is broken. */
static int
outlet_flush(struct outlet *o)
{
	unsigned char *at;
	ssize_t sent;
	size_t head, n;

	head = o->whole ? 2 : 0;
	while (o->from < o->to) {
		at = (unsigned char *)o->queue + o->from;
		n = o->whole ? (size_t)at[0] << 8 | at[1] : o->to - o->from;
		sent = send_some(o->fd, at + head, n);
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		o->from += (size_t)sent;
		n -= (size_t)sent;
		if (o->whole && n > 0) {	/* a new length for the rest */
			at[sent] = (unsigned char)(n >> 8);
			at[sent + 1] = (unsigned char)n;
		} else {
			o->from += head;
		}
	}
	o->from = o->to = 0;
	return 0;
}

/* Makes room for n more bytes. Returns -1 if they would be too many. */
static int
outlet_room(struct outlet *o, size_t n)
{
	size_t room;
	char *queue;

	if (o->to - o->from + n > QUEUE_MAX && outlet_flush(o) < 0)
		return -1;
	if (o->to - o->from + n > QUEUE_MAX)
		return -1;
	if (o->to + n > o->room && o->from > 0) {
		memmove(o->queue, o->queue + o->from, o->to - o->from);
		o->to -= o->from;
		o->from = 0;
	}
	if (o->to + n <= o->room)
		return 0;
	for (room = o->room == 0 ? 1024 : o->room; room < o->to + n;)
		room *= 2;
	queue = realloc(o->queue, room);
	if (queue == NULL)
		return -1;
	o->queue = queue;
	o->room = room;
	return 0;
}

/* Queues a message of n bytes for a client. */
void
push(struct client *c, struct outlet *o, const char *text, size_t n)
{
	size_t head;

	head = o->whole ? 2 : 0;
	if (c->gone != NULL || c->ending || o->fd < 0)
		return;
	if (outlet_room(o, head + n) < 0) {
		lose(c, "does not read");
		return;
	}
	if (o->whole) {
		o->queue[o->to] = (char)(n >> 8);
		o->queue[o->to + 1] = (char)n;
	}
	memcpy(o->queue + o->to + head, text, n);
	o->to += head + n;
}

/*
 * The last words to a client are queued: he shall hear them, and then go. For
 * the others he has gone now.
 */
void
finish(struct client *c)
{
	if (c->door >= 0)
		close(c->door);
	if (c->news.fd >= 0) {
		outlet_flush(&c->news);
		close(c->news.fd);
	}
	c->door = c->news.fd = -1;
	c->news.from = c->news.to = 0;
	c->ending = c->ending == 0 ? 1 : c->ending;
	c->deadline = now() + DISCARD_S * SECOND;
	if (c->joined) {
		c->joined = 0;
		talk->left(c);
	}
}

/* Sends what is queued; ends the sending side of whom nothing more is told. */
static void
client_flush(struct client *c)
{
	if ((c->main.from < c->main.to && outlet_flush(&c->main) < 0) ||
	    (c->news.from < c->news.to && outlet_flush(&c->news) < 0))
		lose(c, ended_itself);
	if (c->ending == 1 && c->main.from == c->main.to) {
		shutdown(c->main.fd, SHUT_WR);
		c->ending = 2;
	}
}

/* Takes what came on the main connection. */
static void
client_read(struct client *c)
{
	static char text[READ_MAX];
	ssize_t got;

	got = recv_some(c->main.fd, text, sizeof text);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		lose(c, ended_itself);
		return;
	}
	if (c->ending)
		c->discarded += (size_t)got;
	if (c->discarded > DISCARD_BYTES)
		lose(c, ended_itself);
	if (!c->ending)
		talk->input(c, text, (size_t)got);
}

/* Nothing is said on the connection for updates, but it can end. */
static void
news_read(struct client *c)
{
	char text[512];
	ssize_t got;

	got = recv_some(c->news.fd, text, sizeof text);
	if (got == 0 || (got < 0 && errno != EAGAIN))
		lose(c, ended_itself);
}

/* A client on a new connection; or nobody, if there is no memory. */
static void
client_add(int fd, const struct addr *a, int full)
{
	static unsigned long number;
	struct client *c;
	int on;

	c = calloc(1, sizeof *c);
	if (c == NULL) {
		close(fd);
		return;
	}
	on = 1;		/* the system finds the dead, who are silent for ever */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	c->number = ++number;
	c->main.fd = fd;
	c->news.fd = c->door = -1;
	c->deadline = now() + first_words();
	addr_text(a, c->peer);
	clients[nclients++] = c;
	did.n[full ? REFUSED : CONNECTIONS]++;
	log_msg(full ? INFO : DEBUG, full ? "%s refused: server is full" :
	    "%s connected", c->peer);
	if (full) {
		push(c, &c->main, talk->full, strlen(talk->full));
		finish(c);
	}
}

/* Takes all who wait at the listener. */
static void
clients_accept(int listener)
{
	struct addr a;
	size_t i;
	long here;
	int fd;

	while (nclients < (size_t)max_children + REFUSERS) {
		fd = sock_accept(listener, &a);
		if (fd < 0 && errno != EAGAIN) {
			log_msg(ERROR, "accept: %s", reason());
			accept_from = now() + SECOND;	/* or it would spin */
		}
		if (fd < 0)
			break;
		for (here = 0, i = 0; i < nclients; i++)
			here += !clients[i]->ending && !clients[i]->gone;
		client_add(fd, &a, here >= max_children);
	}
}

/* Forgets all who are gone. */
static void
clients_sweep(void)
{
	struct client *c;
	size_t i, n;

	take_leave();
	for (i = n = 0; i < nclients; i++) {
		c = clients[i];
		clients[n] = c;
		n += c->gone == NULL;
		if (c->gone == NULL)
			continue;
		log_msg(c->gone == ended_itself ? DEBUG : INFO,
		    "%s%s%s %s", c->name, c->name[0] == '\0' ? "" : ", ",
		    c->peer, c->gone);
		finish(c);
		close(c->main.fd);
		free(c->main.queue);
		free(c->news.queue);
		free(c);
	}
	nclients = n;
}

/* Takes leave of the children that have sent their files. */
static void
downloads_reap(int wait)
{
	size_t i;

	for (i = 0; i < ndownloads;) {
		if (waitpid(downloads[i].pid, NULL, wait ? 0 : WNOHANG) == 0)
			i++;
		else
			downloads[i] = downloads[--ndownloads];
	}
}

/* May this client have one more? */
static int
download_allowed(const struct client *c)
{
	size_t i, n;

	downloads_reap(0);
	for (i = n = 0; i < ndownloads; i++)
		n += downloads[i].number == c->number;
	return n < DOWNLOADS_EACH && ndownloads < DOWNLOADS_MAX;
}

const char no_such[] = "no file";

/*
 * Forks a child that sends a file to c by `send', and ends. It keeps no
 * connection of any client. Returns -1 if there is none.
 */
static int
download_start(const struct client *c, const struct request *r,
    struct rdt_session *s,
    enum moved (*send)(struct rdt_session *s, const struct addr *to))
{
	struct addr to;
	enum moved moved;
	size_t i;
	pid_t pid;

	if (addr_peer(c->main.fd, &to) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid > 0) {
		downloads[ndownloads].pid = pid;
		downloads[ndownloads++].number = c->number;
		return 0;
	}
	report_anew();
	close(talk_listener);
	for (i = 0; i < nclients; i++) {
		close(clients[i]->main.fd);
		if (clients[i]->news.fd >= 0)
			close(clients[i]->news.fd);
		if (clients[i]->door >= 0)
			close(clients[i]->door);
	}
	memcpy(peer, c->peer, sizeof peer);
	moved = send(s, &to);
	file_sent(r, moved, rdt_given_up(&s->sender) ? rdt_gave_up() :
	    reason());
	if (s->start != 0)
		rdt_report(s);
	dgram_close(s->t.sock);
	child_ends();
	return 0;
}

/*
 * Offers a file of this name to c: a child waits for him at *port. Returns
 * NULL, or why not; the server's own trouble is in the log.
 */
const char *
download_offer(const struct client *c, const char *name, int type,
    unsigned *port, enum moved (*send)(struct rdt_session *s,
    const struct addr *to))
{
	struct request r = { -1, "download", name, 0 };
	struct rdt_session *s = &session;
	const char *why;

	memset(s, 0, sizeof *s);
	memcpy(peer, c->peer, sizeof peer);
	s->t.sock = s->control = -1;
	s->t.file = -1;
	errno = ENOENT;
	if (name_ok(name, strlen(name)))
		s->t.file = file_open(served, name, O_NOFOLLOW, &s->t.size);
	if (s->t.file < 0) {
		refused(&r, no_file() ? no_such : NULL);
		return no_such;
	}
	why = s->t.size / CHAT_PART >= UINT32_MAX ? "too large" :
	    !download_allowed(c) ? "too many downloads, not now" : NULL;
	if (why == NULL)
		s->t.sock = data_listen(c->main.fd, type, data_lo, data_hi,
		    port);
	if (why != NULL || s->t.sock < 0 ||
	    download_start(c, &r, s, send) < 0) {
		refused(&r, why);
		why = why != NULL ? why : "no port is free";
	}
	close(s->t.file);
	if (s->t.sock >= 0)
		close(s->t.sock);
	return why;
}

/* Whoever has a name that is said, or NULL. */
struct client *
client_named(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < nclients; i++)
		if (clients[i]->gone == NULL && !clients[i]->ending && n > 0 &&
		    strlen(clients[i]->name) == n &&
		    memcmp(clients[i]->name, name, n) == 0)
			return clients[i];
	return NULL;
}

/* The names that a client may fetch, as they are in this round. */
ssize_t
files_now(char ***names)
{
	static unsigned long round;	/* in which they were listed */
	static char **files;
	static ssize_t n;

	if (round != rounds) {
		if (n > 0)
			list_free(files, (size_t)n);
		n = list_files(served, UINT64_MAX, &files);
		round = rounds;
	}
	*names = files;
	return n;
}

/* Logs that a list was told, or why it could not be. */
void
list_told(const struct client *c, ssize_t n)
{
	if (n < 0)
		log_msg(ERROR, "list from %s: the directory cannot be read",
		    c->peer);
	else
		log_msg(INFO, "Files list downloaded from %s.", c->peer);
}

/* Names that would look like something else in a message. */
int
reserved(const char *name, size_t n)
{
	static const char *const names[] = { "ALL", "UDP", "ERROR",
	    "CHOOSE_FILE" };
	size_t i;

	for (i = 0; i < COUNT(names); i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return 1;
	return 0;
}

/* When the loop must go on, though nothing came. */
static int64_t
talk_deadline(void)
{
	int64_t first, t;
	size_t i;

	t = now();
	first = ndownloads > 0 ? t + SECOND : NEVER;
	if (accept_from > t && accept_from < first)
		first = accept_from;
	for (i = 0; i < nclients; i++)
		if (clients[i]->deadline < first)
			first = clients[i]->deadline;
	return first;
}

enum { MAIN, NEWS, DOOR };		/* the places of a client */

/* Adds a place to the poll set, if it is there, and notes where. */
static void
watch(struct pollfd *p, size_t *n, size_t *slot, int fd, int sends)
{
	*slot = fd < 0 ? 0 : *n;
	if (fd < 0)
		return;
	p[*n].fd = fd;
	p[*n].revents = 0;
	p[(*n)++].events = sends ? POLLIN | POLLOUT : POLLIN;
}

/* The poll set: the listener, then all places. Returns how many they are. */
static size_t
talk_watch(struct pollfd *p, int listener)
{
	struct client *c;
	size_t i, n;

	p[0].fd = nclients < (size_t)max_children + REFUSERS &&
	    now() >= accept_from ? listener : -1;
	p[0].events = POLLIN;
	p[0].revents = 0;
	n = 1;
	for (i = 0; i < nclients; i++) {
		c = clients[i];
		watch(p, &n, &c->slot[MAIN], c->main.fd,
		    c->main.from < c->main.to);
		watch(p, &n, &c->slot[NEWS], c->news.fd,
		    c->news.from < c->news.to);
		watch(p, &n, &c->slot[DOOR], c->door, 0);
	}
	return n;
}

/* Did something come there? */
static int
input_at(const struct pollfd *p, const struct client *c, int place)
{
	return c->slot[place] != 0 && c->gone == NULL &&
	    p[c->slot[place]].revents & (POLLIN | POLLHUP | POLLERR);
}

/* Does what the events ask for: first of all, who is at the doors? */
static void
talk_turn(const struct pollfd *p, int listener)
{
	size_t here, i;

	here = nclients;
	if (p[0].revents != 0)
		clients_accept(listener);
	for (i = 0; i < here; i++)
		if (input_at(p, clients[i], DOOR) && clients[i]->door >= 0)
			talk->door(clients[i]);
	for (i = 0; i < here; i++) {
		if (input_at(p, clients[i], MAIN))
			client_read(clients[i]);
		if (input_at(p, clients[i], NEWS) && clients[i]->news.fd >= 0)
			news_read(clients[i]);
	}
}

/* His time is over: to enter a room, or at all. */
static void
client_late(struct client *c)
{
	if (c->door < 0) {
		lose(c, c->ending ? ended_itself : "has said nothing");
		return;
	}
	close(c->door);
	c->door = -1;
	c->name[0] = '\0';
	c->deadline = now() + first_words();
}

/* The life of chat and room. */
void
talk_serve(int listener, const struct talk *t)
{
	struct pollfd *p;
	size_t i, n;
	int ended;

	talk = t;
	talk_listener = listener;
	n = (size_t)max_children + REFUSERS;
	clients = calloc(n, sizeof *clients);
	p = calloc(3 * n + 2, sizeof *p);
	if (clients == NULL || p == NULL) {
		log_msg(ERROR, "poll: %s", reason());
		return;
	}
	do {
		rounds++;
		downloads_reap(0);
		n = talk_watch(p, listener);
		ended = 0;
		if (wait_many(p, n, talk_deadline()) == 0)
			talk_turn(p, listener);
		else
			ended = errno != ETIMEDOUT;
		for (i = 0; i < nclients && !ended; i++) {
			client_flush(clients[i]);
			if (now() >= clients[i]->deadline)
				client_late(clients[i]);
		}
		if (!ended)
			clients_sweep();
	} while (!ended);
	if (errno != ECANCELED)
		log_msg(ERROR, "poll: %s", reason());
	downloads_reap(1);
}
