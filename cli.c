/* cli.c: the client. Licence: ISC, see README.
 *
 *      cli localhost 50000                     a prompt
 *      cli localhost 50000 get notes.txt       one command
 *      cli -m chat localhost bob               a chat
 *      cli -m raw localhost 50000              a telnet
 *      cli -m sim -u gbn -W 3 -L drop=/5 9     packets on a simulated channel
 *      cli -h                                  all options
 *
 * Read proto.h first, then Part I of proto.c. This file goes:
 *
 *  Part I   what modes share     the screen, downloads and uploads
 *           the command loop     a line, its words, a table
 *           ftp                  get, put, ls, quit
 *  Part II  at the prompt        Control-C, how fast, which server?
 *           ftp by UDP           get and put by rdt
 *           dir                  asking the directory
 *  the end  the table of modes, options, main
 *
 * A mode is one way to talk to a server. Most have a table of commands, and one
 * loop serves them all: it reads a line, splits it into words as a shell would,
 * looks the first one up, checks the number of arguments, and calls:
 *
 *      line --> split() --> run_command() --> ftp_get(argc, argv) --> 0 or 1
 *                            |
 *                            +--- table of commands ---> print_help()
 *
 * A command reports its own error as one line `command: what: why` and returns
 * 1; if any command fails, the exit status is not 0. Standard output carries
 * what was asked for, standard error all that is said about it.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700		/* for SIGXFSZ and tsearch() */
#define _FILE_OFFSET_BITS 64

#include <sys/types.h>
#include <sys/socket.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto.h"
#include "more/cli.h"

/* ==== Part I: the tiny program. ========================================== */

/* ---- what the modes share -------------------------------------------- */

static struct options given = { .directory = ".", .rdt_mode = RDT_GBN,
    .block = RDT_BLOCK };
const struct options *const options = &given;	/* what all others read */

const char senseless[] = "the server's answer makes no sense";

/* Called in each process that may store a file. */
void
guard_signals(void)
{
	newfile_guard(SIGHUP);
	newfile_guard(SIGINT);
	newfile_guard(SIGQUIT);
	newfile_guard(SIGTERM);
}

/* With -v it says which of the addresses of a name answered. */
int
connect_server(int type)
{
	char text[PEER_BYTES];
	const char *why;
	struct addr a;
	int fd;

	fd = sock_connect(options->host, options->port, type, &why);
	if (fd < 0) {
		log_msg(ERROR, "cli: %s %s: %s", options->host, options->port,
		    why);
	} else if (addr_peer(fd, &a) == 0) {
		addr_text(&a, text);
		log_msg(DEBUG, "connected to %s", text);
	}
	return fd;
}

/* In pieces, as long as the line that printable() fills. */
void
print_safely(const char *text, size_t n, int lines)
{
	char line[1024];
	size_t used;

	for (; n > 0; text += used, n -= used) {
		used = printable(line, sizeof line, text, n, lines);
		fputs(line, stdout);
	}
}

/* Said once: all that follows would fail too. */
int
flush_output(void)
{
	static int said;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	if (!said)
		log_msg(ERROR, "cli: standard output: %s", reason());
	said = 1;
	return 1;
}

/* Not basename(3), which may write over the path. */
const char *
base_name(const char *path)
{
	const char *slash;

	slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

/* ---- progress -------------------------------------------------------- */

static void	begin_transfer(void);	/* Part II: Control-C */
static void	end_transfer(void);
static void	forget_stop(void);
static void	draw_rate(const struct transfer *t);

#define BAR_WIDTH	10
#define BAR_US		(SECOND / 10)	/* between two pictures of a bar */

static struct {
	int64_t start, last;		/* of the first picture, the last; 0:
					   none yet */
	uint64_t from;			/* what had passed at the start */
} bar;

/* The answer must not change when standard error becomes a pipe. */
int
on_terminal(void)
{
	static int known, terminal;

	if (!known)
		terminal = isatty(STDERR_FILENO);
	known = 1;
	return terminal;
}

/* Splits a number of bytes into a number and its unit, of 1024. */
static const char *
unit(uint64_t *n)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	size_t i;

	for (i = 0; i < COUNT(units) - 1 && *n >= 1024; i++)
		*n /= 1024;
	return units[i];
}

/* Draws a bar, that grows to the right for up, else to the left. With -v lines
 * would come between its pictures, so there is none. */
static void
draw_bar(const struct transfer *t, int up)
{
	uint64_t done, size;
	const char *done_unit, *size_unit;
	char picture[BAR_WIDTH + 1];
	int length, percent;

	if (logger.level != INFO || !on_terminal() ||
	    (t->done < t->size && now() < bar.last + BAR_US))
		return;
	bar.last = now();
	if (bar.start == 0) {
		bar.start = bar.last;
		bar.from = t->done;
	}
	done = t->done;
	size = t->size;
	percent = size == 0 ? 100 : (int)((double)done / size * 100);
	length = (percent * BAR_WIDTH + 99) / 100;
	length -= length == BAR_WIDTH && percent < 100;
	memset(picture, ' ', sizeof picture);
	memset(up ? picture : picture + sizeof picture - length, '=',
	    (size_t)length);
	picture[up ? length : BAR_WIDTH - length] = up ? '>' : '<';
	done_unit = unit(&done);
	size_unit = unit(&size);
	fprintf(stderr, "\r[%.*s] %d%% (%llu %s/%llu %s)",
	    (int)sizeof picture, picture, percent, (unsigned long long)done,
	    done_unit, (unsigned long long)size, size_unit);
	draw_rate(t);
	fputs("   ", stderr);
}

/* Up, to the server: `[=====>     ] 43% (7 MB/17 MB), 2 s left, 5 MB/s'. */
int
draw_up(const struct transfer *t)
{
	begin_transfer();
	draw_bar(t, 1);
	return stopped();
}

/* Down, from it: `[     <=====] 43% (7 MB/17 MB), 2 s left, 5 MB/s'. */
int
draw_down(const struct transfer *t)
{
	begin_transfer();
	draw_bar(t, 0);
	return stopped();
}

/* Called before each message about a transfer. */
void
end_bar(void)
{
	int saved;

	saved = errno;
	if (bar.last != 0)
		fputc('\n', stderr);
	memset(&bar, 0, sizeof bar);
	end_transfer();
	errno = saved;
}

/* ---- downloads and uploads -------------------------------------------- */

/* Nothing is asked of the server before the file can be stored. */
int
download_open(struct download *d, const char *command, const char *name,
    const char *path, int keep)
{
	char into[1024];

	memset(d, 0, sizeof *d);
	d->command = command;
	d->name = name;
	if (path[0] != '\0' && path[strlen(path) - 1] == '/') {
		if ((size_t)snprintf(into, sizeof into, "%s%s", path,
		    base_name(name)) >= sizeof into)
			return fail("%s: %s: the name is too long", command,
			    path);
		path = into;
	}
	if (newfile_open(&d->file, path, keep) == 0) {
		d->t.sock = -1;
		d->t.file = d->file.fd;
		d->t.idle = STALL_S * SECOND;
		d->t.tick = draw_down;
		d->t.name = name;
		return 0;
	}
	if (errno == ENOENT && base_name(path) > path)
		return fail("%s: %.*s: no such directory here", command,
		    (int)(base_name(path) - path), path);
	return fail("%s: %s: %s, here", command, path, reason());
}

/* A name on the server that is no file name here needs LOCAL; a LOCAL that ends
 * with / is a directory. */
int
download_argv(struct download *d, int argc, char **argv)
{
	const char *path;

	path = base_name(argv[1]);
	if (argc > 2 && *base_name(argv[2]) != '\0')
		path = argv[2];
	else if (!name_ok(path, strlen(path)))
		return fail("%s: %s: not the name of a file; say under which "
		    "to store it: %s NAME LOCAL", argv[0], argv[1], argv[0]);
	return download_open(d, argv[0], argv[1], argc > 2 ? argv[2] : path,
	    options->keep);
}

/* Called when nothing came at all. */
int
download_drop(struct download *d)
{
	end_bar();
	newfile_abort(&d->file);
	return 1;
}

/* The one place that says how a download ended. */
int
download_end(struct download *d, enum moved moved)
{
	if (moved == MOVED && bar.last != 0)
		draw_down(&d->t);	/* 100 % */
	end_bar();
	if (moved != MOVED)
		newfile_abort(&d->file);
	if (moved == PEER_FAILED || moved == STOPPED)
		return fail("%s: %s: %llu of %llu bytes came, then: %s",
		    d->command, d->name, (unsigned long long)d->t.done,
		    (unsigned long long)d->t.size, reason());
	if (moved != MOVED || newfile_commit(&d->file) < 0)
		return fail("%s: %s: %s: %s, here", d->command, d->name,
		    d->file.name, reason());
	log_msg(INFO, "%s: %s: %llu bytes stored as %s", d->command, d->name,
	    (unsigned long long)d->t.size, d->file.name);
	return 0;
}

/* Stops an upload once the server answers early: it wants no more. */
static int
upload_tick(const struct transfer *t)
{
	return draw_up(t) || (t->done < t->size &&
	    wait_for(t->sock, POLLIN, 0) == 0);
}

/* Why the file that is sent cannot be read to its end, in words. */
static const char *
file_trouble(enum moved moved)
{
	return moved == FILE_SHORT ?
	    "the file became shorter while it was sent" : reason();
}

/*
 * How long the answer may take, since the send buffer must drain before it. No
 * portable call tells how much is still in it: say all that it can hold, at
 * SLOWEST bytes a second. For a server that may be silent, which is not worth
 * as long a wait: twice as long as this transfer's own rate makes likely.
 */
static int64_t
answer_time(const struct transfer *t, int64_t took, int silent)
{
	socklen_t len;
	int64_t likely, queued;
	int bytes;

	len = sizeof bytes;
	if (getsockopt(t->sock, SOL_SOCKET, SO_SNDBUF, &bytes, &len) < 0)
		bytes = 0;
	queued = t->done < (uint64_t)bytes ? (int64_t)t->done : bytes;
	if (!silent)
		return (STALL_S + queued / SLOWEST) * SECOND;
	likely = 2 * queued * took / ((int64_t)t->done - queued + 1);
	return likely < SILENT_LEAST_S * SECOND ? SILENT_LEAST_S * SECOND :
	    likely > SILENT_MOST_S * SECOND ? SILENT_MOST_S * SECOND : likely;
}

/* Whatever happens while the file is sent, the answer counts, if there is
 * one. */
int
upload(const char *command, const char *name, struct transfer *t,
    const void *head, size_t headlen, int silent,
    enum received (*answer)(int fd, int64_t deadline, const char **why))
{
	enum received got;
	enum moved moved;
	const char *why;
	int64_t start;
	int error;

	start = now();
	t->idle = STALL_S * SECOND;
	t->tick = upload_tick;
	moved = wait_for(t->sock, POLLIN, 0) == 0 ? STOPPED :
	    transfer_send(t, head, headlen);
	error = moved == STOPPED ? ECONNABORTED : errno;
	if (moved == MOVED && bar.last != 0)
		draw_up(t);		/* 100 % */
	end_bar();
	if (moved == STOPPED && stopped())
		return fail("%s: %s: %llu of %llu bytes sent, then: %s",
		    command, name, (unsigned long long)t->done,
		    (unsigned long long)t->size, reason());
	if (moved == FILE_FAILED || moved == FILE_SHORT)
		return fail("%s: %s: %s", command, name, file_trouble(moved));
	if (moved == MOVED)
		sock_end(t->sock);
	why = senseless;
	got = answer(t->sock, now() + answer_time(t, now() - start, silent),
	    &why);
	if (got == FAILED && errno == ETIMEDOUT && silent)
		got = PEER_CLOSED;
	if (got == RECEIVED && (why != NULL || moved != MOVED))
		return fail("%s: %s: %s", command, name, why != NULL ? why :
		    senseless);
	if (got == FAILED || (got == PEER_CLOSED && moved != MOVED)) {
		errno = moved == MOVED ? errno : error;
		return fail("%s: %s: %llu of %llu bytes sent, then: %s",
		    command, name, (unsigned long long)t->done,
		    (unsigned long long)t->size, reason());
	}
	log_msg(INFO, "%s: %s: %llu bytes %s", command, name,
	    (unsigned long long)t->size, got == RECEIVED ? "stored" :
	    "sent, not confirmed");
	return 0;
}

/* ---- the command loop ------------------------------------------------- */

int over;

/* lls: the files of the local directory, as the server would list its own. */
int
list_local(int argc, char **argv)
{
	struct dirent **files;
	ssize_t i, n;

	(void)argc;
	n = list_files(UINT64_MAX, &files);
	if (n < 0)
		return fail("%s: %s: %s", argv[0], options->directory,
		    reason());
	for (i = 0; i < n; i++) {
		print_safely(files[i]->d_name, strlen(files[i]->d_name), 0);
		putchar('\n');
	}
	list_free(files, n);
	return 0;
}

/* quit: what the server must be told, the mode tells when it closes. */
int
leave(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	over = 1;
	return 0;
}

/* The command of this name or, if `next' is true, the one that follows it in
 * alphabetical order; NULL: none. */
static const struct command *
find_command(const struct mode *m, const char *name, int next)
{
	const struct command *c, *found;
	size_t i;
	int order;

	found = NULL;
	for (i = 0; i < COUNT(m->commands) && m->commands[i] != NULL; i++)
		for (c = m->commands[i]; c->name != NULL; c++) {
			order = strcmp(c->name, name);
			if ((next ? order > 0 : order == 0) && (found == NULL ||
			    strcmp(c->name, found->name) < 0))
				found = c;
		}
	return found;
}

/* help: the tables of commands. */
static int
print_help(const struct mode *m)
{
	const struct command *c;

	for (c = find_command(m, "", 1); c != NULL;
	    c = find_command(m, c->name, 1))
		printf("%-10s %-24s %s\n", c->name, c->arguments, c->help);
	return 0;
}

/* A table checks the number of arguments, so that no command has to. Some names
 * are what people try first. */
int
run_command(const struct mode *m, int argc, char **argv)
{
	static const char *const other[] = { "?", "help", "bye", "quit",
	    "exit", "quit" };
	const struct command *c;
	size_t i;

	forget_stop();
	c = find_command(m, argv[0], 0);
	for (i = 0; c == NULL && i < COUNT(other); i += 2)
		if (strcmp(argv[0], other[i]) == 0)
			c = find_command(m, other[i + 1], 0);
	if (c == NULL)
		return fail("%s: no such command; help lists them", argv[0]);
	if (argc - 1 < c->least || argc - 1 > c->most)
		return fail("%s: usage: %s%s%s%s", argv[0], c->name,
		    c->most > 0 ? " " : "", c->arguments,
		    argc - 1 > c->most && c->most > 0 ?
		    " (quote a name with spaces)" : "");
	return c->run == NULL ? print_help(m) : c->run(argc, argv);
}

/*
 * Ends the word that begins at *line, in place, and moves *line behind it.
 * Quotes work as in a shell: "..." and '...' hold words together, \ takes the
 * next character as it is, but within '...'. Returns -1 if a quote stays open.
 */
static int
end_word(char **line)
{
	char *in, *out, quote;

	quote = '\0';
	out = *line;
	for (in = out; *in != '\0' &&
	    (quote != '\0' || strchr(BLANKS, *in) == NULL); in++) {
		if (*in == quote) {
			quote = '\0';
		} else if (quote == '\0' && (*in == '"' || *in == '\'')) {
			quote = *in;
		} else {
			if (*in == '\\' && quote != '\'' && in[1] != '\0')
				in++;
			*out++ = *in;
		}
	}
	*line = *in == '\0' ? in : in + 1;
	*out = '\0';
	return quote == '\0' ? 0 : -1;
}

/* An empty line has no words, and is no error. */
int
split(char *line, char **argv)
{
	int argc;

	for (argc = 0; *(line += strspn(line, BLANKS)) != '\0'; argc++) {
		if (argc == WORDS_MAX) {
			log_msg(ERROR, "%s: more than %d words in one line",
			    argv[0], WORDS_MAX);
			return -1;
		}
		argv[argc] = line;
		if (end_word(&line) < 0) {
			log_msg(ERROR, "%s: a quote is not closed", argv[0]);
			return -1;
		}
	}
	return argc;
}

/* Runs commands from standard input until it ends. Returns 1 if any failed. */
static int
command_loop(const struct mode *m)
{
	char *argv[WORDS_MAX], *line;
	size_t room;
	int argc, failed, terminal;

	line = NULL;
	room = 0;
	failed = 0;
	terminal = isatty(STDIN_FILENO);
	while (!over) {
		if (terminal)
			fputs(m->prompt, stdout);
		if (flush_output() != 0)
			break;
		while (m->tick != NULL &&
		    wait_for(STDIN_FILENO, POLLIN, m->tick()) < 0)
			;
		if (getline(&line, &room, stdin) < 0) {
			if (!feof(stdin))
				failed = fail("cli: standard input: %s",
				    reason());
			else if (terminal)
				putchar('\n');
			break;
		}
		argc = split(line, argv);
		if (argc != 0)
			failed |= argc < 0 ? 1 : run_command(m, argc, argv);
	}
	free(line);
	return failed;
}

/* A mode may run another one, as dir runs browse: `over` ends the inner one
 * only. */
int
run_mode(const struct mode *m, int argc, char **argv)
{
	int failed;

	if (m->open != NULL && m->open() != 0)
		return 1;
	failed = m->session != NULL ? m->session(argc, argv) :
	    argc > 0 ? run_command(m, argc, argv) : command_loop(m);
	over = 0;
	return m->close != NULL ? failed | m->close() : failed;
}

/* ---- ftp -------------------------------------------------------------- */

static struct {
	int control;			/* the connection */
	int owed;			/* late answers: ftp_ask() drops them */
	int by_udp;			/* how files travel: not by TCP... */
	enum rdt_mode rdt_mode;		/* ...and how */
	unsigned window;
} ftp;

/* Room for a command, and a byte more, which shows that it is too long. */
#define COMMAND_BYTES	(FTP_COMMAND_MAX + 2)

/* Does more come that was not asked for, or (true as well) the end? n is 1, or
 * 0 at the end. */
static int
unasked(ssize_t *n)
{
	char byte;

	if (ftp.owed > 0 || wait_for(ftp.control, POLLIN, 0) < 0)
		return 0;
	*n = recv(ftp.control, &byte, 1, MSG_PEEK);
	return 1;
}

/* A server closes a connection that is idle for long. Before the next command
 * the client connects again, so that no command can be carried out twice. */
static int
ftp_renew(void)
{
	char *answer;
	ssize_t n;
	size_t len;

	n = 0;
	for (; ftp.owed > 0 && wait_for(ftp.control, POLLIN, 0) == 0;
	    ftp.owed--) {
		n = frame_recv(ftp.control, &answer, &len, FTP_COMMAND_MAX,
		    now() + ANSWER_S * SECOND) == RECEIVED;
		free(answer);
		if (!n)
			break;
	}
	if ((ftp.owed > 0 && wait_for(ftp.control, POLLIN, 0) == 0) ||
	    (unasked(&n) && (n <= 0 || *doubt() == '\0'))) {
		log_msg(INFO, n > 0 ? "the server says what nobody asked for; "
		    "connecting again" :
		    "the server has closed; connecting again");
		sock_close(ftp.control);
		ftp.control = connect_server(SOCK_STREAM);
		ftp.owed = 0;
	}
	over = ftp.control < 0;
	return over ? -1 : 0;
}

/*
 * Sends a command and takes the answer, which the caller frees. Returns 0, or 1
 * after a message about verb and name (NULL: without a name).
 */
static int
ftp_ask(const char *verb, const char *name, const char *command, size_t max,
    char **answer, size_t *n)
{
	enum received got;
	int64_t patience;
	ssize_t more;

	if (strlen(command) > FTP_COMMAND_MAX)
		return fail("%s: the name is too long", verb);
	if (ftp_renew() < 0)
		return 1;
	/*
	 * An error here is no reason to stop: a server that is full has
	 * answered before it was asked, and closed.
	 */
	frame_send(ftp.control, command, strlen(command),
	    now() + ANSWER_S * SECOND);
	patience = (max > FTP_COMMAND_MAX ? STALL_S : ANSWER_S) * SECOND;
	await_first(ftp.control, now() + patience);
	got = RECEIVED;
	for (; ftp.owed > 0 && got == RECEIVED; ftp.owed--) {
		got = frame_recv(ftp.control, answer, n, FTP_COMMAND_MAX,
		    now() + patience);
		free(*answer);
	}
	if (got == RECEIVED)
		got = frame_recv(ftp.control, answer, n, max,
		    now() + patience);
	/* An echo of the command looks like an answer, but more comes. */
	if (got == RECEIVED && *doubt() != '\0' && unasked(&more) && more > 0) {
		free(*answer);
		got = FAILED;
		errno = EBADMSG;
	}
	if (got == RECEIVED) {
		server_heard();
		return 0;
	}
	over = 1;		/* nobody knows what would come next */
	return fail("%s: %s%s%s%s", verb, name == NULL ? "" : name,
	    name == NULL ? "" : ": ", reason(), doubt());
}

/* What a code means, in words; NULL: that it is stored. */
static const char *
ftp_why(long code)
{
	const char *why;

	why = code < 0 ? ftp_code_text(code) : NULL;
	return why != NULL || code == FTP_OK ? why : senseless;
}

/* Says what a code means that came instead of what was hoped for. */
static int
ftp_failed(const char *verb, const char *name, long code)
{
	const char *why;

	why = ftp_why(code);
	return fail("%s: %s: %s", verb, name, why != NULL ? why : senseless);
}

/* Asks for a data channel and connects to it. Returns -1 after an error. */
static int
ftp_data(const char *verb, const char *name)
{
	char command[COMMAND_BYTES], *answer;
	size_t n;
	long value;
	int fd;

	snprintf(command, sizeof command, "%s %s", verb, name);
	if (ftp_ask(verb, name, command, FTP_COMMAND_MAX, &answer, &n) != 0)
		return -1;
	value = frame_number(answer, n);
	free(answer);
	if (value < 1 || value > 65535) {
		ftp_failed(verb, name, value);
		return -1;
	}
	fd = data_connect(ftp.control, SOCK_STREAM, (unsigned)value,
	    now() + CONNECT_S * SECOND);
	if (fd < 0)
		log_msg(ERROR, "%s: %s: data connection to port %ld: %s", verb,
		    name, value, reason());
	return fd;
}

/* A get by TCP. The server closes first, and the client waits for that: so it is
 * the server's end that stays in TIME_WAIT. */
static int
ftp_tcp_get(struct download *d)
{
	int failed;
	char end;

	d->t.sock = ftp_data("get", d->name);
	if (d->t.sock < 0)
		return download_drop(d);
	if (frame_head(d->t.sock, &d->t.size,
	    now() + ANSWER_S * SECOND) == RECEIVED) {
		failed = download_end(d, transfer_recv(&d->t));
		if (failed == 0)
			recv_all(d->t.sock, &end, 1, now() + DISCARD_S * SECOND);
	} else {
		failed = download_drop(d);
		log_msg(ERROR, "get: %s: %s", d->name, reason());
	}
	sock_close(d->t.sock);
	return failed;
}

/* The answer to the contents of a put. */
static enum received
ftp_confirmation(int fd, int64_t deadline, const char **why)
{
	enum received got;
	char *answer;
	size_t n;

	got = frame_recv(fd, &answer, &n, FTP_COMMAND_MAX, deadline);
	if (got == RECEIVED)
		*why = ftp_why(frame_number(answer, n));
	free(answer);
	return got;
}

/* A put by TCP. */
static int
ftp_tcp_put(struct transfer *t, const char *path, const char *name)
{
	char head[FRAME_HEAD];
	int failed;

	if (t->size > FRAME_MAX)
		return fail("put: %s: longer than the ten digits of a frame "
		    "can say", path);
	t->sock = ftp_data("put", name);
	if (t->sock < 0)
		return 1;
	frame_pack(head, t->size);
	failed = upload("put", name, t, head, FRAME_HEAD, 0,
	    ftp_confirmation);
	sock_close(t->sock);
	return failed;
}

static int	ftp_udp_get(struct download *d);	/* Part II */
static int	ftp_udp_put(struct transfer *t, const char *path,
		    const char *name);
static int	ftp_mode_command(int argc, char **argv);

/* get NAME [LOCAL] */
static int
ftp_get(int argc, char **argv)
{
	struct download d;

	if (download_argv(&d, argc, argv) != 0)
		return 1;
	return ftp.by_udp ? ftp_udp_get(&d) : ftp_tcp_get(&d);
}

/* put LOCAL [NAME] */
static int
ftp_put(int argc, char **argv)
{
	struct transfer t = { 0 };
	const char *name;
	int failed;

	name = argc > 2 ? argv[2] : base_name(argv[1]);
	t.file = file_open(argv[1], 1, &t.size);
	if (t.file < 0)
		return fail("put: %s: %s, here", argv[1], reason());
	failed = ftp.by_udp ? ftp_udp_put(&t, argv[1], name) :
	    ftp_tcp_put(&t, argv[1], name);
	close(t.file);
	return failed;
}

/* ls */
static int
ftp_ls(int argc, char **argv)
{
	char *answer;
	size_t n;
	long code;

	if (argc > 1)
		return fail(strcmp(argv[1], "-l") != 0 ? "%s: usage: ls" :
		    "%s: -l: the server tells names alone, no sizes", argv[0]);
	if (ftp_ask(argv[0], NULL, "ls", LIST_BYTES, &answer, &n) != 0)
		return 1;
	code = frame_number(answer, n);
	if (code < 0 && ftp_code_text(code) != NULL) {
		free(answer);
		return fail("%s: %s", argv[0], ftp_code_text(code));
	}
	print_safely(answer, n, 1);
	if (n > 0)
		putchar('\n');
	free(answer);
	return 0;
}

static const struct command ftp_commands[] = {
	{ "get", 1, 2, "NAME [LOCAL]", "download a file", ftp_get },
	{ "help", 0, 0, "", "this list", NULL },
	{ "lls", 0, 0, "", "list the files here", list_local },
	{ "ls", 0, 1, "", "list the files on the server", ftp_ls },
	{ "mode", 0, 2, "[tcp|sw|gbn|sr [WINDOW]]",
	    "how files travel; sw, gbn, sr are by UDP", ftp_mode_command },
	{ "put", 1, 2, "LOCAL [NAME]", "upload a file", ftp_put },
	{ "quit", 0, 0, "", "leave", leave },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* The command `mode` may change how files travel; the options stay as they
 * were. */
static int
ftp_open(void)
{
	ftp.by_udp = options->datagrams;
	ftp.rdt_mode = options->rdt_mode;
	ftp.window = options->window;
	ftp.control = connect_server(SOCK_STREAM);
	return ftp.control < 0;
}

/* The server needs no quit, but its log is clearer for it. */
static int
ftp_close(void)
{
	if (ftp.control >= 0) {
		frame_send(ftp.control, "quit", 4, now() + ANSWER_S * SECOND);
		sock_close(ftp.control);
	}
	return 0;
}

static const struct mode ftp_mode = { .name = "ftp", .port = "50000",
    .prompt = "ftp> ", .commands = { ftp_commands }, .open = ftp_open,
    .close = ftp_close };

/* ==== Part II: the extended mode. The tiny program ends here. ============ */

/* ---- at the prompt: Control-C, how fast, which server? ------------------ */

static volatile sig_atomic_t stop_asked;
static int stoppable;			/* a transfer is under way */

/* The second one ends the client, as everywhere else. */
static void
ask_to_stop(int sig)
{
	stop_asked = 1;
	newfile_guard(sig);
}

/* At the first tick of a transfer, which lasts until end_bar(). A wait for an
 * answer, before that or after, has no tick to stop it. */
static void
begin_transfer(void)
{
	struct sigaction sa, old;

	if (stoppable)
		return;
	memset(&sa, 0, sizeof sa);
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = ask_to_stop;
	sigaction(SIGINT, &sa, &old);
	stoppable = old.sa_handler != SIG_IGN;
	if (!stoppable)
		sigaction(SIGINT, &old, NULL);
}

/* Control-C ends the client again. */
static void
end_transfer(void)
{
	if (stoppable)
		newfile_guard(SIGINT);
	stoppable = 0;
}

/* A command begins: what was asked of the last one is over. */
static void
forget_stop(void)
{
	stop_asked = 0;
}

/* Has the user asked the transfer to stop? Then errno is EINTR. */
int
stopped(void)
{
	if (stop_asked)
		errno = EINTR;
	return stop_asked;
}

/* `, 3 s left, 12 MB/s', once a second has shown how fast it is. */
static void
draw_rate(const struct transfer *t)
{
	uint64_t rate;
	double seconds;
	const char *rate_unit;

	seconds = (double)(bar.last - bar.start) / SECOND;
	if (seconds < 1 || t->done <= bar.from)
		return;
	rate = (uint64_t)((double)(t->done - bar.from) / seconds);
	if (rate > 0 && t->done < t->size)
		fprintf(stderr, ", %.0f s left",
		    (double)(t->size - t->done) / (double)rate);
	rate_unit = unit(&rate);
	fprintf(stderr, ", %llu %s/s", (unsigned long long)rate, rate_unit);
}

static int heard;			/* the server, saying what it should */

const char *
doubt(void)
{
	static char text[32];

	sprintf(text, ": is this a%s %.8s server?",
	    strchr("fx", options->mode[0]) != NULL ? "n" : "", options->mode);
	return heard ? "" : text;
}

/* For good: one client talks to one server. */
void
server_heard(void)
{
	heard = 1;
}

/* A slow server is only doubted. */
void
await_first(int fd, int64_t deadline)
{
	if (!heard && wait_for(fd, POLLIN, now() + DOUBT_S * SECOND) < 0 &&
	    errno == ETIMEDOUT && now() < deadline)
		log_msg(INFO, "%s %s: no answer for " STRING(DOUBT_S) " s%s",
		    options->host, options->port, doubt());
}

/* ---- ftp by UDP: the contents travel by rdt ------------------------------ */

/*
 * Opens a session by `uget NAME' or `uput NAME SIZE'; the caller has filled in
 * s->t. Returns 1 if the server refuses, after a message about verb and name;
 * else 0, and *moved is what rdt_connect() returned.
 */
static int
udp_open(struct rdt_session *s, const char *verb, const char *name,
    const char *command, uint64_t *size, enum moved *moved)
{
	unsigned port;
	char *answer;
	size_t n;
	int bad;

	s->encoding = &rdt_native;
	s->t.sock = -1;
	s->mode = ftp.rdt_mode;
	s->window = ftp.window;
	s->block = options->block;
	s->congestion = options->congestion;
	if (ftp_ask(verb, name, command, FTP_COMMAND_MAX, &answer, &n) != 0)
		return 1;
	bad = rdt_offer_unpack(answer, n, &port, &s->key, size) < 0;
	if (bad)
		ftp_failed(verb, name, frame_number(answer, n));
	free(answer);
	if (bad)
		return 1;
	s->control = ftp.control;
	*moved = rdt_connect(s, port);
	return 0;
}

/* A get by UDP. The file is stored, and said to be, before the client lingers
 * for a server that may have missed an ACK. */
static int
ftp_udp_get(struct download *d)
{
	struct rdt_session s = { 0 };
	char command[COMMAND_BYTES];
	enum moved moved;
	int failed;

	s.t = d->t;
	snprintf(command, sizeof command, "uget %s", d->name);
	if (udp_open(&s, "get", d->name, command, &s.t.size, &moved) != 0)
		return download_drop(d);
	if (moved == MOVED)
		moved = rdt_recv(&s);
	if (moved == STOPPED && !stopped()) {
		over = 1;		/* the server should be silent here */
		errno = ECONNABORTED;
		moved = PEER_FAILED;
	}
	d->t = s.t;
	failed = download_end(d, moved);
	if (moved == MOVED) {
		s.t.tick = NULL;
		rdt_linger(&s);
	}
	rdt_close(&s);
	return failed;
}

/*
 * Takes the answer to a uput, which decides even if ACKs are missing; waits for
 * it up to STALL_S, or one second if the session failed at this end. Then the
 * answer is owed: the next command makes the server give up, and answer both.
 */
static int
ftp_udp_confirmed(struct rdt_session *s, const char *name, enum moved moved)
{
	enum received got;
	const char *why;
	char *answer;
	size_t n;
	long code;

	if (moved == STOPPED && s->start == 0) {
		errno = ETIMEDOUT;	/* the server has waited, too */
		moved = PEER_FAILED;
	}
	why = rdt_send_gave_up(&s->sender) ? rdt_why_gave_up() : reason();
	code = 1;
	got = PEER_CLOSED;
	if (moved == PEER_FAILED &&
	    wait_for(ftp.control, POLLIN, now() + SECOND) < 0) {
		ftp.owed++;
	} else {
		got = frame_recv(ftp.control, &answer, &n, FTP_COMMAND_MAX,
		    now() + STALL_S * SECOND);
		over = got != RECEIVED;
	}
	if (got == RECEIVED) {
		code = frame_number(answer, n);
		free(answer);
	} else if (moved != PEER_FAILED) {
		why = reason();
	}
	if (code == FTP_OK && s->packets > 0 &&
	    s->sender.highest == s->packets) {
		s->t.done = s->t.size;
		log_msg(INFO, "put: %s: %llu bytes stored", name,
		    (unsigned long long)s->t.size);
		return 0;
	}
	if (got == RECEIVED && moved != PEER_FAILED)
		return ftp_failed("put", name, code == FTP_OK ? 1 : code);
	return fail("put: %s: %llu of %llu bytes acknowledged, then: %s", name,
	    (unsigned long long)s->t.done, (unsigned long long)s->t.size, why);
}

/* A put by UDP. */
static int
ftp_udp_put(struct transfer *t, const char *path, const char *name)
{
	struct rdt_session s = { 0 };
	char command[COMMAND_BYTES];
	enum moved moved;
	int failed;

	s.t = *t;
	s.t.name = name;
	s.t.tick = draw_up;
	s.is_sender = 1;
	snprintf(command, sizeof command, "uput %s %llu", name,
	    (unsigned long long)t->size);
	if (udp_open(&s, "put", name, command, NULL, &moved) != 0) {
		end_bar();
		return 1;
	}
	if (moved == MOVED)
		moved = rdt_send(&s);
	end_bar();
	if (moved == STOPPED && stopped()) {
		ftp.owed++;
		failed = fail("put: %s: %llu of %llu bytes acknowledged, then: "
		    "%s", name, (unsigned long long)s.t.done,
		    (unsigned long long)s.t.size, reason());
	} else if (moved == FILE_FAILED || moved == FILE_SHORT) {
		ftp.owed++;
		failed = fail("put: %s: %s", path, file_trouble(moved));
	} else {
		failed = ftp_udp_confirmed(&s, name, moved);
	}
	rdt_close(&s);
	return failed;
}

/* mode [tcp|sw|gbn|sr [WINDOW]] */
static int
ftp_mode_command(int argc, char **argv)
{
	int64_t window;
	int i;

	if (argc == 1) {
		if (!ftp.by_udp)
			puts("tcp");
		else
			printf("%s, window %u, block %u, %s\n",
			    rdt_mode_names[ftp.rdt_mode],
			    ftp.rdt_mode == RDT_SW ? 1 : ftp.window,
			    options->block, options->congestion->name);
		return 0;
	}
	i = find_name(rdt_mode_names, argv[1], strlen(argv[1]));
	window = argc == 2 ? (int64_t)ftp.window :
	    number(argv[2], strlen(argv[2]), 1, RDT_WINDOW_MAX);
	if (i < 0)
		return fail("mode: %s: not tcp, sw, gbn or sr", argv[1]);
	if (window < 0)
		return fail("mode: %s: not a window (1 to "
		    STRING(RDT_WINDOW_MAX) ")", argv[2]);
	ftp.by_udp = i > 0;
	if (ftp.by_udp)
		ftp.rdt_mode = (enum rdt_mode)i;
	ftp.window = (unsigned)window;
	return 0;
}

/* ---- dir: asking the directory ------------------------------------------ */

#define LATE_ANSWERS	1000	/* that are thrown away at a time */
#define LINES_MAX	(2 * 1000 * 1000)	/* of a list, at most */

struct dir_client dir = { .fd = -1, .renew_at = NEVER };

/* Is this what was asked for, and not an answer that is late? */
static int
answers(const struct dir_message *asked, const struct dir_message *m)
{
	char skip[24];
	size_t n;

	switch (asked->op) {
	case DIR_LOOKUP:
	case DIR_REGISTER:
	case DIR_SERVE:
		return m->op == asked->op + 1u || m->op == asked->op + 2u;
	case DIR_GET_USERS:
	case DIR_GET_FILES:
		n = (size_t)sprintf(skip, "skip %lu\n",
		    (unsigned long)asked->number[0]);
		return m->op == asked->op + 1u && m->length >= n &&
		    memcmp(m->text, skip, n) == 0;
	case DIR_PUBLISH:
		return m->op == DIR_FAIL || (m->op == DIR_PUBLISH_OK &&
		    m->numbers == 1 && m->number[0] == asked->number[0]);
	case DIR_STOP:
	case DIR_LOGOUT:
		return m->op == DIR_FAIL || m->op == asked->op + 1u;
	default:
		return m->op == asked->op + 1u;
	}
}

/* Takes datagrams until one is the answer: 1; or 0, at the deadline; or -1. */
static int
await_answer(const struct dir_message *asked, struct dir_message *answer,
    int64_t deadline)
{
	static unsigned char in[65536];
	ssize_t n;

	for (;;) {
		n = dgram_recv(dir.fd, in, sizeof in, NULL);
		if (n >= 0 && dir_unpack(answer, in, (size_t)n) == 0 &&
		    answers(asked, answer))
			return 1;
		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n < 0 && wait_for(dir.fd, POLLIN, deadline) < 0 &&
		    errno != ETIMEDOUT)
			return -1;
		if (now() >= deadline)
			return 0;
	}
}

/* What still comes for earlier requests is thrown away first. */
int
dir_ask(const struct dir_message *asked, struct dir_message *answer, int tries)
{
	static const int64_t at[] = { 0, SECOND / 2, SECOND * 3 / 2,
	    SECOND * 7 / 2, SECOND * 15 / 2 };
	static unsigned char out[DIR_REQUEST_MAX];
	int64_t start;
	size_t n;
	int i, got;

	for (i = 0; i < LATE_ANSWERS; i++)	/* to other requests */
		if (dgram_recv(dir.fd, out, sizeof out, NULL) < 0)
			break;
	n = dir_pack(out, asked);
	start = now();
	for (i = 0; i < tries; i++) {
		if (i > 0)
			log_msg(DEBUG, "directory: no answer; asked again, "
			    "try %d of %d", i + 1, tries);
		if (dgram_send(dir.fd, out, n, NULL,
		    i > 0 ? COUNTED | AGAIN : COUNTED) < 0)
			return -1;
		got = await_answer(asked, answer, start + at[i + 1]);
		if (got != 0)
			return got > 0 ? 0 : -1;
	}
	errno = ETIMEDOUT;
	return -1;
}

/* Silence is the most common failure: nobody is there. */
int
dir_command(const char *command, const struct dir_message *asked,
    struct dir_message *answer)
{
	if (dir_ask(asked, answer, TRIES) == 0)
		return 0;
	return fail("%s: directory %s %s: %s", command, options->host,
	    options->port, errno == ETIMEDOUT ? "no answer" : reason());
}

/* Register, Lookup, Stop, Logout, Publish. */
struct dir_message
dir_text(enum dir_op op, const char *text)
{
	struct dir_message m = { 0 };

	m.op = op;
	m.text = text;
	m.length = strlen(text);
	return m;
}

/* login */
static int
dir_login(int argc, char **argv)
{
	struct dir_message asked = { 0 }, answer;

	(void)argc;
	asked.op = DIR_LOGIN;
	if (dir_command(argv[0], &asked, &answer) != 0)
		return 1;
	printf("%lu file servers\n", (unsigned long)answer.number[0]);
	return 0;
}

/* register NICK */
static int
dir_register(int argc, char **argv)
{
	struct dir_message asked, answer;

	(void)argc;
	if (!nick_ok(argv[1], strlen(argv[1])))
		return fail("register: %s: not a nick: 1 to 32 letters, "
		    "digits, _ - .", argv[1]);
	asked = dir_text(DIR_REGISTER, argv[1]);
	if (dir_command("register", &asked, &answer) != 0)
		return 1;
	if (answer.op != DIR_REGISTER_OK)
		return fail("register: %s: refused: it is taken, or you have "
		    "another one", argv[1]);
	strcpy(dir.nick, argv[1]);
	dir.renew_at = now() + DIR_RENEW_S * SECOND;
	log_msg(INFO, "register: you are %s", dir.nick);
	return 0;
}

/* The directory answers RegisterOk each time the owner registers a nick. */
int
dir_register_again(struct dir_message *answer, int tries)
{
	struct dir_message asked;

	asked = dir_text(DIR_REGISTER, dir.nick);
	dir.renew_at = now() + DIR_RENEW_S * SECOND;
	return dir_ask(&asked, answer, tries);
}

/* Asked before a request that the directory would not answer. */
int
not_registered(const char *command)
{
	return dir.nick[0] != '\0' ? 0 : fail("%s: register first", command);
}

/* For tsearch(). */
static int
compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* POSIX has no tdestroy(): deletes the root until the tree is empty. A node
 * begins with a pointer to its item. */
void
lines_free(struct lines *l)
{
	while (l->tree != NULL)
		tdelete(*(char **)l->tree, &l->tree, compare_lines);
	while (l->n > 0)
		free(l->line[--l->n]);
	free(l->line);
	memset(l, 0, sizeof *l);
}

/* Adds a line, if it is new. Returns -1 if there is no memory. The array grows
 * whenever it holds 0, 1, 2, 4, 8... lines. */
static int
lines_add(struct lines *l, const char *text, size_t n)
{
	char *copy, **array;

	copy = strndup(text, n);
	if (copy == NULL)
		return -1;
	if (tfind(copy, &l->tree, compare_lines) != NULL) {
		free(copy);
		return 0;
	}
	array = l->line;
	if ((l->n & (l->n - 1)) == 0)
		array = realloc(array, (2 * l->n + 1) * sizeof *array);
	if (array != NULL)
		l->line = array;
	if (array == NULL || tsearch(copy, &l->tree, compare_lines) == NULL) {
		free(copy);
		return -1;
	}
	l->line[l->n++] = copy;
	return 0;
}

/* May this line of a list be used? */
static int
line_ok(enum dir_op op, const char *line, size_t n)
{
	struct file_line f;
	const char *blank;

	if (op == DIR_FILES)
		return file_line_parse(&f, line, n, 1) == 0;
	blank = memchr(line, ' ', n);
	return nick_ok(line, blank == NULL ? n : (size_t)(blank - line)) &&
	    (blank == NULL || strspn(blank + 1, "0123456789.:") ==
	    n - (size_t)(blank + 1 - line));
}

/* Takes the lines of a page. Returns -1 if one of them is none. */
static int
add_page(const struct dir_message *page, struct lines *l)
{
	const char *line, *text;
	size_t left, n;
	int more;

	errno = EMSGSIZE;
	if (page->length > DIR_REPLY_MAX || l->n > LINES_MAX)
		return -1;
	text = page->text;
	left = page->length;
	next_line(&text, &left, &line, &n);	/* skip N */
	while ((more = next_line(&text, &left, &line, &n)) > 0) {
		errno = EBADMSG;
		if (!line_ok(page->op, line, n) || lines_add(l, line, n) < 0)
			return -1;
	}
	errno = EBADMSG;
	return more;
}

/* Ends when a page has nothing new. */
int
dir_list(const char *command, enum dir_op op, struct lines *l)
{
	struct dir_message asked = { 0 }, page;
	size_t before;

	memset(l, 0, sizeof *l);
	if (not_registered(command))
		return 1;
	asked.op = op;
	asked.numbers = 1;
	do {
		before = l->n;
		asked.number[0] = (uint32_t)before;
		if (dir_command(command, &asked, &page) != 0) {
			lines_free(l);
			return 1;
		}
		if (add_page(&page, l) < 0) {
			lines_free(l);
			return fail("%s: directory %s %s: %s", command,
			    options->host, options->port, reason());
		}
	} while (l->n > before);
	return 0;
}

/* userlist, filelist */
static int
dir_print_list(int argc, char **argv)
{
	struct lines l;
	size_t i;

	(void)argc;
	if (dir_list(argv[0], argv[0][0] == 'u' ? DIR_GET_USERS :
	    DIR_GET_FILES, &l) != 0)
		return 1;
	for (i = 0; i < l.n; i++) {
		print_safely(l.line[i], strlen(l.line[i]), 0);
		putchar('\n');
	}
	lines_free(&l);
	return 0;
}

/* The answer is checked: nothing is connected to port 0. */
int
dir_where(const char *command, const char *nick, struct place *where)
{
	struct dir_message asked, answer;

	if (!nick_ok(nick, strlen(nick)))
		return fail("%s: %.100s: not a nick", command, nick);
	asked = dir_text(DIR_LOOKUP, nick);
	if (dir_command(command, &asked, &answer) != 0)
		return 1;
	if (answer.op != DIR_LOOKUP_OK)
		return fail("%s: %s: no such nick, or it serves no files",
		    command, nick);
	if (answer.number[1] < 1 || answer.number[1] > 65535)
		return fail("%s: %s: the directory's answer makes no sense",
		    command, nick);
	ipv4_text(answer.number[0], where->address);
	sprintf(where->port, "%d", (int)answer.number[1]);
	return 0;
}

/* lookup NICK */
static int
dir_lookup(int argc, char **argv)
{
	struct place where;

	(void)argc;
	if (dir_where(argv[0], argv[1], &where) != 0)
		return 1;
	printf("%s:%s\n", where.address, where.port);
	return 0;
}

/* logout; the nick is gone here in any case. */
int
dir_logout(int argc, char **argv)
{
	struct dir_message asked, answer;
	int failed;

	(void)argc;
	if (not_registered(argv[0]))
		return 1;
	asked = dir_text(DIR_LOGOUT, dir.nick);
	failed = dir_command(argv[0], &asked, &answer);
	dir.renew_at = NEVER;
	dir.nick[0] = '\0';
	if (failed)
		return 1;
	return answer.op == DIR_LOGOUT_OK ? 0 :
	    fail("%s: refused by the directory", argv[0]);
}

static const struct command dir_commands[] = {
	{ "filelist", 0, 0, "", "all files that are published",
	    dir_print_list },
	{ "help", 0, 0, "", "this list", NULL },
	{ "login", 0, 0, "", "how many serve files?", dir_login },
	{ "lookup", 1, 1, "NICK", "where does a nick serve?", dir_lookup },
	{ "quit", 0, 0, "", "leave", leave },
	{ "register", 1, 1, "NICK", "be known by a name", dir_register },
	{ "userlist", 0, 0, "", "all nicks", dir_print_list },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* No datagram is sent yet: nobody knows whether a directory is there. */
int
dir_open(void)
{
	dir.fd = connect_server(SOCK_DGRAM);
	return dir.fd < 0;
}

/* A nick that is not logged out would be kept for 90 s. */
int
dir_close(void)
{
	static char *logout[] = { "logout", NULL };
	int failed;

	failed = dir.nick[0] != '\0' ? dir_logout(1, logout) : 0;
	dgram_close(dir.fd);
	return failed;
}

/* ==== The end: the table of modes, options, main. ======================== */

/* more/peer_cli.c hooks into mode dir by peer_commands, _close and _tick. */
static const struct mode dir_mode = { .name = "dir", .port = "6868",
    .prompt = "dir> ", .commands = { dir_commands, peer_commands },
    .open = dir_open, .close = peer_close, .tick = peer_tick };

extern const struct mode xfer_mode, chat_mode, room_mode, raw_mode, sim_mode;

/* A mode is added here and in the Makefile. The first one is the default. */
static const struct mode *const modes[] = {
	&ftp_mode,
	&xfer_mode,
	&dir_mode,
	&chat_mode,
	&room_mode,
	&raw_mode,
	&sim_mode,
};

/* The defaults come from the macros that set them. */
static void
usage(FILE *out)
{
	size_t i;

	fputs("usage: cli [-hkqSvV] [-m mode] [-d dir] [-u sw|gbn|sr] "
	    "[-W window] [-b block]\n"
	    "           [-C none|half|reno] [-L faults] [-t trace] "
	    "[-w capture] [host] [port]\n"
	    "           [command [argument ...]]\n"
	    "  -h, -V   this text; the version\n"
	    "  -d dir   directory of the files here (.)\n"
	    "  -k       keep: never replace a file, store it as "
	    "name(1).ext\n"
	    "  -m mode  what to speak (ftp)\n"
	    "  -q, -v   say only what went wrong; say more\n"
	    "  -S       chat: speak in segments, as the original, not lines\n"
	    "  -t file  append a trace of each packet, tab separated\n"
	    "  -w file  append all that passes, for Wireshark (pcapng)\n"
	    "and by UDP:\n"
	    "  -u mode  sw, gbn or sr (sim: gbn); raw: sw, one datagram a "
	    "line\n"
	    "  -W n     window in packets (" STRING(RDT_WINDOW) "; room: "
	    STRING(ROOM_WINDOW) ")\n"
	    "  -b n     bytes of a packet (" STRING(RDT_BLOCK) ")\n"
	    "  -C name  congestion control (reno)\n"
	    "  -L list  faults: drop=0.1 drop=/5 drop=5:11, likewise dup, "
	    "reorder, corrupt;\n"
	    "           ackdrop in mode sim; delay=MS, seed=N; joined by "
	    "commas\n"
	    "modes and their default ports:", out);
	for (i = 0; i < COUNT(modes); i++)
		fprintf(out, " %s%s%s", modes[i]->name,
		    modes[i]->port == NULL ? "" : "=",
		    modes[i]->port == NULL ? "" : modes[i]->port);
	fputs("\nMode sim takes no host, but a number of packets; mode chat a "
	    "name.\nWithout a command, commands are read from standard "
	    "input; help lists them.\n", out);
}

/* Ends after a wrong command line. */
static void
bad_usage(const char *what, const char *why)
{
	log_msg(ERROR, "cli: %s: %s (cli -h shows the options)", what, why);
	exit(2);
}

/* -m */
static const struct mode *
find_mode(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(modes); i++)
		if (strcmp(modes[i]->name, name) == 0)
			return modes[i];
	bad_usage(name, "no such mode");
	return NULL;
}

/* The value of an option that is a number of at least 1. */
static unsigned
count(const char *text, const char *what, int64_t most)
{
	int64_t n;

	n = number(text, strlen(text), 1, most);
	if (n < 0)
		bad_usage(text, what);
	return (unsigned)n;
}

/* -t */
static void
open_trace(const char *path)
{
	if (trace_open(path) == 0)
		return;
	log_msg(ERROR, "cli: -t %s: %s", path, reason());
	exit(1);
}

/* Options of UDP that have a value. Returns false if c is none of them. */
static int
rdt_option(int c, const char *value)
{
	int i;

	switch (c) {
	case 'b':
		given.block = count(value, "-b is not a block size (1 to "
		    STRING(RDT_BLOCK_MAX) ")", RDT_BLOCK_MAX);
		return 1;
	case 'C':
		given.congestion = congestion_find(value);
		if (given.congestion == NULL)
			bad_usage(value, "-C is not none, half or reno");
		return 1;
	case 't':
		open_trace(value);
		return 1;
	case 'u':
		i = find_name(rdt_mode_names, value, strlen(value));
		if (i < RDT_SW)		/* tcp is none */
			bad_usage(value, "-u is not sw, gbn or sr");
		given.rdt_mode = (enum rdt_mode)i;
		given.datagrams = 1;
		return 1;
	case 'W':
		given.window = count(value, "-W is not a window (1 to "
		    STRING(RDT_WINDOW_MAX) ")", RDT_WINDOW_MAX);
		return 1;
	default:
		return 0;
	}
}

/* What must be decided once the mode is known. */
static void
complete_options(const struct mode *m, char *fault_list)
{
	const char *bad, *why;

	if (given.window == 0)
		given.window = m->window != 0 ? m->window : RDT_WINDOW;
	if (given.congestion == NULL)
		given.congestion = congestion_find("reno");
	if (m->kind == ONLY_SW && given.datagrams && given.rdt_mode != RDT_SW)
		bad_usage("-u", "in mode raw, sw alone");
	if (fault_list == NULL)
		return;
	bad = faults_parse(&faults, fault_list, m->kind == NO_HOST, &why);
	if (bad != NULL)
		bad_usage(bad, why);
}

/* -L is parsed last: ackdrop depends on -m, which may follow it. */
static const struct mode *
read_options(int argc, char **argv)
{
	const struct mode *m = modes[0];
	char *fault_list;
	int c;

	fault_list = NULL;
	while ((c = getopt(argc, argv, "b:C:d:hkL:m:qSt:u:vVw:W:")) != -1) {
		switch (c) {
		case 'd':
			given.directory = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(fflush(stdout) == 0 ? 0 : 1);
		case 'k':
			given.keep = 1;
			break;
		case 'L':
			fault_list = optarg;
			break;
		case 'm':
			m = find_mode(optarg);
			break;
		case 'q':
			logger.level = ERROR;
			break;
		case 'S':
			given.segments = 1;
			break;
		case 'v':
			logger.level = DEBUG;
			break;
		case 'V':
			puts("cli " VERSION);
			exit(fflush(stdout) == 0 ? 0 : 1);
		case 'w':
			if (capture_open(optarg) < 0)
				exit(1);
			break;
		default:
			if (rdt_option(c, optarg))
				break;
			usage(stderr);
			exit(2);
		}
	}
	complete_options(m, fault_list);
	return m;
}

/*
 * Takes host and port off the operands; returns how many they were. A number
 * alone is a port, of localhost. An operand after the host that does not begin
 * with a digit is a command already.
 */
static int
read_operands(const struct mode *m, int argc, char **argv)
{
	int with_host, with_port;

	given.mode = m->name;
	if (m->kind == NO_HOST)
		return 0;
	if (argc == 0)
		bad_usage("host", "missing");
	with_host = strspn(argv[0], "0123456789") < strlen(argv[0]);
	given.host = with_host ? argv[0] : "localhost";
	argv += with_host;
	with_port = argc > with_host && argv[0][0] >= '0' && argv[0][0] <= '9';
	given.port = with_port ? argv[0] : m->port;
	if (given.port == NULL)
		bad_usage("port", "missing, this mode has no default");
	if (number(given.port, strlen(given.port), 1, 65535) < 0)
		bad_usage(given.port, "not a port (1 to 65535)");
	return with_host + with_port;
}

/* All that a mode needs is ready before it opens. */
int
main(int argc, char **argv)
{
	const struct mode *m;
	int failed;

	std_descriptors();
	m = read_options(argc, argv);
	optind += read_operands(m, argc - optind, argv + optind);
	if (chdir(options->directory) < 0)
		return fail("cli: -d %s: %s", options->directory, reason());
	signal(SIGCHLD, SIG_DFL);	/* or nobody could be waited for */
	signal(SIGPIPE, SIG_IGN);	/* a send says EPIPE instead */
	signal(SIGXFSZ, SIG_IGN);	/* a write says EFBIG instead */
	guard_signals();
	if (m->tick != NULL)
		setvbuf(stdin, NULL, _IONBF, 0);	/* as poll() sees it */
	failed = run_mode(m, argc - optind, argv + optind);
	if (trace_close() < 0)
		failed = fail("cli: -t: %s", reason());
	if (capture_close() < 0)
		failed = 1;
	return flush_output() ? 1 : failed;
}
