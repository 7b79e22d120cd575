/* proto.c: what serv and cli share. Licence: ISC, see README.
 *
 * No policy: serv.c and cli.c decide what to say and when to stop, except for
 * -h and wrong options. Read proto.h first; a section uses those above it:
 *
 *  Part I   diagnostics     one line of log, one write; text made printable
 *           options         tables of options: getopt's string and the usage
 *           exact I/O       read_all() and write_all(): messages and contents
 *           sockets         addresses as text, listen, connect, data channel
 *           names, files    name_ok(), file_send(), whole-or-nothing files
 *           frame           the messages of ftp
 *  Part II  waiting         poll(2), sockets that do not block
 *           datagrams       sending and receiving one; the network of -L
 *           packing         numbers, and a cursor over what came
 *           rdt             its datagrams, the engine, a transfer by both
 *           dir             the messages of the directory
 *
 * In Part I a process has one conversation, and sleeps in read(2) or write(2)
 * until the peer has done its part:
 *
 *      frame_recv()  file_send()  file_recv()  ...
 *              \        |        /
 *          read_all()  write_all()      until n bytes, the end, or the limit
 *               |         |             of sock_limit()
 *            read(2)   write(2)         each is reported to io_hook
 */
#define _POSIX_C_SOURCE 200809L		/* nothing beyond it and XSI is used */
#define _XOPEN_SOURCE 700		/* XSI: SIGXFSZ; NetBSD: fchmod() */
#define _DARWIN_C_SOURCE		/* macOS: for O_NOFOLLOW */
#define _FILE_OFFSET_BITS 64		/* off_t, on systems where that is 32 */

#include <sys/stat.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto.h"

/* ==== Part I: the tiny program. ========================================== */

/* ---- diagnostics ----------------------------------------------------- */

struct logger logger = { .level = INFO };

/* lowest[len] is the lowest code that takes len bytes. For two it would be
 * 0x80, but 0x80 to 0x9f are control characters. */
size_t
char_bytes(const unsigned char *s, size_t n)
{
	static const unsigned long lowest[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	unsigned long code;
	size_t i, len;

	if (s[0] < 0x80)
		return s[0] >= ' ' && s[0] != 0x7f;
	len = s[0] < 0xc0 || s[0] > 0xf7 ? 0 :
	    s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len == 0 || len > n)
		return 0;
	code = s[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < lowest[len] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff) ||	/* surrogates */
	    (code >= 0x2028 && code <= 0x202e) ||	/* separators, turns */
	    (code >= 0x2066 && code <= 0x2069))		/* more turns */
		return 0;
	return len;
}

/* A character is copied whole or not at all, so the pieces of a long text
 * join without a seam. A byte outside UTF-8 may be ISO 8859-1. */
size_t
printable(char *out, size_t size, const char *text, size_t len, int lines)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at, n, width;

	for (at = 0; at < len && size >= 5; at += n) {	/* \xNN and a NUL */
		n = char_bytes(s + at, len - at);
		if (n == 0 && (s[at] >= 0xa0 || (lines && s[at] == '\n')))
			n = 1;
		width = (size_t)(n > 0 ? sprintf(out, "%.*s", (int)n,
		    text + at) : sprintf(out, "\\x%02x", s[at]));
		n += n == 0;
		out += width;
		size -= width;
	}
	*out = '\0';
	return at;
}

/* Standard error. A terminal is reopened with O_NONBLOCK: poll(2) may report
 * room for less than a line, and write(2) would then block. */
static int
log_descriptor(void)
{
	static int fd = -1;
	const char *name;

	name = fd < 0 && isatty(STDERR_FILENO) ? ttyname(STDERR_FILENO) : NULL;
	if (name != NULL)
		fd = open(name, O_WRONLY | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		fd = STDERR_FILENO;
	return fd;
}

/* A server never blocks on its log (on a terminal that is stopped, for
 * example): it loses lines. */
void
log_write(enum level level)
{
	static const char *const names[] = { "ERROR", "INFO", "DEBUG" };
	struct pollfd p = { STDERR_FILENO, POLLOUT, 0 };
	char line[sizeof logger.line + 64];
	struct tm tm;
	time_t t;
	size_t n;
	int saved;

	saved = errno;
	n = 0;
	if (logger.stamped) {
		p.fd = log_descriptor();
		t = time(NULL);
		localtime_r(&t, &tm);
		n = strftime(line, sizeof line, logger.level < DEBUG ?
		    "%H:%M:%S - " : "%Y-%m-%d %H:%M:%S - ", &tm);
		n += (size_t)sprintf(line + n, "%s - ", names[level]);
	}
	printable(line + n, sizeof line - n - 1, logger.line,
	    strlen(logger.line), 0);
	n += strlen(line + n);
	line[n++] = '\n';
	if ((logger.stamped && poll(&p, 1, 0) == 0) || write(p.fd, line, n) < 0)
		n = 0;			/* it is lost */
	errno = saved;
}

/* strerror(), with clearer words for some errors. */
const char *
reason(void)
{
	static const struct {
		int error;
		const char *words;
	} own[] = {
		{ ECONNABORTED, "connection closed by the other side" },
		{ ENOTCONN, "connection closed by the other side" },
		{ EINTR, "interrupted" },
		{ ETIMEDOUT, "timed out" },
		{ EBADMSG, "malformed message" },
		{ EMSGSIZE, "message too long" },
		{ ECANCELED, "the server is shutting down" },
		{ EDESTADDRREQ, "no address of this host is known" },
		{ ENXIO, "not a regular file" },
		{ ENOTSUP, "its size is 0, and yet it has bytes" },
		{ ESTALE, "the file became shorter while it was sent" },
	};
	size_t i;

	for (i = 0; i < COUNT(own); i++)
		if (own[i].error == errno)
			return own[i].words;
	return strerror(errno);
}

/* strtol() would take blanks and signs, and needs a NUL after the digits. */
int64_t
number(const char *text, size_t n, int64_t lo, int64_t hi)
{
	int64_t value;

	value = 0;
	if (n == 0)
		return -1;
	for (; n > 0; n--, text++) {
		if (*text < '0' || *text > '9' ||
		    value > (INT64_MAX - (*text - '0')) / 10)
			return -1;
		value = value * 10 + (*text - '0');
	}
	return value < lo || value > hi ? -1 : value;
}

/* Not signal(2), whose handler may be gone after the first signal. */
void
on_signal(int sig, void (*handler)(int))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = handler;
	sigaction(sig, &sa, NULL);
}

/* ---- options --------------------------------------------------------- */

static const struct command_line *command_line;

void
usage_error(const char *what, const char *why)
{
	log_msg(ERROR, "%s: %s: %s (%s -h shows the options)",
	    command_line->program, what, why, command_line->program);
	exit(2);
}

static void
print_usage(void)
{
	const struct command_line *c = command_line;
	const struct option *const *table, *o;

	printf("usage: %s [options] %s\n", c->program, c->operands);
	for (table = c->tables; *table != NULL; table++)
		for (o = *table; o->letter != '\0'; o++)
			printf("  -%c %-10s %s\n", o->letter,
			    o->argument == NULL ? "" : o->argument, o->help);
	c->list();
	exit(fflush(stdout) == 0 ? 0 : 1);
}

static void
option_set(const struct option *o, char *value)
{
	const char *wrong;
	char range[64];

	snprintf(range, sizeof range, "-%c wants a number, %d to %d",
	    o->letter, o->lo, o->hi);
	wrong = NULL;
	if (o->text != NULL)
		*o->text = value;
	else if (o->set != NULL)
		wrong = o->set(value);
	else if (o->number == NULL)
		print_usage();
	else if (o->argument == NULL)
		*o->number = o->lo;
	else if ((*o->number = (int)number(value, strlen(value), o->lo,
	    o->hi)) < 0)
		wrong = range;
	if (wrong != NULL)
		usage_error(value, wrong);
}

/* getopt() needs the letters, with a colon after each that takes a value. It
 * prints its own errors. */
void
program_begin(const struct command_line *line, int argc, char **argv)
{
	const struct option *row[128] = { NULL }, *const *table, *o;
	char letters[2 * COUNT(row)] = "";
	int c, fd;

	do				/* the lowest number that is free */
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
	command_line = line;
	for (table = line->tables; *table != NULL; table++)
		for (o = *table; o->letter != '\0'; o++) {
			sprintf(letters + strlen(letters), "%c%s", o->letter,
			    o->argument == NULL ? "" : ":");
			row[(int)o->letter] = o;
		}
	while ((c = getopt(argc, argv, letters)) != -1) {
		if (c == '?')
			exit(2);
		option_set(row[c], optarg);
	}
	on_signal(SIGPIPE, SIG_IGN);	/* a write says EPIPE instead */
	on_signal(SIGXFSZ, SIG_IGN);	/* and EFBIG */
}

/* ---- exact I/O ------------------------------------------------------- */

int lifeline = -1;
static uint64_t own_counters[COUNTERS];
uint64_t *counters = own_counters;

int (*io_hook)(int fd, enum passing what, const void *buf, ssize_t n);

static char chunk[CHUNK_BYTES];		/* for a moment: of a file, of a frame,
					   or discarded */

static int
tell(int fd, enum passing what, const void *buf, ssize_t n)
{
	return io_hook == NULL ? 0 : io_hook(fd, what, buf, n);
}

int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec / 1000;
}

/* Called after a read or write that returned n; `done' bytes have passed, and
 * more must follow. Is this piece, which began at *since, slower than the
 * socket's limit (SO_RCVTIMEO)? (A file has no limit.) */
static int
too_slow(int fd, int64_t *since, size_t done, ssize_t n)
{
	struct timeval limit = { 0, 0 };
	socklen_t len;
	int64_t t;

	t = now();
	if ((ssize_t)(done % PIECE_BYTES) < n)	/* it began in this call */
		*since = t;
	len = sizeof limit;
	if (t - *since < SECOND ||
	    getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len) < 0 ||
	    limit.tv_sec == 0 || t - *since < limit.tv_sec * SECOND)
		return 0;
	errno = ETIMEDOUT;
	return 1;
}

size_t
read_all(int fd, void *buf, size_t n)
{
	char *p = buf;
	int64_t since;
	size_t done;
	ssize_t got;

	since = now();
	done = 0;
	while (done < n) {
		got = read(fd, p + done, n - done);
		if (tell(fd, RECEIVED, p + done, got) < 0)
			break;
		if (got == 0)
			errno = done == 0 ? ENOTCONN : ECONNABORTED;
		else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			errno = ETIMEDOUT;
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		done += got > 0 ? (size_t)got : 0;
		if (done < n && too_slow(fd, &since, done, got))
			break;
	}
	return done;
}

size_t
write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;
	int64_t since;
	size_t done;
	ssize_t put;

	since = now();
	done = 0;
	while (done < n) {
		put = write(fd, p + done, n - done);
		if (tell(fd, SENT, p + done, put) < 0 || (put < 0 &&
		    errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
			break;
		done += put > 0 ? (size_t)put : 0;
		if (done < n && too_slow(fd, &since, done, put))
			break;
	}
	return done;
}

/* ---- sockets --------------------------------------------------------- */

/* Closes fd without losing the errno of what went wrong before; returns -1. */
static int
close_failed(int fd)
{
	int saved;

	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Writes an address as text, ::ffff:1.2.3.4 as 1.2.3.4; returns its port. */
static int
host_text(const struct sockaddr_storage *ss, socklen_t len,
    char host[HOST_BYTES])
{
	char port[8];

	if (getnameinfo((const struct sockaddr *)ss, len, host, HOST_BYTES,
	    port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (strncmp(host, "::ffff:", 7) == 0 && strchr(host, '.') != NULL)
		memmove(host, host + 7, strlen(host + 7) + 1);
	return atoi(port);
}

int
sock_host(int fd, int (*end)(int, struct sockaddr *, socklen_t *),
    char host[HOST_BYTES])
{
	struct sockaddr_storage ss;
	socklen_t len;

	len = sizeof ss;
	return end(fd, (struct sockaddr *)&ss, &len) < 0 ? -1 :
	    host_text(&ss, len, host);
}

/* In brackets, or the port would look like a part of an IPv6 address. */
static void
peer_text(char text[PEER_BYTES], const char *host, int port)
{
	snprintf(text, PEER_BYTES, strchr(host, ':') != NULL ? "[%s]:%d" :
	    "%s:%d", host, port);
}

int
sock_peer(int fd, char text[PEER_BYTES])
{
	char host[HOST_BYTES];
	int port;

	port = sock_host(fd, getpeername, host);
	if (port >= 0)
		peer_text(text, host, port);
	return port < 0 ? -1 : 0;
}

/* Some systems wake a sleeping write(2) only when a third of a large buffer is
 * free, but a new write(2) takes what fits. So SO_SNDTIMEO wakes it each
 * second; too_slow() alone limits a write. */
void
sock_limit(int fd, int seconds)
{
	struct timeval tv = { 0, 0 };

	tv.tv_sec = seconds;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	tv.tv_sec = 1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

int
poll_one(int fd, short events, int ms)
{
	struct pollfd p;

	p.fd = fd;
	p.events = events;
	return poll(&p, 1, ms);
}

/* Makes a new connection block (it may inherit O_NONBLOCK from its listener),
 * and switches Nagle's algorithm off: each message is one write, so waiting for
 * more could only delay it. */
static int
sock_begin(int fd, int type, enum passing what)
{
	int on;

	if (fcntl(fd, F_SETFL, 0) < 0)
		return -1;
	on = 1;
	if (type == SOCK_STREAM) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		tell(fd, what, NULL, 0);
	}
	return 0;
}

static int
sock_bind(int fd, const struct addrinfo *a)
{
	int off, on;

	off = 0;
	on = 1;
	/* Without this, bind() fails while an old connection of this port is in
	 * TIME_WAIT: for a minute or more after the server closed it. */
	if (a->ai_socktype == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* `::' takes IPv4 too, where the system supports it. */
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0)
		return -1;
	return a->ai_socktype == SOCK_STREAM ? listen(fd, SOMAXCONN) : 0;
}

/* Connects within CONNECT_S. If nobody listens on a port of this host, the
 * system may give the socket that very port, and connect it to itself: that is
 * refused. */
static int
sock_dial(int fd, const struct addrinfo *a)
{
	char here[HOST_BYTES], there[HOST_BYTES];
	socklen_t len;
	int error, ready;

	error = connect(fd, a->ai_addr, a->ai_addrlen) < 0 ? errno : 0;
	if (error == EINPROGRESS || error == EINTR) {
		do
			ready = poll_one(fd, POLLOUT, CONNECT_S * 1000);
		while (ready < 0 && errno == EINTR);
		len = sizeof error;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		error = ready == 0 ? ETIMEDOUT : error;
	}
	if (error == 0 && sock_host(fd, getsockname, here) ==
	    sock_host(fd, getpeername, there) && strcmp(here, there) == 0)
		error = ECONNREFUSED;
	errno = error;
	return error != 0 ? -1 : sock_begin(fd, a->ai_socktype, CONNECTED);
}

/* Tries the addresses of host one by one; binds if `listens', else connects. A
 * connect() of UDP sends nothing, and cannot tell which address answers: so a
 * name means IPv4. */
static int
each_address(const char *host, const char *port, int type, int listens)
{
	struct addrinfo hints, *all, *a;
	int error, fd;

	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = type;
	hints.ai_family = type == SOCK_DGRAM && strchr(host, ':') == NULL ?
	    AF_INET : AF_UNSPEC;
	error = getaddrinfo(host, port, &hints, &all);
	if (error != 0) {
		errno = error == EAI_SYSTEM ? errno : EDESTADDRREQ;
		return -1;
	}
	fd = -1;
	for (a = all; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, type, 0);
		if (fd >= 0 && (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
		    (listens ? sock_bind(fd, a) : sock_dial(fd, a)) < 0))
			fd = close_failed(fd);
	}
	error = errno;
	freeaddrinfo(all);
	errno = error;
	return fd;
}

int
sock_listen(const char *host, const char *port, int type)
{
	return each_address(host, port, type, 1);
}

int
sock_connect(const char *host, const char *port, int type)
{
	return each_address(host, port, type, 0);
}

/* On some systems accept() fails if the connection broke before: we say EAGAIN,
 * as if none waited. Only a lack of descriptors or memory is an error. */
int
sock_accept(int listener, char host[HOST_BYTES])
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	len = sizeof ss;
	fd = accept(listener, (struct sockaddr *)&ss, &len);
	if (fd >= 0 && host != NULL && host_text(&ss, len, host) < 0)
		strcpy(host, "?");
	if (fd >= 0 && sock_begin(fd, SOCK_STREAM, ACCEPTED) < 0)
		fd = close_failed(fd);
	if (fd < 0 && errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		errno = EAGAIN;		/* the peer is gone already */
	return fd;
}

void
sock_end(int fd)
{
	tell(fd, ENDED, NULL, 0);
	shutdown(fd, SHUT_WR);
}

/* The hook first: it looks for unread input. */
void
sock_close(int fd)
{
	tell(fd, CLOSED, NULL, 0);
	close(fd);
}

void
sock_finish(int fd)
{
	sock_end(fd);
	sock_limit(fd, DISCARD_S);
	read_all(fd, chunk, DISCARD_BYTES);
	sock_close(fd);
}

/*
 * The port is chosen here. The system would choose none that has a connection
 * in TIME_WAIT. Each download leaves one: after thousands no port is free.
 * A port that we name can be bound even then, by SO_REUSEADDR. Each process
 * begins elsewhere, and goes on where its own last search ended.
 */
int
data_listen(int control, int type, unsigned lo, unsigned hi, unsigned *port)
{
	static unsigned next;
	char host[HOST_BYTES], text[8];
	unsigned i;
	int fd, own;

	own = sock_host(control, getsockname, host);
	if (own < 0)
		return -1;
	if (next == 0)
		next = (unsigned)time(NULL) * 31 + (unsigned)getpid() * 7919;
	fd = -1;
	errno = EADDRINUSE;
	for (i = 0; i <= hi - lo && fd < 0; i++) {
		*port = lo + next++ % (hi - lo + 1);
		sprintf(text, "%u", *port);
		if ((int)*port != own)
			fd = sock_listen(host, text, type);
		if (fd < 0 && errno != EADDRINUSE && errno != EACCES)
			break;
	}
	return fd;
}

/* A stranger's connection is closed at once, and does not extend the wait. */
int
data_accept(int listener, const char *client)
{
	char host[HOST_BYTES];
	int64_t end, left;
	int fd;

	end = now() + ACCEPT_S * SECOND;
	while ((left = (end - now()) / 1000) > 0) {
		if (!readable(listener, (int)left))
			continue;
		fd = sock_accept(listener, host);
		if (fd < 0 ? errno != EAGAIN : strcmp(host, client) == 0)
			return fd;
		if (fd >= 0)
			sock_close(fd);
	}
	errno = ETIMEDOUT;
	return -1;
}

int
data_connect(int control, int type, unsigned port)
{
	char host[HOST_BYTES], text[8];

	if (sock_host(control, getpeername, host) < 0)
		return -1;
	sprintf(text, "%u", port);
	return sock_connect(host, text, type);
}

/* ---- names and files ------------------------------------------------- */

int
name_ok(const char *name, size_t n)
{
	size_t i;

	if (n == 0 || n > NAME_BYTES || name[0] == '.')
		return 0;
	for (i = 0; i < n; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f ||
		    name[i] == '/')
			return 0;
	return 1;
}

/* Returns 0 for a regular file; else -1 and EISDIR or ENXIO. */
static int
check_regular(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return 0;
	errno = S_ISDIR(st->st_mode) ? EISDIR : ENXIO;
	return -1;
}

/* Checks twice: before open(), because opening a FIFO or a device has effects;
 * and after it, because the name may mean another file by then. */
int
file_open(struct file *f, const char *path, int follow)
{
	struct stat st;
	char byte;

	if ((follow ? stat(path, &st) : lstat(path, &st)) < 0 ||
	    check_regular(&st) < 0)
		return -1;
	f->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY |
	    (follow ? 0 : O_NOFOLLOW));
	if (f->fd < 0)
		return -1;
	if (fstat(f->fd, &st) < 0 || check_regular(&st) < 0)
		return close_failed(f->fd);
	errno = ENOTSUP;
	if (st.st_size == 0 && pread(f->fd, &byte, 1, 0) > 0)
		return close_failed(f->fd);
	f->size = (uint64_t)st.st_size;
	f->done = 0;
	return 0;
}

int
peer_failed(void)
{
	return errno == ENOTCONN || errno == ECONNABORTED ||
	    errno == ECONNRESET || errno == ECONNREFUSED || errno == EPIPE ||
	    errno == ETIMEDOUT || errno == EBADMSG;
}

int
directory_gone(void)
{
	struct stat st;

	return stat(".", &st) == 0 && st.st_nlink == 0;
}

static size_t
lesser(uint64_t left, size_t room)
{
	return left < room ? (size_t)left : room;
}

/* Moves the contents of f, after a head: the first `have' bytes of chunk[]. A
 * chunk is filled before it is written: few large writes are what makes a
 * transfer fast. */
static int
file_move(int from, int to, struct file *f, size_t have)
{
	size_t got, part, put;
	int ok, sending, sock;

	sending = from == f->fd;
	sock = sending ? to : from;
	tell(sock, FILE_BEGINS, f, 0);
	do {
		part = lesser(f->size - f->done, CHUNK_BYTES - have);
		got = read_all(from, chunk + have, part);
		put = got < part ? 0 : write_all(to, chunk, have + part);
		ok = put == have + part;
		f->done += sending ? put - lesser(put, have) : got;
		have = 0;
	} while (ok && f->done < f->size);
	if (sending && got < part &&
	    (errno == ENOTCONN || errno == ECONNABORTED))
		errno = ESTALE;		/* it was the file that ended */
	tell(sock, FILE_ENDS, f, 0);
	return ok ? 0 : -1;
}

/* Head and contents leave in one write: a small file is one segment. */
int
file_send(int sock, struct file *f, const void *head, size_t headlen)
{
	memcpy(chunk, head, headlen);
	return file_move(f->fd, sock, f, headlen);
}

int
file_recv(int sock, struct file *f)
{
	return file_move(sock, f->fd, f, 0);
}

/* ---- new files ------------------------------------------------------- */

static struct {				/* the file that is being made */
	int fd;
	int keep;
	char path[1024];		/* its final name */
	char temp[1024 + 48];		/* the temporary one, beside it */
} newfile;
static volatile sig_atomic_t pending;	/* a signal must remove newfile.temp */

/* Not basename(3), which may write over the path. */
const char *
base_name(const char *path)
{
	const char *slash;

	slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

const char *
newfile_name(void)
{
	return base_name(newfile.path);
}

void (*end_hook)(void);

/* The signal handler, which calls only what POSIX allows in one. The signal is
 * blocked until it returns, and then ends the process by its default action,
 * but not process 1 of a container. */
static void
remove_pending(int sig)
{
	if (pending)
		unlink(newfile.temp);
	if (end_hook != NULL)
		end_hook();
	on_signal(sig, SIG_DFL);
	raise(sig);
	if (getpid() == 1)
		_exit(128 + sig);
}

void
newfile_guard(int sig)
{
	struct sigaction sa;

	sigaction(sig, NULL, &sa);
	if (sa.sa_handler != SIG_IGN)		/* by nohup, for example */
		on_signal(sig, remove_pending);
}

int
newfile_open(const char *path, int keep)
{
	static unsigned count;
	const char *base;
	struct stat st;
	mode_t mode;
	int replaces;

	base = base_name(path);
	errno = ENAMETOOLONG;
	if (strlen(base) > NAME_BYTES || strlen(path) >= sizeof newfile.path)
		return -1;
	errno = EISDIR;
	if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return -1;
	replaces = !keep && lstat(path, &st) == 0;
	if (!keep && !replaces && errno != ENOENT)
		return -1;
	if (replaces && (check_regular(&st) < 0 ||
	    faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0))
		return -1;
	mode = replaces ? st.st_mode & 0777 : 0666;
	newfile.keep = keep;
	strcpy(newfile.path, path);
	do {		/* a dead process with our PID may have left one */
		pending = 0;
		sprintf(newfile.temp, "%.*s.part-%ld-%u", (int)(base - path),
		    path, (long)getpid(), count++);
		pending = 1;		/* before the file exists */
		newfile.fd = open(newfile.temp, O_RDWR | O_CREAT | O_EXCL |
		    O_NOFOLLOW, mode);
	} while (newfile.fd < 0 && errno == EEXIST);
	pending = newfile.fd >= 0;
	if (newfile.fd >= 0 && replaces)
		fchmod(newfile.fd, mode);	/* without the umask */
	return newfile.fd;
}

/* Gives the temporary file this name, if it is free. link() fails where
 * rename() would replace, so that no race can lose a file. Where a file system
 * has no links (that of a memory card), an empty file takes the name first. */
static int
take_name(const char *path)
{
	sigset_t all, old;
	int fd, failed;

	if (link(newfile.temp, path) == 0)
		return unlink(newfile.temp);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
	failed = fd < 0 || close(fd) < 0 || rename(newfile.temp, path) < 0;
	if (failed && fd >= 0)
		unlink(path);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return failed ? -1 : 0;
}

/* Gives it the first free name of `name.ext', `name(1).ext'... */
static int
take_free_name(void)
{
	char path[sizeof newfile.path];
	const char *base, *dot;
	int i;

	base = newfile_name();
	dot = strrchr(base, '.');
	if (dot == NULL || dot == base)
		dot = base + strlen(base);
	strcpy(path, newfile.path);
	for (i = 1; take_name(path) < 0; i++) {
		if (errno != EEXIST)
			return -1;
		errno = ENAMETOOLONG;
		if (snprintf(path, sizeof path, "%.*s(%d)%s",
		    (int)(dot - newfile.path), newfile.path, i, dot) >=
		    (int)sizeof path || strlen(base_name(path)) > NAME_BYTES)
			return -1;
	}
	strcpy(newfile.path, path);
	return 0;
}

/* close() may be the first to say that a disk is full, on NFS for one. */
int
newfile_end(int went_well)
{
	int saved;

	saved = errno;
	if (close(newfile.fd) < 0 || !went_well || (newfile.keep ?
	    take_free_name() : rename(newfile.temp, newfile.path)) < 0) {
		saved = went_well ? errno : saved;
		went_well = 0;
		unlink(newfile.temp);
	}
	pending = 0;
	errno = saved;
	return went_well ? 0 : -1;
}

void
newfile_sweep(pid_t pid)
{
	struct dirent *e;
	char start[32];
	DIR *d;

	sprintf(start, ".part-%ld-", (long)pid);
	d = opendir(".");
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, start, strlen(start)) == 0)
			unlink(e->d_name);
	if (d != NULL)
		closedir(d);
}

/* ---- lists of files -------------------------------------------------- */

/* alphasort() compares bytes, as no locale is ever set. */
char *
list_files(uint64_t max, size_t *len)
{
	struct dirent **entry;
	const char *name;
	char *end, *text;
	struct stat st;
	int i, n;

	errno = ENOENT;
	n = directory_gone() ? -1 : scandir(".", &entry, NULL, alphasort);
	text = n < 0 ? NULL : calloc((size_t)n + 1, NAME_BYTES + 1);
	for (end = text, i = 0; i < n; i++) {
		name = entry[i]->d_name;
		if (text != NULL && name_ok(name, strlen(name)) &&
		    lstat(name, &st) == 0 && S_ISREG(st.st_mode) &&
		    (uint64_t)st.st_size <= max &&
		    faccessat(AT_FDCWD, name, R_OK, AT_EACCESS) == 0)
			end += sprintf(end, "%s\n", name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	*len = text == NULL ? 0 : (size_t)(end - text);
	return text;
}

/* ---- frame ----------------------------------------------------------- */

const char senseless[] = "the server's answer makes no sense";

/* In the order of the codes: 0, -1, -2... */
const char *
ftp_code_text(long code)
{
	static const char *const words[] = {
		senseless,
		"no such file on the server",
		"name refused by the server",
		"the server cannot store or read it",
		"server is full",
		"malformed, unknown or cut short",
	};

	return words[code > 0 || code < FTP_SYNTAX ? 0 : -code];
}

void
frame_pack(char head[FRAME_HEAD], uint64_t length)
{
	int i;

	for (i = FRAME_HEAD; i-- > 0; length /= 10)
		head[i] = (char)('0' + length % 10);
}

/* One write for both, if they fit: two could become two segments. */
int
frame_send(int fd, const char *text, size_t n)
{
	size_t first;

	first = lesser(n, CHUNK_BYTES - FRAME_HEAD);
	frame_pack(chunk, n);
	memcpy(chunk + FRAME_HEAD, text, first);
	if (write_all(fd, chunk, FRAME_HEAD + first) < FRAME_HEAD + first ||
	    write_all(fd, text + first, n - first) < n - first)
		return -1;
	return 0;
}

int
frame_head(int fd, uint64_t *length)
{
	char head[FRAME_HEAD];
	int64_t value;
	size_t got;

	got = read_all(fd, head, FRAME_HEAD);
	value = number(head, got, 0, FRAME_MAX);
	if (got > 0 && value < 0)
		errno = EBADMSG;
	if (got < FRAME_HEAD || value < 0)
		return -1;
	*length = (uint64_t)value;
	return 0;
}

ssize_t
frame_recv(int fd, char *text, size_t max)
{
	uint64_t n;

	if (frame_head(fd, &n) < 0)
		return -1;
	errno = EMSGSIZE;
	if (n > max || read_all(fd, text, (size_t)n) < n) {
		errno = errno == ENOTCONN ? ECONNABORTED : errno;
		return -1;
	}
	text[n] = '\0';
	return (ssize_t)n;
}

long
frame_number(const char *text, size_t n)
{
	size_t minus;
	long value;

	minus = n > 0 && text[0] == '-';
	if (n - minus > 6)
		return LONG_MIN;
	value = (long)number(text + minus, n - minus, 0, 999999);
	return value < 0 ? LONG_MIN : minus ? -value : value;
}

/* ==== Part II: the extended mode. ======================================== */
#ifndef TINY

const char *
print_version(char *value)
{
	(void)value;
	printf("%s " VERSION "\n", command_line->program);
	exit(fflush(stdout) == 0 ? 0 : 1);
	return NULL;
}

/* ---- waiting ------------------------------------------------------------ */

int
wait_many(struct pollfd *p, size_t n, int64_t deadline)
{
	int64_t due, left;
	size_t i;
	int ready;

	p[n].fd = lifeline;	/* poll() passes over a negative one */
	p[n].events = POLLIN;
	do {
		due = network != NULL ? network->flush() : NEVER;
		due = due < deadline ? due : deadline;
		left = (due - now() + 999) / 1000;
		left = left < 0 ? 0 : left < INT_MAX ? left : INT_MAX;
		ready = poll(p, n + 1, (int)left);
	} while ((ready == 0 && now() < deadline) ||
	    (ready < 0 && errno == EINTR));
	if (ready > 0 && p[n].revents == 0)
		return 0;
	if (ready >= 0)
		errno = ready == 0 ? ETIMEDOUT : ECANCELED;
	for (i = 0; i < n; i++)
		p[i].revents = 0;
	return -1;
}

int
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p[2];

	p[0].fd = fd;
	p[0].events = events;
	return wait_many(p, 1, deadline);
}

/* A connection of Part I blocks; this one must not. */
int
sock_nonblock(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

int
sock_addr(int fd, int (*end)(int, struct sockaddr *, socklen_t *),
    struct addr *a)
{
	a->len = sizeof a->ss;
	return end(fd, (struct sockaddr *)&a->ss, &a->len);
}

unsigned
addr_text(const struct addr *a, char text[PEER_BYTES])
{
	char host[HOST_BYTES] = "?";
	int port;

	port = host_text(&a->ss, a->len, host);
	port = port < 0 ? 0 : port;
	peer_text(text, host, port);
	return (unsigned)port;
}

int
addr_is_of(const struct addr *a, const char *host)
{
	char own[HOST_BYTES];

	return host_text(&a->ss, a->len, own) >= 0 && strcmp(own, host) == 0;
}

/* ---- datagrams --------------------------------------------------------- */

const struct network *network;
const char *dgram_fate = "";
void (*dgram_tap)(int fd, int received, const void *buf, size_t n,
    const struct addr *other, const char *note);

#define DGRAM_WAIT_MS	50	/* for room in a socket's buffer */

/* If the buffer is full, waits a moment (not by wait_many(), which calls this).
 * The first EMSGSIZE may mean that the path MTU was not known yet: tries once
 * more. Without room or a route the datagram is lost. */
ssize_t
dgram_deliver(int fd, const void *buf, size_t n, const struct addr *to)
{
	ssize_t sent;
	int tries;

	tries = 2;
	do
		sent = to == NULL ? send(fd, buf, n, 0) : sendto(fd, buf, n, 0,
		    (const struct sockaddr *)&to->ss, to->len);
	while (sent < 0 && --tries > 0 && errno != ECONNREFUSED &&
	    poll_one(fd, POLLOUT, DGRAM_WAIT_MS) > 0);
	if (sent < 0)
		return errno == ECONNREFUSED || errno == EMSGSIZE ? -1 :
		    (ssize_t)n;
	counters[BYTES_SENT] += (uint64_t)sent;
	counters[PACKETS_SENT]++;
	return sent;
}

ssize_t
dgram_send(int fd, const void *buf, size_t n, const struct addr *to, int flags)
{
	ssize_t sent;

	if (network != NULL)
		return network->send(fd, buf, n, to, flags);
	sent = dgram_deliver(fd, buf, n, to);
	if (sent >= 0 && dgram_tap != NULL)
		dgram_tap(fd, 0, buf, n, to,
		    flags & AGAIN ? "retransmission" : "");
	return sent;
}

/* Fails with EAGAIN or ECONNREFUSED. 0 is an empty datagram, not the end. */
ssize_t
dgram_recv(int fd, void *buf, size_t n, struct addr *from)
{
	ssize_t got;

	if (from != NULL)
		from->len = sizeof from->ss;
	got = from == NULL ? recv(fd, buf, n, 0) : recvfrom(fd, buf, n, 0,
	    (struct sockaddr *)&from->ss, &from->len);
	if (got < 0) {
		if (errno != ECONNREFUSED)	/* of an earlier send */
			errno = EAGAIN;
		return -1;
	}
	counters[BYTES_RECEIVED] += (uint64_t)got;
	counters[PACKETS_RECEIVED]++;
	if (dgram_tap != NULL)
		dgram_tap(fd, 1, buf, (size_t)got, from, "");
	return got;
}

void
dgram_close(int fd)
{
	if (network != NULL)
		network->close();
	sock_close(fd);
}

/* ---- packing and unpacking ---------------------------------------------- */

/* By shifts, so that the order of bytes in memory does not matter. */
void
pack16(unsigned char *p, unsigned n)
{
	p[0] = (unsigned char)(n >> 8);
	p[1] = (unsigned char)n;
}

void
pack32(unsigned char *p, uint32_t n)
{
	pack16(p, n >> 16);
	pack16(p + 2, n & 0xffff);
}

unsigned
unpack16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

uint32_t
unpack32(const unsigned char *p)
{
	return (uint32_t)unpack16(p) << 16 | unpack16(p + 2);
}

/* All that moves a cursor is checked here. */
const char *
cursor_bytes(struct cursor *c, size_t n)
{
	const char *at = c->at;

	if (c->state == GOOD && n > c->left)
		c->state = INCOMPLETE;
	if (c->state != GOOD)
		return "\0\0\0\0\0\0\0";
	c->at += n;
	c->left -= n;
	return at;
}

/* Decimal numbers are padded with zeros to n digits; hexadecimal digits may be
 * in either case. */
uint64_t
cursor_number(struct cursor *c, size_t n, unsigned base)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at, *digit;
	uint64_t value;

	at = cursor_bytes(c, n);
	for (value = 0; n > 0 && c->state == GOOD; n--, at++) {
		digit = *at == '\0' ? NULL : strchr(digits, *at);
		if (digit == NULL || (unsigned)(digit - digits) % 16 >= base)
			c->state = BAD;
		else
			value = value * base + (uint64_t)(digit - digits) % 16;
	}
	return c->state == GOOD ? value : 0;
}

/* The text before the next `end', of *n bytes; moves past that. A missing end
 * is INCOMPLETE: it may still come. */
static const char *
cursor_until(struct cursor *c, char end, size_t *n)
{
	const char *found, *text;

	found = memchr(c->at, end, c->left);
	*n = found == NULL ? c->left : (size_t)(found - c->at);
	text = cursor_bytes(c, *n + 1);
	*n = c->state == GOOD ? *n : 0;
	return text;
}

/* ---- rdt: the datagrams ------------------------------------------------ */

/*
 * Eight bytes at a time (slicing by 8; Kounavis and Berry, 2005): row k of the
 * table is what a byte adds to the remainder if k bytes follow it, so that
 * eight look-ups do not wait for one another. Byte by byte, the CRC would take
 * most of the time of a transfer.
 */
static uint32_t crc_table[8][256];

/* Fills the table, at the first call, by the polynomial, bit by bit: each eight
 * bits give the value in the next row. */
static void
crc_begin(void)
{
	uint32_t crc;
	unsigned i, k;

	for (i = 0; i < 256; i++)
		for (crc = i, k = 0; k < 64; k++) {
			crc = crc & 1 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
			crc_table[k / 8][i] = crc;
		}
}

uint32_t
crc32(uint32_t crc, const void *buf, size_t n)
{
	const unsigned char *p = buf;
	uint32_t lo;

	if (crc_table[0][1] == 0)
		crc_begin();
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		lo = crc ^ (p[0] | (uint32_t)p[1] << 8 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
		crc = crc_table[7][lo & 0xff] ^ crc_table[6][lo >> 8 & 0xff] ^
		    crc_table[5][lo >> 16 & 0xff] ^ crc_table[4][lo >> 24] ^
		    crc_table[3][p[4]] ^ crc_table[2][p[5]] ^
		    crc_table[1][p[6]] ^ crc_table[0][p[7]];
	}
	for (; n > 0; n--)
		crc = crc_table[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

/* Of a datagram, without the four bytes in which it stands. */
static uint32_t
rdt_crc(const unsigned char *d, size_t length)
{
	return crc32(crc32(0, d, 12), d + RDT_HEAD, length);
}

/* The payload of DATA and ACK stands after the head already; that of HELLO is
 * written here. */
size_t
rdt_pack(const struct rdt_session *s, unsigned char *d,
    const struct rdt_packet *p)
{
	unsigned char *payload = d + RDT_HEAD;
	size_t length;

	length = p->length;
	if (p->type == HELLO) {
		payload[0] = (unsigned char)p->protocol;
		payload[1] = (unsigned char)p->control;
		pack16(payload + 2, p->window);
		pack16(payload + 4, p->block);
		length = RDT_HELLO;
	}
	d[0] = (unsigned char)p->type;
	d[1] = p->type == DATA && p->last;
	pack16(d + 2, (unsigned)length);
	pack32(d + 4, s->key);
	pack32(d + 8, p->seq);
	pack32(d + 12, rdt_crc(d, length));
	return RDT_HEAD + length;
}

/* Cheap checks first: strangers' datagrams cost nothing. */
int
rdt_unpack(const struct rdt_session *s, struct rdt_packet *p,
    unsigned char *d, size_t n)
{
	if (n < RDT_HEAD || unpack16(d + 2) != n - RDT_HEAD ||
	    unpack32(d + 4) != s->key || d[0] < HELLO || d[0] > DONE ||
	    unpack32(d + 12) != rdt_crc(d, n - RDT_HEAD))
		return -1;
	p->type = d[0];
	p->last = d[1] & 1;
	p->seq = unpack32(d + 8);
	p->payload = d + RDT_HEAD;
	p->length = n - RDT_HEAD;
	if (p->type == HELLO) {
		if (p->length != RDT_HELLO)
			return -1;
		p->protocol = p->payload[0];
		p->control = p->payload[1];
		p->window = unpack16(p->payload + 2);
		p->block = unpack16(p->payload + 4);
	}
	return 0;
}

/* ---- rdt: the engine --------------------------------------------------- */

const char *const rdt_event_names[] = { "send", "resend", "drop", "full",
    "recv", "dup", "ooo", "corrupt", "ack", "dupack", "timeout", "fast",
    "done", "probe" };
const struct rdt_watcher *rdt_watcher;
unsigned rdt_flow;

void
rdt_happened(int64_t t, enum rdt_event event, uint32_t seq,
    const struct rdt_sender *s)
{
	if (rdt_watcher != NULL)
		rdt_watcher->event(t, event, seq, s);
}

/* RFC 1982: as on a clock, a number less than half a turn ahead is later. */
int
seq_less(uint32_t a, uint32_t b)
{
	return a - b > UINT32_MAX / 2;
}

struct rdt_slot *
rdt_slot(struct rdt_sender *s, uint32_t n)
{
	return &s->slot[n % RDT_WINDOW_MAX];
}

/* The next packet in order, if the window has room for it. */
static int
gbn_next(struct rdt_sender *s, int64_t t, uint32_t *seq)
{
	(void)t;
	if (s->next == s->end || s->next - s->base >= s->cwnd)
		return 0;
	*seq = s->next++;
	return 1;
}

/* Stop-and-wait: an ACK slides the window of one packet, or is a duplicate. */
static void
sw_ack(struct rdt_sender *s, int64_t t, uint32_t ack,
    const unsigned char *bits, size_t n)
{
	(void)bits;
	(void)n;
	if (ack != s->base)
		rdt_slide(s, t, ack);
	else if (s->base != s->highest)
		rdt_duplicate(s, t);
}

/* Go-Back-N: three duplicates tell of a loss before the timer does, if
 * congestion control wants to know of it (fast retransmit). */
static void
gbn_ack(struct rdt_sender *s, int64_t t, uint32_t ack,
    const unsigned char *bits, size_t n)
{
	sw_ack(s, t, ack, bits, n);
	if (s->dupacks != 3 || !rdt_lost(s))
		return;
	s->next = s->base;
	s->fast++;
	rdt_happened(t, EV_FAST, s->base, s);
}

/* Go back N: the whole window is sent again, from base on. */
static void
gbn_timer(struct rdt_sender *s, int64_t t)
{
	rdt_timed_out(s, t, s->highest - s->base);
	s->next = s->base;
}

/* The receiver takes the packet that it expects, and no other. Packets in order
 * may share an ACK. */
static enum rdt_event
gbn_data(struct rdt_receiver *r, uint32_t seq)
{
	r->share = 1;
	if (seq_less(seq, r->expected))
		return EV_DUP;
	if (seq != r->expected)
		return EV_OOO;
	r->expected++;
	r->share = RDT_ACK_EVERY;
	return EV_RECV;
}

const struct rdt_protocol rdt_sw = { "sw", 1, 1, gbn_next, sw_ack,
    gbn_timer, gbn_data, NULL, NULL, NULL, NULL };
const struct rdt_protocol rdt_gbn = { "gbn", 2, RDT_WINDOW_MAX, gbn_next,
    gbn_ack, gbn_timer, gbn_data, NULL, NULL, NULL, NULL };
extern const struct rdt_protocol rdt_sr, rdt_mine;

/* A code means the first row that has it. */
static const struct rdt_protocol *const rdt_protocols[] = {
#ifdef MINE
	&rdt_mine,			/* lab/9-write-it */
#endif
	&rdt_sw,
	&rdt_gbn,
	&rdt_sr,
	NULL
};

const struct rdt_protocol *
rdt_protocol_find(const char *name, unsigned code)
{
	size_t i;

	for (i = 0; rdt_protocols[i] != NULL; i++)
		if (name != NULL ? strcmp(rdt_protocols[i]->name, name) == 0 :
		    rdt_protocols[i]->code == code)
			break;
	return rdt_protocols[i];
}

/* cwnd stays as it began; in sw and gbn only the timer sends again. */
static const struct congestion none = { "none", 1, 0, NULL, NULL, NULL };
extern const struct congestion congestion_half, congestion_reno;

static const struct congestion *const congestions[] = {
	&none,
	&congestion_half,
	&congestion_reno,
};

const struct congestion *
congestion_find(const char *name, unsigned code)
{
	size_t i;

	for (i = 0; i < COUNT(congestions); i++)
		if (name != NULL ? strcmp(congestions[i]->name, name) == 0 :
		    congestions[i]->code == code)
			return congestions[i];
	return name != NULL ? NULL : &congestion_reno;
}

int rdt_fixed_ms;

int
rdt_send_init(struct rdt_sender *s, const struct rdt_protocol *protocol,
    unsigned window, const struct congestion *congestion, uint32_t first,
    uint32_t packets)
{
	memset(s, 0, sizeof *s);
	s->protocol = protocol;
	s->window = window < protocol->window_max ? window :
	    protocol->window_max;
	s->congestion = congestion;
	s->base = s->next = s->highest = first;
	s->end = first + packets;
	s->cwnd = congestion->slow_start ? 1 : s->window;
	s->ssthresh = s->window;
	s->rto = rdt_fixed_ms > 0 ? rdt_fixed_ms * (SECOND / 1000) :
	    RDT_RTO_FIRST;
	s->rto_at = NEVER;
	return protocol->begin == NULL ? 0 : protocol->begin(s, NULL);
}

/* The caller sends the packet at once, so the timer starts here. */
int
rdt_send_next(struct rdt_sender *s, int64_t t, uint32_t *seq)
{
	struct rdt_slot *slot;

	if (!s->protocol->next(s, t, seq))
		return 0;
	slot = rdt_slot(s, *seq);
	slot->sent = t;
	slot->retransmitted = *seq != s->highest;
	if (!slot->retransmitted)
		s->highest++;
	s->transmissions++;
	if (s->rto_at == NEVER)
		s->rto_at = t + s->rto;
	rdt_happened(t, slot->retransmitted ? EV_RESEND : EV_SEND, *seq, s);
	return 1;
}

void
rdt_send_ack(struct rdt_sender *s, int64_t t, uint32_t ack,
    const unsigned char *bits, size_t n)
{
	if (!seq_less(ack, s->base) && !seq_less(s->highest, ack))
		s->protocol->ack(s, t, ack, bits, n);
}

int64_t
rdt_send_deadline(const struct rdt_sender *s)
{
	return s->protocol->deadline == NULL ? s->rto_at :
	    s->protocol->deadline(s);
}

void
rdt_send_timer(struct rdt_sender *s, int64_t t)
{
	s->protocol->timer(s, t);
}

int
rdt_send_done(const struct rdt_sender *s)
{
	return s->base == s->end;
}

int
rdt_send_gave_up(const struct rdt_sender *s)
{
	return s->consecutive_timeouts >= RDT_GIVE_UP;
}

const char *rdt_gave_up = "given up after " STRING(RDT_GIVE_UP)
    " timeouts in a row";

unsigned
rdt_send_window(const struct rdt_sender *s)
{
	unsigned w;

	w = s->protocol->window == NULL ? s->cwnd : s->protocol->window(s);
	return w < s->window ? w : s->window;
}

/* Takes one measurement of the RTT: the estimate of RFC 6298, section 2. */
static void
rtt_sample(struct rdt_sender *s, int64_t r)
{
	int64_t error;

	if (s->srtt == 0) {
		s->srtt = r;
		s->rttvar = r / 2;
	} else {		/* RTTVAR first: it needs the old SRTT */
		error = s->srtt > r ? s->srtt - r : r - s->srtt;
		s->rttvar += (error - s->rttvar) / 4;
		s->srtt += (r - s->srtt) / 8;
	}
	s->srtt = s->srtt > 0 ? s->srtt : 1;
	if (rdt_fixed_ms > 0)
		return;
	s->rto = s->srtt + 4 * s->rttvar;
	if (s->rto < RDT_RTO_MIN)
		s->rto = RDT_RTO_MIN;
	if (s->rto > RDT_RTO_MAX)
		s->rto = RDT_RTO_MAX;
}

void
rdt_slide(struct rdt_sender *s, int64_t t, uint32_t ack)
{
	uint32_t packets;
	int retransmitted;

	packets = ack - s->base;
	for (retransmitted = 0; s->base != ack; s->base++)
		retransmitted |= rdt_slot(s, s->base)->retransmitted;
	if (seq_less(s->next, s->base))
		s->next = s->base;
	if (!retransmitted)	/* Karn: which one does the ACK answer? */
		rtt_sample(s, t - rdt_slot(s, ack - 1)->sent);
	s->dupacks = 0;
	s->consecutive_timeouts = 0;
	s->rto_at = s->base == s->highest ? NEVER : t + s->rto;
	if (s->congestion->acked != NULL)
		s->congestion->acked(s, packets);
	rdt_happened(t, EV_ACK, ack, s);
	if (rdt_send_done(s))
		rdt_happened(t, EV_DONE, ack, s);
}

/* The receiver got a packet, but not the one that it expects. */
void
rdt_duplicate(struct rdt_sender *s, int64_t t)
{
	s->duplicates++;
	s->dupacks++;
	rdt_happened(t, EV_DUPACK, s->base, s);
}

int
rdt_lost(struct rdt_sender *s)
{
	return s->congestion->lost != NULL && s->congestion->lost(s);
}

/* RFC 6298, section 5: back off, and begin anew. */
void
rdt_timed_out(struct rdt_sender *s, int64_t t, unsigned flight)
{
	s->timeouts++;
	s->consecutive_timeouts++;
	if (rdt_fixed_ms == 0)
		s->rto = 2 * s->rto < RDT_RTO_MAX ? 2 * s->rto : RDT_RTO_MAX;
	s->rto_at = t + s->rto;
	s->dupacks = 0;
	if (s->congestion->timeout != NULL)
		s->congestion->timeout(s, flight);
	rdt_happened(t, EV_TIMEOUT, s->base, s);
}

int
rdt_recv_init(struct rdt_receiver *r, const struct rdt_protocol *protocol,
    unsigned window, uint32_t first)
{
	memset(r, 0, sizeof *r);
	r->protocol = protocol;
	r->window = window;
	r->expected = first;
	r->share = 1;
	return protocol->begin == NULL ? 0 : protocol->begin(NULL, r);
}

enum rdt_event
rdt_recv_data(struct rdt_receiver *r, uint32_t seq)
{
	enum rdt_event event;

	event = r->protocol->data(r, seq);
	r->duplicates += event == EV_DUP;
	return event;
}

size_t
rdt_recv_bitmap(const struct rdt_receiver *r,
    unsigned char bits[RDT_WINDOW_MAX / 8])
{
	return r->protocol->bitmap == NULL ? 0 : r->protocol->bitmap(r, bits);
}

/* ---- rdt: offers ------------------------------------------------------- */

void
rdt_offer_pack(char text[RDT_OFFER_BYTES], unsigned port, uint32_t key,
    const uint64_t *size)
{
	int n;

	n = sprintf(text, "%u %08lx", port, (unsigned long)key);
	if (size != NULL)
		sprintf(text + n, " %llu", (unsigned long long)*size);
}

/* Packed again, it must give the same text: so sscanf() may be generous. */
int
rdt_offer_unpack(const char *text, size_t n, unsigned *port, uint32_t *key,
    uint64_t *size)
{
	char again[RDT_OFFER_BYTES];
	unsigned long long bytes;
	unsigned long k;

	bytes = 0;
	if (sscanf(text, "%5u %8lx %19llu", port, &k, &bytes) <
	    (size != NULL ? 3 : 2) || *port < 1 || *port > 65535 ||
	    bytes > INT64_MAX)
		return -1;
	*key = (uint32_t)k;
	if (size != NULL)
		*size = bytes;
	rdt_offer_pack(again, *port, *key, size);
	return strlen(again) == n && memcmp(again, text, n) == 0 ? 0 : -1;
}

/* ---- rdt: packets over UDP ---------------------------------------------- */

/* The last datagram that came, and the one being built. */
static unsigned char incoming[65536];
static unsigned char outgoing[RDT_HEAD + RDT_BLOCK_MAX];

const struct rdt_encoding rdt_native = { RDT_HEAD, 0, rdt_pack, rdt_unpack };

static void
tell_watcher(const struct rdt_session *s, enum rdt_event event, uint32_t seq)
{
	rdt_happened(now(), event, seq, s->is_sender ? &s->sender : NULL);
}

/* Sends a packet; the payload of DATA or ACK is in `outgoing'. */
static int
transmit(const struct rdt_session *s, const struct rdt_packet *p)
{
	unsigned char *datagram;
	ssize_t sent;
	size_t n;
	int flags;

	datagram = outgoing + RDT_HEAD - s->encoding->head;
	n = s->encoding->pack(s, datagram, p);
	if (n == 0)
		return 0;
	flags = p->type == DATA || p->type == ACK ? COUNTED : UNCOUNTED;
	sent = dgram_send(s->sock, datagram, n, NULL,
	    flags | SHOWN | (p->retransmitted ? AGAIN : 0));
	if (rdt_watcher != NULL)
		rdt_watcher->packet(s, "->", p, dgram_fate);
	counters[RETRANSMISSIONS] += sent > 0 && p->retransmitted;
	if (sent == 0 && flags == COUNTED)
		tell_watcher(s, strstr(dgram_fate, "full") != NULL ? EV_FULL :
		    EV_DROP, p->seq);
	return sent < 0 ? -1 : 0;
}

static int
send_control(const struct rdt_session *s, enum rdt_type type)
{
	struct rdt_packet p = { .type = type, .protocol = s->protocol->code,
	    .control = s->congestion->code, .window = s->window,
	    .block = s->block };

	return transmit(s, &p);
}

void
rdt_corrupt(struct rdt_session *s)
{
	s->corrupt++;
	counters[MALFORMED]++;
	if (s->start != 0)
		tell_watcher(s, EV_CORRUPT, 0);
}

/* How many packets a file is in blocks of this size. */
static uint64_t
packets_of(uint64_t size, unsigned block)
{
	return size == 0 ? 1 : (size - 1) / block + 1;
}

/* Is a HELLO in range, its block not too small for the file? */
static int
hello_ok(const struct rdt_session *s, const struct rdt_packet *p)
{
	return rdt_protocol_find(NULL, p->protocol) != NULL &&
	    p->window >= 1 && p->window <= RDT_WINDOW_MAX &&
	    p->block >= 1 && p->block <= RDT_BLOCK_MAX &&
	    packets_of(s->file.size, p->block) <= UINT32_MAX;
}

/* Receives the next packet: 1; 0: none now; -1: an error. One that makes no
 * sense is counted, and given no type. A HELLO that is repeated is answered
 * here, at any time. */
static int
receive(struct rdt_session *s, struct rdt_packet *p, struct addr *from)
{
	ssize_t got;

	p->type = 0;
	got = dgram_recv(s->sock, incoming, sizeof incoming, from);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (s->encoding->unpack(s, p, incoming, (size_t)got) < 0 ||
	    (p->type == HELLO ? !hello_ok(s, p) :
	    s->is_server && s->start == 0)) {
		rdt_corrupt(s);
		p->type = 0;
	}
	if (rdt_watcher != NULL)
		rdt_watcher->packet(s, "<-", p, "");
	if (p->type == HELLO && s->is_server && s->start != 0 &&
	    send_control(s, HELLO) < 0)
		return -1;
	return 1;
}

/* Waits for a datagram, until the deadline or the end of this turn. Silence
 * counts the wait, but at most a TURN each time: if the process or the machine
 * was paused, the peer was not silent. */
int
rdt_await(struct rdt_session *s, int64_t deadline)
{
	struct pollfd p[3];
	int64_t begin, waited;
	int failed, stop;

	begin = now();
	p[0].fd = s->sock;
	p[1].fd = s->control;
	p[0].events = p[1].events = POLLIN;
	stop = s->tick != NULL && s->tick(&s->file);
	failed = !stop && wait_many(p, 2, deadline < begin + TURN ? deadline :
	    begin + TURN) < 0;
	waited = now() - begin;
	s->silence += waited < TURN ? waited : TURN;
	if (failed)
		return errno == ETIMEDOUT ? 0 : -1;
	errno = stop ? EINTR : ECONNABORTED;
	return stop || p[1].revents != 0 ? -1 : 0;
}

/* ---- rdt: HELLO --------------------------------------------------------- */

/* The buffers of the socket should hold a window of DATA: they become as large
 * as the system allows. Some systems refuse what is too much. */
static void
make_room(int fd, int option)
{
	int bytes;

	for (bytes = 1 << 24; bytes > 1 << 16; bytes /= 2)
		if (setsockopt(fd, SOL_SOCKET, option, &bytes,
		    sizeof bytes) == 0)
			return;
}

int64_t
time_of_day(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * SECOND + t.tv_nsec / 1000;
}

void
rdt_begins(struct rdt_session *s)
{
	s->start = now();
	s->silence = 0;
	if (rdt_watcher != NULL)
		rdt_watcher->begins(time_of_day(), s);
	if (network != NULL)
		network->begin();
}

/* A client that sends keeps its congestion control, even if the server does not
 * know it. */
void
rdt_agree(struct rdt_session *s, const struct rdt_packet *hello)
{
	if (s->is_server || s->protocol == NULL)
		s->protocol = rdt_protocol_find(NULL, hello->protocol);
	s->window = hello->window < s->protocol->window_max ? hello->window :
	    s->protocol->window_max;
	s->block = hello->block;
	if (s->is_server || !s->is_sender)
		s->congestion = congestion_find(NULL, hello->control);
	s->packets = (uint32_t)packets_of(s->file.size, s->block);
	make_room(s->sock, SO_RCVBUF);
	make_room(s->sock, SO_SNDBUF);
	rdt_begins(s);
}

/* Waits for a HELLO, and agrees; a client repeats its own meanwhile. At the
 * server it must come from the client's host: a forged one could aim the file
 * at a victim. The server may not agree to more than the client asked for. */
static int
await_hello(struct rdt_session *s, const char *client)
{
	struct rdt_packet p;
	struct addr from;
	int64_t end, hello_at;

	hello_at = s->is_server ? NEVER : now();
	end = now() + RDT_FIRST_S * SECOND;
	do {
		if (now() >= hello_at) {
			if (send_control(s, HELLO) < 0)
				return -1;
			hello_at += RDT_HELLO_US;
		}
		if (rdt_await(s, hello_at) < 0 || receive(s, &p, &from) < 0)
			return -1;
		if (p.type != HELLO)
			continue;
		if (s->is_server ? !addr_is_of(&from, client) :
		    p.protocol != s->protocol->code ||
		    p.window > s->window || p.block > s->block) {
			rdt_corrupt(s);
			continue;
		}
		if (s->is_server && connect(s->sock,
		    (struct sockaddr *)&from.ss, from.len) < 0)
			return -1;
		rdt_agree(s, &p);
		return 0;
	} while (now() < end);
	errno = ETIMEDOUT;
	return -1;
}

/* Once the socket is connected, the system keeps other senders away; datagrams
 * that they sent before are thrown away here. */
int
rdt_accept(struct rdt_session *s, const char *client)
{
	int i;

	s->is_server = 1;
	if (await_hello(s, client) < 0)
		return -1;
	for (i = 0; i < RDT_WINDOW_MAX; i++)
		if (dgram_recv(s->sock, incoming, sizeof incoming, NULL) < 0)
			break;
	return send_control(s, HELLO);
}

/* A file that needs more packets than there are numbers is refused here, before
 * any of it is sent. */
int
rdt_connect(struct rdt_session *s, unsigned port)
{
	if (s->window > s->protocol->window_max)
		s->window = s->protocol->window_max;
	s->sock = data_connect(s->control, SOCK_DGRAM, port);
	if (s->sock < 0 || sock_nonblock(s->sock) < 0)
		return -1;
	errno = EFBIG;
	return packets_of(s->file.size, s->block) > UINT32_MAX ? -1 :
	    await_hello(s, NULL);
}

/* ---- rdt: a transfer over UDP ------------------------------------------ */

/* Bytes of packet n: all are full but the last. */
static size_t
packet_bytes(const struct rdt_session *s, uint32_t n)
{
	return n + 1 < s->packets ? s->block :
	    (size_t)(s->file.size - (uint64_t)n * s->block);
}

static int
send_data(struct rdt_session *s, uint32_t n)
{
	struct rdt_packet p = { 0 };
	ssize_t got;

	p.type = DATA;
	p.seq = n;
	p.last = n == s->packets - 1;
	p.retransmitted = rdt_slot(&s->sender, n)->retransmitted;
	p.length = packet_bytes(s, n);
	do
		got = pread(s->file.fd, outgoing + RDT_HEAD, p.length,
		    (off_t)n * s->block);
	while (got < 0 && errno == EINTR);
	if (got >= 0)
		errno = ESTALE;
	return got < (ssize_t)p.length ? -1 : transmit(s, &p);
}

static int
store_packet(struct rdt_session *s, const struct rdt_packet *p)
{
	ssize_t put;

	do
		put = pwrite(s->file.fd, p->payload, p->length,
		    (off_t)p->seq * s->block);
	while (put < 0 && errno == EINTR);
	if (put >= 0)
		errno = ENOSPC;
	if (put < (ssize_t)p->length)
		return -1;
	s->file.done += p->length;
	return 0;
}

static int
send_ack(struct rdt_session *s, unsigned share)
{
	struct rdt_packet p = { 0 };

	if (s->unacked < share)
		return 0;
	s->unacked = 0;
	p.type = ACK;
	p.seq = s->receiver.expected;
	p.payload = outgoing + RDT_HEAD;
	p.length = rdt_recv_bitmap(&s->receiver, p.payload);
	return transmit(s, &p);
}

/* DATA came: stores what is new. */
static int
receive_data(struct rdt_session *s, const struct rdt_packet *p)
{
	enum rdt_event event;
	int bad;

	bad = p->seq >= s->packets || p->length != packet_bytes(s, p->seq) ||
	    p->last != (p->seq == s->packets - 1);
	/* In room an old packet may look like one beyond the end. */
	if (bad && (!s->encoding->is_room || p->seq == s->receiver.expected)) {
		rdt_corrupt(s);
		return 0;
	}
	s->arrived++;
	s->unacked++;
	s->silence = 0;
	event = rdt_recv_data(&s->receiver, p->seq);
	rdt_happened(now(), event, p->seq, NULL);
	if (event == EV_RECV && store_packet(s, p) < 0)
		return -1;
	return send_ack(s, s->encoding->is_room ? 1 : s->receiver.share);
}

/* Takes the packets that have come. */
static int
receive_burst(struct rdt_session *s)
{
	struct rdt_sender *snd = &s->sender;
	struct rdt_packet p;
	int got, n;

	for (n = 0; n < RDT_BURST; n++) {
		got = receive(s, &p, NULL);
		if (got <= 0)
			return got;
		s->done |= p.type == DONE;
		if (p.type == ACK && s->is_sender) {
			rdt_send_ack(snd, now(), p.seq, p.payload, p.length);
			s->file.done = rdt_send_done(snd) ? s->file.size :
			    (uint64_t)snd->base * s->block;
		}
		if (p.type == DATA && !s->is_sender && receive_data(s, &p) < 0)
			return -1;
	}
	return 0;
}

/* Takes the ACKs that have come, looks at the timer, sends what the window
 * allows, and waits. */
static int
send_turn(struct rdt_session *s)
{
	struct rdt_sender *snd = &s->sender;
	uint32_t seq;
	int n;

	if (receive_burst(s) < 0)
		return -1;
	if (rdt_send_done(snd))
		return 0;
	if (now() >= rdt_send_deadline(snd))
		rdt_send_timer(snd, now());
	errno = ETIMEDOUT;
	if (rdt_send_gave_up(snd))
		return -1;
	for (n = 0; n < RDT_BURST && rdt_send_next(snd, now(), &seq); n++)
		if (send_data(s, seq) < 0)
			return -1;
	return rdt_await(s, n < RDT_BURST ? rdt_send_deadline(snd) : 0);
}

int
rdt_send(struct rdt_session *s)
{
	int result;

	s->is_sender = 1;
	result = rdt_send_init(&s->sender, s->protocol, s->window,
	    s->congestion, 0, s->packets);
	while (result == 0 && !rdt_send_done(&s->sender))
		result = send_turn(s);
	s->took = now() - s->start;
	if (result == 0)
		send_control(s, DONE);
	return result;
}

/* In room, repeats HELLO until DATA comes. */
int
rdt_recv(struct rdt_session *s)
{
	int64_t hello_at;
	int result;

	hello_at = s->encoding->is_room ? 0 : NEVER;
	result = rdt_recv_init(&s->receiver, s->protocol, s->window, 0);
	while (result == 0 && s->receiver.expected != s->packets) {
		if (s->arrived == 0 && s->silence >= hello_at) {
			send_control(s, HELLO);
			hello_at += SECOND;
		}
		errno = ETIMEDOUT;
		result = s->silence >= RDT_SILENCE_S * SECOND ||
		    rdt_await(s, NEVER) < 0 || receive_burst(s) < 0 ||
		    send_ack(s, 1) < 0 ? -1 : 0;
	}
	s->took = now() - s->start;
	if (result < 0 && peer_failed() && s->receiver.expected == s->packets)
		result = 0;		/* all DATA is here: no matter */
	if (result == 0)
		tell_watcher(s, EV_DONE, s->packets);
	return result;
}

void
rdt_linger(struct rdt_session *s)
{
	int64_t end;

	end = now() + RDT_LINGER_S * SECOND;
	while (!s->done && now() < end)
		if (rdt_await(s, end) < 0 || receive_burst(s) < 0 ||
		    send_ack(s, 1) < 0)
			return;
}

/* Adds the counts of both ends; over UDP one has none. */
void
rdt_report(const struct rdt_session *s)
{
	int known;

	known = s->name != NULL && s->peer != NULL;
	log_msg(INFO, "rdt: mode=%s window=%u block=%u packets=%llu "
	    "transmissions=%llu timeouts=%llu fast=%llu duplicates=%llu "
	    "corrupt=%llu bytes=%llu seconds=%.3f control=%s%s%s%s%s",
	    s->protocol->name, s->window, s->block,
	    (unsigned long long)s->packets,
	    (unsigned long long)(s->sender.transmissions + s->arrived),
	    (unsigned long long)s->sender.timeouts,
	    (unsigned long long)s->sender.fast,
	    (unsigned long long)(s->sender.duplicates +
	    s->receiver.duplicates), (unsigned long long)s->corrupt,
	    (unsigned long long)s->file.done, (double)s->took / SECOND,
	    s->congestion->name, known ? " peer=" : "",
	    known ? s->peer : "", known ? " file=" : "",
	    known ? s->name : "");
	if (rdt_watcher != NULL)
		rdt_watcher->ends();
}

void
rdt_close(struct rdt_session *s)
{
	if (s->start != 0)
		rdt_report(s);
	free(s->sender.own);
	free(s->receiver.own);
	if (s->sock >= 0)
		dgram_close(s->sock);
}

/* ---- dir --------------------------------------------------------------- */

/* An IPv6 address may have an IPv4 one in it, ::ffff:1.2.3.4. */
int
addr_ipv4(const struct addr *a, uint32_t *ip)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->ss;

	if (a->ss.ss_family == AF_INET)
		*ip = ntohl(in->sin_addr.s_addr);
	else if (a->ss.ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		*ip = unpack32(in6->sin6_addr.s6_addr + 12);
	else
		return -1;
	return 0;
}

/* inet_ntop() wants the bytes in network order. */
const char *
ipv4_text(uint32_t ip, char text[IPV4_BYTES])
{
	unsigned char bytes[4];

	pack32(bytes, ip);
	return inet_ntop(AF_INET, bytes, text, IPV4_BYTES);
}

/* One function for all four formats: numbers, or else a text, or nothing. */
size_t
dir_pack(unsigned char *d, const struct dir_message *m)
{
	unsigned i;

	d[0] = (unsigned char)m->op;
	for (i = 0; i < m->numbers; i++)
		pack32(d + 1 + 4 * i, m->number[i]);
	if (m->text == NULL)
		return 1 + 4 * m->numbers;
	pack32(d + 1, (uint32_t)m->length);
	memcpy(d + 5, m->text, m->length);
	return 5 + m->length;
}

/* The formats of each op: how many numbers a message may have, as bits, and
 * TEXT if it may be a TLV. */
#define CONTROL	1
#define ONE	2
#define TWO	4
#define TEXT	8

int
dir_unpack(struct dir_message *m, const unsigned char *d, size_t n)
{
	static const unsigned char formats[] = { 0, CONTROL, ONE, TEXT, TWO,
	    CONTROL, TEXT, CONTROL, CONTROL, ONE | TEXT, CONTROL, CONTROL,
	    CONTROL | ONE, TEXT, CONTROL | ONE, TEXT, TEXT, CONTROL | ONE,
	    TEXT, CONTROL, TEXT, CONTROL, CONTROL };
	unsigned allowed;

	memset(m, 0, sizeof *m);
	if (n < 1 || d[0] >= sizeof formats)
		return -1;
	allowed = formats[d[0]];
	m->op = d[0];
	if ((n == 1 && allowed & CONTROL) || (n == 5 && allowed & ONE) ||
	    (n == 9 && allowed & TWO)) {
		m->numbers = (unsigned)(n / 4);
		m->number[0] = n >= 5 ? unpack32(d + 1) : 0;
		m->number[1] = n >= 9 ? unpack32(d + 5) : 0;
		return 0;
	}
	if (!(allowed & TEXT) || n < 5 || unpack32(d + 1) != n - 5)
		return -1;
	m->text = (const char *)d + 5;
	m->length = n - 5;
	return 0;
}

static int
made_of(const char *text, size_t n, const char *set)
{
	for (; n > 0; n--, text++)
		if (*text == '\0' || strchr(set, *text) == NULL)
			return 0;
	return 1;
}

/* Lower case only: a hash is compared by its bytes. */
int
hex_digits(const char *text, size_t n)
{
	return made_of(text, n, "0123456789abcdef");
}

/* Not isalnum(), which follows the locale. */
int
nick_ok(const char *nick, size_t n)
{
	return n >= 1 && n <= DIR_NICK_MAX && made_of(nick, n, "0123456789_-."
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static int
nicks_ok(const char *nicks, size_t n)
{
	struct cursor c = { nicks, n, GOOD };
	const char *nick;

	while (memchr(c.at, ',', c.left) != NULL) {
		nick = cursor_until(&c, ',', &n);
		if (!nick_ok(nick, n))
			return 0;
	}
	return nick_ok(c.at, c.left);
}

/* The name comes last, so that it may hold blanks. */
int
file_line_parse(struct file_line *f, const char *line, size_t n, int with_nicks)
{
	struct cursor c = { line, n, GOOD };
	const char *digits;
	int64_t size;

	f->hash = cursor_until(&c, ' ', &n);
	if (n != HASH_DIGITS || !hex_digits(f->hash, n))
		return -1;
	digits = cursor_until(&c, ' ', &n);
	size = n < 20 ? number(digits, n, 0, INT64_MAX) : -1;
	f->size = (uint64_t)size;
	f->nicks = c.at;
	f->nicks_len = 0;
	if (with_nicks)
		f->nicks = cursor_until(&c, ' ', &f->nicks_len);
	f->name = c.at;
	f->name_len = c.left;
	return c.state == GOOD && size >= 0 &&
	    (!with_nicks || nicks_ok(f->nicks, f->nicks_len)) &&
	    name_ok(f->name, f->name_len) ? 0 : -1;
}

int
next_line(const char **text, size_t *left, const char **line, size_t *n)
{
	struct cursor c = { *text, *left, GOOD };

	if (*left == 0)
		return 0;
	*line = cursor_until(&c, '\n', n);
	*text = c.at;
	*left = c.left;
	return c.state == GOOD ? 1 : -1;
}

#endif /* TINY */
