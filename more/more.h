/* more.h: the formats of the protocols in more/. Licence: ISC, see README. */
#ifndef MORE_H
#define MORE_H

/* ---- xfer: one request on each connection (seeds/001) ------------------- */

/*
 * An opcode, answered step by step with a status; each is one byte. A name, the
 * contents of a file and a list come as their length and then so many bytes:
 *
 *    0                     8                  8 + length
 *   +---------------------+------------------+
 *   | length, big-endian  | bytes            |
 *   +---------------------+------------------+
 *
 *    client        server    client        server    client        server
 *      |-- 0: upload ->|       |- 1: download >|       |-- 2: list --->|
 *      |<--- status ---|       |<--- status ---|       |<--- status ---|
 *      |---- name ---->|       |---- name ---->|       |<==== list ====|
 *      |== contents ==>|       |<--- status ---|       |<==== end =====|
 *      |<--- status ---|       |<== contents ==|
 *      |<==== end =====|       |<==== end =====|
 *
 * The original server closes without the last status: `not confirmed'. A status
 * that is not 0 is the end; it may come at any time, also while a file is sent,
 * and to a new connection if the server is full.
 *
 * The list is one line for each file, joined by newlines, and each a tuple of
 * Python: name, bytes, and when it was changed, in seconds since 1970:
 *
 *     ('lorem_ipsum.txt', 100321, 1620948149.0)
 *
 * The name is a literal of Python: \\ \' and, for a byte that is no part of
 * printable UTF-8, \xNN. So a client that evaluates it is safe, and one that
 * takes it apart has the same bytes. What else Python's repr() makes of a name
 * is understood too, \" \n \r \t \uNNNN \UNNNNNNNN in quotes of either kind;
 * but \xNN, which it writes for a few characters, is a byte here.
 */
#define XFER_LENGTH	8
#define XFER_LINE_MAX	(4 * NAME_BYTES + 64)	/* bytes, NUL included */
#define XFER_TIME_MIN	-62135596800.0	/* year 1... */
#define XFER_TIME_MAX	253402300799.0	/* ...to 9999 */

enum xfer_op { XFER_UPLOAD, XFER_DOWNLOAD, XFER_LIST };
enum xfer_status {
	XFER_OK = 0,
	XFER_OPCODE = 1,	/* no such opcode */
	XFER_NOFILE = 2,	/* no such regular file */
	XFER_FAILED = 3		/* refused or failed, or the server is full */
};

/* What a status means, for a person. */
const char *xfer_status_text(int status);

/*
 * Writes a length and, unless text is NULL, so many bytes of text; returns the
 * bytes written.
 */
size_t	xfer_pack(unsigned char *out, uint64_t length, const char *text);

/*
 * Reads a length; a length and a text, as frame_recv(); one byte, an opcode or
 * a status, or -1. The first two return as frame_head().
 */
int	xfer_length(int fd, uint64_t *length, int64_t deadline);
int	xfer_recv(int fd, char **text, size_t *n, size_t max,
	    int64_t deadline);
int	xfer_byte(int fd, int64_t deadline);

struct xfer_file {
	const char *name;
	uint64_t size;
	double time;
};

/*
 * A line of the list, without its newline: makes one, returns its bytes; takes
 * one apart, in place, so that name points into it, or returns -1.
 */
size_t	xfer_line_pack(char line[XFER_LINE_MAX], const struct xfer_file *f);
int	xfer_line_parse(struct xfer_file *f, char *line);

#endif
