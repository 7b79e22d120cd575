/* peer.c: plays one end of a conversation, as badly as it is told to.
 * Licence: ISC, see README.
 *
 *      peer STEP ...           each step is one argument, `connect 50000`
 *
 *      connect PORT    a connection to 127.0.0.1; it is the control connection
 *      listen [PORT]   prints a free port, the first from PORT on if that is
 *                      given, and waits there for a connection
 *      from ADDRESS    the next connections, and UDP sockets, come from there
 *      small           the next sockets have small receive buffers
 *      dial            reads a frame that tells a port, and connects to that
 *      five            the same with the five digits of room
 *      offer           sends a frame that tells a free port, and waits there
 *      control         goes back from the data connection to the first one
 *      data            goes to the data connection again
 *      send TEXT       \xNN is a byte
 *      drip TEXT       the same, a byte at a time
 *      zeros N         sends N zero bytes, or as many as the other side takes
 *      take N          prints N bytes that come
 *      hex N           the same, in hexadecimal
 *      skip N          the same, and prints nothing
 *      frame           prints the text of a frame
 *      end             reads to the end and prints EOF, or RESET
 *      fin             ends the sending side
 *      close, reset    end the connection
 *      udial           reads a frame with a UDP port and a key; prints the rest
 *      uoffer [SIZE]   sends such a frame; the first to send a datagram is the
 *                      other end
 *      rdt TYPE SEQ FLAGS TEXT  sends a datagram, after udial or uoffer
 *      spoil N         flips a bit in byte N of the next one; -1: cuts a byte
 *      key HEX         the key is another now
 *      heard           prints TYPE SEQ FLAGS and contents of one that comes
 *      await TYPE      the same, once one of this type comes; discards others
 *      ulisten         a UDP socket on a free port that it prints
 *      uheard          prints the bytes of a datagram in hexadecimal
 *      usend TEXT      sends a datagram to the source of the last one
 *      udp             goes back to the UDP socket
 *      nap MS          does nothing for a while
 *      unix PATH       makes a Unix socket, for want of a command that does
 *
 * What it prints ends with a newline each time. Shares no code with serv and
 * cli, so that an error there cannot hide itself. Ends after 60 s, whatever it
 * waits for.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int control = -1, data = -1, current = -1, udp = -1;
static unsigned long key;
static int spoil, spoiled;		/* which byte of the next datagram */
static const char *from = "127.0.0.1";
static int small;

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
	int bytes, fd, on;

	on = 1;
	bytes = 65536;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (small)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
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

static unsigned
port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len;

	len = sizeof a;
	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("port");
	return ntohs(a.sin_port);
}

static int
open_port(unsigned first)
{
	struct sockaddr_in a;
	int fd;

	fd = tcp_socket();
	do
		a = loopback("127.0.0.1", first);
	while (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 && first++ > 0);
	if (listen(fd, 8) < 0)
		die("listen");
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

/* Copies text with its escapes resolved; returns the bytes of it. */
static size_t
resolve(char *buf, size_t size, const char *text)
{
	size_t n;
	unsigned byte;

	for (n = 0; *text != '\0' && n < size; n++) {
		if (sscanf(text, "\\x%2x", &byte) == 1) {
			buf[n] = (char)byte;
			text += 4;
		} else {
			buf[n] = *text++;
		}
	}
	return n;
}

/* Sends text, at once or a byte at a time. */
static void
say(const char *text, int drip)
{
	char buf[8192];
	size_t i, n;

	n = resolve(buf, sizeof buf, text);
	if (!drip)
		put(buf, n);
	for (i = 0; i < n && drip; i++) {
		put(buf + i, 1);
		poll(NULL, 0, 1);
	}
}

/* Discards n bytes, or fewer; returns what the last recv(2) did. */
static ssize_t
skip(size_t n)
{
	char buf[4096];
	ssize_t got;

	got = 0;
	for (; n > 0; n -= (size_t)got) {
		got = recv(current, buf, n < sizeof buf ? n : sizeof buf, 0);
		if (got <= 0)
			break;
	}
	return got;
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
show(size_t n, int hexadecimal)
{
	char buf[65536];
	size_t i;

	n = take(buf, n < sizeof buf ? n : sizeof buf);
	for (i = 0; i < n; i++)
		printf(hexadecimal ? "%02x" : "%c", (unsigned char)buf[i]);
	putchar('\n');
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

static int
udp_socket(void)
{
	struct sockaddr_in here;
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	here = loopback(from, 0);
	if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0)
		die("udp");
	return fd;
}

/* Reads `PORT KEY`, and prints what follows it. */
static void
udial(void)
{
	struct sockaddr_in there;
	char text[64];
	unsigned port;
	int n;

	text[take(text, head() % sizeof text)] = '\0';
	n = 0;
	if (sscanf(text, "%u %8lx%n", &port, &key, &n) != 2)
		printf("%s", text);
	printf("%s\n", text + n);
	there = loopback("127.0.0.1", port);
	udp = udp_socket();
	connect(udp, (struct sockaddr *)&there, sizeof there);
}

static void
uoffer(const char *size)
{
	char text[64], frame[80];

	key = 0x89abcdef;
	udp = udp_socket();
	sprintf(text, "%u %08lx%s%.20s", port_of(udp), key,
	    *size == '\0' ? "" : " ", size);
	sprintf(frame, "%010d%s", (int)strlen(text), text);
	put(frame, strlen(frame));
}

/* The CRC-32, a bit at a time, of all but bytes 12 to 15. */
static unsigned long
crc(const unsigned char *d, size_t n)
{
	unsigned long c;
	size_t i;
	int k;

	c = 0xffffffff;
	for (i = 0; i < n; i++) {
		if (i >= 12 && i < 16)
			continue;
		c ^= d[i];
		for (k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
	}
	return c ^ 0xffffffff;
}

static void
big_endian(unsigned char *d, unsigned long n, int bytes)
{
	for (; bytes > 0; n >>= 8)
		d[--bytes] = (unsigned char)n;
}

static void
rdt(const char *arg)
{
	unsigned char d[66000];
	unsigned long type, seq, flags;
	size_t n;
	int text;

	text = 0;
	if (sscanf(arg, "%lu %lu %lu%n", &type, &seq, &flags, &text) != 3)
		die("rdt");
	arg += text;
	n = 16 + resolve((char *)d + 16, sizeof d - 16,
	    *arg == ' ' ? arg + 1 : arg);
	d[0] = (unsigned char)type;
	d[1] = (unsigned char)flags;
	big_endian(d + 2, n - 16, 2);
	big_endian(d + 4, key, 4);
	big_endian(d + 8, seq, 4);
	big_endian(d + 12, crc(d, n), 4);
	if (spoiled && spoil < 0)
		n--;
	else if (spoiled)
		d[spoil] ^= 4;
	spoiled = 0;
	send(udp, d, n, 0);
}

/* Takes a datagram; -1 if none comes, which is said. */
static ssize_t
udp_take(unsigned char *d, size_t n)
{
	struct sockaddr_in a;
	socklen_t len;
	struct pollfd p;
	ssize_t got;

	p.fd = udp;
	p.events = POLLIN;
	len = sizeof a;
	if (poll(&p, 1, 5000) <= 0) {
		puts("SILENCE");
		return -1;
	}
	got = recvfrom(udp, d, n, 0, (struct sockaddr *)&a, &len);
	if (got < 0)
		puts(errno == ECONNREFUSED ? "REFUSED" : "ERROR");
	else
		connect(udp, (struct sockaddr *)&a, len);
	return got;
}

/* Prints a datagram, if it is of the type wanted (0: any). */
static int
heard(unsigned wanted)
{
	unsigned char d[66000];
	ssize_t got, i;

	got = udp_take(d, sizeof d);
	if (got < 0)
		return 1;
	if (wanted != 0 && d[0] != wanted)
		return 0;
	printf("%d %lu %d%s", d[0], (unsigned long)d[8] << 24 |
	    (unsigned long)d[9] << 16 | (unsigned long)d[10] << 8 | d[11], d[1],
	    got > 16 ? " " : "");
	for (i = 16; i < got; i++)
		printf(d[i] > ' ' && d[i] < 127 ? "%c" : "\\x%02x", d[i]);
	if (got < 16 || crc(d, (size_t)got) != ((unsigned long)d[12] << 24 |
	    (unsigned long)d[13] << 16 | (unsigned long)d[14] << 8 | d[15]))
		printf(" WRONG CRC");
	putchar('\n');
	return 1;
}

/* One end of a conversation in datagrams of any kind. */
static void
ulisten(void)
{
	udp = udp_socket();
	printf("listening %u\n", port_of(udp));
}

static void
uheard(void)
{
	unsigned char d[66000];
	ssize_t got, i;

	got = udp_take(d, sizeof d);
	for (i = 0; i < got; i++)
		printf("%02x", d[i]);
	if (got >= 0)
		putchar('\n');
}

static void
usend(const char *text)
{
	char buf[66000];

	send(udp, buf, resolve(buf, sizeof buf, text), 0);
}

/* The steps with datagrams; returns false for others. */
static int
datagram_step(const char *verb, const char *arg)
{
	if (strcmp(verb, "udial") == 0)
		udial();
	else if (strcmp(verb, "uoffer") == 0)
		uoffer(arg);
	else if (strcmp(verb, "rdt") == 0)
		rdt(arg);
	else if (strcmp(verb, "spoil") == 0)
		spoil = atoi(arg), spoiled = 1;
	else if (strcmp(verb, "key") == 0)
		key = strtoul(arg, NULL, 16);
	else if (strcmp(verb, "heard") == 0)
		heard(0);
	else if (strcmp(verb, "await") == 0)
		while (!heard((unsigned)atoi(arg)))
			;
	else if (strcmp(verb, "ulisten") == 0)
		ulisten();
	else if (strcmp(verb, "uheard") == 0)
		uheard();
	else if (strcmp(verb, "usend") == 0)
		usend(arg);
	else if (strcmp(verb, "udp") == 0)
		current = udp;
	else
		return 0;
	return 1;
}

/* The steps that open and end connections; returns false for others. */
static int
connection_step(const char *verb, const char *arg)
{
	struct linger now = { 1, 0 };
	char text[32];
	size_t n;
	unsigned port;
	int listener;

	if (strcmp(verb, "connect") == 0) {
		control = current = dial((unsigned)atoi(arg));
	} else if (strcmp(verb, "listen") == 0) {
		listener = open_port((unsigned)atoi(arg));
		printf("listening %u\n", port_of(listener));
		control = current = take_one(listener);
	} else if (strcmp(verb, "dial") == 0 || strcmp(verb, "five") == 0) {
		n = verb[0] == 'f' ? 5 : head() % sizeof text;
		text[take(text, n)] = '\0';
		current = data = dial((unsigned)atoi(text));
	} else if (strcmp(verb, "offer") == 0) {
		listener = open_port(0);
		port = port_of(listener);
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
	if (connection_step(verb, arg) || datagram_step(verb, arg))
		return;
	if (strcmp(verb, "control") == 0)
		current = control;
	else if (strcmp(verb, "data") == 0)
		current = data;
	else if (strcmp(verb, "from") == 0)
		from = arg;
	else if (strcmp(verb, "small") == 0)
		small = 1;
	else if (strcmp(verb, "send") == 0 || strcmp(verb, "drip") == 0)
		say(arg, verb[0] == 'd');
	else if (strcmp(verb, "zeros") == 0)
		zeros(strtoul(arg, NULL, 10));
	else if (strcmp(verb, "skip") == 0)
		skip(strtoul(arg, NULL, 10));
	else if (strcmp(verb, "take") == 0 || strcmp(verb, "hex") == 0)
		show((size_t)atoi(arg), verb[0] == 'h');
	else if (strcmp(verb, "frame") == 0)
		show(head(), 0);
	else if (strcmp(verb, "end") == 0)
		puts(skip(SIZE_MAX) == 0 ? "EOF" : "RESET");
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
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	alarm(60);
	for (i = 1; i < argc; i++) {
		blank = strchr(argv[i], ' ');
		snprintf(verb, sizeof verb, "%.*s", blank == NULL ? 15 :
		    (int)(blank - argv[i]), argv[i]);
		step(verb, blank == NULL ? "" : blank + 1);
	}
	return 0;
}
