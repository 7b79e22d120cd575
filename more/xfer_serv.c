/* xfer_serv.c: one request on each connection, the server. Licence: ISC, see README. */
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
#include "serv.h"

/* ---- xfer (seeds/001): runs in a child, one per connection ------------- */

static int
xfer_answer(const struct request *r, enum xfer_status status)
{
	unsigned char byte;

	byte = (unsigned char)status;
	return send_all(r->control, &byte, 1, now() + idle);
}

/* The last answer to a request; why as for refused(). */
static void
xfer_refuse(const struct request *r, enum xfer_status status, const char *why)
{
	refused(r, why);
	xfer_answer(r, status);
}

/* What the client sends behind the name is its length and then so much. */
static void
xfer_upload(const struct request *r)
{
	struct transfer t = { 0 };
	struct newfile f;
	enum moved moved;

	if (newfile_open(&f, served, r->name, 0) < 0) {
		xfer_refuse(r, XFER_FAILED, NULL);
		return;
	}
	t.sock = r->control;
	t.file = f.fd;
	t.idle = idle;
	moved = PEER_FAILED;
	if (xfer_length(t.sock, &t.size, now() + idle) > 0) {
		errno = EFBIG;
		moved = t.size > INT64_MAX ? FILE_FAILED : transfer_recv(&t);
	}
	xfer_answer(r, file_stored(r, &f, moved) == 0 ? XFER_OK : XFER_FAILED);
}

/* A file that cannot be read to its end is an early end for the client too. */
static void
xfer_download(const struct request *r)
{
	unsigned char head[1 + XFER_LENGTH] = { XFER_OK };
	struct transfer t = { 0 };
	enum moved moved;

	t.sock = r->control;
	t.idle = idle;
	t.file = file_open(served, r->name, O_NOFOLLOW, &t.size);
	if (t.file < 0) {
		if (no_file())
			xfer_refuse(r, XFER_NOFILE, "no such file");
		else
			xfer_refuse(r, XFER_FAILED, NULL);
		return;
	}
	xfer_pack(head + 1, t.size, NULL);
	moved = transfer_send(&t, head, sizeof head);
	file_sent(r, moved, reason());
	close(t.file);
}

/* Writes the lines of the list; what has gone meanwhile has none. */
static void
xfer_lines(FILE *out, char **names, size_t n)
{
	char line[XFER_LINE_MAX];
	struct xfer_file f;
	const char *newline;
	struct stat st;
	size_t i;

	newline = "";
	for (i = 0; i < n; i++) {
		if (fstatat(served, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		f.name = names[i];
		f.size = (uint64_t)st.st_size;
		f.time = (double)st.st_mtime;
		xfer_line_pack(line, &f);
		fprintf(out, "%s%s", newline, line);
		newline = "\n";
	}
}

/* Status, length and list in one piece, once it is known that there is one. */
static void
xfer_list(const struct request *r)
{
	static const unsigned char head[1 + XFER_LENGTH] = { XFER_OK };
	char *text, **names;
	ssize_t n;
	size_t len;
	FILE *out;

	text = NULL;
	out = NULL;
	n = list_files(served, UINT64_MAX, &names);
	if (n >= 0) {
		out = open_memstream(&text, &len);
		if (out != NULL) {
			fwrite(head, 1, sizeof head, out);
			xfer_lines(out, names, (size_t)n);
		}
		list_free(names, (size_t)n);
	}
	if (out == NULL || fclose(out) != 0) {
		xfer_refuse(r, XFER_FAILED, NULL);
	} else {
		xfer_pack((unsigned char *)text + 1, len - sizeof head, NULL);
		if (send_all(r->control, text, len, now() + idle) == 0)
			log_msg(INFO, "Files list downloaded from %s.", peer);
	}
	free(text);
}

static const struct {
	const char *verb;
	int named;			/* a name follows */
	void (*run)(const struct request *r);
} xfer_ops[] = {
	[XFER_UPLOAD] = { "upload", 1, xfer_upload },
	[XFER_DOWNLOAD] = { "download", 1, xfer_download },
	[XFER_LIST] = { "list", 0, xfer_list },
};
NAMES(xfer_name, xfer_ops, verb);

/* The request of a client who has sent a good opcode. */
static void
xfer_request(struct request *r, size_t op)
{
	char *name;
	size_t n;
	int got;

	r->verb = xfer_ops[op].verb;
	did.n[COMMANDS + op]++;
	if (!xfer_ops[op].named) {
		xfer_ops[op].run(r);
		return;
	}
	got = -1;
	name = NULL;
	if (xfer_answer(r, XFER_OK) == 0)
		got = xfer_recv(r->control, &name, &n, NAME_BYTES,
		    now() + idle);
	if (got > 0 && name_ok(name, n)) {
		r->name = name;
		xfer_ops[op].run(r);
	} else {
		r->name = got > 0 ? name : "without a name";
		xfer_refuse(r, XFER_FAILED, got > 0 ? "name refused" :
		    reason());
	}
	free(name);
}

static void
xfer_serve(int fd)
{
	struct request r = { 0 };
	char text[24];
	int op;

	r.control = fd;
	r.name = "";
	op = xfer_byte(fd, now() + first_words());
	if (op >= 0 && op < (int)COUNT(xfer_ops)) {
		xfer_request(&r, (size_t)op);
	} else if (op >= 0) {
		did.n[BAD_REQUESTS]++;
		sprintf(text, "%d", op);
		r.verb = "opcode";
		r.name = text;
		xfer_refuse(&r, XFER_OPCODE, "no such opcode");
	} else if (errno != 0) {
		log_msg(INFO, "%s: %s", peer, reason());
	}
}


const struct service xfer_service = { "xfer", SOCK_STREAM, "4321", "\3", xfer_serve, xfer_name };
