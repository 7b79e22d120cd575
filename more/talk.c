/* talk.c: bytes that wait. Licence: ISC, see README.
 *
 * Client and server of a chat must never wait for one connection alone. So what
 * cannot be sent yet, and what is no whole message yet, stays in a buffer that
 * has a bound:
 *
 *      recv_some() --> buffer_fill() --> buffer_at(): take messages off,
 *                                        buffer_drop()
 *      buffer_add() --> buffer_send() --> send_some()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "more.h"

#define READ_BYTES	(64 * 1024)	/* at one go */

/* EINTR and EWOULDBLOCK are EAGAIN, too: the one code that callers test for. */
static ssize_t
some(int fd, enum passing what, const void *buf, ssize_t n)
{
	if (n < 0 && (errno == EWOULDBLOCK || errno == EINTR))
		errno = EAGAIN;
	return io_hook != NULL && io_hook(fd, what, buf, n) < 0 ? -1 : n;
}

/* Here a byte leaves the program... */
ssize_t
send_some(int fd, const void *buf, size_t n)
{
	return some(fd, SENT, buf, send(fd, buf, n, 0));
}

/* ...and here it enters. */
ssize_t
recv_some(int fd, void *buf, size_t n)
{
	return some(fd, RECEIVED, buf, recv(fd, buf, n, 0));
}

size_t
buffer_n(const struct buffer *b)
{
	return b->to - b->from;
}

/* No arithmetic on a buffer that has no memory yet. */
char *
buffer_at(const struct buffer *b)
{
	return b->from == 0 ? b->bytes : b->bytes + b->from;
}

/* Makes room for n more bytes, of at most max. */
static int
buffer_grow(struct buffer *b, size_t n)
{
	errno = EMSGSIZE;
	if (buffer_n(b) + n > b->max)
		return -1;
	if (b->bytes == NULL)
		b->bytes = malloc(b->max);
	if (b->bytes == NULL)
		return -1;
	if (b->to + n > b->max) {
		memmove(b->bytes, buffer_at(b), buffer_n(b));
		b->to -= b->from;
		b->from = 0;
	}
	return 0;
}

/* All of it or nothing. */
int
buffer_add(struct buffer *b, const void *bytes, size_t n)
{
	if (buffer_grow(b, n) < 0)
		return -1;
	if (n > 0)
		memcpy(b->bytes + b->to, bytes, n);
	b->to += n;
	return 0;
}

/* An empty buffer begins at its beginning again, so most never move a byte. */
void
buffer_drop(struct buffer *b, size_t n)
{
	b->from += n;
	if (b->from == b->to)
		b->from = b->to = 0;
}

/* By one call, so that a peer that sends without end does not keep us. */
ssize_t
buffer_fill(struct buffer *b, int fd,
    ssize_t (*get)(int fd, void *buf, size_t n))
{
	ssize_t got;
	size_t n;

	n = b->max - buffer_n(b);
	n = n < READ_BYTES ? n : READ_BYTES;
	if (n == 0)
		errno = EMSGSIZE;
	if (n == 0 || buffer_grow(b, n) < 0)
		return -1;
	got = get(fd, b->bytes + b->to, n);
	if (got > 0)
		b->to += (size_t)got;
	return got;
}

/* As much as goes; the rest waits for POLLOUT. */
int
buffer_send(struct buffer *b, int fd)
{
	ssize_t sent;

	while (buffer_n(b) > 0) {
		sent = send_some(fd, buffer_at(b), buffer_n(b));
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		buffer_drop(b, (size_t)sent);
	}
	return 0;
}
