/* xfer.c: one request on each connection, the messages. Licence: ISC, see README. */
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
#include "more.h"

/* ---- xfer ------------------------------------------------------------ */

const char *
xfer_status_text(int status)
{
	static const char *const texts[] = { "stored",
	    "the server knows no such request", "no such file on the server",
	    "refused by the server, or failed, or it is full" };

	return status >= 0 && status < (int)COUNT(texts) ? texts[status] :
	    "a status that does not exist";
}

size_t
xfer_pack(unsigned char *out, uint64_t length, const char *text)
{
	pack32(out, (uint32_t)(length >> 32));
	pack32(out + 4, (uint32_t)length);
	if (text == NULL)
		return XFER_LENGTH;
	memcpy(out + XFER_LENGTH, text, (size_t)length);
	return XFER_LENGTH + (size_t)length;
}

int
xfer_length(int fd, uint64_t *length, int64_t deadline)
{
	unsigned char head[XFER_LENGTH];
	int got;

	got = recv_whole(fd, head, sizeof head, deadline);
	if (got > 0)
		*length = (uint64_t)unpack32(head) << 32 | unpack32(head + 4);
	return got;
}

int
xfer_recv(int fd, char **text, size_t *n, size_t max, int64_t deadline)
{
	uint64_t length;
	int got;

	*text = NULL;
	got = xfer_length(fd, &length, deadline);
	return got <= 0 ? got : recv_text(fd, length, text, n, max, deadline);
}

int
xfer_byte(int fd, int64_t deadline)
{
	unsigned char byte;
	int got;

	got = recv_whole(fd, &byte, 1, deadline);
	return got > 0 ? byte : -1;
}

/* What is UTF-8 stays, as in Python's own repr(); all that no terminal should
 * be shown, and what is no UTF-8, goes byte by byte. */
size_t
xfer_line_pack(char line[XFER_LINE_MAX], const struct xfer_file *f)
{
	const unsigned char *s = (const unsigned char *)f->name;
	size_t left, n;
	char *out;

	out = line + sprintf(line, "('");
	for (left = strlen(f->name); left > 0; s += n, left -= n) {
		n = *s >= ' ' && *s < 0x7f ? 1 : utf8_bytes(s, left);
		if (*s == '\'' || *s == '\\')
			*out++ = '\\';
		memcpy(out, s, n);
		out += n;
		if (n == 0) {
			out += sprintf(out, "\\x%02x", *s);
			n = 1;
		}
	}
	out += sprintf(out, "', %llu, %.1f)", (unsigned long long)f->size,
	    f->time);
	return (size_t)(out - line);
}

/* Writes a character of Unicode as UTF-8; returns its bytes. */
static size_t
utf8_put(char *out, long code)
{
	size_t i, len;

	len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (i = len; --i > 0; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(len == 1 ? code : (0xf00 >> len & 0xff) | code);
	return len;
}

/*
 * Takes an escape apart, behind its backslash, and moves *in behind it. Returns
 * the bytes written; 0: it is none that we know. Python writes a byte of a name
 * that is no UTF-8 as U+DC00 and that byte.
 */
static size_t
take_escape(const char **in, char *out)
{
	static const char kinds[] = "\\'\"nrtxuU";
	static const char meant[] = "\\'\"\n\r\t";
	static const size_t digits[] = { 2, 4, 8 };	/* of x, u, U */
	const char *kind;
	size_t i, n;
	long code;

	kind = **in == '\0' ? NULL : strchr(kinds, *(*in)++);
	if (kind == NULL)
		return 0;
	i = (size_t)(kind - kinds);
	if (i < sizeof meant - 1) {
		*out = meant[i];
		return 1;
	}
	n = digits[i - (sizeof meant - 1)];
	code = hex_number(*in, n);
	if (code <= 0 || code > 0x10ffff)
		return 0;
	*in += n;
	if (n > 2 && (code < 0xd800 || code > 0xdfff))
		return utf8_put(out, code);
	*out = (char)code;
	return n == 2 || (code >= 0xdc80 && code <= 0xdcff);
}

/* The name is decoded where it stands: it never becomes longer. */
int
xfer_line_parse(struct xfer_file *f, char *line)
{
	char *end, *out, quote, size[20], when[32];
	const char *in;
	size_t n;
	int used;

	quote = line[0] == '(' ? line[1] : '\0';
	if (quote != '\'' && quote != '"')
		return -1;
	f->name = out = line + 2;
	for (in = out; *in != quote; out += n) {
		n = 1;
		if (*in == '\0')
			return -1;
		if (*in != '\\')
			*out = *in++;
		else if (in++, (n = take_escape(&in, out)) == 0)
			return -1;
	}
	used = 0;
	sscanf(++in, ",%*1[ ]%19[0-9],%*1[ ]%31[-+.e0-9])%n", size, when,
	    &used);
	if (used == 0 || in[used] != '\0')
		return -1;
	*out = '\0';
	f->size = (uint64_t)number(size, 0, INT64_MAX);
	f->time = strtod(when, &end);
	return f->size > INT64_MAX || *end != '\0' ||
	    f->time < XFER_TIME_MIN || f->time > XFER_TIME_MAX ? -1 : 0;
}
