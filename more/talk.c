/* talk.c: bytes that wait. Licence: ISC, see README.
 *
 * Client and server of a chat must never wait for one connection alone. So what
 * cannot be sent yet, and what is no whole message yet, stays in a buffer that
 * has a bound:
 *
 *      recv_some() --> buffer_fill() --> messages are taken off: buffer_drop()
 *      buffer_add() --> buffer_send() --> send_some()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "more.h"

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

/* Makes sure that there is room for n more bytes. */
static int
buffer_room(struct buffer *b, size_t n)
{
	errno = EMSGSIZE;
	if (n > b->max - b->n)
		return -1;
	if (b->bytes == NULL)
		b->bytes = malloc(b->max);
	return b->bytes == NULL ? -1 : 0;
}

int
buffer_add(struct buffer *b, const void *bytes, size_t n)
{
	if (buffer_room(b, n) < 0)
		return -1;
	memcpy(b->bytes + b->n, bytes, n);
	b->n += n;
	return 0;
}

/* Few bytes follow what is dropped, as a rule. */
void
buffer_drop(struct buffer *b, size_t n)
{
	b->n -= n;
	if (n > 0)
		memmove(b->bytes, b->bytes + n, b->n);
}

/* By one call, so that a peer that sends without end does not keep us. */
ssize_t
buffer_fill(struct buffer *b, int fd,
    ssize_t (*get)(int fd, void *buf, size_t n))
{
	ssize_t got;

	if (buffer_room(b, 1) < 0)
		return -1;
	got = get(fd, b->bytes + b->n, b->max - b->n);
	b->n += got > 0 ? (size_t)got : 0;
	return got;
}

int
buffer_send(struct buffer *b, int fd)
{
	ssize_t sent;

	while (b->n > 0) {
		sent = send_some(fd, b->bytes, b->n);
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		buffer_drop(b, (size_t)sent);
	}
	return 0;
}
