/* cli.c: the client. Licence: ISC, see README.
 *
 *      cli localhost 50000                     a prompt
 *      cli localhost 50000 get notes.txt       one command
 *      cli -m chat localhost bob               a chat
 *      cli -m raw localhost 50000              a telnet
 *      cli -m sim -u gbn -W 3 -L drop=/5 9     packets on a simulated channel
 *      cli -h                                  all options
 *
 * Read proto.h first. This file goes: what the command line set, what the modes
 * share (the command loop, progress), one section per mode, the table of modes,
 * main.
 *
 * A mode is one way to talk to a server. Most have a table of commands, and one
 * loop serves them all: it reads a line, splits it into words as a shell would,
 * looks the first one up, checks the number of arguments, and calls:
 *
 *      line --> split() --> run() --> ftp_get(argc, argv) --> 0 or 1
 *                            |
 *                            +--- table of commands ---> help()
 *
 * A command says itself what went wrong, in one line `command: what: why`, and
 * returns 1 then; nothing that failed exits with status 0. Standard output is
 * for what was asked for; standard error for all that is said about it.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700		/* for SIGXFSZ */
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

#include "proto.h"
#include "more/cli.h"

#define LATE_ANSWERS	1000	/* that are thrown away at a time */
#define LINES_MAX	(2 * 1000 * 1000)	/* of a list, at most */
#define BAR_WIDTH	10
#define BAR_US		(SECOND / 10)	/* between two pictures of a bar */

/* ---- what the command line set --------------------------------------- */

const char *host, *port;
const char *directory = ".";	/* -d */
int local = -1;			/* ...opened */
int keep;			/* -k: never replace a file */
int datagrams;			/* -u: data by UDP... */
enum rdt_mode rdt_mode = RDT_GBN;	/* ...and how */
unsigned window;			/* -W; 0: the default of the mode */
int segments;			/* -S */
unsigned block = RDT_BLOCK;	/* -b */
const struct congestion *congestion;	/* -C */
static char *fault_list;		/* -L */

/* ---- what the modes share -------------------------------------------- */

const struct command *commands;	/* those of the mode, NULL name last */
int over;			/* no more commands: quit, or lost */
int64_t renew_at = NEVER;	/* when `renew' is to be called */
void (*renew)(void);		/* ...while the prompt waits */

/* A signal that ends the client leaves nothing half-written. */
void
guard_signals(void)
{
	newfile_guard(SIGHUP);
	newfile_guard(SIGINT);
	newfile_guard(SIGQUIT);
	newfile_guard(SIGTERM);
}

/* Connects to the server, or says why not and returns -1. */
int
connect_server(int type)
{
	char text[PEER_BYTES];
	const char *why;
	struct addr a;
	int fd;

	fd = sock_connect(host, port, type, &why);
	if (fd < 0)
		log_msg(ERROR, "cli: %s %s: %s", host, port, why);
	else if (addr_peer(fd, &a) == 0) {
		addr_text(&a, text);
		log_msg(DEBUG, "connected to %s", text);
	}
	return fd;
}

/* Prints text that came from the network, its control characters made visible,
 * but newlines, if lines is true. */
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

/* The part of a path behind its last slash. */
const char *
base_name(const char *path)
{
	const char *slash;

	slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
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

static int64_t bar_time;		/* of the last picture; 0: none yet */

/* Will a person read standard error? Asks the system once. */
int
on_terminal(void)
{
	static int known, terminal;

	if (!known)
		terminal = isatty(STDERR_FILENO);
	known = 1;
	return terminal;
}

/* Draws how far a transfer is, if a person is there to see it. */
static void
draw_bar(const struct transfer *t, int up)
{
	uint64_t done, size;
	const char *done_unit, *size_unit;
	char bar[BAR_WIDTH + 1];
	int length, percent;

	if (log_level < INFO || !on_terminal() ||
	    (t->done < t->size && now() < bar_time + BAR_US))
		return;
	bar_time = now();
	done = t->done;
	size = t->size;
	percent = size == 0 ? 100 : (int)((double)done / size * 100);
	length = (percent * BAR_WIDTH + 99) / 100;
	length -= length == BAR_WIDTH && percent < 100;
	memset(bar, ' ', sizeof bar);
	memset(up ? bar : bar + sizeof bar - length, '=', (size_t)length);
	bar[up ? length : BAR_WIDTH - length] = up ? '>' : '<';
	done_unit = unit(&done);
	size_unit = unit(&size);
	fprintf(stderr, "\r[%.*s] %d%% (%llu %s/%llu %s)   ",
	    (int)sizeof bar, bar, percent, (unsigned long long)done, done_unit,
	    (unsigned long long)size, size_unit);
}

/* Up, to the server: `[=====>     ] 43% (7 MB/17 MB)'. */
static int
draw_up(const struct transfer *t)
{
	draw_bar(t, 1);
	return 0;
}

/* Down, from it: `[     <=====] 43% (7 MB/17 MB)'. */
int
draw_down(const struct transfer *t)
{
	draw_bar(t, 0);
	return 0;
}

/* Leaves the line of the bar, before anything else is said. */
void
end_bar(void)
{
	int saved;

	saved = errno;
	if (bar_time != 0)
		fputc('\n', stderr);
	bar_time = 0;
	errno = saved;
}

/* Opens a new file below -d, or says of a command why not. Returns 0, or 1. */
int
open_new(struct newfile *f, const char *command, const char *path, int keeping)
{
	if (newfile_open(f, local, path, keeping) == 0)
		return 0;
	if (errno == ENOENT && base_name(path) > path)
		return fail("%s: %.*s: no such directory", command,
		    (int)(base_name(path) - path), path);
	return fail("%s: %s: %s", command, path, reason());
}

/* The same for `COMMAND NAME [LOCAL]', which downloads. */
int
open_download(struct newfile *f, int argc, char **argv)
{
	const char *path;

	path = argc > 2 ? argv[2] : base_name(argv[1]);
	if (argc == 2 && !name_ok(path, strlen(path)))
		return fail("%s: %s: not the name of a file; say under which "
		    "to store it: %s NAME LOCAL", argv[0], argv[1], argv[0]);
	return open_new(f, argv[0], path, keep);
}

/* The end of a download: f gets its name, if all is there, or is removed. */
int
downloaded(const char *command, const char *name, const struct transfer *t,
    struct newfile *f, enum moved moved)
{
	end_bar();
	if (moved != MOVED)
		newfile_abort(f);
	if (moved == PEER_FAILED)
		return fail("%s: %s: %llu of %llu bytes came, then: %s",
		    command, name, (unsigned long long)t->done,
		    (unsigned long long)t->size, reason());
	if (moved != MOVED || newfile_commit(f) < 0)
		return fail("%s: %s: %s: %s", command, name, f->name,
		    reason());
	log_msg(INFO, "%s: %s: %llu bytes stored as %s", command, name,
	    (unsigned long long)t->size, f->name);
	return 0;
}

/* While a file is sent: stop when the server has something to say already. */
static int
upload_tick(const struct transfer *t)
{
	draw_up(t);
	return t->done < t->size && wait_for(t->sock, POLLIN, 0) == 0;
}

/* Why the file that is sent cannot be read to its end; in words. */
static const char *
file_trouble(void)
{
	return errno == 0 ? "the file became shorter while it was sent" :
	    reason();
}

/*
 * How long what was sent may be on its way: as much as the system's buffer
 * holds, at SLOWEST. Nothing portable tells how much of it is still there.
 */
static int64_t
drain_time(const struct transfer *t)
{
	socklen_t len;
	int bytes;

	len = sizeof bytes;
	if (getsockopt(t->sock, SOL_SOCKET, SO_SNDBUF, &bytes, &len) < 0)
		bytes = 0;
	if (t->done < (uint64_t)bytes)
		bytes = (int)t->done;
	return bytes / SLOWEST * SECOND;
}

const char senseless[] = "the server's answer makes no sense";

/*
 * Sends a file behind a head, and takes the answer by a function that returns
 * as frame_recv() and sets *why to NULL, if it is stored. The original servers
 * send none and close: if all was sent, that is no failure. But an end that is
 * there before the beginning is, and a reset, which means that a system threw
 * away what its program had not read.
 */
int
upload(const char *command, const char *name, struct transfer *t,
    const void *head, size_t headlen,
    int (*answer)(int fd, int64_t deadline, const char **why))
{
	enum moved moved;
	const char *why;
	int error, got;

	t->idle = STALL_S * SECOND;
	t->tick = upload_tick;
	moved = wait_for(t->sock, POLLIN, 0) == 0 ? STOPPED :
	    transfer_send(t, head, headlen);
	error = moved == STOPPED ? 0 : errno;
	end_bar();
	if (moved == FILE_FAILED)
		return fail("%s: %s: %s", command, name, file_trouble());
	if (moved == MOVED)
		shutdown(t->sock, SHUT_WR);
	why = senseless;
	got = answer(t->sock, now() + STALL_S * SECOND + drain_time(t), &why);
	if (got > 0 && (why != NULL || moved != MOVED))
		return fail("%s: %s: %s", command, name, why != NULL ? why :
		    senseless);
	if (got < 0 || (got == 0 && moved != MOVED)) {
		errno = moved == MOVED ? errno : error;
		return fail("%s: %s: %llu of %llu bytes sent, then: %s",
		    command, name, (unsigned long long)t->done,
		    (unsigned long long)t->size, reason());
	}
	log_msg(INFO, "%s: %s: %llu bytes %s", command, name,
	    (unsigned long long)t->size, got > 0 ? "stored" :
	    "sent, not confirmed");
	return 0;
}

/* help: the table of commands. */
int
help(int argc, char **argv)
{
	const struct command *c;

	(void)argc;
	(void)argv;
	for (c = commands; c->name != NULL; c++)
		printf("%-10s %-24s %s\n", c->name, c->arguments, c->help);
	return 0;
}

/* lls: the files of the local directory, as the server would list its own. */
int
list_local(int argc, char **argv)
{
	char **names;
	ssize_t i, n;

	(void)argc;
	n = list_files(local, UINT64_MAX, &names);
	if (n < 0)
		return fail("%s: %s: %s", argv[0], directory, reason());
	for (i = 0; i < n; i++) {
		print_safely(names[i], strlen(names[i]), 0);
		putchar('\n');
	}
	list_free(names, (size_t)n);
	return 0;
}

/* quit: no more commands; what the server must be told, the session tells. */
int
leave(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	over = 1;
	return 0;
}

/* Looks a command up in the table and runs it. Returns 0, or 1 if it failed. */
int
run(int argc, char **argv)
{
	const struct command *c;

	for (c = commands; c->name != NULL; c++)
		if (strcmp(c->name, argv[0]) == 0)
			break;
	if (c->name == NULL)
		return fail("%s: no such command; help lists them", argv[0]);
	if (argc - 1 < c->least || argc - 1 > c->most)
		return fail("%s: usage: %s%s%s%s", argv[0], c->name,
		    c->most > 0 ? " " : "", c->arguments,
		    argc - 1 > c->most && c->most > 0 ?
		    " (quote a name with spaces)" : "");
	return c->run(argc, argv);
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

/* Splits a line into words, in place; returns their number, or says why not. */
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

/* Hands over what was printed. Says why if that fails, and returns 1. */
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

/* Runs commands from standard input until it ends. Returns 1 if any failed. */
int
command_loop(const char *prompt)
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
			fputs(prompt, stdout);
		if (flush_output() != 0)
			break;
		while (renew != NULL &&
		    wait_for(STDIN_FILENO, POLLIN, renew_at) < 0)
			renew();
		if (getline(&line, &room, stdin) < 0) {
			if (ferror(stdin))
				failed = fail("cli: standard input: %s",
				    reason());
			else if (terminal)
				putchar('\n');
			break;
		}
		argc = split(line, argv);
		if (argc != 0)
			failed |= argc < 0 ? 1 : run(argc, argv);
	}
	free(line);
	return failed;
}

/* ---- ftp (seeds/004) -------------------------------------------------- */

static int control = -1;
static int owed;		/* answers to come that nobody waits for */

/* Room for a command, and a byte more, which shows that it is too long. */
#define COMMAND_BYTES	(FTP_COMMAND_MAX + 2)

/*
 * Sends a command and takes the answer, which the caller frees. Returns 0, or 1
 * after an error, which was said of verb and name (NULL: there is none).
 */
static int
ftp_ask(const char *verb, const char *name, const char *command, size_t max,
    char **answer, size_t *n)
{
	int64_t patience;
	int got;

	if (strlen(command) > FTP_COMMAND_MAX)
		return fail("%s: the name is too long", verb);
	/*
	 * An error here is no reason to stop: a server that is full has
	 * answered before it was asked, and closed.
	 */
	frame_send(control, command, strlen(command),
	    now() + ANSWER_S * SECOND);
	patience = (max > FTP_COMMAND_MAX ? STALL_S : ANSWER_S) * SECOND;
	got = 1;
	for (; owed > 0 && got > 0; owed--) {
		got = frame_recv(control, answer, n, FTP_COMMAND_MAX,
		    now() + patience);
		free(*answer);
	}
	if (got > 0)
		got = frame_recv(control, answer, n, max, now() + patience);
	if (got > 0)
		return 0;
	over = 1;		/* nobody knows what would come next */
	return fail("%s: %s%s%s", verb, name == NULL ? "" : name,
	    name == NULL ? "" : ": ", reason());
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
	fd = data_connect(control, SOCK_STREAM, (unsigned)value,
	    now() + CONNECT_S * SECOND);
	if (fd < 0)
		log_msg(ERROR, "%s: %s: data connection to port %ld: %s", verb,
		    name, value, reason());
	return fd;
}

/* A get by TCP, into f. */
static int
ftp_tcp_get(struct newfile *f, const char *name)
{
	struct transfer t = { 0 };
	int failed;

	t.sock = ftp_data("get", name);
	if (t.sock < 0) {
		newfile_abort(f);
		return 1;
	}
	t.file = f->fd;
	t.idle = STALL_S * SECOND;
	t.tick = draw_down;
	if (frame_head(t.sock, &t.size, now() + ANSWER_S * SECOND) > 0) {
		failed = downloaded("get", name, &t, f, transfer_recv(&t));
	} else {
		newfile_abort(f);
		failed = fail("get: %s: %s", name, reason());
	}
	close(t.sock);
	return failed;
}

struct rdt_session session;	/* the transfer by UDP */

/*
 * Opens a session for t by a command, `uget NAME' or `uput NAME SIZE'; what is
 * said of it is said of verb and name. *moved tells how that went; returns 1 if
 * the server refused, which was said.
 */
static int
udp_open(const struct transfer *t, const char *verb, const char *name,
    const char *command, enum moved *moved)
{
	struct rdt_session *s = &session;
	unsigned udp_port;
	uint64_t *size;
	char *answer;
	size_t n;
	int bad;

	memset(s, 0, sizeof *s);
	s->t = *t;
	s->control = control;
	s->mode = rdt_mode;
	s->window = window;
	s->block = block;
	s->congestion = congestion;
	if (ftp_ask(verb, name, command, FTP_COMMAND_MAX, &answer, &n) != 0)
		return 1;
	size = strcmp(verb, "get") == 0 ? &s->t.size : NULL;
	s->t.tick = size == NULL ? draw_up : draw_down;
	bad = rdt_offer_parse(answer, n, &udp_port, &s->key, size) < 0;
	if (bad)
		ftp_failed(verb, name, frame_number(answer, n));
	free(answer);
	if (bad)
		return 1;
	*moved = rdt_connect(s, udp_port);
	return 0;
}

/* The end of it. */
static void
udp_close(void)
{
	if (session.start != 0)
		rdt_report(&session);
	if (session.t.sock >= 0)
		dgram_close(session.t.sock);
}

/* A get by UDP, into f. It is stored and said before the server, who may have
 * missed an ACK, is waited for. */
static int
ftp_udp_get(struct newfile *f, const char *name)
{
	struct rdt_session *s = &session;
	struct transfer t = { 0 };
	char command[COMMAND_BYTES];
	enum moved moved;
	int failed;

	t.file = f->fd;
	snprintf(command, sizeof command, "uget %s", name);
	if (udp_open(&t, "get", name, command, &moved) != 0) {
		newfile_abort(f);
		return 1;
	}
	if (moved == MOVED)
		moved = rdt_recv(s);
	if (moved == STOPPED) {		/* the server has nothing to say now */
		over = 1;
		errno = 0;
		moved = PEER_FAILED;
	}
	failed = downloaded("get", name, &s->t, f, moved);
	if (moved == MOVED)
		rdt_linger(s);
	udp_close();
	return failed;
}

/* get NAME [LOCAL] */
static int
ftp_get(int argc, char **argv)
{
	struct newfile f;

	if (open_download(&f, argc, argv) != 0)
		return 1;
	return datagrams ? ftp_udp_get(&f, argv[1]) :
	    ftp_tcp_get(&f, argv[1]);
}

/* The answer to the contents of a put. */
static int
ftp_answer(int fd, int64_t deadline, const char **why)
{
	char *answer;
	size_t n;
	int got;

	got = frame_recv(fd, &answer, &n, FTP_COMMAND_MAX, deadline);
	if (got > 0)
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
	failed = upload("put", name, t, head, FRAME_HEAD, ftp_answer);
	close(t->sock);
	return failed;
}

/*
 * The answer to a uput: it counts, whatever ACKs are missing. If all are here,
 * it may take its time. If the session broke off at this end and there is none,
 * it is owed: the next command makes the server give up, and answer both.
 */
static int
ftp_udp_confirmed(const char *name, enum moved moved)
{
	struct rdt_session *s = &session;
	const char *why;
	char *answer;
	size_t n;
	long code;
	int got;

	if (moved == STOPPED && s->start == 0) {
		errno = ETIMEDOUT;	/* the server has waited, too */
		moved = PEER_FAILED;
	}
	why = rdt_given_up(&s->sender) ? rdt_gave_up() : reason();
	code = 1;
	got = 0;
	if (moved == PEER_FAILED &&
	    wait_for(control, POLLIN, now() + SECOND) < 0) {
		owed++;
	} else {
		got = frame_recv(control, &answer, &n, FTP_COMMAND_MAX,
		    now() + STALL_S * SECOND);
		over = got <= 0;
	}
	if (got > 0) {
		code = frame_number(answer, n);
		free(answer);
	} else if (moved != PEER_FAILED) {
		why = reason();
	}
	if (code == FTP_OK && s->packets > 0 && s->sender.top == s->packets) {
		s->t.done = s->t.size;
		log_msg(INFO, "put: %s: %llu bytes stored", name,
		    (unsigned long long)s->t.size);
		return 0;
	}
	if (got > 0 && moved != PEER_FAILED)
		return ftp_failed("put", name, code == FTP_OK ? 1 : code);
	return fail("put: %s: %llu of %llu bytes acknowledged, then: %s", name,
	    (unsigned long long)s->t.done, (unsigned long long)s->t.size, why);
}

/* A put by UDP. */
static int
ftp_udp_put(const struct transfer *t, const char *path, const char *name)
{
	char command[COMMAND_BYTES];
	enum moved moved;
	int failed;

	snprintf(command, sizeof command, "uput %s %llu", name,
	    (unsigned long long)t->size);
	if (udp_open(t, "put", name, command, &moved) != 0)
		return 1;
	if (moved == MOVED)
		moved = rdt_send(&session);
	end_bar();
	if (moved == FILE_FAILED) {
		owed++;
		failed = fail("put: %s: %s", path, file_trouble());
	} else {
		failed = ftp_udp_confirmed(name, moved);
	}
	udp_close();
	return failed;
}

/* put LOCAL [NAME] */
static int
ftp_put(int argc, char **argv)
{
	struct transfer t = { 0 };
	const char *name;
	int failed;

	name = argc > 2 ? argv[2] : base_name(argv[1]);
	t.file = file_open(local, argv[1], 0, &t.size);
	if (t.file < 0)
		return fail("put: %s: %s", argv[1], reason());
	failed = datagrams ? ftp_udp_put(&t, argv[1], name) :
	    ftp_tcp_put(&t, argv[1], name);
	close(t.file);
	return failed;
}

/* The mode of a name; 0 is tcp, -1 no mode. */
static int
mode_find(const char *name)
{
	int i;

	for (i = RDT_SR; i >= 0; i--)
		if (strcmp(rdt_mode_names[i], name) == 0)
			break;
	return i;
}

/* mode [tcp|sw|gbn|sr [WINDOW]] */
static int
ftp_set_mode(int argc, char **argv)
{
	int64_t n;
	int i;

	if (argc == 1) {
		if (!datagrams)
			puts("tcp");
		else
			printf("%s, window %u, block %u, %s\n",
			    rdt_mode_names[rdt_mode],
			    rdt_mode == RDT_SW ? 1 : window, block,
			    congestion->name);
		return 0;
	}
	i = mode_find(argv[1]);
	n = argc > 2 ? number(argv[2], 1, RDT_WINDOW_MAX) : (int64_t)window;
	if (i < 0)
		return fail("mode: %s: not tcp, sw, gbn or sr", argv[1]);
	if (n < 0)
		return fail("mode: %s: not a window (1 to "
		    STRING(RDT_WINDOW_MAX) ")", argv[2]);
	datagrams = i > 0;
	if (datagrams)
		rdt_mode = (enum rdt_mode)i;
	window = (unsigned)n;
	return 0;
}

/* ls */
static int
ftp_ls(int argc, char **argv)
{
	char *answer;
	size_t n;
	long code;

	(void)argc;
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
	{ "help", 0, 0, "", "this list", help },
	{ "lls", 0, 0, "", "list the files here", list_local },
	{ "ls", 0, 0, "", "list the files on the server", ftp_ls },
	{ "mode", 0, 2, "[tcp|sw|gbn|sr [WINDOW]]",
	    "how files travel; sw, gbn, sr are by UDP", ftp_set_mode },
	{ "put", 1, 2, "LOCAL [NAME]", "upload a file", ftp_put },
	{ "quit", 0, 0, "", "leave", leave },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

static int
ftp_session(int argc, char **argv)
{
	int failed;

	commands = ftp_commands;
	control = connect_server(SOCK_STREAM);
	if (control < 0)
		return 1;
	failed = argc > 0 ? run(argc, argv) : command_loop("ftp> ");
	frame_send(control, "quit", 4, now() + ANSWER_S * SECOND);
	close(control);
	return failed;
}

/* ---- dir (seeds/000): asking the directory ------------------------------ */

int dir_fd = -1;			/* UDP, connected to the directory */
char nick[DIR_NICK_MAX + 1];	/* "": not registered */

/* Is this what was asked for, and not an answer that is late? */
static int
dir_fits(const struct dir_message *asked, const struct dir_message *got)
{
	char skip[24];
	size_t n;

	switch (asked->op) {
	case DIR_LOOKUP:
	case DIR_REGISTER:
	case DIR_SERVE:
		return got->op == asked->op + 1u || got->op == asked->op + 2u;
	case DIR_GET_USERS:
	case DIR_GET_FILES:
		n = (size_t)sprintf(skip, "skip %lu\n",
		    (unsigned long)asked->number[0]);
		return got->op == asked->op + 1u && got->length >= n &&
		    memcmp(got->text, skip, n) == 0;
	case DIR_PUBLISH:
		return got->op == DIR_FAIL || (got->op == DIR_PUBLISH_OK &&
		    got->numbers == 1 && got->number[0] == asked->number[0]);
	case DIR_STOP:
	case DIR_LOGOUT:
		return got->op == DIR_FAIL || got->op == asked->op + 1u;
	default:
		return got->op == asked->op + 1u;
	}
}

/* Takes datagrams until one fits: 1; 0 when the time has come; -1: failure. */
static int
dir_await(const struct dir_message *asked, struct dir_message *got,
    int64_t deadline)
{
	static unsigned char in[65536];
	ssize_t n;

	for (;;) {
		n = dgram_recv(dir_fd, in, sizeof in, NULL);
		if (n >= 0 && dir_unpack(got, in, (size_t)n) == 0 &&
		    dir_fits(asked, got))
			return 1;
		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n < 0 && wait_for(dir_fd, POLLIN, deadline < dgram_due() ?
		    deadline : dgram_due()) < 0 && errno != ETIMEDOUT)
			return -1;
		if (now() >= deadline)
			return 0;
	}
}

/*
 * Sends a request, again and again, until its answer comes. Returns -1 if none
 * does, with errno; the answer's text stays until the next call.
 */
int
dir_ask(const struct dir_message *asked, struct dir_message *got, int tries)
{
	static const int64_t at[] = { 0, SECOND / 2, SECOND * 3 / 2,
	    SECOND * 7 / 2, SECOND * 15 / 2 };
	static unsigned char out[DIR_REQUEST_MAX];
	int64_t start;
	size_t n;
	int i, result;

	for (i = 0; i < LATE_ANSWERS; i++)	/* to others */
		if (dgram_recv(dir_fd, out, sizeof out, NULL) < 0)
			break;
	n = dir_pack(out, asked);
	start = now();
	for (i = 0; i < tries; i++) {
		if (dgram_send(dir_fd, out, n, NULL, 1) < 0)
			return -1;
		result = dir_await(asked, got, start + at[i + 1]);
		if (result != 0)
			return result > 0 ? 0 : -1;
	}
	errno = ETIMEDOUT;
	return -1;
}


/* The same for a command, which says what went wrong. Returns 0 or 1. */
int
dir_command(const char *command, const struct dir_message *asked,
    struct dir_message *got)
{
	if (dir_ask(asked, got, TRIES) == 0)
		return 0;
	return fail("%s: directory %s %s: %s", command, host, port,
	    errno == ETIMEDOUT ? "no answer" : reason());
}

/* A request that consists of a text. */
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
	struct dir_message asked = { 0 }, got;

	(void)argc;
	asked.op = DIR_LOGIN;
	if (dir_command(argv[0], &asked, &got) != 0)
		return 1;
	printf("%lu file servers\n", (unsigned long)got.number[0]);
	return 0;
}

/* register NICK */
static int
dir_register(int argc, char **argv)
{
	struct dir_message asked, got;

	(void)argc;
	if (!nick_ok(argv[1], strlen(argv[1])))
		return fail("register: %s: not a nick: 1 to 32 letters, "
		    "digits, _ - .", argv[1]);
	asked = dir_text(DIR_REGISTER, argv[1]);
	if (dir_command("register", &asked, &got) != 0)
		return 1;
	if (got.op != DIR_REGISTER_OK)
		return fail("register: %s: refused: it is taken, or you have "
		    "another one", argv[1]);
	strcpy(nick, argv[1]);
	renew_at = now() + DIR_RENEW_S * SECOND;
	log_msg(INFO, "register: you are %s", nick);
	return 0;
}

/* Lists of the directory are for those alone who have registered. */
int
not_registered(const char *command)
{
	return nick[0] != '\0' ? 0 : fail("%s: register first", command);
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Forgets a list. A tree points to its root, and that to what is there. */
void
lines_free(struct lines *l)
{
	while (l->tree != NULL)
		tdelete(*(char **)l->tree, &l->tree, compare_lines);
	list_free(l->line, l->n);
	memset(l, 0, sizeof *l);
}

/* Adds a line of at most DIR_REPLY_MAX bytes, if it is new. Returns -1 if there
 * is no memory. */
static int
lines_add(struct lines *l, const char *text, size_t n)
{
	char key[DIR_REPLY_MAX + 1];

	memcpy(key, text, n);
	key[n] = '\0';
	if (tfind(key, &l->tree, compare_lines) != NULL)
		return 0;
	if (list_add(&l->line, l->n, key) < 0 ||
	    tsearch(l->line[l->n], &l->tree, compare_lines) == NULL)
		return -1;
	l->n++;
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
take_page(const struct dir_message *page, struct lines *l)
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
		if (n > DIR_REPLY_MAX || !line_ok(page->op, line, n) ||
		    lines_add(l, line, n) < 0)
			return -1;
	}
	errno = EBADMSG;
	return more;
}

/*
 * Asks for a list, page by page, until one has nothing new. Returns 1 after an
 * error, which was said; else the list is the caller's, for lines_free().
 */
int
dir_list(const char *command, enum dir_op op, struct lines *l)
{
	struct dir_message asked = { 0 }, got;
	size_t before;

	memset(l, 0, sizeof *l);
	if (not_registered(command))
		return 1;
	asked.op = op;
	asked.numbers = 1;
	do {
		before = l->n;
		asked.number[0] = (uint32_t)before;
		if (dir_command(command, &asked, &got) != 0) {
			lines_free(l);
			return 1;
		}
		if (take_page(&got, l) < 0) {
			lines_free(l);
			return fail("%s: directory %s %s: %s", command, host,
			    port, reason());
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

/* Where a nick serves: address and port, as text. Returns 1 after an error. */
int
dir_where(const char *command, const char *who, char address[16], char tcp[6])
{
	struct dir_message asked, got;

	if (!nick_ok(who, strlen(who)))
		return fail("%s: %.100s: not a nick", command, who);
	asked = dir_text(DIR_LOOKUP, who);
	if (dir_command(command, &asked, &got) != 0)
		return 1;
	if (got.op != DIR_LOOKUP_OK)
		return fail("%s: %s: no such nick, or it serves no files",
		    command, who);
	if (got.number[1] < 1 || got.number[1] > 65535)
		return fail("%s: %s: the directory's answer makes no sense",
		    command, who);
	sprintf(address, "%d.%d.%d.%d", (int)(got.number[0] >> 24),
	    (int)(got.number[0] >> 16 & 255), (int)(got.number[0] >> 8 & 255),
	    (int)(got.number[0] & 255));
	sprintf(tcp, "%d", (int)got.number[1]);
	return 0;
}

/* lookup NICK */
static int
dir_lookup(int argc, char **argv)
{
	char address[16], tcp[6];

	(void)argc;
	if (dir_where(argv[0], argv[1], address, tcp) != 0)
		return 1;
	printf("%s:%s\n", address, tcp);
	return 0;
}

/* ---- dir: the mode ---------------------------------------------------- */

/* logout */
static int
dir_logout(int argc, char **argv)
{
	struct dir_message asked, got;
	int failed;

	(void)argc;
	if (not_registered(argv[0]))
		return 1;
	end_serving();
	told = published = 0;
	asked = dir_text(DIR_LOGOUT, nick);
	failed = dir_command(argv[0], &asked, &got);
	renew_at = NEVER;
	nick[0] = '\0';
	if (failed)
		return 1;
	return got.op == DIR_LOGOUT_OK ? 0 :
	    fail("%s: refused by the directory", argv[0]);
}

static const struct command dir_commands[] = {
	{ "browse", 1, 1, "NICK", "look at the files of a peer", dir_browse },
	{ "download", 1, 3, "[NICK] HASH [NAME]", "fetch a file from a peer",
	    dir_download },
	{ "fgserve", 0, 1, "[PORT]", "serve until the line fgstop",
	    dir_fgserve },
	{ "filelist", 0, 0, "", "all files that are published",
	    dir_print_list },
	{ "help", 0, 0, "", "this list", help },
	{ "login", 0, 0, "", "how many serve files?", dir_login },
	{ "logout", 0, 0, "", "be forgotten by the directory", dir_logout },
	{ "lookup", 1, 1, "NICK", "where does a nick serve?", dir_lookup },
	{ "myfiles", 0, 0, "", "the files here, with their hashes", dir_mine },
	{ "publish", 0, 0, "", "tell the directory of the files here",
	    dir_publish },
	{ "quit", 0, 0, "", "leave", leave },
	{ "register", 1, 1, "NICK", "be known by a name", dir_register },
	{ "serve", 0, 1, "[PORT]", "serve the files here to others",
	    dir_serve },
	{ "stop", 0, 0, "", "serve no more", dir_stop },
	{ "userlist", 0, 0, "", "all nicks", dir_print_list },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

static int
dir_session(int argc, char **argv)
{
	static char *logout[] = { "logout", NULL };
	int failed;

	commands = dir_commands;
	dir_fd = connect_server(SOCK_DGRAM);
	if (dir_fd < 0)
		return 1;
	renew = dir_renew;
	setvbuf(stdin, NULL, _IONBF, 0);	/* as poll() sees it */
	failed = argc > 0 ? run(argc, argv) : command_loop("dir> ");
	if (nick[0] != '\0')
		failed |= dir_logout(1, logout);
	dgram_close(dir_fd);
	return failed;
}

/* ---- the modes -------------------------------------------------------- */

static const struct mode ftp_mode = { "ftp", "50000", ftp_session };
static const struct mode dir_mode = { "dir", "6868", dir_session };

static const struct mode *const modes[] = {
	&ftp_mode, &xfer_mode, &dir_mode, &chat_mode, &room_mode, &raw_mode,
	&sim_mode,
};
static const struct mode *mode = &ftp_mode;

/* ---- main ------------------------------------------------------------ */

static void
usage(FILE *out)
{
	size_t i;

	fputs("usage: cli [-hkqSv] [-m mode] [-d dir] [-u sw|gbn|sr] "
	    "[-W window] [-b block]\n"
	    "           [-C none|half|reno] [-L faults] [-t trace] host [port] "
	    "[command\n           [argument ...]]\n"
	    "  -h       this text\n"
	    "  -b block bytes of a packet (" STRING(RDT_BLOCK) ")\n"
	    "  -C name  congestion control (reno)\n"
	    "  -d dir   directory of the files here (.)\n"
	    "  -k       keep: never replace a file, store it as name(1).ext\n"
	    "  -L list  faults: drop=0.1 drop=/5 drop=5:11, likewise dup, "
	    "reorder, corrupt;\n"
	    "           ackdrop in mode sim; delay=MS, seed=N; joined by "
	    "commas\n"
	    "  -m mode  what to speak (ftp)\n"
	    "  -q       say only what went wrong\n"
	    "  -S       chat: speak in segments, as the original, not lines\n"
	    "  -t file  append a trace of each packet, tab separated\n"
	    "  -u mode  data by UDP: sw, gbn or sr (sim: gbn); raw: sw, one "
	    "datagram a line\n"
	    "  -v       say more\n"
	    "  -W n     window in packets (" STRING(RDT_WINDOW) "; room: "
	    STRING(ROOM_WINDOW) ")\n"
	    "modes and their default ports:", out);
	for (i = 0; i < COUNT(modes); i++)
		fprintf(out, " %s%s%s", modes[i]->name, modes[i]->port == NULL ?
		    "" : "=", modes[i]->port == NULL ? "" : modes[i]->port);
	fputs("\nMode sim takes no host, but a number of packets; mode chat a "
	    "name.", out);
	fputs("\nWithout a command, commands are read from standard input; "
	    "help lists them.\n", out);
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
count(const char *text, const char *what, long most)
{
	long n;

	n = number(text, 1, most);
	if (n < 0)
		bad_usage(text, what);
	return (unsigned)n;
}

/* The options of the engine. Returns false if c is none of them. */
static int
rdt_option(int c, char *value)
{
	int i;

	switch (c) {
	case 'b':
		block = count(value, "-b is not a block size (1 to "
		    STRING(RDT_BLOCK_MAX) ")",
		    RDT_BLOCK_MAX);
		return 1;
	case 'C':
		congestion = congestion_find(value);
		if (congestion == NULL)
			bad_usage(value, "-C is not none, half or reno");
		return 1;
	case 'L':
		fault_list = value;
		return 1;
	case 't':
		if (trace_open(value) < 0) {
			log_msg(ERROR, "cli: -t %s: %s", value, reason());
			exit(1);
		}
		return 1;
	case 'u':
		i = mode_find(value);	/* an enum may have no sign */
		if (i < RDT_SW)
			bad_usage(value, "-u is not sw, gbn or sr");
		rdt_mode = (enum rdt_mode)i;
		datagrams = 1;
		return 1;
	case 'W':
		window = count(value, "-W is not a window (1 to "
		    STRING(RDT_WINDOW_MAX) ")",
		    RDT_WINDOW_MAX);
		return 1;
	default:
		return 0;
	}
}

static void
options(int argc, char **argv)
{
	const char *bad;
	int c;

	bad = NULL;
	congestion = congestion_find("reno");
	while ((c = getopt(argc, argv, "b:C:d:hkL:m:qSt:u:vW:")) != -1) {
		switch (c) {
		case 'd':
			directory = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(fflush(stdout) == 0 ? 0 : 1);
		case 'k':
			keep = 1;
			break;
		case 'm':
			mode = find_mode(optarg);
			break;
		case 'q':
			log_level = ERROR;
			break;
		case 'S':
			segments = 1;
			break;
		case 'v':
			log_level = DEBUG;
			break;
		default:
			if (rdt_option(c, optarg))
				break;
			usage(stderr);
			exit(2);
		}
	}
	if (window == 0 && mode != &room_mode)
		window = RDT_WINDOW;
	if (datagrams && mode == &raw_mode && rdt_mode != RDT_SW)
		bad_usage("-u", "in mode raw, sw alone");
	if (fault_list != NULL)
		bad = faults_parse(&faults, fault_list,
		    mode == &sim_mode);
	if (bad != NULL)
		bad_usage(bad, "-L has no such fault");
}

/*
 * Takes host and port off the operands; returns how many they were. A second
 * operand that does not begin with a digit is a command already.
 */
static int
operands(int argc, char **argv)
{
	int given;

	if (mode == &sim_mode)
		return 0;
	if (argc == 0)
		bad_usage("host", "missing");
	host = argv[0];
	given = argc > 1 && argv[1][0] >= '0' && argv[1][0] <= '9';
	port = given ? argv[1] : mode->port;
	if (port == NULL)
		bad_usage("port", "missing, this mode has no default");
	if (number(port, 1, 65535) < 0)
		bad_usage(port, "not a port (1 to 65535)");
	return 1 + given;
}

int
main(int argc, char **argv)
{
	int failed;

	std_descriptors();
	options(argc, argv);
	optind += operands(argc - optind, argv + optind);
	local = open(directory, O_RDONLY | O_DIRECTORY);
	if (local < 0)
		return fail("cli: -d %s: %s", directory, reason());
	signal(SIGCHLD, SIG_DFL);	/* or nobody could be waited for */
	signal(SIGPIPE, SIG_IGN);	/* a send says EPIPE instead */
	signal(SIGXFSZ, SIG_IGN);	/* a write says EFBIG instead */
	guard_signals();
	failed = mode->session(argc - optind, argv + optind);
	if (trace != NULL && (ferror(trace) || fclose(trace) != 0))
		failed = fail("cli: -t: %s", reason());
	return flush_output() ? 1 : failed;
}
