/* serv.c: the server. Licence: ISC, see README.
 *
 *      serv 50000              the FTP-like service on port 50000
 *      serv -h                 all options
 *
 * Read proto.h first. This file goes: what the command line set, what the
 * services share, the services ftp, xfer, dir, chat and room, the table of
 * services, statistics, the parent, main.
 *
 *      parent  poll(listeners, signals, reports, stdin); waits for no client
 *       ├── child   one per connection, forked after accept(): runs the
 *       ├── child   service's handler with blocking logic, and ends
 *       ├── ...     at most -n of them, and a few that tell others so
 *       ├── dir     one process for all its clients, from the beginning to
 *       │           the end; should it die, there is another one
 *       └── chat, room      the same; with a child for each file they send
 *
 * A child is a process of its own, so its code can be read as one conversation
 * with one client, and whatever happens to it happens to nobody else. The
 * parent holds no client's socket; it accepts, forks and reaps.
 *
 * Signals become bytes: the handler writes the signal's number into a pipe that
 * the parent's poll() watches beside the listeners, so that nothing is ever
 * done inside a handler, and no signal can slip in between a test and a wait.
 *
 * What a child did it reports by another pipe, and the parent adds it up.
 *
 * The end of the parent is told by the end of a third one, the lifeline, whose
 * writing end only the parent holds. Whether it ends in order or is killed, the
 * children see end of file there, and each wait of theirs fails with ECANCELED.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700		/* for SIGXFSZ */
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
#include <strings.h>
#include <unistd.h>

#include "proto.h"
#include "more/serv.h"

#define FIRST_COMMAND_S	30	/* a new connection must say something */
#define FULL_WAIT	(SECOND / 20)	/* for a child that is just ending */
#define RESTARTS	5	/* of a service that dies, at most, */
#define RESTART_TIME	(10 * SECOND)	/* in this time */
#define GRACE		(SECOND / 2 * 3)	/* children may end, */
#define KILLED		(SECOND / 2)		/* or are made to */
#define STDOUT_BYTES	4096		/* go by one write */
#define REPORT_EVERY	(SECOND / 50)	/* a busy process tells what it did, */
#define REPORT_WAIT	(SECOND / 20)	/* and so long is waited for that */

#define DEFAULT_HOST		"127.0.0.1"
#define DEFAULT_CHILDREN	64
#define DEFAULT_IDLE_S		300

/* ---- what the command line set --------------------------------------- */

static const char *host = DEFAULT_HOST;		/* -H */
static const char *directory = ".";		/* -s */
int served = -1;				/* ...opened */
unsigned data_lo = DATA_LO, data_hi = DATA_HI;	/* -P */
long max_children = DEFAULT_CHILDREN;	/* -n */
int64_t idle = DEFAULT_IDLE_S * SECOND;	/* -T */
static int64_t dir_idle = DIR_EXPIRE_S * SECOND;	/* -T too */

/* ---- what the services share ------------------------------------------- */

char peer[PEER_BYTES];	/* the client of this child, ADDRESS:PORT */
int64_t accept_from;	/* no accept() before; 0: at once */

struct record did;
static int reports[2] = { -1, -1 };	/* the pipe of records */

static uint64_t told[TRAFFIC];		/* of traffic[] */

/* A new process has done nothing yet. */
void
report_anew(void)
{
	memset(traffic, 0, sizeof traffic);
	memset(told, 0, sizeof told);
	memset(did.n, 0, sizeof did.n);
}

/* Tells the parent. If the pipe is full, the next record will tell it too. */
static void
report(void)
{
	uint64_t any;
	size_t i;

	for (i = 0; i < TRAFFIC; i++) {
		did.n[i] += traffic[i] - told[i];
		told[i] = traffic[i];
	}
	for (any = 0, i = 0; i < COUNTERS; i++)
		any |= did.n[i];
	if (any != 0 && write(reports[1], &did, sizeof did) > 0)
		memset(did.n, 0, sizeof did.n);
}

/*
 * The same, before each wait; so the parent knows all of a process that has
 * nothing to do, and of one that has much to do it hears often enough.
 */
static int64_t
report_before_wait(void)
{
	static int64_t next;
	int64_t t;

	t = now();
	if (t < next)
		return next;
	report();
	next = t + REPORT_EVERY;
	return NEVER;
}

/* The end of a child: the parent may wait for its last report. */
void
child_ends(void)
{
	lifeline = -1;
	wait_for(reports[1], POLLOUT, now() + SECOND);
	report();
	_exit(0);
}

/* How long a new connection has for its first words. */
int64_t
first_words(void)
{
	return FIRST_COMMAND_S * SECOND < idle ? FIRST_COMMAND_S * SECOND :
	    idle;
}

/* After a file was not opened: is there none, for a client? */
int
no_file(void)
{
	return errno == ENOENT || errno == EISDIR ||
	    errno == ENXIO;		/* not a regular file */
}

/*
 * Logs that a request is refused, and why; NULL: by errno, since it is the
 * server's own trouble, or the administrator's.
 */
void
refused(const struct request *r, const char *why)
{
	log_msg(why == NULL ? ERROR : INFO, "%s %.255s from %s: %s", r->verb,
	    r->name, peer, why == NULL ? reason() : why);
}

/* Logs how a download ended; why it failed, in words. */
void
file_sent(const struct request *r, enum moved moved, const char *why)
{
	did.n[DOWNLOADS] += moved == MOVED;
	if (moved == MOVED)
		log_msg(INFO, "File %s downloaded from %s.", r->name, peer);
	else
		log_msg(moved == FILE_FAILED ? ERROR : INFO,
		    "%s %s from %s: %s", r->verb, r->name, peer,
		    moved == STOPPED ? "broken off by the client" :
		    moved == FILE_FAILED && errno == 0 ?
		    "the file became shorter" : why);
}

/* Ends a file that was received, or was not. Returns 0 if it is stored. */
int
file_stored(const struct request *r, struct newfile *f, enum moved moved)
{
	if (moved == MOVED && newfile_commit(f) == 0) {
		did.n[UPLOADS]++;
		log_msg(INFO, "File %s uploaded from %s.", f->name, peer);
		return 0;
	}
	log_msg(moved == PEER_FAILED || moved == STOPPED ? INFO : ERROR,
	    "%s %s from %s: %s", r->verb, r->name, peer, moved == STOPPED ?
	    "broken off by the client" : reason());
	if (moved != MOVED)		/* else the commit has done it */
		newfile_abort(f);
	return -1;
}

/* ---- ftp (seeds/004): runs in a child, one per connection ------------- */

/* Sends a number, a port or a code, as a frame. */
static int
ftp_answer(int fd, long n)
{
	char text[24];
	int len;

	len = sprintf(text, "%ld", n);
	return frame_send(fd, text, (size_t)len, now() + idle);
}

/* Answers a command with a code. */
static int
ftp_refuse(const struct request *r, enum ftp_code code)
{
	refused(r, code == FTP_STORE ? NULL : ftp_code_text(code));
	return ftp_answer(r->control, code);
}

/* Opens a free data port, or says that there is none. */
static int
ftp_port(const struct request *r, int type, unsigned *port)
{
	int fd;

	fd = data_listen(r->control, type, data_lo, data_hi, port);
	if (fd < 0) {
		log_msg(ERROR, "no data port in %u-%u: %s", data_lo, data_hi,
		    reason());
		ftp_refuse(r, FTP_FULL);
	}
	return fd;
}

/* Opens a data channel: answers the port and returns the connection, or -1. */
static int
ftp_data(const struct request *r)
{
	struct addr client;
	unsigned port;
	int fd, listener;

	listener = ftp_port(r, SOCK_STREAM, &port);
	if (listener < 0)
		return -1;
	fd = -1;
	if (addr_peer(r->control, &client) == 0 &&
	    ftp_answer(r->control, port) == 0)
		fd = data_accept(listener, &client,
		    now() + FTP_ACCEPT_S * SECOND);
	if (fd < 0)
		log_msg(INFO, "%s %s from %s: no data connection: %s", r->verb,
		    r->name, peer, reason());
	close(listener);
	return fd;
}

/* Ends a file that was received, or was not; returns what to answer. */
static enum ftp_code
ftp_stored(const struct request *r, struct newfile *f, enum moved moved)
{
	enum ftp_code code;

	code = moved == STOPPED || (moved == PEER_FAILED &&
	    errno != ECANCELED) ? FTP_SYNTAX : FTP_STORE;
	return file_stored(r, f, moved) == 0 ? FTP_OK : code;
}

/* get NAME */
static int
ftp_get(const struct request *r)
{
	char head[FRAME_HEAD];
	struct transfer t = { 0 };
	enum moved moved;

	t.idle = idle;
	t.file = file_open(served, r->name, O_NOFOLLOW, &t.size);
	if (t.file < 0)
		return ftp_refuse(r, no_file() ? FTP_NOFILE : FTP_STORE);
	if (t.size > FRAME_MAX) {
		close(t.file);
		errno = EFBIG;
		return ftp_refuse(r, FTP_STORE);
	}
	t.sock = ftp_data(r);
	if (t.sock >= 0) {
		frame_pack(head, t.size);
		moved = transfer_send(&t, head, FRAME_HEAD);
		file_sent(r, moved, reason());
		sock_finish(t.sock);
	}
	close(t.file);
	return 0;
}

/* put NAME */
static int
ftp_put(const struct request *r)
{
	struct newfile f;
	struct transfer t = { 0 };
	enum moved moved;

	if (newfile_open(&f, served, r->name, 0) < 0)
		return ftp_refuse(r, FTP_STORE);
	t.idle = idle;
	t.file = f.fd;
	t.sock = ftp_data(r);
	if (t.sock < 0) {
		newfile_abort(&f);
		return 0;
	}
	moved = PEER_FAILED;
	if (frame_head(t.sock, &t.size, now() + idle) > 0)
		moved = transfer_recv(&t);
	ftp_answer(t.sock, ftp_stored(r, &f, moved));
	sock_finish(t.sock);
	return 0;
}

struct rdt_session session;	/* the transfer by UDP of this child */

/*
 * Opens the session: answers its port and key, with_size the size too, and
 * waits for the client's HELLO. *moved tells whether that came. Returns -1 if
 * there is no port for it.
 */
static int
udp_open(const struct request *r, int with_size, enum moved *moved)
{
	struct rdt_session *s = &session;
	char offer[RDT_OFFER_BYTES];
	struct addr client;
	unsigned port;

	s->control = r->control;
	s->congestion = congestion_find("reno");
	s->key = rdt_key();
	s->t.sock = ftp_port(r, SOCK_DGRAM, &port);
	if (s->t.sock < 0)
		return -1;
	rdt_offer_pack(offer, port, s->key, with_size ? &s->t.size : NULL);
	*moved = PEER_FAILED;
	if (addr_peer(r->control, &client) == 0 &&
	    frame_send(r->control, offer, strlen(offer), now() + idle) == 0)
		*moved = rdt_accept(s, &client);
	return 0;
}

/* The end of a session: what it came to, if the client ever said HELLO. */
static void
udp_close(void)
{
	if (session.start != 0)
		rdt_report(&session);
	dgram_close(session.t.sock);
}

/*
 * uget NAME. A file that cannot be read to its end closes the control
 * connection too: no datagram can tell the client that no more will come.
 */
static int
ftp_uget(const struct request *r)
{
	struct transfer *t = &session.t;
	enum moved moved;

	memset(&session, 0, sizeof session);
	t->file = file_open(served, r->name, O_NOFOLLOW, &t->size);
	if (t->file < 0)
		return ftp_refuse(r, no_file() ? FTP_NOFILE : FTP_STORE);
	moved = MOVED;
	if (udp_open(r, 1, &moved) == 0) {
		if (moved == MOVED)
			moved = rdt_send(&session);
		file_sent(r, moved, rdt_given_up(&session.sender) ?
		    rdt_gave_up() : reason());
		udp_close();
	}
	close(t->file);
	return moved == FILE_FAILED ? -1 : 0;
}

/* uput NAME SIZE. Whatever happens to the session, the client gets a code. */
static int
ftp_uput(const struct request *r)
{
	struct newfile f;
	enum moved moved;
	int result;

	if (newfile_open(&f, served, r->name, 0) < 0)
		return ftp_refuse(r, FTP_STORE);
	memset(&session, 0, sizeof session);
	session.t.file = f.fd;
	session.t.size = r->size;
	if (udp_open(r, 0, &moved) < 0) {
		newfile_abort(&f);
		return 0;
	}
	if (moved == MOVED)
		moved = rdt_recv(&session);
	result = ftp_answer(r->control, ftp_stored(r, &f, moved));
	if (moved == MOVED)
		rdt_linger(&session);
	udp_close();
	return result;
}

/* ls */
static int
ftp_ls(const struct request *r)
{
	char *text, **names;
	ssize_t i, n;
	size_t len;
	FILE *out;
	int result;

	n = list_files(served, FRAME_MAX, &names);
	if (n < 0)
		return ftp_refuse(r, FTP_STORE);
	text = NULL;
	out = open_memstream(&text, &len);
	for (i = 0; i < n && out != NULL; i++)
		fprintf(out, i == 0 ? "%s" : "\n%s", names[i]);
	list_free(names, (size_t)n);
	if (out == NULL || fclose(out) != 0) {
		free(text);
		return ftp_refuse(r, FTP_STORE);
	}
	result = frame_send(r->control, text, len, now() + idle);
	free(text);
	if (result == 0)
		log_msg(INFO, "Files list downloaded from %s.", peer);
	return result;
}

/* quit */
static int
ftp_quit(const struct request *r)
{
	(void)r;
	return -1;
}

static const struct {
	const char *verb;
	enum { NOTHING, NAME, NAME_SIZE } follows;
	int (*run)(const struct request *r);	/* -1: the end */
} ftp_verbs[] = {
	{ "get", NAME, ftp_get },
	{ "ls", NOTHING, ftp_ls },
	{ "put", NAME, ftp_put },
	{ "quit", NOTHING, ftp_quit },
	{ "uget", NAME, ftp_uget },
	{ "uput", NAME_SIZE, ftp_uput },
};
NAMES(ftp_name, ftp_verbs, verb);

/* Takes the size off the end of `NAME SIZE', of *n bytes; -1: it has none. */
static int64_t
take_size(char *text, size_t *n)
{
	char *space;

	space = strrchr(text, ' ');
	if (space == NULL || strlen(text) != *n)
		return -1;
	*space = '\0';
	*n = (size_t)(space - text);
	return number(space + 1, 0, INT64_MAX);
}

/*
 * Carries out one command. The verb ends at the first space; all that follows
 * is the name, but for the size of a uput, which is behind the last space.
 * Returns -1 if the conversation is over.
 */
static int
ftp_command(int control, char *text, size_t n)
{
	struct request r = { 0 };
	char *space;
	int64_t size;
	size_t i, len;

	space = memchr(text, ' ', n);
	len = space == NULL ? n : (size_t)(space - text);
	for (i = 0; i < COUNT(ftp_verbs); i++)
		if (strlen(ftp_verbs[i].verb) == len &&
		    strncasecmp(ftp_verbs[i].verb, text, len) == 0)
			break;
	r.control = control;
	r.verb = "command";
	r.name = text;
	size = -1;
	if (i < COUNT(ftp_verbs) &&
	    (ftp_verbs[i].follows == NOTHING) == (space == NULL)) {
		n -= space == NULL ? n : len + 1;
		size = ftp_verbs[i].follows == NAME_SIZE ?
		    take_size(space + 1, &n) : 0;
	}
	did.n[size < 0 ? BAD_REQUESTS : COMMANDS + i]++;
	if (size < 0)
		return ftp_refuse(&r, FTP_SYNTAX);
	r.verb = ftp_verbs[i].verb;
	r.name = space == NULL ? "" : space + 1;
	r.size = (uint64_t)size;
	if (space != NULL && !name_ok(r.name, n))
		return ftp_refuse(&r, FTP_NAME);
	return ftp_verbs[i].run(&r);
}

/* The conversation with one client, from the first frame to the last. */
static void
ftp_serve(int control)
{
	int64_t limit;
	char *text;
	size_t n;
	int got, ended, malformed;

	limit = first_words();
	do {
		got = frame_recv(control, &text, &n, FTP_COMMAND_MAX,
		    now() + limit);
		ended = got <= 0 || ftp_command(control, text, n) < 0;
		free(text);
		limit = idle;
	} while (!ended);
	malformed = got < 0 && (errno == EBADMSG || errno == EMSGSIZE);
	did.n[BAD_REQUESTS] += malformed;
	if (got < 0)
		log_msg(INFO, "%s: %s", peer, reason());
	if (malformed)
		ftp_answer(control, FTP_SYNTAX);
}

/* ---- dir (seeds/000): one process, a UDP loop -------------------------- */

/*
 * Nicks, files, and holdings, each of which says that a nick has a file:
 *
 *      nick ---> holding ---> holding ---> ...       what a nick published
 *                   |            |
 *                   v            v
 *                 file         file ---> holding ---> ...    and who has it
 *
 * Each is found by tsearch(3), nicks by their name and by their address. Lists
 * go in the order of entry, so nicks and listed files also stand in an array. A
 * file is listed as long as one who has it serves.
 */
#define DIR_NICKS	10000		/* nicks at most, */
#define DIR_NICK_FILES	10000		/* files of each, */
#define DIR_HOLDINGS	1000000		/* and of all together */
#define PAGES_AT_ONCE	200		/* pages of lists for an address, */
#define PAGES_A_SECOND	50		/* and from then on */
#define PAGES_ALL	2000		/* a second, for all */
#define PAGE_LINES	(DIR_REPLY_MAX - 5 - 17)	/* without `skip N' */

struct nick {
	size_t at;			/* in the array; must be first */
	char name[DIR_NICK_MAX + 1];
	uint32_t ip;			/* who it is: a UDP address, */
	unsigned port;			/* and port */
	unsigned serves;		/* TCP port; 0: it does not */
	int64_t heard;
	struct holding *holdings;
	unsigned many;			/* of them */
};

struct file {
	size_t at;			/* in the array, if listed; first */
	unsigned serving;		/* holders that serve; 0: not listed */
	struct holding *holders;
	uint64_t size;
	char hash[HASH_DIGITS + 1];
	char name[];
};

struct holding {
	struct nick *nick;
	struct file *file;
	struct holding *next;		/* of the nick */
	struct holding *later, **link;	/* of the file, and what points here */
};

/* Things in the order of their coming; NULL where one has gone. */
struct order {
	void **item;
	size_t n, room;			/* slots in use, and there */
	size_t live;			/* slots that are not NULL */
};

static void *nicks_by_name, *nicks_by_address, *files_by_key, *holdings;
static struct order users, listed;
static size_t nholdings;
static unsigned long servers;		/* nicks that serve */

/* How many pages of a list may go out. */
struct bucket {
	int64_t filled;			/* when last */
	double pages;
};

/* May one more page leave? Fills up at `rate' a second. */
static int
bucket_take(struct bucket *b, int64_t t, double most, double rate)
{
	b->pages += (double)(t - b->filled) / SECOND * rate;
	if (b->filled == 0 || b->pages > most)
		b->pages = most;
	b->filled = t;
	if (b->pages < 1)
		return 0;
	b->pages--;
	return 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct nick *)a)->name,
	    ((const struct nick *)b)->name);
}

static int
by_address(const void *a, const void *b)
{
	const struct nick *x = a, *y = b;

	return x->ip != y->ip ? x->ip < y->ip ? -1 : 1 :
	    (int)x->port - (int)y->port;
}

static int
by_key(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int order;

	order = strcmp(x->hash, y->hash);
	if (order == 0)
		order = strcmp(x->name, y->name);
	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static int
by_ends(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	if (x->nick != y->nick)
		return (uintptr_t)x->nick < (uintptr_t)y->nick ? -1 : 1;
	return ((uintptr_t)x->file > (uintptr_t)y->file) -
	    ((uintptr_t)x->file < (uintptr_t)y->file);
}

/* What a tree holds that is equal to key, or NULL. */
static void *
find(void *key, void **tree, int (*compare)(const void *, const void *))
{
	void *node;

	node = tfind(key, tree, compare);
	return node == NULL ? NULL : *(void **)node;
}

/* Moves all together again, once half of them are holes. */
static void
order_remove(struct order *o, size_t at)
{
	size_t i, n;

	o->item[at] = NULL;
	o->live--;
	if (o->n < 64 || o->live > o->n / 2)
		return;
	for (i = n = 0; i < o->n; i++)
		if (o->item[i] != NULL) {
			*(size_t *)o->item[i] = n;
			o->item[n++] = o->item[i];
		}
	o->n = n;
}

/* Without memory the service ends, and is started again, empty. */
static void *
got(void *memory)
{
	if (memory == NULL) {
		log_msg(ERROR, "dir: %s", reason());
		_exit(1);
	}
	return memory;
}

static void
order_add(struct order *o, void *item)
{
	if (o->n == o->room) {
		o->room = 2 * o->room + 64;
		o->item = got(realloc(o->item, o->room * sizeof *o->item));
	}
	*(size_t *)item = o->n;
	o->item[o->n++] = item;
	o->live++;
}

/* The slot of what stands behind `skip' others. */
static size_t
order_skip(const struct order *o, size_t skip)
{
	size_t i;

	if (o->live == o->n)
		return skip < o->n ? skip : o->n;
	for (i = 0; i < o->n; i++)
		if (o->item[i] != NULL && skip-- == 0)
			break;
	return i;
}

/* A file is listed from its first holder that serves to its last. */
static void
file_serving(struct file *f, int change)
{
	if (f->serving == 0)
		order_add(&listed, f);
	f->serving += (unsigned)change;
	if (f->serving == 0)
		order_remove(&listed, f->at);
}

static void
holding_remove(struct holding *e)
{
	struct file *f = e->file;

	if (e->nick->serves != 0)
		file_serving(f, -1);
	*e->link = e->later;
	if (e->later != NULL)
		e->later->link = e->link;
	tdelete(e, &holdings, by_ends);
	if (f->holders == NULL) {
		tdelete(f, &files_by_key, by_key);
		free(f);
	}
	free(e);
	nholdings--;
}

/* A nick serves no more, and has no files. */
static void
nick_stop(struct nick *k)
{
	struct holding *e;

	while ((e = k->holdings) != NULL) {
		k->holdings = e->next;
		holding_remove(e);
	}
	k->many = 0;
	servers -= k->serves != 0;
	k->serves = 0;
}

static void
nick_remove(struct nick *k)
{
	nick_stop(k);
	order_remove(&users, k->at);
	tdelete(k, &nicks_by_name, by_name);
	tdelete(k, &nicks_by_address, by_address);
	free(k);
}

/* The nick of an address, or NULL. */
static struct nick *
nick_of(uint32_t ip, unsigned port)
{
	struct nick key;

	key.ip = ip;
	key.port = port;
	return find(&key, &nicks_by_address, by_address);
}

/* The nick of a name that came, or NULL. */
static struct nick *
nick_named(const char *name, size_t n)
{
	struct nick key;

	if (!nick_ok(name, n))
		return NULL;
	memcpy(key.name, name, n);
	key.name[n] = '\0';
	return find(&key, &nicks_by_name, by_name);
}

/* Says once in a process that a limit was reached. */
static void
limit_reached(const char *what, int *said)
{
	if (!*said)
		log_msg(ERROR, "dir: no more than %s", what);
	*said = 1;
}

/* A new nick, or NULL. */
static struct nick *
nick_add(const char *name, size_t n, uint32_t ip, unsigned port)
{
	static int said;
	struct nick *k;

	if (users.live >= DIR_NICKS) {
		limit_reached(STRING(DIR_NICKS) " nicks", &said);
		return NULL;
	}
	k = got(calloc(1, sizeof *k));
	memcpy(k->name, name, n);
	k->ip = ip;
	k->port = port;
	order_add(&users, k);
	got(tsearch(k, &nicks_by_name, by_name));
	got(tsearch(k, &nicks_by_address, by_address));
	return k;
}

/* Fills in what a file is found by. */
static void
file_key(struct file *f, const struct file_line *line)
{
	f->size = line->size;
	memcpy(f->hash, line->hash, HASH_DIGITS);
	f->hash[HASH_DIGITS] = '\0';
	memcpy(f->name, line->name, line->name_len);
	f->name[line->name_len] = '\0';
}

/* The file of a line; NULL if there is none. */
static struct file *
file_find(const struct file_line *line)
{
	static struct file *key;

	if (key == NULL)
		key = got(calloc(1, sizeof *key + NAME_BYTES + 1));
	file_key(key, line);
	return find(key, &files_by_key, by_key);
}

/* Does a nick have this file already? */
static int
holding_there(struct nick *k, struct file *f)
{
	struct holding key;

	key.nick = k;
	key.file = f;
	return f != NULL && find(&key, &holdings, by_ends) != NULL;
}

/* A nick has the file of this line from now on. */
static void
publish(struct nick *k, const struct file_line *line)
{
	struct holding *e;
	struct file *f;

	f = file_find(line);
	if (f == NULL) {
		f = got(calloc(1, sizeof *f + line->name_len + 1));
		file_key(f, line);
		got(tsearch(f, &files_by_key, by_key));
	}
	if (holding_there(k, f))
		return;
	e = got(calloc(1, sizeof *e));
	e->nick = k;
	e->file = f;
	e->next = k->holdings;
	k->holdings = e;
	e->later = f->holders;
	if (e->later != NULL)
		e->later->link = &e->later;
	e->link = &f->holders;
	f->holders = e;
	got(tsearch(e, &holdings, by_ends));
	k->many++;
	nholdings++;
	if (k->serves != 0)
		file_serving(f, 1);
}

/* A request, and what is known of who sent it. */
struct dir_request {
	struct dir_message m;
	uint32_t ip;
	unsigned port;
	struct nick *nick;		/* of that address, or NULL */
	int64_t t;			/* when it came */
};

/*
 * The functions below fill in the answer, `a'; if its op stays 0 there is none.
 * Here is the text of one.
 */
static char answer_text[DIR_REPLY_MAX];

/* Register: a nick that is free, or one's own. */
static void
dir_register(const struct dir_request *r, struct dir_message *a)
{
	struct nick *k;

	a->op = DIR_REGISTER_FAIL;
	k = nick_named(r->m.text, r->m.length);
	if (k == NULL && r->nick == NULL && nick_ok(r->m.text, r->m.length)) {
		k = nick_add(r->m.text, r->m.length, r->ip, r->port);
	} else if (k != r->nick) {
		k = NULL;
	}
	if (k == NULL)
		return;
	k->heard = r->t;
	a->op = DIR_REGISTER_OK;
}

/* Lookup */
static void
dir_lookup(const struct dir_request *r, struct dir_message *a)
{
	struct nick *k;

	k = nick_named(r->m.text, r->m.length);
	a->op = DIR_LOOKUP_FAIL;
	if (k == NULL || k->serves == 0)
		return;
	a->op = DIR_LOOKUP_OK;
	a->numbers = 2;
	a->number[0] = k->ip;
	a->number[1] = k->serves;
}

/* The number of an `at N' that begins a text, which it is taken off; or -1. */
static int64_t
take_at(const char **text, size_t *left)
{
	const char *line, *rest = *text;
	char digits[12];
	size_t behind = *left, n;
	int64_t at;

	if (behind < 4 || memcmp(rest, "at ", 3) != 0 ||
	    next_line(&rest, &behind, &line, &n) <= 0 || n - 3 >= sizeof digits)
		return -1;
	memcpy(digits, line + 3, n - 3);
	digits[n - 3] = '\0';
	at = strlen(digits) < n - 3 ? -1 : number(digits, 0, DIR_HOLDINGS);
	if (at >= 0) {
		*text = rest;
		*left = behind;
	}
	return at;
}

/* How many lines there are, and how many are new; -1 if any is none. */
static int
count_lines(struct nick *k, const char *text, size_t left, unsigned *fresh)
{
	struct file_line f;
	const char *line;
	size_t n;
	int lines, more;

	*fresh = 0;
	for (lines = 0; (more = next_line(&text, &left, &line, &n)) > 0;
	    lines++) {
		if (file_line_parse(&f, line, n, 0) < 0)
			return -1;
		*fresh += !holding_there(k, file_find(&f));
	}
	return more < 0 ? -1 : lines;
}

/* Publish: all lines or none. */
static void
dir_publish(const struct dir_request *r, struct dir_message *a)
{
	static int said, said_all;
	struct nick *k = r->nick;
	const char *line, *text;
	struct file_line f;
	size_t left, n;
	unsigned fresh;
	int64_t at;
	int lines;

	a->op = DIR_FAIL;
	text = r->m.text;
	left = r->m.length;
	at = take_at(&text, &left);
	lines = k == NULL ? -1 : count_lines(k, text, left, &fresh);
	if (lines < 0)
		return;
	if (k->many + fresh > DIR_NICK_FILES) {
		limit_reached(STRING(DIR_NICK_FILES) " files a nick", &said);
		return;
	}
	if (nholdings + fresh > DIR_HOLDINGS) {
		limit_reached(STRING(DIR_HOLDINGS) " files", &said_all);
		return;
	}
	while (next_line(&text, &left, &line, &n) > 0)
		if (file_line_parse(&f, line, n, 0) == 0)
			publish(k, &f);
	a->op = r->m.op == DIR_SERVE ? DIR_SERVE_OK : DIR_PUBLISH_OK;
	a->numbers = at >= 0 && r->m.op == DIR_PUBLISH;
	a->number[0] = (uint32_t)(at + lines);
}

/* ServeFiles: what was published before is listed from now on. With a text it
 * is a Publish, by a slip in seeds/000. */
static void
dir_serves(const struct dir_request *r, struct dir_message *a)
{
	struct nick *k = r->nick;
	struct holding *e;

	if (r->m.text != NULL) {
		dir_publish(r, a);
		return;
	}
	a->op = DIR_SERVE_FAIL;
	if (k == NULL || r->m.number[0] < 1 || r->m.number[0] > 65535)
		return;
	a->op = DIR_SERVE_OK;
	if (k->serves == 0) {
		servers++;
		for (e = k->holdings; e != NULL; e = e->next)
			file_serving(e->file, 1);
	}
	k->serves = r->m.number[0];
}

/* Stop, Logout: of one's own nick, or of one that nobody has. */
static void
dir_leave(const struct dir_request *r, struct dir_message *a)
{
	struct nick *k;

	k = nick_named(r->m.text, r->m.length);
	if (k != NULL && k != r->nick) {
		a->op = DIR_FAIL;
		return;
	}
	a->op = r->m.op == DIR_STOP ? DIR_STOP_OK : DIR_LOGOUT_OK;
	if (k == NULL)
		return;
	if (r->m.op == DIR_STOP)
		nick_stop(k);
	else
		nick_remove(k);
}

/* A line of the list of users; returns its bytes. */
static size_t
user_line(char *line, const void *item)
{
	const struct nick *k = item;

	if (k->serves == 0)
		return (size_t)sprintf(line, "%s\n", k->name);
	return (size_t)sprintf(line, "%s %lu.%lu.%lu.%lu:%u\n", k->name,
	    (unsigned long)k->ip >> 24, (unsigned long)k->ip >> 16 & 255,
	    (unsigned long)k->ip >> 8 & 255, (unsigned long)k->ip & 255,
	    k->serves);
}

/* A line of the list of files, with as many nicks as an answer has room for. */
static size_t
listed_line(char *line, const void *item)
{
	const struct file *f = item;
	const struct holding *e;
	size_t n, room;

	n = (size_t)sprintf(line, "%s %llu ", f->hash,
	    (unsigned long long)f->size);
	room = PAGE_LINES - n - strlen(f->name) - 2;
	for (e = f->holders; e != NULL && room > 1; e = e->later)
		if (e->nick->serves != 0 && strlen(e->nick->name) < room) {
			room -= strlen(e->nick->name) + 1;
			n += (size_t)sprintf(line + n, "%s,", e->nick->name);
		}
	n--;				/* the last comma */
	return n + (size_t)sprintf(line + n, " %s\n", f->name);
}

/* May this address have a page of a list? */
static int
page_allowed(const struct dir_request *r)
{
	static struct bucket all, each[4096];	/* by a hash of the address */
	static uint32_t secret;

	if (secret == 0)
		secret = rdt_key() | 1;
	return r->nick != NULL &&
	    bucket_take(&each[(r->ip * secret) >> 20], r->t, PAGES_AT_ONCE,
	    PAGES_A_SECOND) && bucket_take(&all, r->t, PAGES_ALL, PAGES_ALL);
}

/* GetUsers, GetFiles: a page of lines, whole ones. */
static void
dir_list(const struct dir_request *r, struct dir_message *a)
{
	static char line[DIR_REPLY_MAX];
	const struct order *o;
	size_t i, n;

	if (!page_allowed(r))
		return;
	o = r->m.op == DIR_GET_USERS ? &users : &listed;
	a->op = r->m.op == DIR_GET_USERS ? DIR_USERS : DIR_FILES;
	a->text = answer_text;
	if (r->m.numbers > 0)
		a->length = (size_t)sprintf(answer_text, "skip %lu\n",
		    (unsigned long)r->m.number[0]);
	for (i = order_skip(o, r->m.number[0]); i < o->n; i++) {
		if (o->item[i] == NULL)
			continue;
		n = o == &users ? user_line(line, o->item[i]) :
		    listed_line(line, o->item[i]);
		if (5 + a->length + n > DIR_REPLY_MAX)
			break;
		memcpy(answer_text + a->length, line, n);
		a->length += n;
	}
}

/* Login */
static void
dir_login(const struct dir_request *r, struct dir_message *a)
{
	(void)r;
	a->op = DIR_LOGIN_OK;
	a->numbers = 1;
	a->number[0] = (uint32_t)servers;
}

/* Who carries out what; an answer, sent to us, is nobody's. */
static const struct {
	enum dir_op op;
	const char *name;
	void (*run)(const struct dir_request *r, struct dir_message *a);
} dir_ops[] = {
	{ DIR_LOGIN, "Login", dir_login },
	{ DIR_LOOKUP, "Lookup", dir_lookup },
	{ DIR_REGISTER, "Register", dir_register },
	{ DIR_SERVE, "ServeFiles", dir_serves },
	{ DIR_GET_USERS, "GetUsers", dir_list },
	{ DIR_GET_FILES, "GetFiles", dir_list },
	{ DIR_PUBLISH, "Publish", dir_publish },
	{ DIR_STOP, "Stop", dir_leave },
	{ DIR_LOGOUT, "Logout", dir_leave },
};
NAMES(dir_name, dir_ops, name);

/* Carries out a good request, and logs it: `Stop ann from ann, 127.0.0.1:9.' */
static void
dir_request(const struct dir_request *r, size_t i, struct dir_message *a)
{
	char what[24], who[DIR_NICK_MAX + 3];
	int lines;

	/* Before it is carried out: a Logout takes the nick away. */
	sprintf(who, r->nick == NULL ? "%s" : "%s, ", r->nick == NULL ? "" :
	    r->nick->name);
	sprintf(what, r->m.numbers > 0 ? " %lu" : "%.0lu",
	    (unsigned long)r->m.number[0]);
	lines = r->m.text != NULL && memchr(r->m.text, '\n', r->m.length);
	dir_ops[i].run(r, a);
	log_msg(INFO, "%s%s%s%.*s from %s%s%s", dir_ops[i].name, what,
	    r->m.text == NULL || lines ? "" : " ",
	    r->m.text == NULL || lines ? 0 : (int)r->m.length, r->m.text, who,
	    peer, a->op == 0 ? ": not answered" : a->op == DIR_FAIL ||
	    a->op == r->m.op + 2u ? ": refused" : ".");
}

/* Takes one datagram and answers it. Returns -1 if there is none. */
static int
dir_turn(int fd)
{
	static unsigned char in[DIR_REQUEST_MAX + 1], out[DIR_REPLY_MAX];
	struct dir_request r;
	struct dir_message a = { 0 };
	struct addr from;
	ssize_t n;
	size_t i;

	n = dgram_recv(fd, in, sizeof in, &from);
	if (n < 0)
		return -1;
	addr_text(&from, peer);
	r.t = now();
	r.port = addr_port(&from);
	i = COUNT(dir_ops);
	if (addr_ipv4(&from, &r.ip) == 0 && n <= DIR_REQUEST_MAX &&
	    dir_unpack(&r.m, in, (size_t)n) == 0)
		for (i = 0; i < COUNT(dir_ops); i++)
			if (dir_ops[i].op == r.m.op)
				break;
	if (i == COUNT(dir_ops)) {
		traffic[MALFORMED]++;
		log_msg(DEBUG, "dir: %s: malformed, %ld bytes", peer, (long)n);
		return 0;
	}
	did.n[COMMANDS + i]++;
	r.nick = nick_of(r.ip, r.port);
	if (r.nick != NULL)
		r.nick->heard = r.t;
	dir_request(&r, i, &a);
	if (a.op != 0)
		dgram_send(fd, out, dir_pack(out, &a), &from, 1);
	return 0;
}

/* Forgets the nicks that have been silent for too long. */
static void
dir_expire(int64_t t)
{
	struct nick *k;
	size_t i, n;

	n = users.n;
	for (i = 0; i < n; i++) {
		k = users.item[i];
		if (k == NULL || t - k->heard < dir_idle)
			continue;
		log_msg(INFO, "Nick %s expired.", k->name);
		nick_remove(k);
		if (users.n != n) {	/* all have moved: once more */
			n = users.n;
			i = (size_t)-1;
		}
	}
}

/* The life of the service. */
static void
dir_serve(int fd)
{
	int64_t sweep, t;
	int n;

	sweep = 0;
	do {
		t = now();
		if (t >= sweep) {
			dir_expire(t);
			sweep = t + SECOND / 4;
		}
		for (n = 0; n < 256 && dir_turn(fd) == 0; n++)
			;
		if (sweep > dgram_due())
			sweep = dgram_due();
	} while (wait_for(fd, POLLIN, n > 0 ? 0 : sweep) == 0 ||
	    errno == ETIMEDOUT);
}

/* ---- the services ---------------------------------------------------- */

/*
 * In the manner of inetd.conf. A service is added by one row here and one
 * section above. `full` is what a connection beyond -n is told, before it is
 * closed; `handler` runs in a child, which closes the connection after that. A
 * service of one process gets the listener itself, once, and keeps it to the
 * end. `command` names those that statistics tell apart, up to NULL.
 */
static const struct service ftp_service = { "ftp", SOCK_STREAM, "50000", "0000000002-4", ftp_serve, ftp_name };
static const struct service dir_service = { "dir", SOCK_DGRAM, "6868", NULL, dir_serve, dir_name };

static const struct service *const services[] = {
	&ftp_service, &xfer_service, &dir_service, &chat_service, &room_service,
};
#define NSERVICES	COUNT(services)

static const char *ports[NSERVICES];	/* asked for; NULL: not started */
static int listeners[NSERVICES];	/* -1: not started */

/* ---- statistics: of all processes, kept by the parent ------------------- */

static struct record total[NSERVICES];	/* what is known of each service */
int64_t began;			/* the time when serv did */

/* Adds up the records that have come. */
static void
take_reports(void)
{
	struct record r;
	size_t i;

	while (read(reports[0], &r, sizeof r) == (ssize_t)sizeof r)
		for (i = 0; i < COUNTERS; i++)
			total[r.service].n[i] += r.n[i];
}

/* Prints what all services together counted; and this process, on sockets. */
static void
print_sum(const char *what, size_t counter)
{
	uint64_t sum;
	size_t i;

	sum = counter < TRAFFIC ? traffic[counter] : 0;
	for (i = 0; i < NSERVICES; i++)
		sum += total[i].n[counter];
	printf("%s: %llu\n", what, (unsigned long long)sum);
}

/* A line for each command of the services that were started. */
static void
print_requests(void)
{
	const char *command;
	size_t i, k;

	puts("> Requests:");
	for (k = 0; k < NSERVICES; k++)
		for (i = 0; ports[k] != NULL &&
		    (command = services[k]->command(i)) != NULL; i++)
			printf("  * %s %s: %llu\n", services[k]->name, command,
			    (unsigned long long)total[k].n[COMMANDS + i]);
	print_sum("  * unknown or malformed", BAD_REQUESTS);
}

/*
 * As seeds/001 lays them out. The parent may not stand still because nobody
 * reads its standard output: by the deadline it must take some, and then it
 * takes this by one write(2), of no more than PIPE_BUF bytes on most systems.
 */
static void
print_statistics(int64_t deadline)
{
	static const char rule[] = "==================================="
	    "==================================";
	int64_t t;

	if (wait_for(STDOUT_FILENO, POLLOUT, deadline) < 0) {
		log_msg(ERROR, "serv: standard output: nobody reads it");
		return;
	}
	take_reports();
	t = now() - began;
	printf("\n%s\n=%36s%32s\n%s\n\n", rule, "STATS", "=", rule);
	printf("> Run time: %lld:%02d:%02d.%06d\n",
	    (long long)(t / SECOND / 3600), (int)(t / SECOND / 60 % 60),
	    (int)(t / SECOND % 60), (int)(t % SECOND));
	print_sum("> Established connections", CONNECTIONS);
	print_sum("> Refused connections", REFUSED);
	print_requests();
	puts("> Bytes transferred:");
	print_sum("  * Sent", BYTES_SENT);
	print_sum("  * Received", BYTES_RECEIVED);
	puts("> Files:");
	print_sum("  * Uploads", UPLOADS);
	print_sum("  * Downloads", DOWNLOADS);
	puts("> UDP packets:");
	print_sum("  * Packets sent", PACKETS_SENT);
	print_sum("  * Packets received", PACKETS_RECEIVED);
	print_sum("  * Retransmissions", RETRANSMISSIONS);
	print_sum("  * Malformed", MALFORMED);
	puts(rule);
	if (fflush(stdout) != 0)
		log_msg(ERROR, "serv: standard output: %s", reason());
	clearerr(stdout);
}

/* ---- the parent ------------------------------------------------------ */

static int signals[2] = { -1, -1 };	/* pipe: one byte for each signal */
static int lifeline_end = -1;		/* open as long as the parent lives */

static struct child {
	pid_t pid;
	int refuser;		/* only says that the server is full */
} *children;			/* room for max_children + REFUSERS */

/* The processes of the services that have one, and when they were started. */
static struct {
	pid_t pid;			/* 0: it does not run */
	int64_t started[RESTARTS];
	unsigned next;			/* the oldest of these */
} ones[NSERVICES];
static long nchildren, nrefusers;	/* how many, and refusers of them */
static int64_t print_at = NEVER;	/* statistics were asked for */
static int64_t orders_from;		/* no look at standard input before */

/* Passes a signal on to the parent's loop. */
static void
signal_to_pipe(int sig)
{
	unsigned char byte;
	int saved;

	saved = errno;
	byte = (unsigned char)sig;
	if (write(signals[1], &byte, 1) < 0)
		byte = 0;	/* full: what is in there will wake the loop */
	errno = saved;
}

/* Sets what happens on a signal. */
static void
on_signal(int sig, void (*handler)(int))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = handler;
	sigaction(sig, &sa, NULL);
}

/* Makes the pipes and catches the signals; in the parent, before it serves. */
static int
catch_signals(void)
{
	int line[2];

	if (pipe(signals) < 0 || pipe(line) < 0 || pipe(reports) < 0)
		return -1;
	fcntl(signals[0], F_SETFL, O_NONBLOCK);
	fcntl(signals[1], F_SETFL, O_NONBLOCK);
	fcntl(reports[0], F_SETFL, O_NONBLOCK);
	fcntl(reports[1], F_SETFL, O_NONBLOCK);
	lifeline = line[0];
	lifeline_end = line[1];
	on_signal(SIGPIPE, SIG_IGN);	/* a send says EPIPE instead */
	on_signal(SIGXFSZ, SIG_IGN);	/* a write says EFBIG instead */
	on_signal(SIGTTIN, SIG_IGN);	/* a read says EIO instead */
	on_signal(SIGCHLD, signal_to_pipe);
	on_signal(SIGINT, signal_to_pipe);
	on_signal(SIGTERM, signal_to_pipe);
	on_signal(SIGUSR1, signal_to_pipe);
	return 0;
}

/*
 * What a child changes before it serves s on `own'. Interrupt, quit and hangup
 * go to the whole process group of a terminal; the parent gets them too, and
 * its children learn of its end by the lifeline. SIGTERM is the parent's last
 * word.
 */
static void
become_child(size_t service, int own)
{
	size_t i;

	on_signal(SIGCHLD, SIG_DFL);
	on_signal(SIGINT, SIG_IGN);
	on_signal(SIGHUP, SIG_IGN);
	on_signal(SIGQUIT, SIG_IGN);
	on_signal(SIGUSR1, SIG_IGN);
	newfile_guard(SIGTERM);
	for (i = 0; i < NSERVICES; i++)
		if (listeners[i] >= 0 && listeners[i] != own)
			close(listeners[i]);
	close(lifeline_end);
	close(signals[0]);
	close(signals[1]);
	close(reports[0]);
	report_anew();
	did.service = service;
	before_wait = report_before_wait;
}

/* Serves one connection in a child, or tells it that the server is full. */
static void
serve(const struct service *s, int fd, int full)
{
	log_msg(DEBUG, "%s: %s connected", s->name, peer);
	if (!full) {
		s->handler(fd);
	} else {
		send_some(fd, s->full, strlen(s->full));
		log_msg(INFO, "%s: %s refused: server is full", s->name, peer);
	}
	sock_finish(fd);
	log_msg(DEBUG, "%s: %s closed, %llu bytes received, %llu sent",
	    s->name, peer, (unsigned long long)traffic[BYTES_RECEIVED],
	    (unsigned long long)traffic[BYTES_SENT]);
}

/* Forks, with the signals held back until the child has its own handlers. */
static pid_t
fork_child(size_t service, int fd, int full)
{
	const struct service *s = services[service];
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = fork();
	if (pid == 0) {
		become_child(service, fd);
		sigprocmask(SIG_SETMASK, &old, NULL);
		if (s->full != NULL)
			serve(s, fd, full);
		else
			s->handler(fd);
		child_ends();
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		log_msg(ERROR, "%s: fork: %s", s->name, reason());
	else
		log_msg(DEBUG, "%s: child %ld started", s->name, (long)pid);
	return pid;
}

/* Takes leave of all children that have ended. */
static void
reap(void)
{
	int status;
	pid_t pid;
	size_t k;
	long i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (WIFSIGNALED(status))
			log_msg(ERROR, "child %ld ended by signal %d",
			    (long)pid, WTERMSIG(status));
		else
			log_msg(DEBUG, "child %ld ended", (long)pid);
		for (k = 0; k < NSERVICES; k++)
			if (ones[k].pid == pid)
				ones[k].pid = 0;
		for (i = 0; i < nchildren && children[i].pid != pid; i++)
			;
		if (i == nchildren)
			continue;
		if (!children[i].refuser)
			accept_from = 0;	/* there is room */
		nrefusers -= children[i].refuser;
		children[i] = children[--nchildren];
	}
}

/*
 * Takes the next connection of a service and gives it a child. A child closes
 * its connection and then ends: the client who saw that and comes again must
 * not be told that the server is full, so it waits a little for that end.
 */
static void
accept_one(size_t service, int listener)
{
	const struct service *s = services[service];
	static int waited;
	struct addr a;
	pid_t pid;
	int fd, full;

	reap();
	full = nchildren - nrefusers >= max_children;
	waited = full && !waited;
	if (waited) {
		accept_from = now() + FULL_WAIT;
		return;
	}
	fd = sock_accept(listener, &a);
	if (fd < 0 && errno != EAGAIN) {
		log_msg(ERROR, "%s: accept: %s", s->name, reason());
		accept_from = now() + SECOND;		/* or it would spin */
	}
	if (fd < 0)
		return;
	addr_text(&a, peer);
	pid = fork_child(service, fd, full);
	if (pid < 0) {
		send_some(fd, s->full, strlen(s->full));
	} else {
		children[nchildren].pid = pid;
		children[nchildren++].refuser = full;
		nrefusers += full;
	}
	total[service].n[full || pid < 0 ? REFUSED : CONNECTIONS]++;
	close(fd);		/* it is the child's now */
}

/* Statistics will be printed when all have reported. */
static void
ask_statistics(void)
{
	if (print_at == NEVER)
		print_at = now() + REPORT_WAIT;
}

/* Reads the pipe of signals. Returns true if one of them means the end. */
static int
take_signals(void)
{
	unsigned char sig;
	int end;

	end = 0;
	while (read(signals[0], &sig, 1) == 1)
		if (sig == SIGUSR1)
			ask_statistics();
		else if (sig != SIGCHLD)
			end = 1;
	reap();
	return end;
}

/*
 * Starts each service of one process that does not run: at the beginning, and
 * when it died, on the same socket; but not more than RESTARTS times in
 * RESTART_TIME. Returns when it must be called again.
 */
static int64_t
start_ones(void)
{
	int64_t again, *last, t;
	size_t i;

	again = NEVER;
	t = now();
	for (i = 0; i < NSERVICES; i++) {
		if (listeners[i] < 0 || services[i]->full != NULL ||
		    ones[i].pid > 0)
			continue;
		last = &ones[i].started[ones[i].next];
		if (*last != 0 && t < *last + RESTART_TIME) {
			again = again < *last + RESTART_TIME ? again :
			    *last + RESTART_TIME;
			continue;
		}
		if (ones[i].started[0] != 0)
			log_msg(ERROR, "%s: died, started again",
			    services[i]->name);
		*last = t;
		ones[i].next = (ones[i].next + 1) % RESTARTS;
		ones[i].pid = fork_child(i, listeners[i], 0);
		if (ones[i].pid < 0) {
			ones[i].pid = 0;
			again = t + SECOND < again ? t + SECOND : again;
		}
	}
	return again;
}

/*
 * Reads lines of standard input: s asks for statistics, q for the end, and then
 * it returns true. The end of the input is no order; and where more may come,
 * as in a FIFO, or behind control-D, it is not the end. In the background of a
 * shell a read fails, and may not fail later, in the foreground. Who shares his
 * input with another server may have to wait here for a line that it took.
 */
static int
take_orders(void)
{
	static size_t length;		/* of the line, and its last letter */
	static char letter;
	char text[512];
	ssize_t i, n;
	int end, other;

	orders_from = now() + REPORT_EVERY;	/* of what never ends */
	n = read(STDIN_FILENO, text, sizeof text - 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		orders_from = isatty(STDIN_FILENO) ||
		    lseek(STDIN_FILENO, 0, SEEK_CUR) < 0 ? now() + SECOND :
		    NEVER;
	if (n == 0)
		text[n++] = '\n';	/* which a last line may lack */
	for (end = other = 0, i = 0; i < n; i++) {
		if (text[i] != '\n') {
			letter = strchr(" \t\r", text[i]) ? letter : text[i];
			length += letter == text[i];
			continue;
		}
		end |= length == 1 && letter == 'q';
		if (length == 1 && letter == 's')
			ask_statistics();
		else
			other |= length > 0 && !end;
		length = 0;
	}
	if (other)
		log_msg(INFO, "standard input: neither s nor q");
	return end;
}

/*
 * What the parent does without being asked, once its time has come. Returns the
 * milliseconds until the next such time, or -1.
 */
static int
parent_chores(void)
{
	int64_t again, t;

	again = start_ones();
	t = now();
	if (t >= print_at) {
		print_statistics(t);
		print_at = NEVER;
	}
	if (accept_from != 0 && accept_from < again)
		again = accept_from;
	if (orders_from > t && orders_from < again)
		again = orders_from;
	if (print_at < again)
		again = print_at;
	return again == NEVER ? -1 : again > t ?
	    (int)((again - t) / 1000) + 1 : 0;
}

/* May another connection be accepted? */
static int
accepting(void)
{
	if (accept_from != 0 && now() >= accept_from)
		accept_from = 0;
	return nchildren < max_children + REFUSERS && accept_from == 0;
}

/* Where the parent looks beside the listeners. */
enum { SIGNALS = NSERVICES, REPORTS, ORDERS, WATCHED };

/* Does what the events ask for. Returns true if that is the end. */
static int
parent_turn(const struct pollfd *p)
{
	size_t i;
	int end;

	end = 0;
	for (i = 0; i < NSERVICES; i++)
		if (p[i].revents != 0 && accepting())
			accept_one(i, listeners[i]);
	if (p[REPORTS].revents != 0)
		take_reports();
	if (p[ORDERS].revents & POLLNVAL)
		orders_from = NEVER;
	else if (p[ORDERS].revents != 0)
		end = take_orders();
	return end;
}

/* The parent's life: until a signal or a line ends it. */
static void
parent_loop(void)
{
	struct pollfd p[WATCHED];
	size_t i;
	int end;

	do {
		for (i = 0; i < WATCHED; i++) {
			p[i].fd = i < NSERVICES && accepting() &&
			    services[i]->full != NULL ? listeners[i] : -1;
			p[i].events = POLLIN;
			p[i].revents = 0;
		}
		p[SIGNALS].fd = signals[0];
		p[REPORTS].fd = reports[0];
		p[ORDERS].fd = now() >= orders_from ? STDIN_FILENO : -1;
		end = 0;
		if (poll(p, WATCHED, parent_chores()) >= 0) {
			end = parent_turn(p);
		} else if (errno != EINTR) {	/* else the pipe says which */
			log_msg(ERROR, "poll: %s", reason());
			end = 1;
		}
	} while (!take_signals() && !end);
}

/* How many processes there are besides this one. */
static long
processes(void)
{
	size_t i;
	long n;

	n = nchildren;
	for (i = 0; i < NSERVICES; i++)
		n += ones[i].pid > 0;
	return n;
}

/* Waits until all children have ended, for so many microseconds at most. */
static void
await_children(int64_t limit)
{
	int64_t deadline;

	deadline = now() + limit;
	while (processes() > 0 &&
	    wait_either(signals[0], reports[0], deadline) >= 0) {
		take_reports();
		take_signals();
	}
}

/*
 * The end in order: no new clients, the children told, and then made to go; and
 * what they have done.
 */
static void
parent_end(void)
{
	size_t i;
	long k;

	if (print_at != NEVER)		/* s and q at once */
		print_statistics(now());
	for (i = 0; i < NSERVICES; i++)
		if (listeners[i] >= 0)
			close(listeners[i]);
	close(lifeline_end);
	lifeline = -1;		/* what follows are waits of the parent's */
	await_children(GRACE);
	for (k = 0; k < nchildren; k++)
		kill(children[k].pid, SIGTERM);
	for (i = 0; i < NSERVICES; i++)
		if (ones[i].pid > 0)
			kill(ones[i].pid, SIGTERM);
	await_children(KILLED);
	if (log_level > ERROR)
		print_statistics(now() + SECOND);
}

/* ---- main ------------------------------------------------------------ */

static void
usage(FILE *out)
{
	size_t i;

	fputs("usage: serv [-hqvx] [-H host] [-p port] [-s dir] [-P lo-hi] "
	    "[-n children]\n"
	    "            [-T seconds] [-L faults] [-t trace] [port | "
	    "service[=port] ...]\n"
	    "  -h           this text\n"
	    "  -H host      address to bind (" DEFAULT_HOST
	    "; all: 0.0.0.0 or ::)\n"
	    "  -L faults    of what is sent by UDP, as drop=0.1 (cli -h says "
	    "more)\n"
	    "  -n children  connections at most (" STRING(DEFAULT_CHILDREN)
	    ")\n"
	    "  -p port      port of the ftp service, 0: any free one\n"
	    "  -P lo-hi     range of the data ports ("
	    STRING(DATA_LO) "-" STRING(DATA_HI) ")\n"
	    "  -q           log errors only\n"
	    "  -s dir       directory that is served (.)\n"
	    "  -t trace     append a line for each event of a UDP transfer\n"
	    "  -T seconds   idle limit of a connection ("
	    STRING(DEFAULT_IDLE_S) "; " STRING(FIRST_COMMAND_S)
	    " before its first command),\n"
	    "               and of a nick of dir (" STRING(DIR_EXPIRE_S) ")\n"
	    "  -v           log connections too\n"
	    "  -x           start every service on its default port\n"
	    "services and their default ports:\n", out);
	for (i = 0; i < NSERVICES; i++)
		fprintf(out, "  %s=%s\n", services[i]->name, services[i]->port);
}

/* Ends after a wrong command line. */
static void
bad_usage(const char *what, const char *why)
{
	log_msg(ERROR, "serv: %s: %s (serv -h shows the options)", what, why);
	exit(2);
}

/* Notes that a service shall be started on a port. */
static void
want(size_t i, const char *port, const char *operand)
{
	if (number(port, 0, 65535) < 0)
		bad_usage(operand, "not a port (0 to 65535)");
	if (ports[i] != NULL)
		bad_usage(operand, "this service has a port already");
	ports[i] = port;
}

/* An operand: PORT (of ftp), SERVICE or SERVICE=PORT. */
static void
operand(const char *text)
{
	size_t i, len;

	len = strcspn(text, "=");
	for (i = 0; i < NSERVICES; i++)
		if (strlen(services[i]->name) == len &&
		    strncmp(services[i]->name, text, len) == 0)
			break;
	if (i < NSERVICES)
		want(i, text[len] == '=' ? text + len + 1 : services[i]->port,
		    text);
	else if (strspn(text, "0123456789") == strlen(text))
		want(0, text, text);
	else
		bad_usage(text, "neither a port nor a service");
}

/* -P lo-hi */
static void
data_ports(const char *text)
{
	char lo[8];
	const char *dash;
	long a, b;

	dash = strchr(text, '-');
	a = b = -1;
	if (dash != NULL && dash - text < (long)sizeof lo) {
		memcpy(lo, text, (size_t)(dash - text));
		lo[dash - text] = '\0';
		a = number(lo, 1, 65535);
		b = number(dash + 1, 1, 65535);
	}
	if (a < 0 || b < a)
		bad_usage(text, "not a range of ports, as in 55000-55030");
	data_lo = (unsigned)a;
	data_hi = (unsigned)b;
}

/* -t */
static void
open_trace(const char *path)
{
	if (trace_open(path) == 0)
		return;
	log_msg(ERROR, "serv: -t %s: %s", path, reason());
	exit(1);
}

/* The value of an option that is a number of at least 1. */
static long
count(const char *text, const char *what, long most)
{
	long n;

	n = number(text, 1, most);
	if (n < 0)
		bad_usage(text, what);
	return n;
}

/* Decides what is started: the services that are named; else all, or ftp. */
static void
choose(int n, char **operands, int all)
{
	size_t i;

	for (; n > 0; n--)
		operand(*operands++);
	for (i = 0; i < NSERVICES; i++)
		if (all && ports[i] == NULL)
			ports[i] = services[i]->port;
	for (i = 0; i < NSERVICES && ports[i] == NULL; i++)
		;
	if (i == NSERVICES)
		ports[0] = services[0]->port;
}

static void
options(int argc, char **argv)
{
	const char *bad;
	int all, c;

	all = 0;
	while ((c = getopt(argc, argv, "hH:L:n:p:P:qs:t:T:vx")) != -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			exit(fflush(stdout) == 0 ? 0 : 1);
		case 'H':
			host = optarg;
			break;
		case 'L':
			bad = faults_parse(&faults, optarg, 0);
			if (bad != NULL)
				bad_usage(bad, "-L has no such fault");
			break;
		case 'n':
			max_children = count(optarg,
			    "not a number of children (1 to 10000)", 10000);
			break;
		case 'p':
			want(0, optarg, optarg);
			break;
		case 'P':
			data_ports(optarg);
			break;
		case 'q':
			log_level = ERROR;
			break;
		case 's':
			directory = optarg;
			break;
		case 't':
			open_trace(optarg);
			break;
		case 'T':
			idle = count(optarg, "not a number of seconds "
			    "(1 to 1000000)", 1000000) * SECOND;
			dir_idle = idle;
			break;
		case 'v':
			log_level = DEBUG;
			break;
		case 'x':
			all = 1;
			break;
		default:
			usage(stderr);
			exit(2);
		}
	}
	choose(argc - optind, argv + optind, all);
}

/* Opens all listeners and then says so, a line each. */
static int
listen_all(void)
{
	char text[HOST_BYTES];
	const char *why;
	struct addr a;
	size_t i;

	for (i = 0; i < NSERVICES; i++) {
		listeners[i] = -1;
		if (ports[i] == NULL)
			continue;
		listeners[i] = sock_listen(host, ports[i], services[i]->type,
		    &why);
		if (listeners[i] < 0) {
			log_msg(ERROR, "serv: %s: cannot listen on %s %s: %s",
			    services[i]->name, host, ports[i], why);
			return -1;
		}
	}
	for (i = 0; i < NSERVICES; i++) {
		if (listeners[i] < 0 || addr_local(listeners[i], &a) < 0)
			continue;
		addr_host(&a, text);
		printf("listening %s %s %s %u\n", services[i]->name,
		    services[i]->type == SOCK_STREAM ? "tcp" : "udp", text,
		    addr_port(&a));
	}
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		puts("Enter s to print statistics, or q to exit.");
	if (fflush(stdout) != 0) {
		log_msg(ERROR, "serv: standard output: %s", reason());
		return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	std_descriptors();
	setvbuf(stdout, NULL, _IOFBF, STDOUT_BYTES);
	options(argc, argv);
	began = now();
	log_stamped = 1;
	served = open(directory, O_RDONLY | O_DIRECTORY);
	if (served < 0) {
		log_msg(ERROR, "serv: -s %s: %s", directory, reason());
		return 1;
	}
	children = calloc((size_t)max_children + REFUSERS, sizeof *children);
	if (children == NULL || catch_signals() < 0) {
		log_msg(ERROR, "serv: %s", reason());
		return 1;
	}
	if (listen_all() < 0)
		return 1;
	parent_loop();
	parent_end();
	free(children);
	return 0;
}
