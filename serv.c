/* serv.c: the server. Licence: ISC, see README.
 *
 *      serv 50000              the FTP-like service on port 50000
 *      serv -h                 all options
 *
 * Read proto.h first, then Part I of proto.c. This file goes:
 *
 *  Part I   services        what they share: requests, reports to the parent
 *           ftp             get, put, ls, quit: in a child for each connection
 *           parent          accepts, forks, reaps
 *  Part II  ftp by UDP      uget, uput
 *           dir             the directory: a daemon
 *           parent          daemons, statistics, the console
 *  the end  the table of services, options, main
 *
 * The processes:
 *
 *      parent  waits for listeners, signals, reports, and the console; for no
 *       |      client
 *       +--- child   one for each connection, forked after accept(): runs the
 *       +--- child   handler of the service, and ends
 *       +--- ...     at most -n of them, and a few that only say `full'
 *       +--- dir     a daemon: one process for all clients, from beginning to
 *       |            end; should it die, it is started again
 *       +--- chat, room      the same; with a child for each file they send
 *
 * A child is a process of its own, so its code reads as one conversation with
 * one client, and whatever happens to it happens to no other. The parent holds
 * no client's socket. It makes three pipes:
 *
 *      signals     a signal handler writes the number of the signal, and the
 *                  parent's wait sees it beside the listeners: so nothing is
 *                  ever done inside a handler, and no signal can slip in
 *                  between a test and a wait
 *      reports     children write what they counted; the parent adds it up
 *      lifeline    only the parent holds its writing end. Whether it ends in
 *                  order or is killed, the children see end of file there, and
 *                  each of their waits fails with ECANCELED
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700		/* for SIGXFSZ and tsearch() */
#define _FILE_OFFSET_BITS 64

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto.h"
#include "more/serv.h"

/* ==== Part I: the tiny program. ========================================== */

/* ---- what the services share ------------------------------------------- */

#define DEFAULT_HOST		"127.0.0.1"
#define DEFAULT_CHILDREN	64
#define DEFAULT_IDLE_S		300

static struct options given = { DEFAULT_HOST, ".", DATA_LO, DATA_HI,
    DEFAULT_CHILDREN, DEFAULT_IDLE_S * SECOND };
const struct options *const options = &given;	/* what all others read */

#define REPORT_EVERY	(SECOND / 50)	/* a busy process reports so often */

/* A record goes through the pipe by one write(2), of less than PIPE_BUF bytes,
 * which makes it whole. */
struct record {
	size_t service;			/* of services[] */
	uint64_t n[COUNTERS];
};

static struct {				/* in a child */
	int pipe;			/* its end of the pipe of reports */
	size_t service;			/* that it serves */
	uint64_t told[COUNTERS];	/* what the parent knows already */
	int64_t next;			/* no report before */
} reporter = { .pipe = -1 };

/* If the pipe is full, the next record will say this too. */
int64_t
report(void)
{
	struct record r;
	int64_t t;
	size_t i;

	if (memcmp(reporter.told, counters, sizeof counters) == 0)
		return NEVER;
	t = now();
	if (t < reporter.next)
		return reporter.next;
	reporter.next = t + REPORT_EVERY;
	r.service = reporter.service;
	for (i = 0; i < COUNTERS; i++)
		r.n[i] = counters[i] - reporter.told[i];
	if (write(reporter.pipe, &r, sizeof r) < 0)
		return reporter.next;
	memcpy(reporter.told, counters, sizeof counters);
	return NEVER;
}

/* Called once for each request, when it is known to be one; the answer may take
 * its time. */
void
count_command(int row)
{
	if (COMMANDS + row < COUNTERS)
		counters[COMMANDS + row]++;
	report();
}

/* Called by transfers at each turn. */
int
report_tick(const struct transfer *t)
{
	(void)t;
	report();
	return 0;
}

/* Reports first or, if the last report is too recent, during the wait. What to
 * make of a wait that fails is up to the receive that follows. */
void
await_input(int fd, int64_t deadline)
{
	int64_t due;

	do
		due = report();
	while (wait_for(fd, POLLIN, due < deadline ? due : deadline) < 0 &&
	    errno == ETIMEDOUT && now() < deadline);
}

/* The peer is the one to close now; meanwhile the parent learns how it went. */
void
end_connection(int fd)
{
	sock_end(fd);
	await_input(fd, now() + DISCARD_S * SECOND);
	sock_finish(fd);
}

/* A new process has done nothing yet. */
void
begin_child(void)
{
	memset(counters, 0, sizeof counters);
	memset(reporter.told, 0, sizeof reporter.told);
	reporter.next = 0;
}

/* The last report may wait for room in the pipe, even when the parent ends. */
void
end_child(void)
{
	lifeline = -1;
	reporter.next = 0;
	wait_for(reporter.pipe, POLLOUT, now() + SECOND);
	report();
	_exit(0);
}

/* Silence is no error, but the client may wonder. */
void
log_end(const char *peer)
{
	if (errno == ETIMEDOUT)
		log_msg(INFO, "%s: idle for %ld s, closed", peer,
		    (long)(options->idle / SECOND));
	else
		log_msg(INFO, "%s: %s", peer, reason());
}

/* What is not a regular file does not exist, for a client. */
int
open_served(const struct request *r, uint64_t *size, int *missing)
{
	int fd;

	fd = file_open(r->name, 0, size);
	*missing = fd < 0 && (errno == ENOENT || errno == EISDIR ||
	    errno == ENXIO);		/* not a regular file */
	return fd;
}

/* One line, `get x from ADDRESS: why`. */
void
log_refused(const struct request *r, const char *why)
{
	log_msg(why == NULL ? ERROR : INFO, "%s %.255s from %s: %s", r->verb,
	    r->name, r->peer, why == NULL ? reason() : why);
}

/* Called at the end of each download, however it ended. */
void
log_sent(const struct request *r, enum moved moved, const char *why)
{
	counters[DOWNLOADS] += moved == MOVED;
	if (moved == MOVED)
		log_msg(INFO, "File %s downloaded from %s.", r->name, r->peer);
	else
		log_msg(moved == FILE_FAILED || moved == FILE_SHORT ? ERROR :
		    INFO, "%s %s from %s: %s", r->verb, r->name, r->peer,
		    moved == STOPPED ? "broken off by the client" :
		    moved == FILE_SHORT ? "the file became shorter" : why);
}

/* The uploads of all services end here. Only after MOVED does a file get its
 * name: whole, or not at all. */
int
store_file(const struct request *r, struct newfile *f, enum moved moved)
{
	if (moved == MOVED && newfile_commit(f) == 0) {
		counters[UPLOADS]++;
		log_msg(INFO, "File %s uploaded from %s.", f->name, r->peer);
		return 0;
	}
	log_msg(moved == PEER_FAILED || moved == STOPPED ? INFO : ERROR,
	    "%s %s from %s: %s", r->verb, r->name, r->peer, moved == STOPPED ?
	    "broken off by the client" : reason());
	if (moved != MOVED)		/* else the commit has done it */
		newfile_abort(f);
	return -1;
}

/* ---- ftp: in a child for each connection ------------------------------- */

/* Sends a number, a port or a code, as a frame. */
static int
ftp_answer(int fd, long n)
{
	char text[24];
	int len;

	len = sprintf(text, "%ld", n);
	return frame_send(fd, text, (size_t)len, now() + options->idle);
}

/* Answers a command with a code. */
static int
ftp_refuse(const struct request *r, enum ftp_code code)
{
	log_refused(r, code == FTP_STORE ? NULL : ftp_code_text(code));
	return ftp_answer(r->control, code);
}

/* Opens the file of a get, or refuses: -1, and *result is what to return. */
static int
ftp_open(const struct request *r, uint64_t *size, int *result)
{
	int fd, missing;

	fd = open_served(r, size, &missing);
	if (fd < 0)
		*result = ftp_refuse(r, missing ? FTP_NOFILE : FTP_STORE);
	return fd;
}

/* Opens a free data port, or says that there is none. */
static int
ftp_port(const struct request *r, int type, unsigned *port)
{
	int fd;

	fd = data_listen(r->control, type, options->data_lo, options->data_hi,
	    port);
	if (fd < 0) {
		log_msg(ERROR, "no data port in %u-%u: %s", options->data_lo,
		    options->data_hi, reason());
		ftp_refuse(r, FTP_FULL);
	}
	return fd;
}

/* Opens a data channel: answers the port and returns the connection, or -1. */
static int
ftp_data(const struct request *r)
{
	struct addr client;
	int64_t deadline;
	unsigned port;
	int fd, listener;

	listener = ftp_port(r, SOCK_STREAM, &port);
	if (listener < 0)
		return -1;
	fd = -1;
	deadline = now() + FTP_ACCEPT_S * SECOND;
	if (addr_peer(r->control, &client) == 0 &&
	    ftp_answer(r->control, port) == 0) {
		await_input(listener, deadline);
		fd = data_accept(listener, &client, deadline);
	}
	if (fd < 0)
		log_msg(INFO, "%s %s from %s: no data connection: %s", r->verb,
		    r->name, r->peer, reason());
	close(listener);
	return fd;
}

/* Ends a file that was received, or was not; returns what to answer. */
static enum ftp_code
ftp_store(const struct request *r, struct newfile *f, enum moved moved)
{
	enum ftp_code code;

	code = moved == STOPPED || (moved == PEER_FAILED &&
	    errno != ECANCELED) ? FTP_SYNTAX : FTP_STORE;
	return store_file(r, f, moved) == 0 ? FTP_OK : code;
}

/* get NAME. A client that takes no byte for -T seconds is given up; its next
 * command is awaited. */
static int
ftp_get(const struct request *r)
{
	char head[FRAME_HEAD];
	struct transfer t = { 0 };
	enum moved moved;
	int result;

	result = 0;
	t.idle = options->idle;
	t.tick = report_tick;
	t.file = ftp_open(r, &t.size, &result);
	if (t.file < 0)
		return result;
	if (t.size > FRAME_MAX) {
		close(t.file);
		errno = EFBIG;
		return ftp_refuse(r, FTP_STORE);
	}
	t.sock = ftp_data(r);
	if (t.sock >= 0) {
		frame_pack(head, t.size);
		moved = transfer_send(&t, head, FRAME_HEAD);
		log_sent(r, moved, reason());
		end_connection(t.sock);
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
	int64_t deadline;

	if (newfile_open(&f, r->name, 0) < 0)
		return ftp_refuse(r, FTP_STORE);
	t.idle = options->idle;
	t.tick = report_tick;
	t.file = f.fd;
	t.sock = ftp_data(r);
	if (t.sock < 0) {
		newfile_abort(&f);
		return 0;
	}
	deadline = now() + options->idle;
	moved = PEER_FAILED;
	await_input(t.sock, deadline);
	if (frame_head(t.sock, &t.size, deadline) == RECEIVED)
		moved = transfer_recv(&t);
	ftp_answer(t.sock, ftp_store(r, &f, moved));
	end_connection(t.sock);
	return 0;
}

/* ls */
static int
ftp_ls(const struct request *r)
{
	struct dirent **files;
	char *text;
	ssize_t i, n;
	size_t len;
	FILE *out;
	int result;

	n = list_files(FRAME_MAX, &files);
	if (n < 0)
		return ftp_refuse(r, FTP_STORE);
	text = NULL;
	out = open_memstream(&text, &len);
	for (i = 0; i < n && out != NULL; i++)
		fprintf(out, i == 0 ? "%s" : "\n%s", files[i]->d_name);
	list_free(files, n);
	if (out == NULL || fclose(out) != 0 || text == NULL) {
		free(text);
		return ftp_refuse(r, FTP_STORE);
	}
	result = frame_send(r->control, text, len, now() + options->idle);
	free(text);
	if (result == 0)
		log_msg(INFO, "Files list downloaded from %s.", r->peer);
	return result;
}

/* quit */
static int
ftp_quit(const struct request *r)
{
	(void)r;
	return -1;
}

static int	ftp_uget(const struct request *r);	/* Part II */
static int	ftp_uput(const struct request *r);

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

/* Takes the size off the end of `NAME SIZE', of *n bytes; -1: it has none. */
static int64_t
split_size(char *text, size_t *n)
{
	char *space;

	space = strrchr(text, ' ');
	if (space == NULL || strlen(text) != *n)
		return -1;
	*space = '\0';
	*n = (size_t)(space - text);
	return number(space + 1, strlen(space + 1), 0, INT64_MAX);
}

/* Looks a verb of n bytes up, in capitals or not. Returns its row, or -1. */
static int
ftp_verb(const char *text, size_t n)
{
	char verb[8];
	size_t i;

	if (n > sizeof verb)
		return -1;
	for (i = 0; i < n; i++)
		verb[i] = (char)tolower((unsigned char)text[i]);
	return find_name(ftp_verbs, verb, n);
}

/*
 * Carries out one command. The verb ends at the first space; all that follows
 * is the name, but for the size of a uput, which is behind the last space.
 * Returns -1 if the conversation is over.
 */
static int
ftp_command(int control, const char *peer, char *text, size_t n)
{
	struct request r = { control, peer, "command", text, 0 };
	char *space;
	int64_t size;
	size_t len;
	int i;

	space = memchr(text, ' ', n);
	len = space == NULL ? n : (size_t)(space - text);
	i = ftp_verb(text, len);
	size = -1;
	if (i >= 0 && (ftp_verbs[i].follows == NOTHING) == (space == NULL)) {
		n -= space == NULL ? n : len + 1;
		size = ftp_verbs[i].follows == NAME_SIZE ?
		    split_size(space + 1, &n) : 0;
	}
	if (size < 0) {
		counters[BAD_REQUESTS]++;
		return ftp_refuse(&r, FTP_SYNTAX);
	}
	count_command(i);
	r.verb = ftp_verbs[i].verb;
	r.name = space == NULL ? "" : space + 1;
	r.size = (uint64_t)size;
	if (space != NULL && !name_ok(r.name, n))
		return ftp_refuse(&r, FTP_NAME);
	return ftp_verbs[i].run(&r);
}

/* The conversation with one client, from the first frame to the last. */
static void
ftp_serve(int control, const char *peer)
{
	enum received got;
	int64_t deadline;
	char *text;
	size_t n;
	int ended, malformed;

	deadline = now() + options->idle;
	do {
		await_input(control, deadline);
		got = frame_recv(control, &text, &n, FTP_COMMAND_MAX,
		    deadline);
		ended = got != RECEIVED ||
		    ftp_command(control, peer, text, n) < 0;
		free(text);
		deadline = now() + options->idle;
	} while (!ended);
	malformed = got == FAILED && (errno == EBADMSG || errno == EMSGSIZE);
	counters[BAD_REQUESTS] += malformed;
	if (got == FAILED)
		log_end(peer);
	if (malformed)
		ftp_answer(control, FTP_SYNTAX);
}

/* ---- the parent ------------------------------------------------------ */

#define REFUSERS	16	/* children that only say: server is full */
#define FULL_WAIT	(SECOND / 20)	/* for a child that is just ending */
#define LIFELINE_WAIT	(SECOND / 2 * 3)	/* for children to end by it, */
#define TERM_WAIT	(SECOND / 2)		/* and then by SIGTERM */

/* What a child is for; a daemon's kind is the index of its service plus 1. */
enum { CONNECTION = -1, REFUSER = -2 };

static struct {
	struct listener {
		const char *port;	/* asked for; NULL: not started */
		int fd;			/* -1: none */
	} listener[SERVICES_MAX];
	struct children children;
	int signals[2];			/* the pipes, see above */
	int reports[2];
	int lifeline_end;
	int64_t accept_from;		/* no accept() before; 0: at once */
} parent;

/*
 * What Part II adds to the parent: daemons, statistics, standard input. Each
 * turn begins with chores(), which returns the time of its next call.
 * watch_more() fills in the last two entries of the poll set; serve_more()
 * serves them, and returns true to end the server.
 */
static int64_t chores(void);
static void	watch_more(struct pollfd p[2]);
static int	serve_more(const struct pollfd p[2]);
static void	ask_statistics(void);

/* Passes a signal on to the parent's loop. */
static void
signal_to_pipe(int sig)
{
	unsigned char byte;
	int saved;

	saved = errno;
	byte = (unsigned char)sig;
	if (write(parent.signals[1], &byte, 1) < 0)
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
parent_init(void)
{
	int line[2];

	if (children_init(&parent.children, options->max_children + REFUSERS +
	    SERVICES_MAX) < 0 || pipe(parent.signals) < 0 || pipe(line) < 0 ||
	    pipe(parent.reports) < 0)
		return -1;
	fcntl(parent.signals[0], F_SETFL, O_NONBLOCK);
	fcntl(parent.signals[1], F_SETFL, O_NONBLOCK);
	fcntl(parent.reports[0], F_SETFL, O_NONBLOCK);
	fcntl(parent.reports[1], F_SETFL, O_NONBLOCK);
	lifeline = line[0];
	parent.lifeline_end = line[1];
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
 * What a child changes before it serves on fd. SIGINT, SIGQUIT and SIGHUP reach
 * the whole process group of a terminal: a child ignores them, and learns from
 * the lifeline that the parent ends. SIGTERM comes from parent_end(), for a
 * child that has not ended in time.
 */
static void
become_child(size_t service, int fd)
{
	size_t i;

	on_signal(SIGCHLD, SIG_DFL);
	on_signal(SIGINT, SIG_IGN);
	on_signal(SIGHUP, SIG_IGN);
	on_signal(SIGQUIT, SIG_IGN);
	on_signal(SIGUSR1, SIG_IGN);
	newfile_guard(SIGTERM);
	for (i = 0; services[i] != NULL; i++)
		if (parent.listener[i].fd >= 0 && parent.listener[i].fd != fd)
			close(parent.listener[i].fd);
	close(parent.lifeline_end);
	close(parent.signals[0]);
	close(parent.signals[1]);
	close(parent.reports[0]);
	reporter.pipe = parent.reports[1];
	reporter.service = service;
	begin_child();
}

/* Serves one connection in a child, or tells it that the server is full. */
static void
serve(const struct service *s, int fd, const char *peer, int full)
{
	log_msg(DEBUG, "%s: %s connected", s->name, peer);
	if (!full) {
		s->handler(fd, peer);
	} else {
		send_some(fd, s->full, strlen(s->full));
		log_msg(INFO, "%s: %s refused: server is full", s->name, peer);
	}
	end_connection(fd);
	log_msg(DEBUG, "%s: %s closed, %llu bytes received, %llu sent",
	    s->name, peer, (unsigned long long)counters[BYTES_RECEIVED],
	    (unsigned long long)counters[BYTES_SENT]);
}

/* Forks, with the signals held back until the child has its own handlers. */
static pid_t
fork_child(size_t service, int fd, const char *peer, long kind)
{
	const struct service *s = services[service];
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = children_fork(&parent.children, kind);
	if (pid == 0) {
		become_child(service, fd);
		sigprocmask(SIG_SETMASK, &old, NULL);
		if (s->is_daemon)
			s->handler(fd, "");
		else
			serve(s, fd, peer, kind == REFUSER);
		end_child();
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		log_msg(ERROR, "%s: fork: %s", s->name, reason());
	else
		log_msg(DEBUG, "%s: child %ld started", s->name, (long)pid);
	return pid;
}

/* Reaps all children that have ended. */
static void
reap(void)
{
	struct child c;

	while (children_reap(&parent.children, 0, &c)) {
		if (WIFSIGNALED(c.status))
			log_msg(ERROR, "child %ld ended by signal %d",
			    (long)c.pid, WTERMSIG(c.status));
		else
			log_msg(DEBUG, "child %ld ended", (long)c.pid);
		if (c.kind == CONNECTION)
			parent.accept_from = 0;		/* there is room */
	}
}

/*
 * Accepts the next connection of a service and forks a child for it. A child
 * closes its connection just before it ends, so a client that reconnects may
 * find the table still full: the parent gives that child FULL_WAIT to end.
 */
static void
accept_one(size_t service)
{
	static int waited;
	const struct service *s = services[service];
	char peer[PEER_BYTES];
	struct addr a;
	pid_t pid;
	int fd, full;

	reap();
	full = children_of(&parent.children, CONNECTION) >=
	    options->max_children;
	waited = full && !waited;
	if (waited) {
		parent.accept_from = now() + FULL_WAIT;
		return;
	}
	fd = sock_accept(parent.listener[service].fd, &a);
	if (fd < 0 && errno != EAGAIN) {
		log_msg(ERROR, "%s: accept: %s", s->name, reason());
		parent.accept_from = now() + SECOND;	/* or it would spin */
	}
	if (fd < 0)
		return;
	addr_text(&a, peer);
	pid = fork_child(service, fd, peer, full ? REFUSER : CONNECTION);
	if (pid < 0)
		send_some(fd, s->full, strlen(s->full));
	counters[full || pid < 0 ? REFUSED : CONNECTIONS]++;
	if (pid < 0)
		sock_close(fd);
	else
		close(fd);	/* it is the child's now */
}

/* Reads the pipe of signals. Returns true if one of them means the end. */
static int
read_signals(void)
{
	unsigned char sig;
	int end;

	end = 0;
	while (read(parent.signals[0], &sig, 1) == 1)
		if (sig == SIGUSR1)
			ask_statistics();
		else if (sig != SIGCHLD)
			end = 1;
	reap();
	return end;
}

/* May another connection be accepted? */
static int
accepting(void)
{
	if (parent.accept_from != 0 && now() >= parent.accept_from)
		parent.accept_from = 0;
	return parent.accept_from == 0 && (children_of(&parent.children,
	    CONNECTION) < options->max_children ||
	    children_of(&parent.children, REFUSER) < REFUSERS);
}

/* The poll set: signals, two of Part II, and the listeners of connections. */
enum {
	SIGNALS, MORE, LISTENERS = MORE + 2, WATCHED = LISTENERS + SERVICES_MAX
};

/* Waits for anything to happen, or to be due. Returns -1 if nothing
 * happened. */
static int
parent_wait(struct pollfd p[WATCHED + 1])
{
	int64_t deadline;
	size_t i;
	int accepts;

	accepts = accepting();
	deadline = chores();
	if (parent.accept_from != 0 && parent.accept_from < deadline)
		deadline = parent.accept_from;
	p[SIGNALS].fd = parent.signals[0];
	p[SIGNALS].events = POLLIN;
	watch_more(p + MORE);
	for (i = 0; services[i] != NULL; i++) {
		p[LISTENERS + i].fd = accepts && !services[i]->is_daemon ?
		    parent.listener[i].fd : -1;
		p[LISTENERS + i].events = POLLIN;
	}
	return wait_many(p, LISTENERS + i, deadline);
}

/* Runs until a signal, or `q' on standard input, ends the server. */
static void
parent_loop(void)
{
	struct pollfd p[WATCHED + 1];
	size_t i;
	int end;

	do {
		end = parent_wait(p) < 0 && errno != ETIMEDOUT;
		if (end)
			log_msg(ERROR, "poll: %s", reason());
		for (i = 0; services[i] != NULL; i++)
			if (p[LISTENERS + i].revents != 0 && accepting())
				accept_one(i);
		end |= serve_more(p + MORE);
	} while (!read_signals() && !end);
}

/* Waits until all children have ended, for so many microseconds at most. */
static void
await_children(int64_t limit)
{
	struct pollfd p[4];
	int64_t deadline;

	deadline = now() + limit;
	p[0].fd = parent.signals[0];
	p[0].events = POLLIN;
	do {
		read_signals();
		watch_more(p + 1);
		p[2].fd = -1;			/* no more orders */
	} while (parent.children.n > 0 && wait_many(p, 3, deadline) == 0 &&
	    serve_more(p + 1) >= 0);
}

/* An orderly end: no new clients; then the lifeline, and at last SIGTERM. */
static void
parent_end(void)
{
	size_t i;

	for (i = 0; services[i] != NULL; i++)
		if (parent.listener[i].fd >= 0)
			close(parent.listener[i].fd);
	close(parent.lifeline_end);
	lifeline = -1;		/* what follows are waits of the parent's */
	await_children(LIFELINE_WAIT);
	for (i = 0; i < parent.children.n; i++)
		kill(parent.children.child[i].pid, SIGTERM);
	await_children(TERM_WAIT);
}

/* ==== Part II: the extended mode. The tiny program ends here. ============ */

/* ---- ftp by UDP: the contents travel by rdt ------------------------------ */

/*
 * Opens the session: answers its port and key, with_size the size too, and
 * waits for the client's HELLO. *moved tells whether that came. Returns -1 if
 * there is no port for it.
 */
static int
udp_open(const struct request *r, struct rdt_session *s, int with_size,
    enum moved *moved)
{
	char offer[RDT_OFFER_BYTES];
	struct addr client;
	unsigned port;

	s->encoding = &rdt_native;
	s->control = r->control;
	s->key = rdt_key();
	s->t.tick = report_tick;
	s->t.name = r->name;
	s->t.peer = r->peer;
	s->t.sock = ftp_port(r, SOCK_DGRAM, &port);
	if (s->t.sock < 0)
		return -1;
	rdt_offer_pack(offer, port, s->key, with_size ? &s->t.size : NULL);
	*moved = PEER_FAILED;
	if (addr_peer(r->control, &client) == 0 && frame_send(r->control,
	    offer, strlen(offer), now() + options->idle) == 0)
		*moved = rdt_accept(s, &client);
	return 0;
}

/*
 * uget NAME. A file that cannot be read to its end closes the control
 * connection too: no datagram can tell the client that no more will come.
 */
static int
ftp_uget(const struct request *r)
{
	struct rdt_session s = { 0 };
	enum moved moved;
	int result;

	result = 0;
	s.t.file = ftp_open(r, &s.t.size, &result);
	if (s.t.file < 0)
		return result;
	moved = MOVED;
	if (udp_open(r, &s, 1, &moved) == 0) {
		if (moved == MOVED)
			moved = rdt_send(&s);
		log_sent(r, moved, rdt_send_gave_up(&s.sender) ?
		    rdt_why_gave_up() : reason());
		rdt_close(&s);
	}
	close(s.t.file);
	return moved == FILE_FAILED || moved == FILE_SHORT ? -1 : 0;
}

/* uput NAME SIZE. Whatever happens to the session, the client gets a code. */
static int
ftp_uput(const struct request *r)
{
	struct rdt_session s = { 0 };
	struct newfile f;
	enum moved moved;
	int result;

	if (newfile_open(&f, r->name, 0) < 0)
		return ftp_refuse(r, FTP_STORE);
	s.t.file = f.fd;
	s.t.size = r->size;
	if (udp_open(r, &s, 0, &moved) < 0) {
		newfile_abort(&f);
		return 0;
	}
	if (moved == MOVED)
		moved = rdt_recv(&s);
	result = ftp_answer(r->control, ftp_store(r, &f, moved));
	if (moved == MOVED)
		rdt_linger(&s);
	rdt_close(&s);
	return result;
}

/* ---- dir: a daemon, a UDP loop ------------------------------------------ */

/*
 * Nicks, files, and holdings, each of which says that a nick has a file:
 *
 *      nick ---> holding ---> holding ---> ...       what a nick published
 *                   |            |
 *                   v            v
 *                 file         file ---> holding ---> ...    and who has it
 *
 * tsearch(3) finds nicks by name and by address, files by hash, name and size,
 * and holdings by both. A list is sent in the order of entry, so nicks and
 * listed files are in an array as well. A file is listed while one of its
 * holders serves.
 */
#define DIR_NICKS	10000		/* nicks at most, */
#define DIR_NICK_FILES	10000		/* files of each, */
#define DIR_HOLDINGS	1000000		/* and of all together */
#define PAGES_AT_ONCE	200		/* pages of lists for an address, */
#define PAGES_A_SECOND	50		/* and from then on */
#define PAGES_ALL	2000		/* a second, for all */
#define PAGE_LINE_BYTES	(DIR_REPLY_MAX - 5 - 17)	/* without `skip N' */

struct nick {
	size_t index;			/* in the array; must be first */
	char name[DIR_NICK_MAX + 1];
	uint32_t ip;			/* the UDP address that owns it, */
	unsigned port;			/* and its port */
	unsigned serves;		/* TCP port; 0: it does not */
	int64_t heard;			/* when it last spoke */
	struct holding *holdings;
	unsigned nholdings;
};

struct file {
	size_t index;			/* in the array, if listed; first */
	unsigned serving;		/* holders that serve; 0: not listed */
	struct holding *holders;
	uint64_t size;
	char hash[HASH_DIGITS + 1];
	char name[];
};

struct holding {
	struct nick *nick;
	struct file *file;
	struct holding *next;			/* of the nick */
	struct holding *next_holder, **link;	/* of the file; and what points
						   here */
};

/* Things in the order of their coming; NULL where one has gone. */
struct order {
	void **item;
	size_t n, room;			/* slots in use, and there */
	size_t live;			/* slots that are not NULL */
};

/* How many pages of a list may go out. */
struct bucket {
	int64_t filled;			/* when last */
	double pages;
};

static struct {
	void *nicks_by_name, *nicks_by_address, *files, *holdings;
	struct order users, listed;
	size_t nholdings;
	unsigned long servers;		/* nicks that serve */
	uint32_t secret;		/* of the hash that picks a bucket */
	struct bucket page_each[4096], page_all;
} dir;

/* May one more page leave? Fills up at `rate' a second, to `most'. */
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

/* ...files by all that a line says of them... */
static int
by_contents(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int order;

	order = strcmp(x->hash, y->hash);
	if (order == 0)
		order = strcmp(x->name, y->name);
	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* ...and holdings by both their ends, so that a nick with many files costs no
 * more than one with few. */
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

/* Without memory the daemon ends, and is started again, empty. */
static void *
check_memory(void *memory)
{
	if (memory == NULL) {
		log_msg(ERROR, "dir: %s", reason());
		_exit(1);
	}
	return memory;
}

/* Appends an item and stores its index in its first member. */
static void
order_add(struct order *o, void *item)
{
	if (o->n == o->room) {
		o->room = 2 * o->room + 64;
		o->item = check_memory(realloc(o->item,
		    o->room * sizeof *o->item));
	}
	*(size_t *)item = o->n;
	o->item[o->n++] = item;
	o->live++;
}

/* Closes the holes, once half of all slots are holes. */
static void
order_remove(struct order *o, size_t index)
{
	size_t i, n;

	o->item[index] = NULL;
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

/* The slot of the item that comes after `skip' others. */
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
		order_add(&dir.listed, f);
	f->serving += (unsigned)change;
	if (f->serving == 0)
		order_remove(&dir.listed, f->index);
}

/* The caller has taken h off the list of its nick. A file goes with its last
 * holder. */
static void
holding_remove(struct holding *h)
{
	struct file *f = h->file;

	if (h->nick->serves != 0)
		file_serving(f, -1);
	*h->link = h->next_holder;
	if (h->next_holder != NULL)
		h->next_holder->link = h->link;
	tdelete(h, &dir.holdings, by_ends);
	if (f->holders == NULL) {
		tdelete(f, &dir.files, by_contents);
		free(f);
	}
	free(h);
	dir.nholdings--;
}

/* A nick serves no more, and has no files. */
static void
nick_stop(struct nick *k)
{
	struct holding *h;

	while ((h = k->holdings) != NULL) {
		k->holdings = h->next;
		holding_remove(h);
	}
	k->nholdings = 0;
	dir.servers -= k->serves != 0;
	k->serves = 0;
}

/* Called at a Logout, and when a nick has been silent for too long. */
static void
nick_remove(struct nick *k)
{
	nick_stop(k);
	order_remove(&dir.users, k->index);
	tdelete(k, &dir.nicks_by_name, by_name);
	tdelete(k, &dir.nicks_by_address, by_address);
	free(k);
}

/* The nick of an address, or NULL. */
static struct nick *
nick_of(uint32_t ip, unsigned port)
{
	struct nick key;

	key.ip = ip;
	key.port = port;
	return find(&key, &dir.nicks_by_address, by_address);
}

/* The nick of this name, or NULL. */
static struct nick *
nick_named(const char *name, size_t n)
{
	struct nick key;

	if (!nick_ok(name, n))
		return NULL;
	memcpy(key.name, name, n);
	key.name[n] = '\0';
	return find(&key, &dir.nicks_by_name, by_name);
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

	if (dir.users.live >= DIR_NICKS) {
		limit_reached(STRING(DIR_NICKS) " nicks", &said);
		return NULL;
	}
	k = check_memory(calloc(1, sizeof *k));
	memcpy(k->name, name, n);
	k->ip = ip;
	k->port = port;
	order_add(&dir.users, k);
	check_memory(tsearch(k, &dir.nicks_by_name, by_name));
	check_memory(tsearch(k, &dir.nicks_by_address, by_address));
	return k;
}

/* The file of a line; if there is none yet, a new one (add), or NULL. */
static struct file *
file_of(const struct file_line *line, int add)
{
	struct file *f, *key;

	key = check_memory(calloc(1, sizeof *key + line->name_len + 1));
	key->size = line->size;
	memcpy(key->hash, line->hash, HASH_DIGITS);
	memcpy(key->name, line->name, line->name_len);
	f = find(key, &dir.files, by_contents);
	if (f == NULL && add) {
		check_memory(tsearch(key, &dir.files, by_contents));
		return key;
	}
	free(key);
	return f;
}

/* Does a nick have this file already? */
static int
has_file(struct nick *k, struct file *f)
{
	struct holding key;

	key.nick = k;
	key.file = f;
	return f != NULL && find(&key, &dir.holdings, by_ends) != NULL;
}

/* A nick has the file of this line from now on. */
static void
publish(struct nick *k, const struct file_line *line)
{
	struct holding *h;
	struct file *f;

	f = file_of(line, 1);
	if (has_file(k, f))
		return;
	h = check_memory(calloc(1, sizeof *h));
	h->nick = k;
	h->file = f;
	h->next = k->holdings;
	k->holdings = h;
	h->next_holder = f->holders;
	if (h->next_holder != NULL)
		h->next_holder->link = &h->next_holder;
	h->link = &f->holders;
	f->holders = h;
	check_memory(tsearch(h, &dir.holdings, by_ends));
	k->nholdings++;
	dir.nholdings++;
	if (k->serves != 0)
		file_serving(f, 1);
}

/* A request, and what is known of its sender. */
struct dir_request {
	struct dir_message m;
	uint32_t ip;
	unsigned port;
	struct nick *nick;		/* of that address, or NULL */
	int64_t t;			/* when it came */
};

/* An answer. If its op stays 0 there is none. */
struct dir_answer {
	struct dir_message m;
	char text[DIR_REPLY_MAX];
};

/* Register: a nick that is free, or one's own. */
static void
dir_register(const struct dir_request *r, struct dir_answer *a)
{
	struct nick *k;

	a->m.op = DIR_REGISTER_FAIL;
	k = nick_named(r->m.text, r->m.length);
	if (k == NULL && r->nick == NULL && nick_ok(r->m.text, r->m.length))
		k = nick_add(r->m.text, r->m.length, r->ip, r->port);
	else if (k != r->nick)
		k = NULL;
	if (k == NULL)
		return;
	k->heard = r->t;
	a->m.op = DIR_REGISTER_OK;
}

/* Lookup */
static void
dir_lookup(const struct dir_request *r, struct dir_answer *a)
{
	struct nick *k;

	k = nick_named(r->m.text, r->m.length);
	a->m.op = DIR_LOOKUP_FAIL;
	if (k == NULL || k->serves == 0)
		return;
	a->m.op = DIR_LOOKUP_OK;
	a->m.numbers = 2;
	a->m.number[0] = k->ip;
	a->m.number[1] = k->serves;
}

/* The number of an `at N' that begins a text; moves behind that line. Or -1. */
static int64_t
read_at(const char **text, size_t *left)
{
	const char *line, *rest = *text;
	size_t behind = *left, n;
	int64_t at;

	if (next_line(&rest, &behind, &line, &n) <= 0 || n < 3 || n > 14 ||
	    memcmp(line, "at ", 3) != 0)
		return -1;
	at = number(line + 3, n - 3, 0, DIR_HOLDINGS);
	if (at >= 0) {
		*text = rest;
		*left = behind;
	}
	return at;
}

/* How many lines there are, and how many are new; -1 if one is malformed. */
static int
count_lines(struct nick *k, const char *text, size_t left,
    unsigned *fresh)
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
		*fresh += !has_file(k, file_of(&f, 0));
	}
	return more < 0 ? -1 : lines;
}

/* Publish: all lines or none. */
static void
dir_publish(const struct dir_request *r, struct dir_answer *a)
{
	static int said, said_all;
	struct nick *k = r->nick;
	const char *line, *text;
	struct file_line f;
	size_t left, n;
	unsigned fresh;
	int64_t at;
	int lines;

	a->m.op = DIR_FAIL;
	text = r->m.text;
	left = r->m.length;
	at = read_at(&text, &left);
	lines = k == NULL ? -1 : count_lines(k, text, left, &fresh);
	if (lines < 0)
		return;
	if (k->nholdings + fresh > DIR_NICK_FILES) {
		limit_reached(STRING(DIR_NICK_FILES) " files a nick", &said);
		return;
	}
	if (dir.nholdings + fresh > DIR_HOLDINGS) {
		limit_reached(STRING(DIR_HOLDINGS) " files", &said_all);
		return;
	}
	while (next_line(&text, &left, &line, &n) > 0)
		if (file_line_parse(&f, line, n, 0) == 0)
			publish(k, &f);
	a->m.op = r->m.op == DIR_SERVE ? DIR_SERVE_OK : DIR_PUBLISH_OK;
	a->m.numbers = at >= 0 && r->m.op == DIR_PUBLISH;
	a->m.number[0] = (uint32_t)(at + lines);
}

/* ServeFiles: what was published before is listed from now on. With a text it
 * is a Publish, by a slip in dir's document. */
static void
dir_serve_files(const struct dir_request *r, struct dir_answer *a)
{
	struct nick *k = r->nick;
	struct holding *h;

	if (r->m.text != NULL) {
		dir_publish(r, a);
		return;
	}
	a->m.op = DIR_SERVE_FAIL;
	if (k == NULL || r->m.number[0] < 1 || r->m.number[0] > 65535)
		return;
	a->m.op = DIR_SERVE_OK;
	if (k->serves == 0) {
		dir.servers++;
		for (h = k->holdings; h != NULL; h = h->next)
			file_serving(h->file, 1);
	}
	k->serves = r->m.number[0];
}

/* Stop, Logout: of one's own nick, or of one that nobody has. */
static void
dir_leave(const struct dir_request *r, struct dir_answer *a)
{
	struct nick *k;

	k = nick_named(r->m.text, r->m.length);
	if (k != NULL && k != r->nick) {
		a->m.op = DIR_FAIL;
		return;
	}
	a->m.op = r->m.op == DIR_STOP ? DIR_STOP_OK : DIR_LOGOUT_OK;
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
	char ip[IPV4_BYTES];

	if (k->serves == 0)
		return (size_t)sprintf(line, "%s\n", k->name);
	return (size_t)sprintf(line, "%s %s:%u\n", k->name,
	    ipv4_text(k->ip, ip), k->serves);
}

/* A line of the list of files, with as many nicks as an answer has room for. */
static size_t
file_line(char *line, const void *item)
{
	const struct file *f = item;
	const struct holding *h;
	size_t n, room;

	n = (size_t)sprintf(line, "%s %llu ", f->hash,
	    (unsigned long long)f->size);
	room = PAGE_LINE_BYTES - n - strlen(f->name) - 2;
	for (h = f->holders; h != NULL && room > 1; h = h->next_holder)
		if (h->nick->serves != 0 && strlen(h->nick->name) < room) {
			room -= strlen(h->nick->name) + 1;
			n += (size_t)sprintf(line + n, "%s,", h->nick->name);
		}
	n--;				/* the last comma */
	return n + (size_t)sprintf(line + n, " %s\n", f->name);
}

/* May this address have a page of a list? */
static int
page_allowed(const struct dir_request *r)
{
	struct bucket *own = &dir.page_each[(r->ip * dir.secret) >> 20];

	return bucket_take(own, r->t, PAGES_AT_ONCE, PAGES_A_SECOND) &&
	    bucket_take(&dir.page_all, r->t, PAGES_ALL, PAGES_ALL);
}

/* GetUsers, GetFiles: a page of lines, whole ones. */
static void
dir_list(const struct dir_request *r, struct dir_answer *a)
{
	char line[DIR_REPLY_MAX];
	const struct order *o;
	size_t i, n;

	a->m.op = DIR_FAIL;		/* as short as the request */
	if (r->nick == NULL)
		return;
	a->m.op = 0;
	if (!page_allowed(r))
		return;
	o = r->m.op == DIR_GET_USERS ? &dir.users : &dir.listed;
	a->m.op = r->m.op == DIR_GET_USERS ? DIR_USERS : DIR_FILES;
	a->m.text = a->text;
	if (r->m.numbers > 0)
		a->m.length = (size_t)sprintf(a->text, "skip %lu\n",
		    (unsigned long)r->m.number[0]);
	for (i = order_skip(o, r->m.number[0]); i < o->n; i++) {
		if (o->item[i] == NULL)
			continue;
		n = o == &dir.users ? user_line(line, o->item[i]) :
		    file_line(line, o->item[i]);
		if (5 + a->m.length + n > DIR_REPLY_MAX)
			break;
		memcpy(a->text + a->m.length, line, n);
		a->m.length += n;
	}
}

/* Login */
static void
dir_login(const struct dir_request *r, struct dir_answer *a)
{
	(void)r;
	a->m.op = DIR_LOGIN_OK;
	a->m.numbers = 1;
	a->m.number[0] = (uint32_t)dir.servers;
}

/* The function for each request. A datagram with the op of an answer is counted
 * as malformed. */
static const struct {
	const char *name;
	enum dir_op op;
	void (*run)(const struct dir_request *r, struct dir_answer *a);
} dir_ops[] = {
	{ "Login", DIR_LOGIN, dir_login },
	{ "Lookup", DIR_LOOKUP, dir_lookup },
	{ "Register", DIR_REGISTER, dir_register },
	{ "ServeFiles", DIR_SERVE, dir_serve_files },
	{ "GetUsers", DIR_GET_USERS, dir_list },
	{ "GetFiles", DIR_GET_FILES, dir_list },
	{ "Publish", DIR_PUBLISH, dir_publish },
	{ "Stop", DIR_STOP, dir_leave },
	{ "Logout", DIR_LOGOUT, dir_leave },
};

/* Carries out a good request, and logs it: `Stop ann from ann, 127.0.0.1:9.' */
static void
dir_run(const struct dir_request *r, int i, const char *peer,
    struct dir_answer *a)
{
	char what[24], who[DIR_NICK_MAX + 3];
	int lines, again;

	/* Before it is carried out: a Logout takes the nick away. */
	sprintf(who, r->nick == NULL ? "%s" : "%s, ", r->nick == NULL ? "" :
	    r->nick->name);
	sprintf(what, r->m.numbers > 0 ? " %lu" : "%.0lu",
	    (unsigned long)r->m.number[0]);
	lines = r->m.text != NULL && memchr(r->m.text, '\n', r->m.length);
	again = r->nick != NULL && (r->m.op == DIR_REGISTER ||
	    (r->m.op == DIR_SERVE && r->m.number[0] == r->nick->serves));
	dir_ops[i].run(r, a);
	log_msg(again ? DEBUG : INFO, "%s%s%s%.*s from %s%s%s",
	    dir_ops[i].name, what,
	    r->m.text == NULL || lines ? "" : " ",
	    r->m.text == NULL || lines ? 0 : (int)r->m.length, r->m.text, who,
	    peer, a->m.op == 0 ? ": not answered" : a->m.op == DIR_FAIL ||
	    a->m.op == r->m.op + 2u ? ": refused" : ".");
}

/* The row of dir_ops for a datagram, which is taken apart into r->m; or -1. */
static int
dir_parse(struct dir_request *r, const struct addr *from,
    const unsigned char *datagram, size_t n)
{
	int i;

	if (addr_ipv4(from, &r->ip) < 0 || n > DIR_REQUEST_MAX ||
	    dir_unpack(&r->m, datagram, n) < 0)
		return -1;
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
	struct dir_answer a;
	struct addr from;
	ssize_t n;
	int i;

	n = dgram_recv(fd, in, sizeof in, &from);
	if (n < 0)
		return -1;
	addr_text(&from, peer);
	i = dir_parse(&r, &from, in, (size_t)n);
	if (i < 0) {
		counters[MALFORMED]++;
		log_msg(DEBUG, "dir: %s: malformed, %ld bytes", peer, (long)n);
		return 0;
	}
	count_command(i);
	r.t = now();
	r.port = addr_port(&from);
	r.nick = nick_of(r.ip, r.port);
	if (r.nick != NULL)
		r.nick->heard = r.t;
	memset(&a.m, 0, sizeof a.m);
	dir_run(&r, i, peer, &a);
	if (a.m.op != 0)
		dgram_send(fd, out, dir_pack(out, &a.m), &from,
		    COUNTED);
	return 0;
}

/* Forgets the nicks that have been silent for too long. */
static void
dir_expire(int64_t t)
{
	struct nick *k;
	size_t i, n;

	n = dir.users.n;
	for (i = 0; i < n; i++) {
		k = dir.users.item[i];
		if (k == NULL || t - k->heard < DIR_EXPIRE_S * SECOND)
			continue;
		log_msg(INFO, "Nick %s expired.", k->name);
		nick_remove(k);
		if (dir.users.n != n) {	/* all have moved: once more */
			n = dir.users.n;
			i = (size_t)-1;
		}
	}
}

/* The loop of the daemon: expires nicks, answers a batch, reports, waits. */
static void
dir_serve(int fd, const char *peer)
{
	int64_t due, sweep, t;
	struct addr own;
	uint32_t ip;
	int n;

	(void)peer;
	if (addr_local(fd, &own) < 0 || addr_ipv4(&own, &ip) < 0)
		log_msg(ERROR, "dir: speaks IPv4 alone, so nobody can ask it "
		    "on %s", options->host);
	dir.secret = rdt_key() | 1;
	sweep = 0;
	do {
		t = now();
		if (t >= sweep) {
			dir_expire(t);
			sweep = t + SECOND / 4;
		}
		for (n = 0; n < 256 && dir_turn(fd) == 0; n++)
			;
		due = report();
		due = n > 0 ? 0 : due < sweep ? due : sweep;
	} while (wait_for(fd, POLLIN, due) == 0 || errno == ETIMEDOUT);
}

/* ---- the parent: daemons, statistics, the console ---------------------- */

#define RESTARTS	5		/* of a daemon that dies, at most, */
#define RESTART_TIME	(10 * SECOND)	/* in this time */
#define REPORT_WAIT	(3 * TURN / 2)	/* until all children have reported */
#define STDOUT_BYTES	4096		/* go by one write */

static struct {
	int64_t began;			/* the time when serv did */
	uint64_t total[SERVICES_MAX][COUNTERS];	/* what children reported */
	struct {
		int64_t started[RESTARTS];
		unsigned oldest;	/* of these */
	} daemon[SERVICES_MAX];
	int64_t print_at;		/* when to print; NEVER: nobody asked */
	int64_t console_from;		/* no look at standard input before */
	size_t line_length;		/* of the line there, blanks aside, */
	char line_letter;		/* and its last letter */
} extra = { .print_at = NEVER };

/* Starts one daemon, if it does not run and may be started. Returns when to
 * call again. */
static int64_t
start_daemon(size_t i, int64_t t)
{
	int64_t *oldest = &extra.daemon[i].started[extra.daemon[i].oldest];

	if (parent.listener[i].fd < 0 || !services[i]->is_daemon ||
	    children_of(&parent.children, (long)i + 1) > 0)
		return NEVER;
	if (*oldest != 0 && t < *oldest + RESTART_TIME)
		return *oldest + RESTART_TIME;
	if (extra.daemon[i].started[0] != 0)
		log_msg(ERROR, "%s: died, started again", services[i]->name);
	*oldest = t;
	extra.daemon[i].oldest = (extra.daemon[i].oldest + 1) % RESTARTS;
	return fork_child(i, parent.listener[i].fd, "", (long)i + 1) < 0 ?
	    t + SECOND : NEVER;
}

/* Adds up the reports that have come. */
static void
read_reports(void)
{
	struct record r;
	size_t i;

	while (read(parent.reports[0], &r, sizeof r) == (ssize_t)sizeof r)
		for (i = 0; i < COUNTERS; i++)
			extra.total[r.service][i] += r.n[i];
}

/* Prints what this process and all children counted. */
static void
print_sum(const char *what, size_t counter)
{
	uint64_t sum;
	size_t i;

	sum = counters[counter];
	for (i = 0; services[i] != NULL; i++)
		sum += extra.total[i][counter];
	printf("%s: %llu\n", what, (unsigned long long)sum);
}

/* A line for each command of the services that were started. */
static void
print_requests(void)
{
	const struct service *s;
	const char *row;
	size_t i, k;

	puts("> Requests:");
	for (k = 0; (s = services[k]) != NULL; k++)
		for (i = 0; parent.listener[k].port != NULL &&
		    i < s->ncommands; i++) {
			row = (const char *)s->commands + i * s->command_bytes;
			printf("  * %s %s: %llu\n", s->name,
			    *(const char *const *)(const void *)row,
			    (unsigned long long)extra.total[k][COMMANDS + i]);
		}
	print_sum("  * unknown or malformed", BAD_REQUESTS);
}

/*
 * In the layout of xfer's document. A standard output that nobody reads must
 * not hold up the parent. If it is not writable in time, nothing is printed;
 * else all goes out in one write(2), of at most PIPE_BUF bytes on most systems.
 */
static void
print_statistics(int64_t deadline)
{
	static const char rule[] = "==================================="
	    "==================================";
	int64_t t;

	extra.print_at = NEVER;
	if (wait_for(STDOUT_FILENO, POLLOUT, deadline) < 0) {
		log_msg(ERROR, "serv: standard output: nobody reads it");
		return;
	}
	read_reports();
	t = now() - extra.began;
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

/* Statistics will be printed when all children have reported. */
static void
ask_statistics(void)
{
	if (extra.print_at == NEVER)
		extra.print_at = now() + REPORT_WAIT;
}

/*
 * Reads standard input: the line `s' asks for statistics, `q' ends the server.
 * End of file does not end it; on a FIFO or a terminal more may follow, so the
 * parent looks again after a second. In the background of a shell a read fails,
 * and may succeed later.
 */
static int
read_console(void)
{
	char text[512];
	ssize_t i, n;
	int end, other;

	/* Input that never ends must not keep the parent busy. */
	extra.console_from = now() + REPORT_EVERY;
	n = read(STDIN_FILENO, text, sizeof text - 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		extra.console_from = isatty(STDIN_FILENO) ||
		    lseek(STDIN_FILENO, 0, SEEK_CUR) < 0 ? now() + SECOND :
		    NEVER;
	if (n == 0)
		text[n++] = '\n';	/* which a last line may lack */
	for (end = other = 0, i = 0; i < n; i++) {
		if (text[i] != '\n') {
			if (memchr(" \t\r", text[i], 3) != NULL)
				continue;
			extra.line_letter = text[i];
			extra.line_length++;
			continue;
		}
		if (extra.line_length == 1 && extra.line_letter == 's')
			ask_statistics();
		else if (extra.line_length == 1 && extra.line_letter == 'q')
			end = 1;
		else
			other |= extra.line_length > 0 && !end;
		extra.line_length = 0;
	}
	if (other)
		log_msg(INFO, "standard input: neither s nor q");
	return end;
}

/* Starts daemons, prints statistics, when their time has come. */
static int64_t
chores(void)
{
	int64_t again, due, t;
	size_t i;

	t = now();
	due = NEVER;
	for (i = 0; services[i] != NULL; i++) {
		again = start_daemon(i, t);
		due = again < due ? again : due;
	}
	if (t >= extra.print_at)
		print_statistics(t);
	if (extra.console_from > t && extra.console_from < due)
		due = extra.console_from;
	return extra.print_at < due ? extra.print_at : due;
}

/* The pipe of reports; and the console, if it may be looked at. */
static void
watch_more(struct pollfd p[2])
{
	p[0].fd = parent.reports[0];
	p[1].fd = now() >= extra.console_from ? STDIN_FILENO : -1;
	p[0].events = p[1].events = POLLIN;
}

/* A standard input that is closed is never looked at again. */
static int
serve_more(const struct pollfd p[2])
{
	if (p[0].revents != 0)
		read_reports();
	if (p[1].revents & POLLNVAL)
		extra.console_from = NEVER;
	return p[1].revents & ~POLLNVAL ? read_console() : 0;
}

/* ==== The end: the table of services, options, main. ===================== */

static const struct service ftp_service = {
	.name = "ftp", .type = SOCK_STREAM, .port = "50000",
	.full = "0000000002-4", .handler = ftp_serve, NAMES_OF(ftp_verbs)
};
static const struct service dir_service = {
	.name = "dir", .type = SOCK_DGRAM, .port = "6868",
	.is_daemon = 1, .handler = dir_serve, NAMES_OF(dir_ops)
};
extern const struct service xfer_service, chat_service, room_service;

/* To add a service: define a struct service (more/serv.h) in more/, declare it
 * above, list it here, and add its files to the Makefile. The first one is the
 * default. */
const struct service *const services[SERVICES_MAX + 1] = {
	&ftp_service,
	&xfer_service,
	&dir_service,
	&chat_service,
	&room_service,
};

/* The defaults come from the macros that set them. */
static void
usage(FILE *out)
{
	size_t i;

	fputs("usage: serv [-hqvVx] [-H host] [-p port] [-s dir] [-P lo-hi] "
	    "[-n children]\n"
	    "            [-T seconds] [-L faults] [-t trace] [-w capture]\n"
	    "            [port | service[=port] ...]\n"
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
	    STRING(DEFAULT_IDLE_S) ")\n"
	    "  -v           log connections too, with the date\n"
	    "  -V           the version\n"
	    "  -w capture   append all that passes, for Wireshark (pcapng)\n"
	    "  -x           start every service on its default port\n"
	    "services and their default ports:\n", out);
	for (i = 0; services[i] != NULL; i++)
		fprintf(out, "  %s=%s\n", services[i]->name,
		    services[i]->port);
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
start_on(size_t i, const char *port, const char *operand)
{
	if (number(port, strlen(port), 0, 65535) < 0)
		bad_usage(operand, "not a port (0 to 65535)");
	if (parent.listener[i].port != NULL)
		bad_usage(operand, "this service has a port already");
	parent.listener[i].port = port;
}

/* An operand: PORT (of ftp), SERVICE or SERVICE=PORT. */
static void
operand(const char *text)
{
	size_t i, len;

	len = strcspn(text, "=");
	for (i = 0; services[i] != NULL; i++)
		if (strlen(services[i]->name) == len &&
		    strncmp(services[i]->name, text, len) == 0)
			break;
	if (services[i] != NULL)
		start_on(i, text[len] == '=' ? text + len + 1 :
		    services[i]->port, text);
	else if (strspn(text, "0123456789") == strlen(text))
		start_on(0, text, text);
	else
		bad_usage(text, "neither a port nor a service");
}

/* -P lo-hi */
static void
data_ports(const char *text)
{
	size_t n;
	int64_t lo, hi;

	n = strcspn(text, "-");
	lo = number(text, n, 1, 65535);
	hi = text[n] == '\0' ? -1 :
	    number(text + n + 1, strlen(text + n + 1), 1, 65535);
	if (lo < 0 || hi < lo)
		bad_usage(text, "not a range of ports, as in 55000-55030");
	given.data_lo = (unsigned)lo;
	given.data_hi = (unsigned)hi;
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
static int64_t
count(const char *text, const char *what, int64_t most)
{
	int64_t n;

	n = number(text, strlen(text), 1, most);
	if (n < 0)
		bad_usage(text, what);
	return n;
}

/* Decides what is started: the services that are named; else all, or ftp. */
static void
choose(int n, char **operands, int all)
{
	int any;
	size_t i;

	for (; n > 0; n--)
		operand(*operands++);
	for (any = 0, i = 0; services[i] != NULL; i++) {
		if (all && parent.listener[i].port == NULL)
			parent.listener[i].port = services[i]->port;
		any |= parent.listener[i].port != NULL;
	}
	if (!any)
		parent.listener[0].port = services[0]->port;
}

/* Options that have a value. Returns false if c is none of them. */
static int
option_value(int c, char *value)
{
	const char *bad, *why;

	switch (c) {
	case 'H':
		given.host = value;
		return 1;
	case 'L':
		bad = faults_parse(&faults, value, 0, &why);
		if (bad != NULL)
			bad_usage(bad, why);
		return 1;
	case 'n':
		given.max_children = (size_t)count(value,
		    "not a number of children (1 to 10000)", 10000);
		return 1;
	case 'p':
		start_on(0, value, value);
		return 1;
	case 'P':
		data_ports(value);
		return 1;
	case 's':
		given.directory = value;
		return 1;
	case 't':
		open_trace(value);
		return 1;
	case 'T':
		given.idle = SECOND * count(value,
		    "not a number of seconds (1 to 1000000)", 1000000);
		return 1;
	case 'w':
		if (capture_open(value) < 0)
			exit(1);
		return 1;
	default:
		return 0;
	}
}

/* A wrong option ends the program before anything is started. */
static void
read_options(int argc, char **argv)
{
	int all, c;

	all = 0;
	while ((c = getopt(argc, argv, "hH:L:n:p:P:qs:t:T:vVw:x")) != -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			exit(fflush(stdout) == 0 ? 0 : 1);
		case 'q':
			logger.level = ERROR;
			break;
		case 'v':
			logger.level = DEBUG;
			break;
		case 'V':
			puts("serv " VERSION);
			exit(fflush(stdout) == 0 ? 0 : 1);
		case 'x':
			all = 1;
			break;
		default:
			if (option_value(c, optarg))
				break;
			usage(stderr);
			exit(2);
		}
	}
	choose(argc - optind, argv + optind, all);
}

/* Opens the listener of a service, or says why not and returns -1. */
static int
open_listener(size_t i)
{
	struct listener *l = &parent.listener[i];
	const char *why;

	l->fd = -1;
	if (l->port == NULL)
		return 0;
	l->fd = sock_listen(options->host, l->port, services[i]->type, &why);
	if (l->fd >= 0)
		return 0;
	log_msg(ERROR, "serv: %s: cannot listen on %s %s: %s",
	    services[i]->name, options->host, l->port, why);
	return -1;
}

/* Opens all listeners and then says so, a line each. */
static int
listen_all(void)
{
	char host[HOST_BYTES];
	struct addr a;
	size_t i;

	for (i = 0; services[i] != NULL; i++)
		if (open_listener(i) < 0)
			return -1;
	for (i = 0; services[i] != NULL; i++) {
		if (parent.listener[i].fd < 0 ||
		    addr_local(parent.listener[i].fd, &a) < 0)
			continue;
		addr_host(&a, host);
		printf("listening %s %s %s %u\n", services[i]->name,
		    services[i]->type == SOCK_STREAM ? "tcp" : "udp", host,
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

/* Nothing is listened to before all else is ready. */
int
main(int argc, char **argv)
{
	std_descriptors();
	setvbuf(stdout, NULL, _IOFBF, STDOUT_BYTES);
	read_options(argc, argv);
	extra.began = now();
	logger.stamped = 1;
	if (chdir(options->directory) < 0) {
		log_msg(ERROR, "serv: -s %s: %s", options->directory,
		    reason());
		return 1;
	}
	if (parent_init() < 0) {
		log_msg(ERROR, "serv: %s", reason());
		return 1;
	}
	if (listen_all() < 0)
		return 1;
	parent_loop();
	if (extra.print_at != NEVER)		/* s and q at once */
		print_statistics(now());
	parent_end();
	if (logger.level > ERROR)
		print_statistics(now() + SECOND);
	free(parent.children.child);
	return 0;
}
