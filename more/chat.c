/* chat.c: pickles. Licence: ISC, see README. */
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

/* ---- chat ------------------------------------------------------------ */

/* The least that Python's own pickle would make of it, in protocol 3. */
size_t
chat_pack(unsigned char *out, const void *data, size_t n)
{
	static const unsigned char memo[] = { 0x71, 0x00 };
	static const unsigned char end[] = { 0x86, 0x71, 0x01, 0x2e };
	unsigned char *p = out;

	*p++ = 0x80;
	*p++ = 3;
	*p++ = n < 256 ? 0x43 : 0x42;
	*p++ = (unsigned char)n;
	if (n >= 256) {
		*p++ = (unsigned char)(n >> 8);
		*p++ = 0;
		*p++ = 0;
	}
	memcpy(p, data, n);
	p += n;
	memcpy(p, memo, sizeof memo);
	p += sizeof memo;
	*p++ = n < 256 ? 0x4b : 0x4d;
	*p++ = (unsigned char)n;
	if (n >= 256)
		*p++ = (unsigned char)(n >> 8);
	memcpy(p, end, sizeof end);
	return (size_t)(p - out) + sizeof end;
}

/* What is left of a pickle; once it is bad it stays so. */
struct pickle {
	const unsigned char *at;
	size_t left;
	int bad;
};

/* Takes n bytes; the next one is there, whatever happens. */
static const unsigned char *
pickle_take(struct pickle *k, size_t n)
{
	static const unsigned char zeros[8];
	const unsigned char *at = k->at;

	if (k->bad || n > k->left) {
		k->bad = 1;
		return zeros;
	}
	k->at += n;
	k->left -= n;
	return at;
}

static void
pickle_expect(struct pickle *k, unsigned byte)
{
	k->bad |= *pickle_take(k, 1) != byte;
}

/* A number of so many bytes, the least significant first. */
static uint64_t
pickle_number(struct pickle *k, size_t n)
{
	const unsigned char *at;
	uint64_t value;

	at = pickle_take(k, n);
	for (value = 0; n > 0; n--)
		value = value << 8 | at[n - 1];
	return value;
}

/* `remember that', which protocols 3 and 4 spell in two ways. */
static void
pickle_memo(struct pickle *k, unsigned protocol, unsigned number)
{
	pickle_expect(k, protocol == 4 ? 0x94 : 0x71);
	if (protocol == 3)
		pickle_expect(k, number);
}

/* In a list the pair has a mark before it, and the list is remembered first. */
ssize_t
chat_unpack(const unsigned char **data, const unsigned char *in, size_t n)
{
	struct pickle k = { in, n, 0 };
	unsigned kind, list, protocol;
	uint64_t length, told;

	pickle_expect(&k, 0x80);
	protocol = *pickle_take(&k, 1);
	k.bad |= protocol != 3 && protocol != 4;
	if (protocol == 4) {
		pickle_expect(&k, 0x95);
		length = pickle_number(&k, 8);
		k.bad |= length != k.left;
	}
	kind = *pickle_take(&k, 1);
	list = kind == 0x5d;
	if (list) {
		pickle_memo(&k, protocol, 0);
		pickle_expect(&k, 0x28);
		kind = *pickle_take(&k, 1);
	}
	k.bad |= kind != 0x42 && kind != 0x43;
	length = pickle_number(&k, kind == 0x42 ? 4 : 1);
	*data = pickle_take(&k, length <= n ? (size_t)length : n + 1);
	pickle_memo(&k, protocol, list);
	kind = *pickle_take(&k, 1);
	k.bad |= kind != 0x4b && kind != 0x4d;
	told = pickle_number(&k, kind == 0x4d ? 2 : 1);
	pickle_expect(&k, list ? 0x65 : 0x86);
	if (!list)
		pickle_memo(&k, protocol, 1);
	pickle_expect(&k, 0x2e);
	return k.bad || k.left != 0 || told != length ? -1 : (ssize_t)length;
}
