/* peer.c: what clients of the directory say to each other. Licence: ISC, see
 * README.
 *
 * A file is known by the SHA-1 of its contents, and travels in text
 * messages, in base 64. So this file has a hash, the messages, and base 64;
 * peer_cli.c is both ends of the conversation.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <string.h>

#include "more.h"

/* ---- hashes ------------------------------------------------------------ */

/* To the left, by n bits, 0 < n < 32. */
static uint32_t
rotate(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

/* RFC 3174, section 6.1, method 1. */
static void
sha1_block(uint32_t h[5], const unsigned char *p)
{
	uint32_t a, b, c, d, e, f, next, w[80];
	int t;

	for (t = 0; t < 16; t++)
		w[t] = unpack32(p + 4 * t);
	for (; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	a = h[0];
	b = h[1];
	c = h[2];
	d = h[3];
	e = h[4];
	for (t = 0; t < 80; t++) {
		f = t < 20 ? ((b & c) | (~b & d)) + 0x5a827999 :
		    t < 40 ? (b ^ c ^ d) + 0x6ed9eba1 :
		    t < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc :
		    (b ^ c ^ d) + 0xca62c1d6;
		next = rotate(a, 5) + f + e + w[t];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

#define HASH_PIECE	(64 * 1024)	/* bytes, whole blocks of 64 */

/* After the last byte come a 1, zeros, and the length in bits, to the end of a
 * block. */
int
hash_file(int fd, char hex[HASH_DIGITS + 1])
{
	static unsigned char piece[HASH_PIECE + 64];
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
	    0xc3d2e1f0 };
	uint64_t size;
	size_t got, i, n;

	size = 0;
	do {
		n = got = read_all(fd, piece, HASH_PIECE);
		size += got;
		if (got < HASH_PIECE) {
			n = (got + 8) / 64 * 64 + 64;
			memset(piece + got, 0, n - got);
			piece[got] = 0x80;
			pack32(piece + n - 8, (uint32_t)(size >> 29));
			pack32(piece + n - 4, (uint32_t)(size << 3));
		}
		for (i = 0; i < n; i += 64)
			sha1_block(h, piece + i);
	} while (got == HASH_PIECE);
	for (i = 0; i < 5; i++)
		sprintf(hex + 8 * i, "%08lx", (unsigned long)h[i]);
	return errno == ENOTCONN || errno == ECONNABORTED ? 0 : -1;
}

/* ---- peer -------------------------------------------------------------- */

void
peer_begin(struct peer_message *m, const char *operation)
{
	m->length = (size_t)sprintf(m->text, "operation:%s\n", operation);
}

/* There must be room for the newline that ends the message, too. */
void
peer_add(struct peer_message *m, const char *key, const char *value)
{
	size_t len, room;

	room = PEER_MESSAGE_MAX - m->length;
	len = (size_t)snprintf(m->text + m->length, room, "%s:%s\n", key,
	    value);
	if (len < room)
		m->length += len;
}

/* Length and text go in one send, like a short frame of ftp. */
int
peer_send(int fd, struct peer_message *m)
{
	static unsigned char out[2 + PEER_MESSAGE_MAX];

	m->text[m->length++] = '\n';
	pack16(out, (unsigned)m->length);
	memcpy(out + 2, m->text, m->length);
	return write_all(fd, out, 2 + m->length) < 2 + m->length ? -1 : 0;
}

/* Makes each line a string. A good message begins with the operation, has a
 * colon in each line, and ends with the first empty one. */
int
peer_recv(int fd, struct peer_message *m)
{
	unsigned char head[2];
	char *line, *end;

	if (read_all(fd, head, sizeof head) < sizeof head)
		return -1;
	m->length = unpack16(head);
	if (read_all(fd, m->text, m->length) < m->length)
		return -1;
	m->text[m->length] = '\0';
	errno = EBADMSG;
	if (strncmp(m->text, "operation:", 10) != 0)
		return -1;
	for (line = m->text; (end = strchr(line, '\n')) != NULL && end > line;
	    line = end + 1) {
		*end = '\0';
		if (strchr(line, ':') == NULL)
			return -1;
	}
	if (end == NULL || end + 1 != m->text + m->length)
		return -1;
	*end = '\0';
	return 0;
}

const char *
peer_value(const struct peer_message *m, const char *from, const char *key)
{
	size_t len;

	len = strlen(key);
	from = from == NULL ? m->text : from + strlen(from) + 1;
	for (; *from != '\0'; from += strlen(from) + 1)
		if (strncmp(from, key, len) == 0 && from[len] == ':')
			return from + len + 1 + (from[len + 1] == ' ');
	return NULL;
}

int
peer_is(const struct peer_message *m, const char *operation)
{
	return strcmp(peer_value(m, NULL, "operation"), operation) == 0;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three bytes are four digits of six bits. */
size_t
base64_encode(char *out, const unsigned char *in, size_t n)
{
	uint32_t bits;
	size_t i, done;

	for (done = 0; n > 0; done += 4) {
		bits = (uint32_t)in[0] << 16 | (n > 1 ? in[1] << 8 : 0) |
		    (n > 2 ? in[2] : 0);
		for (i = 0; i < 4; i++)
			out[done + i] = i > n ? '=' :
			    base64_digits[bits >> (18 - 6 * i) & 63];
		in += n < 3 ? n : 3;
		n -= n < 3 ? n : 3;
	}
	return done;
}

/* Strict: four digits at a time, padding only at the end, no stray bits. */
ssize_t
base64_decode(unsigned char *out, const char *in, size_t n)
{
	static signed char value[256];
	unsigned char *begin = out;
	uint32_t bits;
	size_t i, pad;

	for (i = 0; value['/'] == 0 && i < 64; i++)
		value[(unsigned char)base64_digits[i]] = (signed char)(i + 1);
	if (n % 4 != 0)
		return -1;
	pad = n == 0 || in[n - 1] != '=' ? 0 : in[n - 2] != '=' ? 1 : 2;
	for (bits = 0, i = 0; i < n - pad; i++) {
		if (value[(unsigned char)in[i]] == 0)
			return -1;
		bits = bits << 6 | (value[(unsigned char)in[i]] - 1u);
		if (i % 4 > 0)
			*out++ = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	/* The last digit may have bits that no byte took; they must be 0. */
	return (bits & ((1u << 2 * pad) - 1)) != 0 ? -1 : out - begin;
}
