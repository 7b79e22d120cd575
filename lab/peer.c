/* peer.c: plays one end of a conversation, as badly as it is told to.
 * Licence: ISC, see README.
 *
 *      peer STEP ...           each step is one argument, `connect 50000`
 *
 *      connect PORT    a connection to 127.0.0.1; it is the control connection
 *      listen          waits for one, on a free port that it prints
 *      from ADDRESS    where the next connect or dial comes from
 *      dial            reads a frame that tells a port, and connects to that
 *      offer           sends a frame that tells a free port, and waits there
 *      control         goes back from the data connection to the first one
 *      data            goes to the data connection again
 *      send TEXT       \xNN is a byte
 *      drip TEXT       the same, a byte at a time
 *      zeros N         sends N zero bytes, or as many as the other side takes
 *      take N          prints N bytes that come
 *      frame           prints the text of a frame
 *      end             reads to the end and prints EOF, or RESET
 *      fin             ends the sending side
 *      close, reset    end the connection
 *      nap MS          does nothing for a while
 *      unix PATH       makes a Unix socket, for want of a command that does
 *
 * What it prints ends with a newline each time. Shares no code with serv and
 * cli, so that an error there cannot hide itself. Ends after 60 s, whatever it
 * waits for.
 */
#define _POSIX_C_SOURCE 200809L

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int control = -1, data = -1, current = -1;
static const char *from = "127.0.0.1";

static void
die(const char *step)
{
	fprintf(stderr, "peer: %s: %s\n", step, strerror(errno));
	exit(1);
}

static struct sockaddr_in
loopback(const char *host, unsigned port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_port = htons((in_port_t)port);
	a.sin_addr.s_addr = inet_addr(host);
	return a;
}

static int
tcp_socket(void)
{
	int fd, on;

	on = 1;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static int
dial(unsigned port)
{
	struct sockaddr_in here, there;
	int fd;

	fd = tcp_socket();
	here = loopback(from, 0);
	there = loopback("127.0.0.1", port);
	if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0 ||
	    connect(fd, (struct sockaddr *)&there, sizeof there) < 0)
		die("connect");
	return fd;
}

static int
open_port(unsigned *port)
{
	struct sockaddr_in a;
	socklen_t len;
	int fd;

	fd = tcp_socket();
	a = loopback("127.0.0.1", 0);
	len = sizeof a;
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
	    listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	*port = ntohs(a.sin_port);
	return fd;
}

static int
take_one(int listener)
{
	int fd, on;

	on = 1;
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	close(listener);
	return fd;
}

/* Sends all, if the other side takes it; a broken connection is no error. */
static void
put(const char *text, size_t n)
{
	ssize_t sent;

	for (; n > 0; text += sent, n -= (size_t)sent)
		if ((sent = send(current, text, n, 0)) < 0)
			return;
}

/* Sends text with its escapes resolved, `step` bytes at a time (0: at once). */
static void
say(const char *text, int drip)
{
	char buf[8192];
	size_t i, n;
	unsigned byte;

	for (n = 0; *text != '\0' && n < sizeof buf; n++) {
		if (sscanf(text, "\\x%2x", &byte) == 1) {
			buf[n] = (char)byte;
			text += 4;
		} else {
			buf[n] = *text++;
		}
	}
	if (!drip)
		put(buf, n);
	for (i = 0; i < n && drip; i++) {
		put(buf + i, 1);
		poll(NULL, 0, 1);
	}
}

static size_t
take(char *buf, size_t n)
{
	size_t done;
	ssize_t got;

	for (done = 0; done < n; done += (size_t)got) {
		got = recv(current, buf + done, n - done, 0);
		if (got <= 0)
			break;
	}
	return done;
}

static void
show(size_t n)
{
	char buf[65536];

	n = take(buf, n < sizeof buf ? n : sizeof buf);
	fwrite(buf, 1, n, stdout);
	putchar('\n');
	fflush(stdout);
}

/* The number in the next ten digits. */
static unsigned long
head(void)
{
	char digits[11];

	digits[take(digits, 10)] = '\0';
	return strtoul(digits, NULL, 10);
}

static void
to_end(void)
{
	char buf[4096];
	ssize_t got;

	while ((got = recv(current, buf, sizeof buf, 0)) > 0)
		;
	puts(got == 0 ? "EOF" : "RESET");
	fflush(stdout);
}

static void
zeros(unsigned long n)
{
	static const char buf[4096];
	size_t part;

	for (; n > 0; n -= part) {
		part = n < sizeof buf ? n : sizeof buf;
		if (send(current, buf, part, 0) < 0)
			return;
	}
}

/* The steps that open and end connections; returns false for others. */
static int
connection_step(const char *verb, const char *arg)
{
	struct linger now = { 1, 0 };
	char text[32];
	unsigned port;
	int listener;

	if (strcmp(verb, "connect") == 0) {
		control = current = dial((unsigned)atoi(arg));
	} else if (strcmp(verb, "listen") == 0) {
		listener = open_port(&port);
		printf("listening %u\n", port);
		fflush(stdout);
		control = current = take_one(listener);
	} else if (strcmp(verb, "dial") == 0) {
		text[take(text, head() % sizeof text)] = '\0';
		current = data = dial((unsigned)atoi(text));
	} else if (strcmp(verb, "offer") == 0) {
		listener = open_port(&port);
		sprintf(text, "00000000%02d%u", port > 9999 ? 5 : 4, port);
		put(text, strlen(text));
		current = data = take_one(listener);
	} else if (strcmp(verb, "close") == 0) {
		close(current);
	} else if (strcmp(verb, "fin") == 0) {
		shutdown(current, SHUT_WR);
	} else if (strcmp(verb, "reset") == 0) {
		setsockopt(current, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(current);
	} else {
		return 0;
	}
	return 1;
}

/* Leaves a socket in the file system. */
static void
unix_socket(const char *path)
{
	struct sockaddr_un a;

	memset(&a, 0, sizeof a);
	a.sun_family = AF_UNIX;
	strncpy(a.sun_path, path, sizeof a.sun_path - 1);
	if (bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a,
	    sizeof a) < 0)
		die("unix");
}

static void
step(const char *verb, const char *arg)
{
	if (connection_step(verb, arg))
		return;
	if (strcmp(verb, "control") == 0)
		current = control;
	else if (strcmp(verb, "data") == 0)
		current = data;
	else if (strcmp(verb, "from") == 0)
		from = arg;
	else if (strcmp(verb, "send") == 0 || strcmp(verb, "drip") == 0)
		say(arg, verb[0] == 'd');
	else if (strcmp(verb, "zeros") == 0)
		zeros(strtoul(arg, NULL, 10));
	else if (strcmp(verb, "take") == 0)
		show((size_t)atoi(arg));
	else if (strcmp(verb, "frame") == 0)
		show(head());
	else if (strcmp(verb, "end") == 0)
		to_end();
	else if (strcmp(verb, "nap") == 0)
		poll(NULL, 0, atoi(arg));
	else if (strcmp(verb, "unix") == 0)
		unix_socket(arg);
	else
		die(verb);
}

int
main(int argc, char **argv)
{
	char verb[16], *blank;
	int i;

	signal(SIGPIPE, SIG_IGN);
	alarm(60);
	for (i = 1; i < argc; i++) {
		blank = strchr(argv[i], ' ');
		snprintf(verb, sizeof verb, "%.*s", blank == NULL ? 15 :
		    (int)(blank - argv[i]), argv[i]);
		step(verb, blank == NULL ? "" : blank + 1);
	}
	return 0;
}
