/* talk_serv.c: what the servers of chat and room share. Licence: ISC, see
 * README.
 *
 * Many clients in one process, a daemon. One poll loop, which never waits for
 * one client alone:
 *
 *      wait_many() --> what came: input() of the service, which queues what it
 *          ^                      has to say, to this client and to others
 *          |       --> what is queued is sent, as much as goes
 *          +------ --> the clients that are gone are announced and forgotten
 *
 * All queues are bounded. A client that does not read is dropped when more
 * than OUT_MAX bytes wait for it; so is one that does not say its name in time.
 * Files are sent by children, one each, so that no transfer holds up the talk.
 *
 * A client is dropped in two steps. drop_client() only marks it, and
 * clients_sweep() frees it at the end of the round: so no loop over the clients
 * sees one vanish.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serv.h"

#define OUT_MAX		(64 * 1024)	/* bytes that wait for a client */
#define SEGMENT_MS	20	/* between two segments for a client */
#define READ_MAX	(16 * 1024)	/* bytes of a client, each round */
#define TOO_MANY	16		/* more clients, who get `full' */
#define DOWNLOADS_MAX	16		/* children at a time, */
#define DOWNLOADS_EACH	4		/* and for one client */

struct clients clients;

static struct {
	const struct talk_serv *talk;
	int listener;
	int64_t accept_from;		/* no accept() before */
	char *files;			/* as they are in this round; NULL: not
					   listed yet */
	size_t files_len;
	struct {
		pid_t pid;		/* 0: none */
		long id;		/* of the client */
	} download[DOWNLOADS_MAX];
} hall;

/* ---- what is sent -------------------------------------------------------- */

void
drop_client(struct client *c, const char *why)
{
	if (c->stage != GONE)
		log_msg(why == NULL ? DEBUG : INFO, "%s%s%s: %s", c->name,
		    c->name[0] == '\0' ? "" : ", ", c->peer,
		    why == NULL ? "gone" : why);
	c->stage = GONE;
}

void
announce_gone(void)
{
	struct client *c;
	size_t i;

	for (i = 0; i < clients.n;) {
		c = clients.client[i++];
		if (c->stage != GONE || !c->joined)
			continue;
		c->joined = 0;
		hall.talk->left(c);
		i = 0;		/* that may have shown that others are gone */
	}
}

/* The same as buffer_send() for a client that gets segments: each message is
 * one send, SEGMENT_MS after the one before, unless in a hurry. */
static int
send_segments(struct client *c, int hurry)
{
	ssize_t sent;
	size_t n;

	while (c->out.n > 0 && (hurry || now() >= c->segment_at)) {
		for (n = 0; n < c->out.n && c->out.bytes[n] != '\n'; n++)
			;
		sent = send_some(c->fd, c->out.bytes, n);
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		c->segment_at = now() + SEGMENT_MS * (SECOND / 1000);
		n -= (size_t)sent;
		buffer_drop(&c->out, (size_t)sent + (n == 0));
	}
	return 0;
}

/* The queues of the main connection and of the update socket. */
static int
send_queued(struct client *c, int hurry)
{
	int broken;

	broken = (c->segment_at > 0 ? send_segments(c, hurry) :
	    buffer_send(&c->out, c->fd)) < 0;
	return broken || buffer_send(&c->updates, c->update_fd) < 0 ? -1 : 0;
}

/* Queues a message. If it does not fit, first sends as much as possible; if it
 * still does not fit, the client is dropped. */
static void
queue(struct client *c, struct buffer *b, const char *text, size_t n)
{
	if (b->n + n > b->max)
		send_queued(c, 1);
	if (buffer_add(b, text, n) < 0)
		drop_client(c, "does not read");
}

void
send_message(struct client *c, const char *text, size_t n)
{
	if (c->stage == TALKING)
		queue(c, &c->out, text, n);
}

void
send_update(struct client *c, const char *text, size_t n)
{
	if (c->stage == TALKING && c->joined)
		queue(c, &c->updates, text, n);
}

/* c->out is still sent; the others see c leave now. */
void
dismiss(struct client *c)
{
	if (c->update_fd >= 0) {
		buffer_send(&c->updates, c->update_fd);
		sock_close(c->update_fd);
	}
	c->update_fd = -1;
	c->updates.n = 0;
	c->stage = c->stage == TALKING ? LAST_WORDS : c->stage;
	c->deadline = now() + DISCARD_S * SECOND;
	if (c->joined) {
		c->joined = 0;
		hall.talk->left(c);
	}
}

/* ---- what comes --------------------------------------------------------- */

/* Takes what came on either connection of a client. It says nothing on its
 * update socket, but may close it. */
static void
client_read(struct client *c, int fd)
{
	ssize_t got;

	if (c->stage != TALKING)
		c->in.n = 0;
	got = buffer_fill(&c->in, fd, recv_some);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got == 0)			/* it may still read */
		send_queued(c, 1);
	if (got <= 0) {
		drop_client(c, NULL);
	} else if (c->stage == TALKING && fd == c->fd) {
		hall.talk->input(c);
	} else {
		c->in.n -= (size_t)got;
		c->discarded += (size_t)got;
		if (c->discarded > DISCARD_BYTES)
			drop_client(c, NULL);
	}
}

/* A client on a new connection; or none, if anything fails. */
static void
client_add(int fd, int full)
{
	static long id;
	struct client *c;
	int on;

	c = calloc(1, sizeof *c);
	if (c == NULL || sock_peer(fd, c->peer) < 0 || sock_nonblock(fd) < 0) {
		free(c);
		sock_close(fd);
		return;
	}
	on = 1;		/* keep-alives find a peer that vanished (RFC 1122) */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	c->id = ++id;
	c->fd = fd;
	c->update_fd = -1;
	c->out.max = c->updates.max = OUT_MAX;
	c->in.max = READ_MAX;
	c->deadline = now() + (serv.idle * SECOND);
	clients.client[clients.n++] = c;
	counters[full ? REFUSED : CONNECTIONS]++;
	log_msg(full ? INFO : DEBUG, full ? "%s refused: server is full" :
	    "%s connected", c->peer);
	if (full) {
		send_message(c, hall.talk->full, strlen(hall.talk->full));
		dismiss(c);
	}
}

static void
clients_accept(void)
{
	size_t i, present;
	int fd;

	while (clients.n < (size_t)serv.max_children + TOO_MANY) {
		fd = sock_accept(hall.listener, NULL);
		if (fd < 0 && errno != EAGAIN) {
			log_msg(ERROR, "accept: %s", reason());
			hall.accept_from = now() + SECOND;	/* no spin */
		}
		if (fd < 0)
			break;
		for (present = 0, i = 0; i < clients.n; i++)
			present += clients.client[i]->stage == TALKING;
		client_add(fd, present >= (size_t)serv.max_children);
	}
}

void
log_message(struct client *c, const char *to)
{
	if (now() < c->log_from)
		return;
	c->log_from = now() + SECOND;
	log_msg(INFO, "%s to %s from %s", c->name, to, c->peer);
}

static void
clients_sweep(void)
{
	struct client *c;
	size_t i, n;

	announce_gone();
	for (i = n = 0; i < clients.n; i++) {
		c = clients.client[i];
		clients.client[n] = c;
		n += c->stage != GONE;
		if (c->stage != GONE)
			continue;
		dismiss(c);
		sock_close(c->fd);
		free(c->out.bytes);
		free(c->updates.bytes);
		free(c->in.bytes);
		free(c);
	}
	clients.n = n;
}

/* A name is free again at once when its owner leaves. */
struct client *
client_named(const char *name, size_t n)
{
	struct client *c;
	size_t i;

	for (i = 0; i < clients.n; i++) {
		c = clients.client[i];
		if (c->stage == TALKING && n > 0 && strlen(c->name) == n &&
		    memcmp(c->name, name, n) == 0)
			return c;
	}
	return NULL;
}

/* `ALL has joined the chat!' would look like a list of names, `ALL a b'. */
int
is_reserved(const char *name, size_t n)
{
	char word[DIR_NICK_MAX + 3];

	snprintf(word, sizeof word, " %.*s ", (int)n, name);
	return strstr(" ALL UDP ERROR CHOOSE_FILE ", word) != NULL;
}

/* ---- files ------------------------------------------------------------- */

/* Many clients may ask in one round: the list is made once. */
const char *
files_now(const struct client *c, size_t *len)
{
	if (hall.files == NULL)
		hall.files = list_files(UINT64_MAX, &hall.files_len);
	if (hall.files == NULL)
		log_msg(ERROR, "list from %s: the directory cannot be read",
		    c->peer);
	else
		log_msg(INFO, "Files list downloaded from %s.", c->peer);
	*len = hall.files_len;
	return hall.files;
}

/* Forgets the children that have ended. Returns how many there still
 * are, for one client (id) or for all (0). */
static int
downloads(long id)
{
	pid_t pid;
	int i, n;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (i = 0; i < DOWNLOADS_MAX; i++)
			if (hall.download[i].pid == pid)
				hall.download[i].pid = 0;
	for (n = i = 0; i < DOWNLOADS_MAX; i++)
		n += hall.download[i].pid != 0 &&
		    (id == 0 || hall.download[i].id == id);
	return n;
}

static void
close_clients(void)
{
	size_t i;

	close(hall.listener);
	for (i = 0; i < clients.n; i++) {
		close(clients.client[i]->fd);
		if (clients.client[i]->update_fd >= 0)
			close(clients.client[i]->update_fd);
	}
}

/* Forks a child that sends a file to c, and ends. Returns -1 if it cannot. */
static int
start_download(const struct client *c, const struct request *r,
    struct rdt_session *s, int (*send)(struct rdt_session *s,
    const char *client))
{
	char client[HOST_BYTES];
	pid_t pid;
	size_t i;
	int result;

	for (i = 0; hall.download[i].pid != 0; i++)
		;
	if (sock_host(c->fd, getpeername, client) < 0)
		return -1;
	pid = fork();
	if (pid != 0) {
		hall.download[i].pid = pid < 0 ? 0 : pid;
		hall.download[i].id = c->id;
		return pid < 0 ? -1 : 0;
	}
	become_child(i);
	close_clients();
	result = send(s, client);
	if (rdt_send_gave_up(&s->sender))
		log_refused(r, rdt_gave_up);
	else
		log_download(r, result);
	rdt_close(s);
	_exit(0);
}

const char no_file[] = "no file";

/* Everything that can be refused is refused here, before there is a child. */
const char *
offer_file(const struct client *c, const char *name, size_t n, int type,
    int (*send)(struct rdt_session *s, const char *client),
    unsigned *port, uint64_t *size)
{
	struct request r = { -1, c->peer, "download", name };
	struct rdt_session s = { 0 };
	const char *why;

	errno = ENOENT;
	if (!name_ok(name, n) || file_open(&s.file, name, 0) < 0) {
		log_refused(&r, code_of_open() == FTP_NOFILE ? no_file : NULL);
		return no_file;
	}
	*size = s.file.size;
	s.name = name;
	s.peer = c->peer;
	s.sock = -1;
	why = *size / CHAT_PART >= UINT32_MAX ? "too large" :
	    downloads(0) == DOWNLOADS_MAX ||
	    downloads(c->id) >= DOWNLOADS_EACH ?
	    "too many downloads, not now" : NULL;
	if (why == NULL)
		s.sock = data_listen(c->fd, type, serv.data_lo,
		    serv.data_hi, port);
	if (s.sock < 0 || start_download(c, &r, &s, send) < 0) {
		log_refused(&r, why);
		why = why != NULL ? why : "no port or no process is free";
	}
	close(s.file.fd);
	if (s.sock >= 0)
		close(s.sock);
	return why;
}

/* ---- the loop ------------------------------------------------------------ */

/* Fills in p: to wait for input, or its end, and for room if there is something
 * to send. */
static void
watch(struct pollfd *p, int fd, int sends)
{
	p->fd = fd;
	p->events = sends ? POLLIN | POLLOUT : POLLIN;
}

/*
 * The poll set: the listener; then each client's connection and, in room, its
 * update socket, or the listener for that. Returns its size, which must not
 * exceed the limit on descriptors: poll(2) would fail. *due is when the wait
 * must end.
 */
static size_t
talk_watch(struct pollfd *p, int64_t *due)
{
	struct client *c;
	int64_t t;
	size_t i, n;
	int early;

	t = now();
	early = t < hall.accept_from;
	*due = early || downloads(0) > 0 ? t + SECOND : NEVER;
	watch(&p[0], early || clients.n == (size_t)serv.max_children +
	    TOO_MANY ? -1 : hall.listener, 0);
	for (n = 1, i = 0; i < clients.n; i++) {
		c = clients.client[i];
		c->place = n;
		early = c->out.n > 0 && t < c->segment_at;
		if (early && c->segment_at < *due)
			*due = c->segment_at;
		if (c->deadline < *due)
			*due = c->deadline;
		watch(&p[n++], c->fd, c->out.n > 0 && !early);
		if (c->update_fd >= 0)
			watch(&p[n++], c->update_fd, c->updates.n > 0);
	}
	return n;
}

/* Does what the events ask for. First it accepts new clients; then those whose
 * update socket has come enter the room, before anything is said there. */
static void
talk_turn(const struct pollfd *p)
{
	struct client *c;
	size_t i, n;

	n = clients.n;
	if (p[0].revents != 0)
		clients_accept();
	for (i = 0; i < n; i++) {
		c = clients.client[i];
		if (c->stage != GONE && !c->joined && c->update_fd >= 0 &&
		    p[c->place + 1].revents != 0)
			hall.talk->input(c);
	}
	for (i = 0; i < n; i++) {
		c = clients.client[i];
		if (c->stage != GONE && p[c->place].revents != 0)
			client_read(c, c->fd);
		if (c->stage != GONE && c->joined && c->update_fd >= 0 &&
		    p[c->place + 1].revents != 0)
			client_read(c, c->update_fd);
	}
}

/* Sends what is queued; ends the sending side once its last words are sent.
 * Then looks at its deadline: to connect its update socket; to say its name;
 * or, after its last words, to close. */
static void
client_round(struct client *c)
{
	if (send_queued(c, 0) < 0)
		drop_client(c, NULL);
	if (c->stage == LAST_WORDS && c->out.n == 0) {
		sock_end(c->fd);
		c->stage = DISCARDING;
	}
	if (now() < c->deadline)
		return;
	if (c->update_fd < 0) {
		send_queued(c, 1);	/* what is left, at once */
		drop_client(c, c->stage == TALKING ? "idle, closed" : NULL);
		return;
	}
	close(c->update_fd);
	c->update_fd = -1;
	c->name[0] = '\0';
	c->deadline = now() + (serv.idle * SECOND);
	hall.talk->input(c);		/* messages have waited for it */
}

/* In rounds: wait, take what came, send what goes, forget what is gone. */
void
talk_serve(int listener, const struct talk_serv *t)
{
	struct pollfd *p;
	size_t i, max, n;
	int64_t due;

	hall.talk = t;
	hall.listener = listener;
	max = (size_t)serv.max_children + TOO_MANY;
	clients.client = calloc(max, sizeof *clients.client);
	p = calloc(2 * max + 2, sizeof *p);
	if (clients.client == NULL || p == NULL) {
		log_msg(ERROR, "no room for clients: %s", reason());
		return;
	}
	for (;;) {
		free(hall.files);
		hall.files = NULL;
		n = talk_watch(p, &due);
		if (wait_many(p, n, due) == 0)
			talk_turn(p);
		else if (errno != ETIMEDOUT)
			break;
		for (i = 0; i < clients.n; i++)
			client_round(clients.client[i]);
		clients_sweep();
	}
	if (errno != ECANCELED)
		log_msg(ERROR, "poll: %s", reason());
	for (i = 0; i < DOWNLOADS_MAX; i++)	/* they end with the talk */
		if (hall.download[i].pid != 0)
			kill(hall.download[i].pid, SIGTERM);
}
