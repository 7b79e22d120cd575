/* serv.c: the server. Licence: ISC, see README.
 *
 *      serv 50000              the FTP-like service on port 50000
 *      serv -h                 all options
 *
 * Read proto.h first, then Part I of proto.c. In this file:
 *
 *  Part I   requests        logs and counts how they end
 *           ftp             get, put, ls, quit: in a child for each connection
 *           parent          accepts, forks, reaps
 *  Part II  ftp over UDP      uget, uput
 *           dir             the directory: a daemon
 *           supervisor      a process for each service
 *  the end  the table of services, options, main
 *
 * The processes of the tiny program:
 *
 *      parent           waits for connections and signals, never for a client
 *       +--- child      one for each connection, forked after accept();
 *       +--- child      runs serve() of the service, and ends
 *       +--- ...        at most -n of them, and a few that only say `full'
 *
 * A child's code reads as one conversation with one client, and if it crashes
 * no other client notices. The parent waits in pselect(2), for connections and
 * signals. Elsewhere signals are blocked, or one that came before the sleep
 * would be missed. The parent's handlers set a flag at most.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700		/* Part II: tsearch() */
#define _FILE_OFFSET_BITS 64

#include <sys/select.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "proto.h"

/* ==== Part I: the tiny program. ========================================== */

#define DEFAULT_HOST		"127.0.0.1"
#define DEFAULT_CHILDREN	64
#define DEFAULT_IDLE_S		300

struct serv serv = { DEFAULT_HOST, ".", DATA_LO, DATA_HI, DEFAULT_CHILDREN,
    DEFAULT_IDLE_S, 0 };

/* ---- requests ---------------------------------------------------------- */

/* A conversation ends too early; errno says why. */
void
log_end(const char *peer)
{
	if (errno == ETIMEDOUT)
		log_msg(INFO, "%s: no complete message in %d s, closed", peer,
		    serv.idle);
	else
		log_msg(INFO, "%s: %s", peer, reason());
}

/* One line, `get x from ADDRESS: why'. If why is NULL, the reason is errno, and
 * the line is an ERROR unless the peer failed. */
void
log_refused(const struct request *r, const char *why)
{
	log_msg(why == NULL && !peer_failed() ? ERROR : INFO,
	    "%s %.255s from %s: %s", r->verb, r->name, r->peer,
	    why == NULL ? reason() : why);
}

void
log_download(const struct request *r, int result)
{
	counters[DOWNLOADS] += result == 0;
	if (result == 0)
		log_msg(INFO, "File %s downloaded from %s.", r->name, r->peer);
	else
		log_refused(r, NULL);
}

enum ftp_code
end_upload(const struct request *r, int went_well)
{
	if (newfile_end(went_well) < 0) {
		log_refused(r, NULL);
		return peer_failed() ? FTP_SYNTAX : FTP_STORE;
	}
	counters[UPLOADS]++;
	log_msg(INFO, "File %s uploaded from %s.", newfile_name(), r->peer);
	return FTP_OK;
}

/* ---- ftp: in a child for each connection ------------------------------- */

static int
ftp_answer(int fd, long n)
{
	char text[24];

	return frame_send(fd, text, (size_t)sprintf(text, "%ld", n));
}

static int
ftp_refuse(const struct request *r, enum ftp_code code)
{
	counters[BAD_REQUESTS] += code == FTP_SYNTAX;
	log_refused(r, code == FTP_STORE ? NULL : ftp_code_text(code));
	return ftp_answer(r->control, code);
}

/* errno itself is never sent. To a client only regular files exist. */
enum ftp_code
code_of_open(void)
{
	return (errno == ENOENT && !directory_gone()) || errno == EISDIR ||
	    errno == ENXIO || errno == ELOOP ? FTP_NOFILE : FTP_STORE;
}

static int
ftp_port(const struct request *r, int type, unsigned *port)
{
	int fd;

	fd = data_listen(r->control, type, serv.data_lo, serv.data_hi, port);
	if (fd < 0) {
		log_msg(ERROR, "no data port in %u-%u: %s", serv.data_lo,
		    serv.data_hi, reason());
		ftp_refuse(r, FTP_FULL);
	}
	return fd;
}

/* Opens a data channel: sends the port and returns the connection, or -1. */
static int
ftp_data(const struct request *r)
{
	char client[HOST_BYTES];
	unsigned port;
	int fd, listener;

	listener = ftp_port(r, SOCK_STREAM, &port);
	if (listener < 0)
		return -1;
	fd = -1;
	if (sock_host(r->control, getpeername, client) >= 0 &&
	    ftp_answer(r->control, port) == 0)
		fd = data_accept(listener, client);
	if (fd < 0)
		log_msg(INFO, "%s %s from %s: no data connection: %s", r->verb,
		    r->name, r->peer, reason());
	else
		sock_limit(fd, serv.idle);
	close(listener);
	return fd;
}

/* get NAME: sends a port, and then the file to the client when it connects;
 * the transfer ends if the client takes less than PIECE_BYTES in -T seconds. */
static int
ftp_get(const struct request *r)
{
	char head[FRAME_HEAD];
	struct file f;
	int fd;

	if (file_open(&f, r->name, 0) < 0)
		return ftp_refuse(r, code_of_open());
	if (f.size > FRAME_MAX) {
		close(f.fd);
		errno = EFBIG;
		return ftp_refuse(r, FTP_STORE);
	}
	fd = ftp_data(r);
	if (fd >= 0) {
		frame_pack(head, f.size);
		log_download(r, file_send(fd, &f, head, FRAME_HEAD));
		sock_finish(fd);
	}
	close(f.fd);
	return 0;
}

/* put NAME: sends a port, receives the file there, and names it when it is
 * complete. */
static int
ftp_put(const struct request *r)
{
	struct file f = { 0 };
	int came, fd;

	f.fd = newfile_open(r->name, serv.keep);
	if (f.fd < 0)
		return ftp_refuse(r, FTP_STORE);
	fd = ftp_data(r);
	if (fd < 0) {
		newfile_end(0);
		return 0;
	}
	came = frame_head(fd, &f.size) == 0 && file_recv(fd, &f) == 0;
	ftp_answer(fd, end_upload(r, came));
	sock_finish(fd);
	return 0;
}

static int
ftp_ls(const struct request *r)
{
	char *text;
	size_t len;
	int result;

	text = list_files(FRAME_MAX, &len);
	if (text == NULL)
		return ftp_refuse(r, FTP_STORE);
	len -= len > 0;			/* no newline after the last name */
	result = frame_send(r->control, text, len);
	free(text);
	if (result == 0)
		log_msg(INFO, "Files list downloaded from %s.", r->peer);
	return result;
}

#ifndef TINY
static int	ftp_uget(const struct request *r);
static int	ftp_uput(const struct request *r);
#endif

static const struct {
	const char *verb;
	int named;		/* does a name follow? */
	enum ftp_code refusal;	/* of a bad name; FTP_OK: not checked here */
	int (*run)(const struct request *r);	/* NULL, or a result of -1: the
						   conversation is over */
} ftp_verbs[] = {
	{ "get", 1, FTP_NOFILE, ftp_get },
	{ "ls", 0, FTP_OK, ftp_ls },
	{ "put", 1, FTP_NAME, ftp_put },
	{ "quit", 0, FTP_OK, NULL },
#ifndef TINY
	{ "uget", 1, FTP_NOFILE, ftp_uget },
	{ "uput", 1, FTP_OK, ftp_uput },
#endif
};

/* Carries out one command, of n bytes. -1: the conversation is over. */
static int
ftp_command(int control, const char *peer, char *text, size_t n)
{
	struct request r = { control, peer, "command", text };
	size_t len, row;
	int named;

	text += strspn(text, " \t");
	len = strcspn(text, " \t");
	for (row = 0; row < COUNT(ftp_verbs); row++)
		if (strlen(ftp_verbs[row].verb) == len &&
		    strncasecmp(ftp_verbs[row].verb, text, len) == 0)
			break;
	text += len;
	named = *text != '\0';
	if (strlen(r.name) != n || row == COUNT(ftp_verbs) ||
	    named != ftp_verbs[row].named)
		return ftp_refuse(&r, FTP_SYNTAX);
	counters[COMMANDS + row]++;
	r.verb = ftp_verbs[row].verb;
	r.name = text + named;
	if (ftp_verbs[row].refusal < 0 && !name_ok(r.name, strlen(r.name)))
		return ftp_refuse(&r, ftp_verbs[row].refusal);
	return ftp_verbs[row].run == NULL ? -1 : ftp_verbs[row].run(&r);
}

static void
ftp_serve(int control, const char *peer)
{
	char text[FTP_COMMAND_MAX + 1];
	ssize_t n;

	while ((n = frame_recv(control, text, FTP_COMMAND_MAX)) >= 0)
		if (ftp_command(control, peer, text, (size_t)n) < 0)
			return;
	if (errno != ENOTCONN)
		log_end(peer);
	if (errno == EBADMSG || errno == EMSGSIZE) {
		counters[BAD_REQUESTS]++;
		ftp_answer(control, FTP_SYNTAX);
	}
}

/* ---- the parent ------------------------------------------------------ */

#define FULL_WAIT	(SECOND / 20)	/* for a child to end */
#define END_S		2	/* seconds for all children to end */

static struct {
	const struct service *service;
	int listener;
	pid_t child[CHILDREN_MAX + REFUSERS];	/* places for -n clients, then
						   REFUSERS to refuse others;
						   0: free */
	sigset_t awake;			/* the signal mask during pselect() */
} parent;
#define PLACES	(serv.max_children + REFUSERS)	/* of child[] */

/* started[i] is for services[i], the table at the end of this file. */
static struct {
	const char *port;		/* requested; NULL: not started */
	int listener;
} started[SERVICES_MAX];

static int all_services;		/* -x */

static volatile sig_atomic_t ending;
enum { ASKED = 1, ORPHANED };		/* values of `ending' */

static void (*child_hook)(size_t place);

/* Handles SIGTERM and SIGINT. SIGCHLD comes here, too, but only to end the
 * sleep. */
static void
signalled(int sig)
{
	if (sig != SIGCHLD)
		ending = ASKED;
}

/* A terminal sends SIGINT, SIGQUIT and SIGHUP to its process group: so children
 * ignore them. SIGTERM ends a child, and first removes its unfinished file. */
void
become_child(size_t place)
{
	if (child_hook != NULL)
		child_hook(place);
	on_signal(SIGCHLD, SIG_DFL);
	on_signal(SIGINT, SIG_IGN);
	on_signal(SIGHUP, SIG_IGN);
	on_signal(SIGQUIT, SIG_IGN);
	on_signal(SIGTERM, SIG_DFL);
	newfile_guard(SIGTERM);
}

static void
serve_client(const struct service *s, int fd, int refuse)
{
	char peer[PEER_BYTES];

	if (sock_peer(fd, peer) < 0)
		_exit(0);		/* the client is gone already */
	sock_limit(fd, serv.idle);
	log_msg(DEBUG, "%s: %s connected", s->name, peer);
	if (!refuse) {
		s->serve(fd, peer);
	} else {
		write_all(fd, s->full, strlen(s->full));
		log_msg(INFO, "%s: %s refused: server is full", s->name, peer);
	}
	sock_finish(fd);
	log_msg(DEBUG, "%s: %s closed", s->name, peer);
	_exit(0);
}

/* The index of a child among the first n places, or -1. A free one holds 0. */
static int
place_of(pid_t pid, int n)
{
	int i;

	for (i = 0; i < n && parent.child[i] != pid; i++)
		;
	return i < n ? i : -1;
}

/* In the child the signals stay blocked until it has its own handlers. */
static void
start_child(int place, int fd)
{
	const struct service *s = parent.service;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		close(parent.listener);
		become_child((size_t)place);
		sigprocmask(SIG_SETMASK, &parent.awake, NULL);
		serve_client(s, fd, place >= serv.max_children);
	}
	if (pid < 0) {
		log_msg(ERROR, "%s: fork: %s", s->name, reason());
		write_all(fd, s->full, strlen(s->full));
		sock_close(fd);
		return;
	}
	log_msg(DEBUG, "%s: child %ld started", s->name, (long)pid);
	parent.child[place] = pid;
	close(fd);			/* it is the child's now */
}

/* Removes ended children from the table, and the unfinished file of any that a
 * signal killed. */
static void
reap(void)
{
	pid_t pid;
	int place, status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		place = place_of(pid, PLACES);
		if (place >= 0)		/* else inherited by exec() */
			parent.child[place] = 0;
		if (WIFSIGNALED(status)) {
			newfile_sweep(pid);
			if (!ending)
				log_msg(ERROR, "child %ld ended by signal %d",
				    (long)pid, WTERMSIG(status));
		} else {
			log_msg(DEBUG, "child %ld ended", (long)pid);
		}
	}
}

/* Waits for a connection (if there is room for one), a signal, the end of the
 * lifeline, or the deadline. Returns true for a connection. */
static int
parent_sleep(int room, int64_t deadline)
{
	struct timespec limit;
	sigset_t arrived;
	int64_t left;
	fd_set set;

	FD_ZERO(&set);
	if (room)
		FD_SET(parent.listener, &set);
	if (lifeline >= 0)
		FD_SET(lifeline, &set);
	left = deadline > now() ? deadline - now() : 0;
	limit.tv_sec = (time_t)(left / SECOND);
	limit.tv_nsec = (long)(left % SECOND) * 1000;
	if (pselect(FD_SETSIZE, &set, NULL, NULL, deadline == NEVER ? NULL :
	    &limit, &parent.awake) <= 0)
		return 0;
	if (lifeline >= 0 && FD_ISSET(lifeline, &set)) {
		/* A supervisor that ends properly sends SIGTERM first;
		 * pselect() may return for the pipe, and leave that pending. */
		sigpending(&arrived);
		ending = sigismember(&arrived, SIGTERM) ? ASKED : ORPHANED;
	}
	return room && FD_ISSET(parent.listener, &set);
}

/* Accepts a connection, for a child of its own. A child closes its connection
 * just before it ends, so a client that reconnects may find the table still
 * full: the parent gives that child FULL_WAIT to end. */
static void
accept_one(void)
{
	int fd, place;

	if (place_of(0, serv.max_children) < 0) {
		parent_sleep(0, now() + FULL_WAIT);
		reap();
	}
	place = place_of(0, PLACES);
	fd = sock_accept(parent.listener, NULL);
	if (fd >= 0) {
		counters[place < serv.max_children ? CONNECTIONS : REFUSED]++;
		start_child(place, fd);
	} else if (errno != EAGAIN) {
		log_msg(ERROR, "%s: accept: %s", parent.service->name,
		    reason());
		parent_sleep(0, now() + SECOND);	/* no spin */
	}
}

/* An orderly end: no new clients, and SIGTERM for the children. */
static void
end_children(int64_t limit)
{
	int64_t end;
	int i;

	for (i = 0; i < PLACES; i++)
		if (parent.child[i] > 0)
			kill(parent.child[i], SIGTERM);
	close(parent.listener);
	close(lifeline);
	parent.listener = lifeline = -1;
	end = now() + limit;
	reap();
	for (i = 0; i < PLACES; i++)
		while (parent.child[i] > 0 && now() < end) {
			parent_sleep(0, end);
			reap();
		}
}

/* Runs a service, with a child for each connection, until it is told to end. If
 * the supervisor is gone, the children serve their clients to the end. */
static void
serve_connections(const struct service *s, int listener)
{
	parent.service = s;
	parent.listener = listener;
	while (!ending) {
		if (parent_sleep(place_of(0, PLACES) >= 0, NEVER) && !ending)
			accept_one();
		reap();
	}
	if (ending == ASKED)
		end_children(END_S * SECOND);
}

/* ==== Part II: the extended mode. The tiny program goes on at the end. === */
#ifndef TINY

#include <sys/mman.h>
#include <fcntl.h>
#include <search.h>

/* ---- ftp over UDP: the contents travel by rdt ---------------------------- */

/* A key that nobody can guess, from /dev/urandom; without it, from clock and
 * process ID: weaker. */
static uint32_t
new_key(void)
{
	unsigned char bytes[4];
	ssize_t got;
	int fd;

	fd = open("/dev/urandom", O_RDONLY);
	got = read(fd, bytes, sizeof bytes);	/* -1, too, if fd is -1 */
	close(fd);
	return got == sizeof bytes ? unpack32(bytes) : (uint32_t)
	    ((uint64_t)now() * 2654435761u + (uint64_t)getpid() * 40503);
}

/* Opens the session: sends its port and key (and the size, if with_size).
 * Returns -1 if no port was free, after the answer that says so. If the offer
 * cannot be sent, rdt_accept() notices. */
static int
udp_open(const struct request *r, struct rdt_session *s, int with_size,
    char client[HOST_BYTES])
{
	char offer[RDT_OFFER_BYTES];
	unsigned port;

	s->encoding = &rdt_native;
	s->control = r->control;
	s->key = new_key();
	s->name = r->name;
	s->peer = r->peer;
	s->sock = ftp_port(r, SOCK_DGRAM, &port);
	if (s->sock < 0)
		return -1;
	if (sock_host(r->control, getpeername, client) < 0)
		strcpy(client, "?");
	rdt_offer_pack(offer, port, s->key, with_size ? &s->file.size : NULL);
	frame_send(r->control, offer, strlen(offer));
	return 0;
}

/* uget NAME. If the file cannot be read to its end, the control connection says
 * so: no datagram can. */
static int
ftp_uget(const struct request *r)
{
	struct rdt_session s = { 0 };
	char client[HOST_BYTES];
	int result, told;

	if (file_open(&s.file, r->name, 0) < 0)
		return ftp_refuse(r, code_of_open());
	told = 0;
	if (udp_open(r, &s, 1, client) == 0) {
		result = rdt_accept(&s, client) < 0 ? -1 : rdt_send(&s);
		if (rdt_send_gave_up(&s.sender))
			log_refused(r, rdt_gave_up);
		else
			log_download(r, result);
		if (result < 0 && !peer_failed())
			told = ftp_answer(r->control, FTP_STORE);
		rdt_close(&s);
	}
	close(s.file.fd);
	return told;
}

/* uput NAME SIZE. Whatever happens to the session, the client gets a code. */
static int
ftp_uput(const struct request *r)
{
	struct rdt_session s = { 0 };
	char client[HOST_BYTES], *space;
	int64_t size;
	int result, told;

	space = strrchr(r->name, ' ');
	size = space == NULL ? -1 :
	    number(space + 1, strlen(space + 1), 0, INT64_MAX);
	if (size < 0)
		return ftp_refuse(r, FTP_SYNTAX);
	*space = '\0';
	if (!name_ok(r->name, strlen(r->name)))
		return ftp_refuse(r, FTP_NAME);
	s.file.fd = newfile_open(r->name, serv.keep);
	if (s.file.fd < 0)
		return ftp_refuse(r, FTP_STORE);
	s.file.size = (uint64_t)size;
	if (udp_open(r, &s, 0, client) < 0) {
		newfile_end(0);
		return 0;
	}
	result = rdt_accept(&s, client) < 0 ? -1 : rdt_recv(&s);
	told = ftp_answer(r->control, end_upload(r, result == 0));
	if (result == 0)
		rdt_linger(&s);
	rdt_close(&s);
	return told;
}

/* ---- dir: a daemon, a UDP loop ------------------------------------------ */

/*
 * A nick points to the files that it has published, in an array, and a file to
 * the nicks that hold it, in another. tsearch(3) finds nicks by name and by
 * address, and files by hash, name and size. A list is sent in the order of
 * entry, so nicks and listed files are in arrays as well. A file is listed
 * while one of its holders serves.
 */
#define DIR_NICKS	10000		/* nicks at most */
#define DIR_NICK_FILES	10000		/* files of a nick */
#define DIR_HOLDINGS	1000000		/* files of all nicks together */
#define PAGES_AT_ONCE	200		/* pages of lists, for addresses with
					   the same last byte, */
#define PAGES_A_SECOND	50		/* and then pages a second */
#define PAGES_ALL	2000		/* pages a second, for all addresses */
#define NOT_ANSWERED	((enum dir_op)0)
#define PAGE_LINE_BYTES	(DIR_REPLY_MAX - 5 - 17)	/* without `skip N' */

struct nick {
	char name[DIR_NICK_MAX + 1];
	uint32_t ip;			/* the UDP address that owns it, */
	unsigned port;			/* and its port */
	unsigned serves;		/* TCP port; 0: it does not */
	int64_t heard;			/* when it last spoke */
	unsigned long serial;		/* number of its registration */
	struct listed **file;		/* that it has published */
	unsigned files;
};

struct listed {
	size_t index;			/* in dir.list, if it is there */
	struct nick **holder;		/* newest registration first */
	unsigned holders;
	unsigned serving;		/* holders that serve; 0: not listed */
	uint64_t size;
	char hash[HASH_DIGITS + 1];
	char name[];
};

static struct {
	void *nicks_by_name, *nicks_by_address, *files;	/* trees */
	struct nick **nick;		/* by registration */
	size_t nicks;
	struct listed **list;		/* of files; NULL where one has gone */
	size_t slots, listed;		/* slots of it, and files */
	size_t holdings;		/* files of all nicks */
	unsigned long servers;		/* nicks that serve */
	int64_t page_each[256], page_all;	/* buckets: by the last byte of
						   an address, and for all */
} dir;

/* Takes a page out of a bucket; false if there is none. It holds `most' pages,
 * and fills up at `rate' a second; *full is when it will be full again. */
static int
bucket_take(int64_t *full, int64_t most, int64_t rate)
{
	int64_t t;

	t = now();
	if (*full > t + (most - 1) * SECOND / rate)
		return 0;
	*full = (*full > t ? *full : t) + SECOND / rate;
	return 1;
}

/* For tsearch(): nicks by their name... */
static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct nick *)a)->name,
	    ((const struct nick *)b)->name);
}

/* ...by the address that owns them... */
static int
by_address(const void *a, const void *b)
{
	const struct nick *x = a, *y = b;

	return x->ip != y->ip ? x->ip < y->ip ? -1 : 1 :
	    (int)x->port - (int)y->port;
}

/* ...and files by hash, name and size. */
static int
by_contents(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int order;

	order = strcmp(x->hash, y->hash);
	if (order == 0)
		order = strcmp(x->name, y->name);
	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* Without memory the daemon ends, and the supervisor starts it again, empty. */
static void *
check_memory(void *memory)
{
	if (memory == NULL) {
		log_msg(ERROR, "dir: %s", reason());
		_exit(1);
	}
	return memory;
}

/* An array of n items gets room for one more: twice as much, each time that n
 * is a power of two. */
static void *
grow(void *array, size_t n, size_t item_bytes)
{
	if ((n & (n - 1)) != 0)
		return array;
	return check_memory(realloc(array, (n == 0 ? 1 : 2 * n) * item_bytes));
}

/* Lists a file when its first holder serves. */
static void
file_served(struct listed *f)
{
	if (f->serving++ > 0)
		return;
	dir.list = grow(dir.list, dir.slots, sizeof *dir.list);
	f->index = dir.slots;
	dir.list[dir.slots++] = f;
	dir.listed++;
}

/* Closes the gaps in the list. */
static void
list_close_up(void)
{
	size_t i, n;

	if (dir.listed == dir.slots)
		return;
	for (i = n = 0; i < dir.slots; i++)
		if (dir.list[i] != NULL) {
			dir.list[i]->index = n;
			dir.list[n++] = dir.list[i];
		}
	dir.slots = n;
}

/* The place of a nick among the holders of a file, or where it would be. */
static unsigned
holder_place(const struct listed *f, const struct nick *k)
{
	unsigned from, middle, to;

	for (from = 0, to = f->holders; from < to;) {
		middle = (from + to) / 2;
		if (f->holder[middle]->serial > k->serial)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Withdraws the last file of a nick. */
static void
nick_drop(struct nick *k)
{
	struct listed *f;
	unsigned at;

	f = k->file[--k->files];
	dir.holdings--;
	if (k->serves != 0 && --f->serving == 0) {	/* unlists it */
		dir.list[f->index] = NULL;
		dir.listed--;
		if (dir.listed <= dir.slots / 2)
			list_close_up();
	}
	at = holder_place(f, k);
	memmove(&f->holder[at], &f->holder[at + 1],
	    (--f->holders - at) * sizeof *f->holder);
	if (f->holders > 0)
		return;
	tdelete(f, &dir.files, by_contents);
	free(f->holder);
	free(f);
}

/* Withdraws all files of a nick. */
static void
nick_stop(struct nick *k)
{
	while (k->files > 0)
		nick_drop(k);
	dir.servers -= k->serves != 0;
	free(k->file);
	k->file = NULL;
	k->serves = 0;
}

/* Called at a Logout, and when a nick has been silent for too long. */
static void
nick_remove(struct nick *k)
{
	size_t i;

	nick_stop(k);
	for (i = 0; dir.nick[i] != k; i++)
		;
	memmove(&dir.nick[i], &dir.nick[i + 1],
	    (--dir.nicks - i) * sizeof *dir.nick);
	tdelete(k, &dir.nicks_by_name, by_name);
	tdelete(k, &dir.nicks_by_address, by_address);
	free(k);
}

/* A new nick with the name and the address of key, or NULL. */
static struct nick *
nick_add(const struct nick *key)
{
	static unsigned long registered;
	struct nick *k;

	if (dir.nicks >= DIR_NICKS) {
		log_msg(INFO, "dir: no more than " STRING(DIR_NICKS) " nicks");
		return NULL;
	}
	k = check_memory(malloc(sizeof *k));
	*k = *key;
	k->heard = now();
	k->serial = ++registered;
	dir.nick = grow(dir.nick, dir.nicks, sizeof *dir.nick);
	dir.nick[dir.nicks++] = k;
	check_memory(tsearch(k, &dir.nicks_by_name, by_name));
	check_memory(tsearch(k, &dir.nicks_by_address, by_address));
	return k;
}

/* The file of a line: the one that is known, or a new one. */
static struct listed *
file_of(const struct file_line *line)
{
	struct listed *f, *key;

	key = check_memory(calloc(1, sizeof *key + line->name_len + 1));
	key->size = line->size;
	memcpy(key->hash, line->hash, HASH_DIGITS);
	memcpy(key->name, line->name, line->name_len);
	f = *(struct listed **)check_memory(tsearch(key, &dir.files,
	    by_contents));
	if (f != key)
		free(key);
	return f;
}

/* Adds the file of a line to those of a nick, if there is room. */
static enum dir_op
publish(struct nick *k, const struct file_line *line)
{
	struct listed *f;
	unsigned at;

	f = file_of(line);
	at = holder_place(f, k);
	if (at < f->holders && f->holder[at] == k)
		return DIR_PUBLISH_OK;
	f->holder = grow(f->holder, f->holders, sizeof *f->holder);
	memmove(&f->holder[at + 1], &f->holder[at],
	    (f->holders++ - at) * sizeof *f->holder);
	f->holder[at] = k;
	k->file = grow(k->file, k->files, sizeof *k->file);
	k->file[k->files++] = f;
	dir.holdings++;
	if (k->serves != 0)
		file_served(f);
	if (k->files <= DIR_NICK_FILES && dir.holdings <= DIR_HOLDINGS)
		return DIR_PUBLISH_OK;
	log_msg(INFO, "dir: no more than %s", k->files > DIR_NICK_FILES ?
	    STRING(DIR_NICK_FILES) " files a nick" :
	    STRING(DIR_HOLDINGS) " files");
	nick_drop(k);
	return DIR_FAIL;
}

/* A request, what is known of its sender, and its answer. */
struct dir_request {
	struct dir_message m, answer;
	struct nick key;		/* its address; the nick of m, or "" */
	struct nick *nick, *named;	/* that have them; or NULL */
};

/* Register: for a free nick, or the sender's own. */
static enum dir_op
answer_register(struct dir_request *r)
{
	if (r->named == NULL && r->nick == NULL && r->key.name[0] != '\0')
		r->named = r->nick = nick_add(&r->key);
	return r->named != NULL && r->named == r->nick ? DIR_REGISTER_OK :
	    DIR_REGISTER_FAIL;
}

static enum dir_op
answer_lookup(struct dir_request *r)
{
	if (r->named == NULL || r->named->serves == 0)
		return DIR_LOOKUP_FAIL;
	r->answer.numbers = 2;
	r->answer.number[0] = r->named->ip;
	r->answer.number[1] = r->named->serves;
	return DIR_LOOKUP_OK;
}

/* Stores the lines of a Publish for k; if k is NULL, only checks and counts.
 * After a first line `at N' the answer says N plus the number of the others. */
static enum dir_op
publish_lines(struct dir_request *r, struct nick *k)
{
	const char *line, *text = r->m.text;
	size_t left = r->m.length, n;
	struct file_line f;
	enum dir_op op;
	int64_t at;
	int more;

	op = DIR_PUBLISH_OK;
	r->answer.numbers = 0;
	while (op == DIR_PUBLISH_OK &&
	    (more = next_line(&text, &left, &line, &n)) != 0) {
		at = line != r->m.text || n < 3 || memcmp(line, "at ", 3) != 0 ?
		    -1 : number(line + 3, n - 3, 0, DIR_HOLDINGS);
		r->answer.number[0]++;
		if (at >= 0) {
			r->answer.numbers = 1;
			r->answer.number[0] = (uint32_t)at;
		} else if (more < 0 || file_line_parse(&f, line, n, 0) < 0) {
			op = DIR_FAIL;
		} else if (k != NULL) {
			op = publish(k, &f);
		}
	}
	return op;
}

/* Publish: one bad line, and nothing is stored; so all are checked first. By a
 * slip in dir's document its op may be that of ServeFiles. */
static enum dir_op
dir_publish(struct dir_request *r)
{
	enum dir_op op;

	op = r->nick == NULL ? DIR_FAIL : publish_lines(r, NULL);
	if (op == DIR_PUBLISH_OK)
		op = publish_lines(r, r->nick);
	if (op == DIR_FAIL || r->m.op == DIR_SERVE)
		r->answer.numbers = 0;
	return op == DIR_PUBLISH_OK && r->m.op == DIR_SERVE ? DIR_SERVE_OK : op;
}

/* ServeFiles: what was published before is listed from now on. */
static enum dir_op
dir_serve_files(struct dir_request *r)
{
	struct nick *k = r->nick;
	unsigned i;

	if (r->m.text != NULL)
		return dir_publish(r);
	if (k == NULL || r->m.number[0] < 1 || r->m.number[0] > 65535)
		return DIR_SERVE_FAIL;
	if (k->serves == 0) {
		dir.servers++;
		for (i = 0; i < k->files; i++)
			file_served(k->file[i]);
	}
	k->serves = r->m.number[0];
	return DIR_SERVE_OK;
}

/* Stop, Logout: of the sender's own nick, or of an unknown one. */
static enum dir_op
dir_leave(struct dir_request *r)
{
	if (r->named != NULL && r->named != r->nick)
		return DIR_FAIL;
	if (r->named != NULL && r->m.op == DIR_STOP)
		nick_stop(r->named);
	else if (r->named != NULL)
		nick_remove(r->named);
	return r->m.op == DIR_STOP ? DIR_STOP_OK : DIR_LOGOUT_OK;
}

/* A line of the list of users; returns its bytes. */
static size_t
user_line(char *line, const struct nick *k)
{
	char ip[IPV4_BYTES];

	if (k->serves == 0)
		return (size_t)sprintf(line, "%s\n", k->name);
	return (size_t)sprintf(line, "%s %s:%u\n", k->name,
	    ipv4_text(k->ip, ip), k->serves);
}

/* A line of the list of files, with as many nicks as an answer has room for. */
static size_t
file_line(char *line, const struct listed *f)
{
	const struct nick *k;
	size_t n, room;
	unsigned i;

	n = (size_t)sprintf(line, "%s %llu ", f->hash,
	    (unsigned long long)f->size);
	room = PAGE_LINE_BYTES - n - strlen(f->name) - 2;
	for (i = 0; i < f->holders && room > 1; i++) {
		k = f->holder[i];
		if (k->serves != 0 && strlen(k->name) < room) {
			room -= strlen(k->name) + 1;
			n += (size_t)sprintf(line + n, "%s,", k->name);
		}
	}
	n--;				/* the last comma */
	return n + (size_t)sprintf(line + n, " %s\n", f->name);
}

/* GetUsers, GetFiles: a page of lines, whole ones. */
static enum dir_op
answer_list(struct dir_request *r)
{
	static char text[2 * DIR_REPLY_MAX];	/* and a line too many */
	size_t i, most, n, used;
	int users;

	if (r->nick == NULL)
		return DIR_FAIL;	/* short: no amplifier */
	if (!bucket_take(&dir.page_each[r->key.ip & 255], PAGES_AT_ONCE,
	    PAGES_A_SECOND) || !bucket_take(&dir.page_all, PAGES_ALL,
	    PAGES_ALL))
		return NOT_ANSWERED;
	users = r->m.op == DIR_GET_USERS;
	used = 0;
	if (r->m.numbers > 0)
		used = (size_t)sprintf(text, "skip %lu\n",
		    (unsigned long)r->m.number[0]);
	list_close_up();
	most = users ? dir.nicks : dir.slots;
	for (i = r->m.number[0]; i < most; i++, used += n) {
		n = users ? user_line(text + used, dir.nick[i]) :
		    file_line(text + used, dir.list[i]);
		if (5 + used + n > DIR_REPLY_MAX)
			break;
	}
	r->answer.text = text;
	r->answer.length = used;
	return users ? DIR_USERS : DIR_FILES;
}

static enum dir_op
answer_login(struct dir_request *r)
{
	r->answer.numbers = 1;
	r->answer.number[0] = (uint32_t)dir.servers;
	return DIR_LOGIN_OK;
}

/* The function for each request. A datagram with the op of an answer is counted
 * as malformed. */
static const struct {
	const char *name;
	enum dir_op op;
	enum dir_op (*run)(struct dir_request *r);
} dir_ops[] = {
	{ "Login", DIR_LOGIN, answer_login },
	{ "Lookup", DIR_LOOKUP, answer_lookup },
	{ "Register", DIR_REGISTER, answer_register },
	{ "ServeFiles", DIR_SERVE, dir_serve_files },
	{ "GetUsers", DIR_GET_USERS, answer_list },
	{ "GetFiles", DIR_GET_FILES, answer_list },
	{ "Publish", DIR_PUBLISH, dir_publish },
	{ "Stop", DIR_STOP, dir_leave },
	{ "Logout", DIR_LOGOUT, dir_leave },
};

/* Carries out a good request, and logs it: `Stop ann from ann, 127.0.0.1:9.' */
static void
dir_run(struct dir_request *r, int i, const char *peer)
{
	enum dir_op op;
	char what[24], who[DIR_NICK_MAX + 3];
	int again, n;

	/* Formatted first, since a Logout frees the nick. */
	sprintf(who, r->nick == NULL ? "%s" : "%s, ", r->nick == NULL ? "" :
	    r->nick->name);
	sprintf(what, r->m.numbers > 0 ? " %lu" : "%.0lu",
	    (unsigned long)r->m.number[0]);
	n = r->m.text == NULL || memchr(r->m.text, '\n', r->m.length) != NULL ?
	    0 : (int)r->m.length;
	again = r->nick != NULL && (r->m.op == DIR_REGISTER ||
	    (r->m.op == DIR_SERVE && r->m.numbers > 0 &&
	    r->m.number[0] == r->nick->serves));
	op = r->answer.op = dir_ops[i].run(r);
	log_msg(again && op == r->m.op + 1u ? DEBUG : INFO,
	    "%s%s%s%.*s from %s%s%s", dir_ops[i].name, what,
	    n > 0 ? " " : "", n, n > 0 ? r->m.text : "", who, peer,
	    op == NOT_ANSWERED ? ": not answered" : op == DIR_FAIL ||
	    op == r->m.op + 2u ? ": refused" : ".");
}

/* Parses a datagram into r, and its sender into peer; returns the row of
 * dir_ops, or -1. */
static int
dir_parse(struct dir_request *r, const struct addr *from,
    const unsigned char *datagram, size_t n, char peer[PEER_BYTES])
{
	struct nick **node;
	int i;

	memset(r, 0, sizeof *r);
	r->key.port = addr_text(from, peer);
	if (addr_ipv4(from, &r->key.ip) < 0 || n > DIR_REQUEST_MAX ||
	    dir_unpack(&r->m, datagram, n) < 0)
		return -1;
	node = tfind(&r->key, &dir.nicks_by_address, by_address);
	r->nick = node == NULL ? NULL : *node;
	if (r->m.text != NULL && nick_ok(r->m.text, r->m.length)) {
		memcpy(r->key.name, r->m.text, r->m.length);
		node = tfind(&r->key, &dir.nicks_by_name, by_name);
		r->named = node == NULL ? NULL : *node;
	}
	for (i = (int)COUNT(dir_ops); i-- > 0;)
		if (dir_ops[i].op == r->m.op)
			break;
	return i;
}

/* Takes one datagram and answers it. Returns -1 if there is none. */
static int
dir_turn(int fd)
{
	unsigned char in[DIR_REQUEST_MAX + 1], out[DIR_REPLY_MAX];
	char peer[PEER_BYTES];
	struct dir_request r;
	struct addr from;
	ssize_t n;
	int i;

	n = dgram_recv(fd, in, sizeof in, &from);
	if (n < 0)
		return -1;
	i = dir_parse(&r, &from, in, (size_t)n, peer);
	if (i < 0) {
		counters[MALFORMED]++;
		log_msg(DEBUG, "dir: %s: malformed, %ld bytes", peer, (long)n);
		return 0;
	}
	counters[COMMANDS + i]++;
	if (r.nick != NULL)
		r.nick->heard = now();
	dir_run(&r, i, peer);
	if (r.answer.op != NOT_ANSWERED)
		dgram_send(fd, out, dir_pack(out, &r.answer), &from,
		    COUNTED);
	return 0;
}

static void
dir_expire(int64_t t)
{
	struct nick *k;
	size_t i;

	for (i = dir.nicks; i-- > 0;) {
		k = dir.nick[i];
		if (t - k->heard < DIR_EXPIRE_S * SECOND)
			continue;
		log_msg(INFO, "Nick %s expired.", k->name);
		nick_remove(k);
	}
}

/* The loop of the daemon: expires nicks, answers a batch, waits. */
static void
dir_serve(int fd, const char *peer)
{
	int64_t sweep, t;
	struct addr own;
	uint32_t ip;
	int n;

	(void)peer;
	if (strcmp(serv.host, "::") != 0 &&
	    (sock_addr(fd, getsockname, &own) < 0 || addr_ipv4(&own, &ip) < 0))
		log_msg(ERROR, "dir: speaks IPv4 alone, so nobody can ask it "
		    "on %s", serv.host);
	sweep = 0;
	do {
		t = now();
		if (t >= sweep) {
			dir_expire(t);
			sweep = t + SECOND / 4;
		}
		for (n = 0; n < 256 && dir_turn(fd) == 0; n++)
			;
	} while (wait_for(fd, POLLIN, n > 0 ? 0 : sweep) == 0 ||
	    errno == ETIMEDOUT);
}

/* ---- the supervisor: a process for each service -------------------------- */

/*
 *      supervisor           console, statistics, restarts
 *       +--- ftp, xfer      serve_connections(): a child for each connection
 *       +--- dir            a daemon: serves all clients itself
 *       +--- chat, room     the same; a child for each file that they send
 *
 * Each process counts in a slot of its own, in a page that all share. A slot is
 * used again but never reset, so the sum of all slots is right at any time. The
 * lifeline is a pipe whose writing end the supervisor alone holds: when that is
 * gone, the services end.
 */
#define RESTARTS	5	/* of a service at most, in RESTART_S */
#define RESTART_S	10	/* seconds */
#define ROWS		2	/* of slots: children may outlive a service */

static struct supervised {		/* its process is parent.child[k] */
	int64_t begun[RESTARTS];
	unsigned starts;		/* so far */
} supervised[SERVICES_MAX];

static uint64_t *page;		/* [SERVICES_MAX][ROWS][slots][COUNTERS] */
static size_t slots;		/* of a service: its own, its children's */
static int ends[2];		/* of the lifeline: to read, to write */

static volatile sig_atomic_t statistics_asked;

/* SIGUSR1 */
static void
ask_statistics(int sig)
{
	(void)sig;
	statistics_asked = 1;
}

static int
is_started(int k)
{
	return started[k].port != NULL;
}

/* A counter of row k of the services; if k is -1, the sum of all rows. */
static uint64_t
counted(int k, size_t counter)
{
	uint64_t sum;
	size_t i, n, row;

	sum = 0;
	row = ROWS * slots;
	n = (size_t)(k < 0 ? SERVICES_MAX : k + 1) * row;
	for (i = k < 0 ? 0 : (size_t)k * row; i < n; i++)
		sum += page[i * COUNTERS + counter];
	return sum;
}

static uint64_t
counted_by_all(size_t counter)
{
	return counted(-1, counter);
}

/* A line for each command of the services that were started. */
static void
print_requests(void)
{
	const struct service *s;
	const char *row;
	size_t i;
	int k;

	for (k = 0; (s = services[k]) != NULL; k++)
		for (i = 0; is_started(k) && i < s->ncommands; i++) {
			row = (const char *)s->commands + i * s->command_bytes;
			printf("  * %s %s: %llu\n", s->name,
			    *(const char *const *)(const void *)row,
			    (unsigned long long)counted(k, COMMANDS + i));
		}
}

/* A page that is shared with all children; without it all sums are 0. Zeros are
 * written to its file: a hole would need room later, and if the file system is
 * full then, the process that counts there ends by SIGBUS. */
static int
page_open(void)
{
	void *shared = MAP_FAILED;
	size_t bytes;
	FILE *file;

	slots = 1 + (size_t)serv.max_children + REFUSERS;
	bytes = SERVICES_MAX * ROWS * slots * COUNTERS * sizeof *page;
	page = calloc(1, bytes);
	file = tmpfile();		/* unlinked already */
	if (page != NULL && file != NULL &&
	    write_all(fileno(file), page, bytes) == bytes)
		shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fileno(file), 0);
	if (shared == MAP_FAILED) {
		log_msg(ERROR, "serv: no page for statistics: %s", reason());
	} else {
		free(page);
		page = shared;
	}
	if (file != NULL)
		fclose(file);
	return page == NULL ? -1 : 0;
}

/* In a child: it counts in a slot of its own from now on, and may serve its
 * client to the end, even if the supervisor is gone. (A chat ends its
 * children.) */
static void
use_slot(size_t place)
{
	counters += (1 + place) * COUNTERS;
	lifeline = -1;
}

static void
run_service(size_t k)
{
	size_t i;

	close(ends[1]);
	for (i = 0; services[i] != NULL; i++)
		if (i != k && is_started((int)i))
			close(started[i].listener);
	counters = page + (k * ROWS + supervised[k].starts % ROWS) * slots *
	    COUNTERS;
	child_hook = use_slot;
	memset(parent.child, 0, sizeof parent.child);
	ending = 0;
	on_signal(SIGINT, SIG_IGN);
	on_signal(SIGHUP, SIG_IGN);
	on_signal(SIGQUIT, SIG_IGN);
	on_signal(SIGUSR1, SIG_IGN);
	if (!services[k]->is_daemon) {
		serve_connections(services[k], started[k].listener);
		_exit(0);
	}
	on_signal(SIGTERM, SIG_IGN);	/* it ends by the lifeline */
	on_signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &parent.awake, NULL);
	services[k]->serve(started[k].listener, "");
	_exit(0);
}

/* Starts a service, unless it runs or has died too often. Returns when to call
 * again. */
static int64_t
start_service(size_t k)
{
	struct supervised *s = &supervised[k];
	int64_t *oldest = &s->begun[s->starts % RESTARTS];
	pid_t pid;

	if (!is_started((int)k) || parent.child[k] != 0)
		return NEVER;
	if (*oldest != 0 && now() < *oldest + RESTART_S * SECOND)
		return *oldest + RESTART_S * SECOND;
	pid = fork();
	if (pid == 0)
		run_service(k);
	if (pid < 0) {
		log_msg(ERROR, "%s: fork: %s", services[k]->name, reason());
		return now() + SECOND;
	}
	if (s->starts > 0)
		log_msg(ERROR, "%s: died, started again", services[k]->name);
	*oldest = now();
	s->starts++;
	log_msg(DEBUG, "%s: child %ld started", services[k]->name, (long)pid);
	parent.child[k] = pid;
	return NEVER;
}

/* Prepares the supervisor, before any listener is opened. */
static int
supervisor_begin(void)
{
	if (page_open() < 0 || pipe(ends) < 0)
		return fail("serv: %s", reason());
	lifeline = ends[0];
	on_signal(SIGTTIN, SIG_IGN);	/* a read says EIO instead */
	statistics_begin(counted_by_all, print_requests);
	return 0;
}

/* Keeps the services running, until it is told to end. The console takes the
 * place of the parent's listener. */
static int
supervise(void)
{
	int64_t again, due;
	size_t k;

	on_signal(SIGUSR1, ask_statistics);
	while (!ending) {
		reap();
		due = NEVER;
		for (k = 0; services[k] != NULL; k++) {
			again = start_service(k);
			due = again < due ? again : due;
		}
		parent.listener = console_fd(&due);
		if (parent_sleep(parent.listener >= 0, due) && read_console())
			ending = ASKED;
		if (statistics_asked)
			print_statistics(0);
		statistics_asked = 0;
	}
	for (k = 0; services[k] != NULL; k++)
		if (is_started((int)k))
			close(started[k].listener);
	parent.listener = -1;
	lifeline = ends[1];
	end_children(END_S * SECOND + SECOND / 2);
	if (logger.level > ERROR)
		print_statistics(1000);
	return 0;
}

static const struct option more_options[] = {
	{ 'k', NULL, "keep: an upload replaces nothing; if its name is taken, "
	    "it becomes name(1).ext", .number = &serv.keep, .lo = 1 },
	{ 'V', NULL, "the version", .set = print_version },
	{ 'x', NULL, "start every service on its default port",
	    .number = &all_services, .lo = 1 },
	OPTIONS_END
};

#endif /* TINY */

/* ==== The end: the table of services, options, main. ===================== */

static const struct service ftp_service = {
	.name = "ftp", .type = SOCK_STREAM, .port = "50000",
	.full = "0000000002-4", .serve = ftp_serve, NAMES_OF(ftp_verbs)
};
#ifndef TINY
static const struct service dir_service = {
	.name = "dir", .type = SOCK_DGRAM, .port = "6868",
	.is_daemon = 1, .serve = dir_serve, NAMES_OF(dir_ops)
};
extern const struct service xfer_service, chat_service, room_service;
#endif

/* To add a service: define a struct service in more/, declare it above, list it
 * here, and add its files to the Makefile. The first one is the default. */
const struct service *const services[SERVICES_MAX + 1] = {
	&ftp_service,
#ifndef TINY
	&xfer_service,
	&dir_service,
	&chat_service,
	&room_service,
#endif
};

static const char not_a_port[] = "not a port (0 to 65535)";

/* An operand: PORT (of ftp), SERVICE or SERVICE=PORT. */
static void
read_operand(const char *text)
{
	const char *port = text;
	size_t i, len;

	len = strcspn(text, "=");
	for (i = 0; services[i] != NULL; i++)
		if (strlen(services[i]->name) == len &&
		    strncmp(services[i]->name, text, len) == 0)
			break;
	if (services[i] != NULL)
		port = text[len] == '=' ? text + len + 1 : services[i]->port;
	else if (strspn(text, "0123456789") == strlen(text))
		i = 0;
	else
		usage_error(text, "neither a port nor a service");
	if (started[i].port != NULL)
		usage_error(text, "this service has a port already");
	if (number(port, strlen(port), 0, 65535) < 0)
		usage_error(text, not_a_port);
	started[i].port = port;
}

static const char *
set_port(char *value)
{
	started[0].port = value;
	return number(value, strlen(value), 0, 65535) < 0 ? not_a_port : NULL;
}

static const char *
set_data_ports(char *value)
{
	size_t n;
	int64_t lo, hi;

	n = strcspn(value, "-");
	lo = number(value, n, 1, 65535);
	hi = value[n] == '\0' ? -1 :
	    number(value + n + 1, strlen(value + n + 1), 1, 65535);
	if (lo < 0 || hi < lo)
		return "not a range of ports like 55000-55030";
	serv.data_lo = (unsigned)lo;
	serv.data_hi = (unsigned)hi;
	return NULL;
}

static const struct option options[] = {
	{ 'h', NULL, "this text", .set = NULL },
	{ 'H', "host", "address to bind (" DEFAULT_HOST "; all: 0.0.0.0 or ::)",
	    .text = &serv.host },
	{ 'n', "children", "connections at most, per service ("
	    STRING(DEFAULT_CHILDREN) ")",
	    .number = &serv.max_children, .lo = 1, .hi = CHILDREN_MAX },
	{ 'p', "port", "port of the ftp service, 0: any free one",
	    .set = set_port },
	{ 'P', "lo-hi", "range of the data ports (" STRING(DATA_LO) "-"
	    STRING(DATA_HI) ")", .set = set_data_ports },
	{ 'q', NULL, "log errors only", .number = &logger.level, .lo = ERROR },
	{ 's', "dir", "directory to serve (.)", .text = &serv.directory },
	{ 'T', "seconds", "idle limit of a connection ("
	    STRING(DEFAULT_IDLE_S) ")",
	    .number = &serv.idle, .lo = 1, .hi = 1000000 },
	{ 'v', NULL, "log connections too, with the date",
	    .number = &logger.level, .lo = DEBUG },
	OPTIONS_END
};

static void
list_services(void)
{
	size_t i;

	printf("services and their default ports:");
	for (i = 0; services[i] != NULL; i++)
		printf(" %s=%s", services[i]->name, services[i]->port);
	putchar('\n');
}

static const struct command_line command_line = { "serv",
    "[port | service[=port] ...]", list_services, { options,
#ifndef TINY
    more_options, fault_options, trace_options, capture_options
#endif
    } };

/* A wrong command line ends the program before anything is started. Without an
 * operand the first service is started; with -x all are. */
static void
read_command_line(int argc, char **argv)
{
	size_t i;

	program_begin(&command_line, argc, argv);
#ifndef TINY
	faults_begin(0);
	trace_begin();
#endif
	if (optind == argc && started[0].port == NULL)
		started[0].port = services[0]->port;
	for (; optind < argc; optind++)
		read_operand(argv[optind]);
	for (i = 0; all_services && services[i] != NULL; i++)
		if (started[i].port == NULL)
			started[i].port = services[i]->port;
}

static int
listen_all(void)
{
	char host[HOST_BYTES];
	size_t i;
	int fd, port;

	for (i = 0; services[i] != NULL; i++) {
		if (started[i].port == NULL)
			continue;
		fd = sock_listen(serv.host, started[i].port,
		    services[i]->type);
		if (fd < 0)
			return fail("serv: %s: cannot listen on %s %s: %s",
			    services[i]->name, serv.host, started[i].port,
			    reason());
		started[i].listener = fd;
		port = sock_host(fd, getsockname, host);
		printf("listening %s %s %s %d\n", services[i]->name,
		    services[i]->type == SOCK_STREAM ? "tcp" : "udp", host,
		    port);
	}
#ifndef TINY
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		puts("Enter s to print statistics, or q to exit.");
#endif
	return fflush(stdout) == 0 ? 0 :
	    fail("serv: standard output: %s", reason());
}

/* Listens last, when all else is ready. */
int
main(int argc, char **argv)
{
	sigset_t all;

	setvbuf(stdout, NULL, _IOFBF, 4096);
	read_command_line(argc, argv);
	logger.stamped = 1;
	if (chdir(serv.directory) < 0)
		return fail("serv: -s %s: %s", serv.directory, reason());
	on_signal(SIGTERM, signalled);
	on_signal(SIGINT, signalled);
#ifndef TINY
	if (supervisor_begin() != 0)
		return 1;
#endif
	if (listen_all() != 0)
		_exit(1);	/* and stdout's lines are not printed */
	on_signal(SIGCHLD, signalled);
	sigemptyset(&parent.awake);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);	/* except in pselect() */
#ifdef TINY
	serve_connections(services[0], started[0].listener);
	return 0;
#else
	return supervise();
#endif
}
