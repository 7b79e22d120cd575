/* xfer_cli.c: one request on each connection. Licence: ISC, see README.
 *
 * The client of xfer. Each command connects, sends its opcode, and goes
 * through the steps that more.h draws for it:
 *
 *      xfer_upload(), xfer_download(), xfer_list() --> xfer_begin()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define SILENT_LEAST_S	5	/* seconds to await a status, at least */
#define SILENT_MOST_S	60	/* at most: it may never come */

static time_t begun;			/* when the contents began to leave */

/* Receives a status; *why is NULL if it is XFER_OK. */
static int
xfer_status(int fd, const char **why)
{
	static const char *const whys[] = { NULL,
	    "the server knows no such request", "no such file on the server",
	    "refused by the server, or failed, or it is full" };
	int status;

	status = xfer_byte(fd);
	if (status < 0)
		return -1;
	*why = "a status that does not exist";
	if (status > XFER_FAILED)
		return 0;
	server_heard = 1;
	*why = whys[status];
	return 0;
}

/* The status at the end of an upload. The send buffer may take as long to empty
 * as it took to fill: so the client waits that long. Silence then means an
 * original server, which sends no status, and does not close. */
static int
xfer_confirmation(int fd, const char **why)
{
	time_t took;
	int result;

	took = time(NULL) - begun;
	sock_limit(fd, took < SILENT_LEAST_S ? SILENT_LEAST_S :
	    took > SILENT_MOST_S ? SILENT_MOST_S : (int)took);
	result = xfer_status(fd, why);
	if (result < 0 && errno == ETIMEDOUT)
		errno = ENOTCONN;
	return result;
}

/* Receives a status. Returns 0 if it is XFER_OK; else 1, after a message. */
static int
xfer_expect_ok(int fd, const char *command, const char *name)
{
	const char *why;

	if (xfer_status(fd, &why) < 0)
		why = reason();
	return why == NULL ? 0 :
	    fail("%s: %s: %s%s", command, name, why, doubt());
}

/* Connects, and sends the opcode. Returns -1 after an error. */
static int
xfer_begin(const char *command, const char *name, enum xfer_op op)
{
	unsigned char byte;
	int fd;

	if (strlen(name) > NAME_BYTES) {
		log_msg(ERROR, "%s: %s: the name is too long", command, name);
		return -1;
	}
	fd = connect_server(SOCK_STREAM);
	if (fd < 0)
		return -1;
	byte = (unsigned char)op;
	sock_limit(fd, server_heard ? ANSWER_S : DOUBT_S);
	/* An error is no reason to stop here: the answer may be there already,
	 * from a full server, say. */
	write_all(fd, &byte, 1);
	if (xfer_expect_ok(fd, command, name) == 0) {
		sock_limit(fd, STALL_S);
		return fd;
	}
	sock_close(fd);
	return -1;
}

static int
xfer_upload(int argc, char **argv)
{
	unsigned char head[XFER_LENGTH + NAME_BYTES + XFER_LENGTH];
	const char *name;
	struct file f;
	size_t n;
	int failed, fd;

	name = argc > 2 ? argv[2] : base_name(argv[1]);
	if (file_open(&f, argv[1], 1) < 0)
		return fail("upload: %s: %s, here", argv[1], reason());
	failed = 1;
	fd = xfer_begin("upload", name, XFER_UPLOAD);
	if (fd >= 0) {
		begun = time(NULL);
		n = xfer_pack(head, strlen(name), name);
		n += xfer_pack(head + n, f.size, NULL);
		failed = upload("upload", name, fd, &f, head, n,
		    xfer_confirmation);
		sock_close(fd);
	}
	close(f.fd);
	return failed;
}

static int
xfer_download(int argc, char **argv)
{
	unsigned char text[XFER_LENGTH + NAME_BYTES];
	const char *name = argv[1];
	struct file f;
	int failed, fd;

	if (download_begin(argc, argv, &f) != 0)
		return 1;
	failed = 1;
	fd = xfer_begin("download", name, XFER_DOWNLOAD);
	if (fd >= 0) {
		write_all(fd, text, xfer_pack(text, strlen(name), name));
		failed = xfer_expect_ok(fd, "download", name);
	}
	if (failed)
		newfile_end(0);
	else
		failed = download_end("download", name, &f,
		    xfer_length(fd, &f.size) == 0 && file_recv(fd, &f) == 0);
	if (fd >= 0)
		sock_close(fd);
	return failed;
}

static char order;			/* of a list: by n, s or d */

/* For qsort(): by size or date, and by name where that is the same. */
static int
by_order(const void *a, const void *b)
{
	const struct xfer_file *x = a, *y = b;

	if (order == 's' && x->size != y->size)
		return x->size < y->size ? -1 : 1;
	if (order == 'd' && x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Prints `> [13-May-2021 (00:48:00)] audio.mp3 - 15.24 MB'. */
static void
print_file(const struct xfer_file *f)
{
	const char *const units[] = { "B", "KB", "MB" };
	char date[40];
	double size;
	time_t t;
	size_t i;

	strcpy(date, "?");
	if (f->time >= XFER_TIME_MIN && f->time <= XFER_TIME_MAX) {
		t = (time_t)f->time;
		t -= (double)t > f->time;	/* down, also before 1970 */
		strftime(date, sizeof date, "%d-%b-%Y (%H:%M:%S)",
		    localtime(&t));
	}
	printf("> [%s] ", date);
	print_safely(stdout, f->name, strlen(f->name), 0);
	size = (double)f->size;
	for (i = 0; i < COUNT(units) - 1 && size >= 1024; i++)
		size /= 1024;
	printf(" - %.2f %s\n", size, units[i]);
}

/* Takes a list apart, in place, and prints it. A good line has more than eight
 * bytes. */
static int
print_list(char *text, size_t length, int ascending)
{
	struct xfer_file *files;
	size_t i, n;
	char *line;

	files = calloc(length / 8 + 1, sizeof *files);
	if (files == NULL)
		return fail("list: %s", reason());
	n = 0;
	for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (xfer_line_unpack(&files[n++], line) < 0) {
			free(files);
			return fail("list: line %lu of the server's list is "
			    "not ('name', bytes, seconds)", (unsigned long)n);
		}
	qsort(files, n, sizeof *files, by_order);
	printf("Available files (%lu):\n", (unsigned long)n);
	for (i = 0; i < n; i++)
		print_file(&files[ascending ? i : n - 1 - i]);
	free(files);
	return 0;
}

static int
xfer_list(int argc, char **argv)
{
	static char text[LIST_BYTES + 1];
	int ascending, c, failed, fd;
	ssize_t length;

	order = 'n';
	ascending = opterr = 0;
	optind = 1;
	while ((c = getopt(argc, argv, "adns")) != -1 && c != '?') {
		if (c == 'a')
			ascending = 1;
		else
			order = (char)c;
	}
	if (c == '?' || optind < argc)
		return fail("list: usage: list [-n|-s|-d] [-a]");
	fd = xfer_begin("list", cli.host, XFER_LIST);
	if (fd < 0)
		return 1;
	length = xfer_text(fd, text, LIST_BYTES);
	if (length > (ssize_t)strlen(text)) {	/* there is a NUL in it */
		errno = EBADMSG;
		length = -1;
	}
	failed = length < 0 && fail("list: %s: %s", cli.host, reason());
	sock_close(fd);
	return failed || print_list(text, (size_t)length, ascending);
}

static const struct command xfer_commands[] = {
	{ "download", 1, 2, "NAME [DST]", "download a file", xfer_download },
	{ "list", 0, 4, "[-n|-s|-d] [-a]",
	    "list the files there, by name, size or date",
	    xfer_list },
	{ "lls", 0, 0, "", "list the files here", list_local },
	{ "upload", 1, 2, UPLOAD_NAMES, "upload a file", xfer_upload },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* Each command has a connection of its own. */
const struct mode xfer_mode = { .name = "xfer", .port = "4321",
    .prompt = "xfer> ", .commands = { xfer_commands, common_commands } };
