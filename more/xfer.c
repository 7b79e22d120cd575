/* xfer.c: the messages of xfer. Licence: ISC, see README.
 *
 * Lengths of eight bytes before names, files and lists, and the lines of a
 * list, which are tuples of Python. Used by xfer_serv.c, which packs the lines,
 * and by xfer_cli.c, which takes them apart:
 *
 *      xfer_line_pack()    a name --> a literal: printable UTF-8 stays,
 *                                     other bytes become \xNN
 *      xfer_line_unpack()  and back, with all other escapes of Python's repr()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "more.h"

/* A length alone announces contents that follow by other means. */
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
xfer_length(int fd, uint64_t *length)
{
	unsigned char head[XFER_LENGTH];

	if (read_all(fd, head, sizeof head) < sizeof head)
		return -1;
	*length = (uint64_t)unpack32(head) << 32 | unpack32(head + 4);
	errno = EFBIG;
	return *length > INT64_MAX ? -1 : 0;
}

/* The length is checked before a byte of the text is read. */
ssize_t
xfer_text(int fd, char *text, size_t max)
{
	uint64_t length;

	if (xfer_length(fd, &length) < 0 && errno != EFBIG)
		return -1;
	errno = EMSGSIZE;
	if (length > max || read_all(fd, text, (size_t)length) < length)
		return -1;
	text[length] = '\0';
	return (ssize_t)length;
}

int
xfer_byte(int fd)
{
	unsigned char c;

	return read_all(fd, &c, 1) == 1 ? c : -1;
}

/* Printable UTF-8 stays, as in Python's own repr(); any other byte becomes
 * \xNN. */
size_t
xfer_line_pack(char line[XFER_LINE_MAX], const struct xfer_file *f)
{
	const unsigned char *s = (const unsigned char *)f->name;
	size_t left, n;
	char *out;

	out = line + sprintf(line, "('");
	for (left = strlen(f->name); left > 0; s += n, left -= n) {
		n = char_bytes(s, left);
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

/* Writes a character of Unicode as UTF-8; returns how many bytes. */
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

/* Takes an escape, after its backslash, and writes what it means. Returns how
 * many bytes; 0: it is none that we know. For Python a byte outside UTF-8 is
 * U+DC00 plus that byte (PEP 383). */
static size_t
unescape(struct cursor *in, char *out)
{
	static const char kinds[] = "\\'\"nrtxuU";
	static const char meant[] = "\\'\"\n\r\t";
	static const size_t digits[] = { 2, 4, 8 };	/* of x, u, U */
	const char *kind;
	uint64_t code;
	size_t i, n;

	kind = strchr(kinds, *cursor_bytes(in, 1));
	if (in->state != GOOD || kind == NULL)
		return 0;
	i = (size_t)(kind - kinds);
	if (i < sizeof meant - 1) {
		*out = meant[i];
		return 1;
	}
	n = digits[i - (sizeof meant - 1)];
	code = cursor_number(in, n, 16);
	if (in->state != GOOD || code == 0 || code > 0x10ffff)
		return 0;
	if (n > 2 && (code < 0xd800 || code > 0xdfff))
		return utf8_put(out, (long)code);
	*out = (char)code;
	return n == 2 || (code >= 0xdc80 && code <= 0xdcff);
}

/* The name is decoded where it stands: it never becomes longer. */
int
xfer_line_unpack(struct xfer_file *f, char *line)
{
	struct cursor in = { 0 };
	char *end, *out, quote, size[20], when[32];
	size_t n;
	int used;

	quote = line[0] == '(' ? line[1] : '\0';
	if (quote != '\'' && quote != '"')
		return -1;
	in.at = line + 2;
	in.left = strlen(in.at);
	f->name = out = line + 2;
	for (;;) {
		*out = *cursor_bytes(&in, 1);
		if (in.state != GOOD)
			return -1;
		if (*out == quote)
			break;
		n = *out == '\\' ? unescape(&in, out) : 1;
		if (n == 0)
			return -1;
		out += n;
	}
	used = 0;
	sscanf(in.at, ",%*1[ ]%19[0-9],%*1[ ]%31[-+.e0-9])%n", size, when,
	    &used);
	if (used == 0 || in.at[used] != '\0')
		return -1;
	*out = '\0';
	f->size = (uint64_t)number(size, strlen(size), 0, INT64_MAX);
	f->time = strtod(when, &end);
	return f->size > INT64_MAX || *end != '\0' ? -1 : 0;
}
