/* xfer_serv.c: one request on each connection. Licence: ISC, see README.
 *
 * The server of xfer, in a child for each connection: an opcode, answered
 * with a status, then what more.h draws for it, then the end.
 *
 *      xfer_serve() --> table --> xfer_upload(), ...
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serv.h"

static int
xfer_answer(const struct request *r, enum xfer_status status)
{
	unsigned char byte;

	byte = (unsigned char)status;
	return write_all(r->control, &byte, 1) < 1 ? -1 : 0;
}

/* The last answer to a request; for `why' see log_refused(). */
static void
xfer_refuse(const struct request *r, enum xfer_status status, const char *why)
{
	log_refused(r, why);
	xfer_answer(r, status);
}

/* After the name the client sends a length, and then as many bytes. */
static void
xfer_upload(const struct request *r)
{
	struct file f = { 0 };
	int came;

	f.fd = newfile_open(r->name, serv.keep);
	if (f.fd < 0) {
		xfer_refuse(r, XFER_FAILED, NULL);
		return;
	}
	came = xfer_length(r->control, &f.size) == 0 &&
	    file_recv(r->control, &f) == 0;
	xfer_answer(r, end_upload(r, came) == FTP_OK ? XFER_OK : XFER_FAILED);
}

/* If the file cannot be read to its end, the client sees an early end. */
static void
xfer_download(const struct request *r)
{
	unsigned char head[1 + XFER_LENGTH] = { XFER_OK };
	struct file f;
	int missing;

	if (file_open(&f, r->name, 0) < 0) {
		missing = code_of_open() == FTP_NOFILE;
		xfer_refuse(r, missing ? XFER_NOFILE : XFER_FAILED,
		    missing ? "no such file" : NULL);
		return;
	}
	xfer_pack(head + 1, f.size, NULL);
	log_download(r, file_send(r->control, &f, head, sizeof head));
	close(f.fd);
}

/* Writes the lines of the list; a file that has gone meanwhile has none. */
static void
xfer_lines(FILE *out, char *names)
{
	char line[XFER_LINE_MAX];
	struct xfer_file f;
	const char *newline;
	struct stat st;

	newline = "";
	for (f.name = strtok(names, "\n"); f.name != NULL;
	    f.name = strtok(NULL, "\n")) {
		if (lstat(f.name, &st) < 0)
			continue;
		f.size = (uint64_t)st.st_size;
		f.time = (double)st.st_mtime;
		xfer_line_pack(line, &f);
		fprintf(out, "%s%s", newline, line);
		newline = "\n";
	}
}

/* Status, length and list in one piece, once the list is complete. */
static void
xfer_list(const struct request *r)
{
	static const unsigned char head[1 + XFER_LENGTH] = { XFER_OK };
	char *names, *text;
	size_t len;
	FILE *out;

	text = NULL;
	names = list_files(UINT64_MAX, &len);
	out = names == NULL ? NULL : open_memstream(&text, &len);
	if (out != NULL) {
		fwrite(head, 1, sizeof head, out);
		xfer_lines(out, names);
	}
	free(names);
	if (out == NULL || fclose(out) != 0 || text == NULL) {
		xfer_refuse(r, XFER_FAILED, NULL);
	} else {
		xfer_pack((unsigned char *)text + 1, len - sizeof head, NULL);
		if (write_all(r->control, text, len) == len)
			log_msg(INFO, "Files list downloaded from %s.",
			    r->peer);
	}
	free(text);
}

static const struct {
	const char *verb;
	void (*run)(const struct request *r);
} xfer_ops[] = {
	[XFER_UPLOAD] = { "upload", xfer_upload },
	[XFER_DOWNLOAD] = { "download", xfer_download },
	[XFER_LIST] = { "list", xfer_list },
};

static void
xfer_serve(int fd, const char *peer)
{
	struct request r = { fd, peer, "opcode", "" };
	const char *why;
	char text[NAME_BYTES + 1];
	ssize_t n;
	int op;

	op = xfer_byte(fd);
	if (op < 0) {
		if (errno != ENOTCONN)
			log_end(peer);
		return;
	}
	if (op >= (int)COUNT(xfer_ops)) {
		counters[BAD_REQUESTS]++;
		sprintf(text, "%d", op);
		r.name = text;
		xfer_refuse(&r, XFER_OPCODE, "no such opcode");
		return;
	}
	r.verb = xfer_ops[op].verb;
	counters[COMMANDS + op]++;
	why = NULL;
	if (op != XFER_LIST) {		/* a name follows */
		n = xfer_answer(&r, XFER_OK) < 0 ? -1 :
		    xfer_text(fd, text, NAME_BYTES);
		r.name = n < 0 ? "without a name" : text;
		why = n < 0 ? reason() :
		    name_ok(text, (size_t)n) ? NULL : "name refused";
	}
	if (why != NULL)
		xfer_refuse(&r, XFER_FAILED, why);
	else
		xfer_ops[op].run(&r);
}

const struct service xfer_service = {
	.name = "xfer", .type = SOCK_STREAM, .port = "4321",
	.full = "\3", .serve = xfer_serve, NAMES_OF(xfer_ops)
};
