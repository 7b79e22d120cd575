/* raw_cli.c: a protocol typed by hand. Licence: ISC, see README. */
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
#include "cli.h"

/* ---- raw: a protocol typed by hand ------------------------------------ */

#define SILENCE_S	1	/* seconds without a datagram end mode raw */
#define DGRAM_MAX	65507	/* bytes of a UDP datagram over IPv4 */

/* What was read from standard input and not sent yet. */
static char typed[4 * DGRAM_MAX + 2];	/* each byte may be written \xNN */
static size_t ntyped;
static int input_ended;
static int unsent;			/* the server took not all of it */

/* Copies what came to standard output; on a terminal, made visible. */
static int
raw_show(const char *text, size_t n)
{
	if (isatty(STDOUT_FILENO))
		print_safely(text, n, 1);
	else
		fwrite(text, 1, n, stdout);
	return flush_output();
}

/* Reads more of standard input. */
static int
raw_read(void)
{
	ssize_t got;

	got = read(STDIN_FILENO, typed + ntyped, sizeof typed - ntyped);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	ntyped += (size_t)got;
	input_ended = got == 0;
	return 0;
}

/* Resolves \n, \\ and \xNN in a line, in place; returns its new length. */
static size_t
unescape(char *line, size_t n)
{
	size_t in, out;
	long byte;

	out = 0;
	for (in = 0; in < n; in++) {
		byte = in + 3 < n ? hex_number(line + in + 2, 2) : -1;
		if (line[in] != '\\' || in + 1 == n) {
			line[out++] = line[in];
		} else if (line[in + 1] == 'x' && byte >= 0) {
			line[out++] = (char)byte;
			in += 3;
		} else if (line[in + 1] == 'n' || line[in + 1] == '\\') {
			line[out++] = line[++in] == 'n' ? '\n' : '\\';
		} else {
			line[out++] = '\\';
		}
	}
	return out;
}

/* Takes the first n bytes off what was typed. */
static void
typed_sent(size_t n)
{
	ntyped -= n;
	memmove(typed, typed + n, ntyped);
}

/* Sends a datagram for each line that is complete, or will never be. */
static int
send_lines(int fd)
{
	char *end;
	size_t n;

	while (ntyped > 0) {
		end = memchr(typed, '\n', ntyped);
		if (end == NULL && ntyped == sizeof typed) {
			errno = EMSGSIZE;
			return -1;
		}
		if (end == NULL && !input_ended)
			break;
		n = end == NULL ? ntyped : (size_t)(end - typed);
		if (dgram_send(fd, typed, unescape(typed, n), NULL, 1) < 0)
			return -1;
		typed_sent(end == NULL ? n : n + 1);
	}
	return 0;
}

/* Sends what goes of what was typed. */
static int
raw_send(int fd)
{
	ssize_t sent;

	if (datagrams)
		return send_lines(fd);
	if (ntyped == 0)
		return 0;
	sent = send_some(fd, typed, ntyped);
	if (sent < 0 && errno != EAGAIN) {	/* it may have said something */
		input_ended = unsent = 1;
		sent = (ssize_t)ntyped;
	}
	if (sent > 0)
		typed_sent((size_t)sent);
	return 0;
}

/*
 * Shows what came. Returns 1 at the end of a stream, or of the reader's; -1 if
 * the server ended before it took all that was typed.
 */
static int
raw_recv(int fd)
{
	static char buf[DGRAM_MAX];
	ssize_t got;

	got = datagrams ? dgram_recv(fd, buf, sizeof buf, NULL) :
	    recv_some(fd, buf, sizeof buf);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (got > 0 || datagrams)
		return raw_show(buf, (size_t)got);
	if (!input_ended && wait_for(STDIN_FILENO, POLLIN, 0) == 0)
		raw_read();		/* nobody will take it any more */
	if (!unsent && ntyped == 0)
		return 1;
	errno = EPIPE;
	return -1;
}

/*
 * Both directions at once, until the server closes; after the end of the input
 * until it has been silent for ANSWER_S, or datagrams for SILENCE_S.
 */
static int
raw_pump(int fd)
{
	struct pollfd p[2];
	int due, half_closed, patience, result;

	half_closed = 0;
	patience = datagrams ? SILENCE_S : ANSWER_S;
	for (;;) {
		p[0].fd = input_ended || ntyped == sizeof typed ? -1 :
		    STDIN_FILENO;
		p[0].events = POLLIN;
		p[0].revents = 0;
		p[1].fd = fd;
		p[1].events = ntyped > 0 && !datagrams ? POLLIN | POLLOUT :
		    POLLIN;
		due = dgram_due() == NEVER ? -1 :
		    dgram_due() > now() ? (int)((dgram_due() - now()) / 1000) +
		    1 : 0;
		result = poll(p, 2, due >= 0 ? due : input_ended ?
		    patience * 1000 : -1);
		if (result == 0 && due >= 0) {
			if (raw_recv(fd) < 0)	/* which sends what is due */
				return -1;
			continue;
		}
		if (result == 0 && datagrams)
			return 0;
		if (result == 0)
			errno = ETIMEDOUT;
		if (result <= 0)
			return -1;
		if (p[0].revents != 0 && raw_read() < 0)
			return -1;
		if (raw_send(fd) < 0)
			return -1;
		if (p[1].revents & (POLLIN | POLLHUP | POLLERR)) {
			result = raw_recv(fd);
			if (result != 0)
				return result > 0 ? 0 : -1;
		}
		if (input_ended && ntyped == 0 && !half_closed && !datagrams) {
			half_closed = 1;
			shutdown(fd, SHUT_WR);
		}
	}
}

static int
raw_session(int argc, char **argv)
{
	int fd, result;

	if (argc > 0)
		return fail("raw: %s: this mode has no commands", argv[0]);
	fd = connect_server(datagrams ? SOCK_DGRAM : SOCK_STREAM);
	if (fd < 0)
		return 1;
	result = raw_pump(fd);
	if (result < 0)
		log_msg(ERROR, "raw: %s %s: %s", host, port, reason());
	dgram_close(fd);
	return result < 0;
}


const struct mode raw_mode = { "raw", NULL, raw_session };
