/* bench.c: what .ci/bench.sh cannot do in the shell. Licence: ISC, see README.
 *
 *      bench fork                      a server that accepts, forks and exits
 *      bench connect PORT N            N connections to it
 *      bench gets PORT N NAME          N gets from serv, on one connection
 *      bench newgets PORT N NAME       N gets, each on a connection of its own
 *      bench ftpgets PORT N NAME       N gets (PASV, RETR) from an FTP server
 *      bench ceiling N                 N MiB in datagrams that nobody checks
 *      bench lookups PORT N NICKS      N lookups in a directory of NICKS nicks
 *      bench chat PORT N LINES [irc]   LINES lines of 80 bytes to N clients of
 *                                      a chat, or of a channel of an IRC server
 *      bench time N COMMAND ...        runs it
 *
 * All on 127.0.0.1, one after the other; what arrives is counted and thrown
 * away. Each but the first prints N divided by the seconds it took. Built with
 * proto.c.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../more/more.h"

#define LIMIT	(now() + 10 * SECOND)

static const char *port;
static char buf[65536];

static void
die(const char *what)
{
	log_msg(ERROR, "bench: %s: %s", what, reason());
	exit(1);
}

static int
dial(const char *to)
{
	int fd;

	fd = sock_connect("127.0.0.1", to, SOCK_STREAM);
	if (fd < 0)
		die("connect");
	sock_limit(fd, 10);
	return fd;
}

/* Reads a connection to its end and closes it; returns the bytes. */
static size_t
drain(int fd)
{
	size_t all, got;

	all = 0;
	do {
		got = read_all(fd, buf, sizeof buf);
		all += got;
	} while (got == sizeof buf);
	if (errno != ENOTCONN && errno != ECONNABORTED)
		die("recv");
	close(fd);
	return all;
}

/* The least a server with a process per connection does. */
static void
fork_server(void)
{
	char host[HOST_BYTES];
	int fd, listener;

	listener = sock_listen("127.0.0.1", "0", SOCK_STREAM);
	if (listener < 0)
		die("listen");
	printf("listening %d\n", sock_host(listener, getsockname, host));
	fflush(stdout);
	signal(SIGCHLD, SIG_IGN);
	while (wait_for(listener, POLLIN, now() + 60 * SECOND) == 0) {
		fd = sock_accept(listener, NULL);
		if (fd >= 0 && fork() == 0)
			_exit(0);
		close(fd);
	}
}

static void
one_get(int control, const char *name)
{
	char command[300], answer[101];
	ssize_t n;
	long data;
	int fd;

	snprintf(command, sizeof command, "get %s", name);
	n = frame_send(control, command, strlen(command)) < 0 ? -1 :
	    frame_recv(control, answer, 100);
	if (n < 0)
		die("get");
	data = frame_number(answer, (size_t)n);
	fd = data_connect(control, SOCK_STREAM, (unsigned)data);
	if (data <= 0 || fd < 0)
		die("data");
	if (drain(fd) < FRAME_HEAD)
		die("contents");
}

/* Reads lines until one begins with a code and a blank; it must be this one. */
static char *
ftp_reply(int fd, const char *code)
{
	static char line[1024];
	size_t n;

	do {
		for (n = 0; n == 0 || line[n - 1] != '\n'; n++)
			if (n == sizeof line - 1 ||
			    read_all(fd, line + n, 1) != 1)
				die("ftp");
		line[n] = '\0';
	} while (line[0] < '1' || line[0] > '5' || line[3] != ' ');
	if (strncmp(line, code, strlen(code)) != 0) {
		errno = EPROTO;
		die(line);
	}
	return line;
}

static void
ftp_say(int fd, const char *verb, const char *argument)
{
	char line[300];

	snprintf(line, sizeof line, "%s %s\r\n", verb, argument);
	if (write_all(fd, line, strlen(line)) < strlen(line))
		die(verb);
}

static void
ftp_get(int control, const char *name)
{
	unsigned h[4], hi, lo;
	const char *open;
	int fd;

	ftp_say(control, "PASV", "");
	open = strchr(ftp_reply(control, "227"), '(');
	if (open == NULL || sscanf(open, "(%u,%u,%u,%u,%u,%u)", h, h + 1,
	    h + 2, h + 3, &hi, &lo) != 6)
		die("PASV");
	fd = data_connect(control, SOCK_STREAM, hi * 256 + lo);
	if (fd < 0)
		die("data");
	ftp_say(control, "RETR", name);
	ftp_reply(control, "150");
	drain(fd);
	ftp_reply(control, "226");
}

static int
ftp_login(void)
{
	int fd;

	fd = dial(port);
	ftp_reply(fd, "220");
	ftp_say(fd, "USER", "anonymous");
	ftp_reply(fd, "");
	ftp_say(fd, "PASS", "bench@localhost");
	ftp_reply(fd, "230");
	ftp_say(fd, "TYPE", "I");
	ftp_reply(fd, "200");
	return fd;
}

/* Two UDP sockets that are connected to each other. */
static int
socketpair_udp(int fd[2])
{
	struct addr a[2];
	int i;

	for (i = 0; i < 2; i++) {
		fd[i] = sock_listen("127.0.0.1", "0", SOCK_DGRAM);
		if (fd[i] < 0 || sock_addr(fd[i], getsockname, &a[i]) < 0)
			return -1;
	}
	for (i = 0; i < 2; i++)
		if (connect(fd[i], (struct sockaddr *)&a[1 - i].ss,
		    a[1 - i].len) < 0)
			return -1;
	return 0;
}

/* Takes one datagram, and waits for it if need be. */
static void
take(int fd)
{
	while (dgram_recv(fd, buf, sizeof buf, NULL) < 0)
		if (errno != EAGAIN || wait_for(fd, POLLIN, LIMIT) < 0)
			die("datagram");
}

/*
 * What UDP could do: datagrams as long as those of rdt, WINDOW of them in
 * flight and each acknowledged, but no numbers, no crc, no timer and no file.
 */
#define WINDOW	64
static void
ceiling(long mib)
{
	static char ack[RDT_HEAD];
	long i, n, flying;
	int fd[2];
	pid_t pid;

	if (socketpair_udp(fd) < 0)
		die("socket");
	n = (long)(mib * 1048576.0 / RDT_BLOCK);
	pid = fork();
	for (i = 0; pid == 0 && i < n; i++) {
		take(fd[1]);
		dgram_send(fd[1], ack, sizeof ack, NULL, COUNTED);
	}
	if (pid == 0)
		_exit(0);
	for (i = flying = 0; i < n || flying > 0;) {
		for (; i < n && flying < WINDOW; i++, flying++)
			dgram_send(fd[0], buf, RDT_HEAD + RDT_BLOCK, NULL,
			    COUNTED);
		take(fd[0]);
		flying--;
	}
	waitpid(pid, NULL, 0);
}

/* One request to a directory, and its answer; the op of that. */
static int
ask_directory(int fd, enum dir_op op, long nick)
{
	unsigned char d[64];
	struct dir_message m = { 0 };
	char name[16];

	m.op = op;
	m.length = (size_t)sprintf(name, "n%ld", nick);
	m.text = name;
	dgram_send(fd, d, dir_pack(d, &m), NULL, COUNTED);
	take(fd);
	return buf[0];
}

/* Fills a directory: each nick comes from an address of its own, 127.1.x.y. */
static void
fill(long nicks)
{
	char address[20];
	struct addr a;
	long i;
	int fd, there;

	for (i = 0; i < nicks; i++) {
		sprintf(address, "127.1.%ld.%ld", i / 250, i % 250 + 1);
		there = sock_connect("127.0.0.1", port, SOCK_DGRAM);
		fd = sock_listen(address, "0", SOCK_DGRAM);
		if (there < 0 || fd < 0 || sock_addr(there, getpeername, &a) < 0 ||
		    connect(fd, (struct sockaddr *)&a.ss, a.len) < 0 ||
		    ask_directory(fd, DIR_REGISTER, i) != DIR_REGISTER_OK)
			die("register");
		close(there);
		close(fd);
	}
}

static void
lookups(long n, long nicks)
{
	int fd;

	fd = sock_connect("127.0.0.1", port, SOCK_DGRAM);
	if (fd < 0)
		die("directory");
	for (; n > 0; n--)
		if (ask_directory(fd, DIR_LOOKUP, n * 7919 % nicks) !=
		    DIR_LOOKUP_FAIL)
			die("lookup");
}

/* What comes to a listener of a chat; each line that counts has one MARK. */
#define MARK	'%'
#define LISTENERS	1000

static struct pollfd listener[LISTENERS + 2];
static char heard[64 * 1024];

/* Counts the marks in what there is to read. */
static long
count_marks(int fd)
{
	ssize_t got, i;
	long n;

	got = recv_some(fd, heard, sizeof heard);
	if (got == 0 || (got < 0 && errno != EAGAIN))
		die("chat");
	for (n = i = 0; i < got; i++)
		n += heard[i] == MARK;
	return n;
}

/* One turn for all clients; returns the marks that came to the first n. */
static long
chat_turn(size_t n, short events)
{
	long marks;
	size_t i;

	for (i = 0; i <= n; i++)
		listener[i].events = POLLIN;
	listener[n].events |= events;
	if (wait_many(listener, n + 1, LIMIT) < 0)
		die("chat");
	for (marks = 0, i = 0; i <= n; i++)
		if (listener[i].revents & ~POLLOUT)
			marks += count_marks(listener[i].fd) * (i < n);
	return marks;
}

/* Connects a client, who says hello with a name. */
static int
chat_client(size_t number, int irc)
{
	char text[100];
	int fd;

	fd = dial(port);
	sprintf(text, irc ? "NICK n%lu\r\nUSER n n n n\r\nJOIN #n\r\n" :
	    "n%lu\n", (unsigned long)number);
	if (write_all(fd, text, strlen(text)) < strlen(text) ||
	    sock_nonblock(fd) < 0)
		die("chat");
	return fd;
}

/* Sends the lines of the last client, the n-th, and counts them at all others;
 * returns the time when it began. */
static int64_t
chat(size_t n, long lines, int irc)
{
	char line[100], *text;
	int64_t start;
	ssize_t sent;
	size_t i, left, len;
	long marks;

	for (i = 0; i <= n; i++) {
		listener[i].fd = chat_client(i, irc);
		listener[i].events = POLLIN;
	}
	sprintf(line, irc ? "PRIVMSG #n :%c%078d\r\n" : "%c%079d\n", MARK, 0);
	len = strlen(line);
	/* All are there once each has heard the last one say something. */
	for (marks = 0, start = now() + SECOND; marks < (long)n;) {
		if (now() >= start && send_some(listener[n].fd, line,
		    len) < 0)
			die("chat");
		start = now() >= start ? NEVER : start;
		if (wait_many(listener, n + 1, start) == 0)
			marks += chat_turn(n, 0);
	}
	text = malloc(len * (size_t)lines);
	if (text == NULL)
		die("chat");
	for (i = 0; i < (size_t)lines; i++)
		memcpy(text + i * len, line, len);
	start = now();
	for (marks = 0, left = len * (size_t)lines; marks < (long)n * lines;) {
		sent = left == 0 ? 0 : send_some(listener[n].fd, text, left);
		if (sent > 0) {
			text += sent;
			left -= (size_t)sent;
		}
		marks += chat_turn(n, left > 0 ? POLLOUT : 0);
	}
	return start;
}

/* Runs a command; its failure is ours. */
static void
run(char **argv)
{
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		exit(1);
}

/* n requests of the kind `what`. */
static void
requests(const char *what, long n, const char *name)
{
	int control;

	control = strcmp(what, "gets") == 0 ? dial(port) :
	    strcmp(what, "ftpgets") == 0 ? ftp_login() : -1;
	for (; n > 0; n--) {
		if (strcmp(what, "connect") == 0) {
			drain(dial(port));
		} else if (strcmp(what, "newgets") == 0) {
			control = dial(port);
			one_get(control, name);
			close(control);
		} else if (strcmp(what, "gets") == 0) {
			one_get(control, name);
		} else {
			ftp_get(control, name);
		}
	}
}

int
main(int argc, char **argv)
{
	int64_t start;
	double n;

	if (argc > 1 && strcmp(argv[1], "fork") == 0)
		fork_server();
	if (argc < 3)
		return 2;
	start = now();
	if (strcmp(argv[1], "ceiling") == 0) {
		n = atof(argv[2]);
		ceiling((long)n);
	} else if (argc < 4 || (argc < 5 && strchr("cl", *argv[1]) != NULL &&
	    strcmp(argv[1], "connect") != 0)) {
		return 2;
	} else if (strcmp(argv[1], "time") == 0) {
		n = atof(argv[2]);
		run(argv + 3);
	} else if (strcmp(argv[1], "lookups") == 0) {
		port = argv[2];
		n = atof(argv[3]);
		fill(atol(argv[4]));
		start = now();
		lookups((long)n, atol(argv[4]));
	} else if (strcmp(argv[1], "chat") == 0) {
		port = argv[2];
		n = atof(argv[3]) * atof(argv[4]);
		start = chat((size_t)atol(argv[3]) % LISTENERS, atol(argv[4]),
		    argc > 5);
	} else {
		port = argv[2];
		n = atof(argv[3]);
		requests(argv[1], (long)n, argc > 4 ? argv[4] : "");
	}
	printf("%.0f\n", n * SECOND / (double)(now() - start));
	return 0;
}
