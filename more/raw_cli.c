/* raw_cli.c: a protocol typed by hand. Licence: ISC, see README.
 *
 * Standard input to the socket, the socket to standard output, both at once,
 * byte for byte; with -u sw a datagram for each line:
 *
 *      standard input --> typed --> buffer_send(), dgram_send()
 *      standard output <----------- recv_some(), dgram_recv()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define SILENCE_S	1	/* seconds of silence, after the end of input */
#define DGRAM_MAX	65507	/* bytes of a UDP datagram over IPv4 */

/* Read and not sent yet; all may be \xNN. */
static struct buffer typed = { .max = 4 * DGRAM_MAX + 2 };
static int input_ended;			/* or a send has failed */

/* On a terminal, or with -v, each datagram is shown on a line. */
static int
for_eyes(void)
{
	return isatty(STDOUT_FILENO) || logger.level >= DEBUG;
}

/* Writes bytes: to a terminal as printable text that ends with a newline; if
 * for_eyes(), each datagram is a line: `> \x01' has left, `< \x02' came. */
static int
raw_show(const char *arrow, const char *text, size_t n)
{
	if (by_udp.protocol != NULL && for_eyes()) {
		fputs(arrow, stdout);
		print_safely(stdout, text, n, 0);
		putchar('\n');
	} else if (isatty(STDOUT_FILENO)) {
		print_safely(stdout, text, n, 1);
		if (n > 0 && text[n - 1] != '\n')
			putchar('\n');
	} else {
		fwrite(text, 1, n, stdout);
	}
	return flush_output();
}

static int
raw_read(void)
{
	ssize_t got;

	got = buffer_fill(&typed, STDIN_FILENO, read);
	input_ended |= got == 0;
	return got < 0 && errno != EINTR && errno != EAGAIN ? -1 : 0;
}

/* Resolves \n, \\ and \xNN in a line, in place; returns its new length. */
static size_t
unescape(char *line, size_t n)
{
	struct cursor in = { line, n, GOOD }, next;
	uint64_t byte;
	char *out, kind;

	for (out = line; in.left > 0; out++) {
		*out = *cursor_bytes(&in, 1);
		if (*out != '\\')
			continue;
		next = in;
		kind = *cursor_bytes(&next, 1);
		byte = kind == 'x' ? cursor_number(&next, 2, 16) :
		    kind == 'n' ? '\n' : '\\';
		if (next.state == GOOD && memchr("\\nx", kind, 3) != NULL) {
			*out = (char)byte;
			in = next;
		}
	}
	return (size_t)(out - line);
}

/* Sends a datagram for each line; the last may lack its newline. */
static int
send_lines(int fd)
{
	char *end, *line;
	size_t n, bytes;

	line = typed.bytes;
	for (n = typed.n; n > 0; n -= (size_t)(end - line), line = end) {
		end = memchr(line, '\n', n);
		if (end == NULL && n == typed.max) {
			errno = EMSGSIZE;
			return -1;
		}
		if (end == NULL && !input_ended)
			break;
		end = end == NULL ? line + n : end + 1;
		bytes = (size_t)(end - line);
		bytes = unescape(line, bytes - (end[-1] == '\n'));
		if (dgram_send(fd, line, bytes, NULL, COUNTED) < 0 ||
		    (for_eyes() && raw_show("> ", line, bytes) != 0))
			return -1;
	}
	buffer_drop(&typed, typed.n - n);
	return 0;
}

/* Shows what came. Returns 1 at the end of the stream, or if standard output
 * fails; -1 after an error, or if the server closed before it took all
 * input. */
static int
raw_recv(int fd)
{
	static char buf[DGRAM_MAX];
	ssize_t got;

	got = by_udp.protocol != NULL ? dgram_recv(fd, buf, sizeof buf, NULL) :
	    recv_some(fd, buf, sizeof buf);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (got > 0 || by_udp.protocol != NULL)
		return raw_show("< ", buf, (size_t)got);
	if (!input_ended && wait_for(STDIN_FILENO, POLLIN, 0) == 0)
		raw_read();		/* input that it will not take? */
	if (typed.n == 0)
		return 1;
	errno = EPIPE;
	return -1;
}

/* Both directions at once, until the server closes; after the end of the input,
 * until a silence of ANSWER_S, or SILENCE_S over UDP. */
static int
raw_loop(int fd)
{
	struct pollfd p[3];
	int64_t patience;
	int closed, result;

	closed = by_udp.protocol != NULL;	/* no more is sent over TCP */
	patience = (by_udp.protocol != NULL ? SILENCE_S : ANSWER_S) * SECOND +
	    faults.delay;		/* which -L adds */
	for (;;) {
		p[0].fd = input_ended || typed.n == typed.max ? -1 :
		    STDIN_FILENO;
		p[0].events = POLLIN;
		p[1].fd = fd;
		p[1].events = typed.n > 0 && !closed ? POLLIN | POLLOUT :
		    POLLIN;
		if (wait_many(p, 2, input_ended ? now() + patience : NEVER) < 0)
			return by_udp.protocol != NULL &&
			    errno == ETIMEDOUT ? 0 : -1;
		if ((p[0].revents != 0 && raw_read() < 0) ||
		    (by_udp.protocol != NULL && send_lines(fd) < 0))
			return -1;
		if (!closed && buffer_send(&typed, fd) < 0)
			input_ended = closed = 1;	/* but read on */
		result = raw_recv(fd);	/* 0, if nothing came */
		if (result != 0)
			return result > 0 ? 0 : -1;
		if (input_ended && typed.n == 0 && !closed) {
			closed = 1;
			sock_end(fd);
		}
	}
}

/* With -u a datagram to nobody may be answered: connection refused. */
static int
raw_session(int argc, char **argv)
{
	int failed, fd;

	if (argc > 0)
		usage_error(argv[0], "mode raw has no commands");
	fd = connect_server(by_udp.protocol != NULL ? SOCK_DGRAM : SOCK_STREAM);
	if (fd < 0 || sock_nonblock(fd) < 0)
		return 1;
	failed = raw_loop(fd) < 0 &&
	    fail("raw: %s %s: %s", cli.host, cli.port, reason());
	dgram_close(fd);
	return failed;
}

const struct mode raw_mode = { .name = "raw", .session = raw_session,
    .kind = ONLY_SW };
