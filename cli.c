/* cli.c: the client. Licence: ISC, see README.
 *
 *      cli localhost 50000                     a prompt
 *      cli localhost 50000 get notes.txt       one command
 *      cli -m chat localhost bob               a chat
 *      cli -m raw localhost 50000              messages typed by hand
 *      cli -m sim -u gbn -W 3 -L drop=/5 9     packets on a simulated channel
 *      cli -h                                  all options
 *
 * Read proto.h first, then Part I of proto.c. In this file:
 *
 *  Part I   what modes share     output, downloads and uploads
 *           ftp                  get, put, ls, quit
 *           the command loop     a line, its words, a table
 *  Part II  ftp over UDP           get and put by rdt
 *           dir                  asking the directory
 *  the end  the table of modes, options, main
 *
 * A mode is one way to talk to a server. Most have a table of commands, and
 * share one loop:
 *
 *      line --> split() --> run_command() --> get_command(argc, argv)
 *                                |        (a command of the command line is
 *                         table of commands     called by run_mode() itself)
 *
 * A command reports its own error as one line, `command: what: why', and
 * returns 1; if any fails, the exit status is not 0. Lists go to standard
 * output, messages to standard error.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700		/* Part II: tsearch() */
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto.h"

/* ==== Part I: the tiny program. ========================================== */

/* ---- what the modes share -------------------------------------------- */

struct cli cli = { .directory = "." };

/* With -v it says which of the addresses of a name is used. */
int
connect_server(int type)
{
	char peer[PEER_BYTES];
	int fd;

	fd = sock_connect(cli.host, cli.port, type);
	if (fd < 0)
		log_msg(ERROR, "cli: %s %s: %s", cli.host, cli.port, reason());
	else if (sock_peer(fd, peer) == 0)
		log_msg(DEBUG, "connected to %s", peer);
	return fd;
}

/* In pieces that fit into line[]. */
void
print_safely(FILE *to, const char *text, size_t n, int lines)
{
	char line[1024];
	size_t used;

	for (; n > 0; text += used, n -= used) {
		used = printable(line, sizeof line, text, n, lines);
		fputs(line, to);
	}
}

/* Reports the error once: later writes would fail, too. */
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

/* ---- downloads and uploads -------------------------------------------- */

/* Comes before the server is asked: an error here costs nothing. */
int
download_open(const char *command, const char *path, int keep, struct file *f)
{
	memset(f, 0, sizeof *f);
	f->fd = newfile_open(path, keep);
	if (f->fd >= 0)
		return 0;
	if (errno == ENOENT && base_name(path) > path)
		return fail("%s: %.*s: no such directory here", command,
		    (int)(base_name(path) - path), path);
	return fail("%s: %s: %s, here", command, path, reason());
}

/* `get NAME [LOCAL]': without LOCAL, or if it ends in a slash, the base name of
 * NAME must be name_ok(). */
int
download_begin(int argc, char **argv, struct file *f)
{
	const char *base, *local;
	char path[1024];

	base = base_name(argv[1]);
	local = argc > 2 ? argv[2] : "";
	if (*base_name(local) != '\0')
		base = "";
	else if (!name_ok(base, strlen(base)))
		return fail("%s: %s: cannot be stored under this name; give "
		    "another one: %s NAME LOCAL", argv[0], argv[1], argv[0]);
	if (snprintf(path, sizeof path, "%s%s", local, base) >= 1024)
		return fail("%s: %s: the name is too long", argv[0], argv[1]);
	return download_open(argv[0], path, cli.keep, f);
}

int
download_end(const char *command, const char *name, const struct file *f,
    int went_well)
{
	if (newfile_end(went_well) == 0) {
		log_msg(INFO, "%s: %s: %llu bytes stored as %s", command, name,
		    (unsigned long long)f->size, newfile_name());
		return 0;
	}
	if (went_well)
		return fail("%s: %s: %s: %s, here", command, name,
		    newfile_name(), reason());
	if (f->size == 0)		/* or not known yet */
		return fail("%s: %s: %s", command, name, reason());
	return fail("%s: %s: %llu of %llu bytes came, then: %s", command, name,
	    (unsigned long long)f->done, (unsigned long long)f->size,
	    reason());
}

/* The server may answer before all is sent, for example because its disk is
 * full: its answer tells more than our EPIPE. One that closes without an answer
 * (ENOTCONN) is an original server: if all was sent, that is no failure. */
int
upload(const char *command, const char *name, int fd, struct file *f,
    const void *head, size_t headlen, int (*answer)(int fd, const char **why))
{
	const char *why = NULL;
	int error, got, sent;

	errno = ECONNABORTED;
	sent = !readable(fd, 0) && file_send(fd, f, head, headlen) == 0;
	error = errno;
	if (sent)
		sock_end(fd);
	got = sent || peer_failed() ? answer(fd, &why) : -1;
	if (got == 0 && (why != NULL || !sent))
		return fail("%s: %s: %s", command, name,
		    why != NULL ? why : senseless);
	if (got < 0 && !(sent && errno == ENOTCONN)) {
		errno = sent ? errno : error;
		return fail("%s: %s: %llu of %llu bytes sent, then: %s",
		    command, name, (unsigned long long)f->done,
		    (unsigned long long)f->size, reason());
	}
	log_msg(INFO, "%s: %s: %llu bytes %s", command, name,
	    (unsigned long long)f->size, got == 0 ? "stored" :
	    "sent, not confirmed");
	return 0;
}

/* ---- ftp -------------------------------------------------------------- */

static int ftp_control = -1;		/* the connection; -1: none */
int server_heard;			/* it has answered */

/* The next command connects again. */
static void
ftp_drop(void)
{
	if (ftp_control >= 0)
		sock_close(ftp_control);
	ftp_control = -1;
}

/* Connects, unless there is a connection that can be used. Input after an
 * answer means that the server has closed. Before the first answer it may be
 * `server full', which the command will read as its answer. */
static int
ftp_connect(void)
{
	char byte;

	if (ftp_control >= 0 && readable(ftp_control, 0) && (server_heard ||
	    recv(ftp_control, &byte, 1, MSG_PEEK) < 1)) {
		log_msg(INFO, "the server has closed; connecting again");
		ftp_drop();
	}
	if (ftp_control < 0)
		ftp_control = connect_server(SOCK_STREAM);
	return ftp_control < 0 ? -1 : 0;
}

/* Sends a command and takes the answer, of at most max bytes; returns its
 * length, or -1 after a message. verb and name (or NULL) are for that
 * message. */
static ssize_t
ftp_ask(const char *verb, const char *name, const char *command, char *answer,
    size_t max)
{
	ssize_t n;

	if (strlen(command) > FTP_COMMAND_MAX) {
		log_msg(ERROR, "%s: the name is too long", verb);
		return -1;
	}
	if (ftp_connect() < 0)
		return -1;
	sock_limit(ftp_control, server_heard ? ANSWER_S : DOUBT_S);
	/* No matter if it fails: a server that is full has answered already,
	 * and closed, and that answer is still to be read. */
	frame_send(ftp_control, command, strlen(command));
	n = frame_recv(ftp_control, answer, max);
	if (n >= 0 && (server_heard || strcmp(answer, command) != 0 ||
	    !readable(ftp_control, 0))) {
		server_heard = 1;
		return n;
	}
	/* A chat takes our frame for a name, and sends `0000000002ls has
	 * joined the chat!'. */
	if (n >= 0)
		errno = EBADMSG;
	log_msg(ERROR, "%s: %s%s%s%s", verb, name == NULL ? "" : name,
	    name == NULL ? "" : ": ", reason(),
	    server_heard ? "" : ": is this an ftp server?");
	ftp_drop();
	return -1;
}

/* Asks for a data port and connects to it. Returns -1 after a message. */
static int
ask_data(const char *verb, const char *name)
{
	char command[FTP_COMMAND_MAX + 2], answer[FTP_COMMAND_MAX + 1];
	ssize_t n;
	long port;
	int fd;

	snprintf(command, sizeof command, "%s %s", verb, name);
	n = ftp_ask(verb, name, command, answer, FTP_COMMAND_MAX);
	if (n < 0)
		return -1;
	port = frame_number(answer, (size_t)n);
	if (port < 1 || port > 65535) {
		log_msg(ERROR, "%s: %s: %s", verb, name, ftp_code_text(port));
		return -1;
	}
	fd = data_connect(ftp_control, SOCK_STREAM, (unsigned)port);
	if (fd < 0)
		log_msg(ERROR, "%s: %s: data connection to port %ld: %s", verb,
		    name, port, reason());
	else
		sock_limit(fd, STALL_S);
	return fd;
}

/* get NAME [LOCAL]. The server closes first, and the client waits for that: so
 * it is the server's end that stays in TIME_WAIT. */
int
get_command(int argc, char **argv)
{
	struct file f;
	int came, failed, fd;

	if (download_begin(argc, argv, &f) != 0)
		return 1;
	fd = ask_data("get", argv[1]);
	if (fd < 0) {
		newfile_end(0);
		return 1;
	}
	came = frame_head(fd, &f.size) == 0 && file_recv(fd, &f) == 0;
	failed = download_end("get", argv[1], &f, came);
	if (came)
		poll_one(fd, POLLIN, DISCARD_S * 1000);
	sock_close(fd);
	return failed;
}

static int
ftp_confirmation(int fd, const char **why)
{
	char answer[FTP_COMMAND_MAX + 1];
	ssize_t n;
	long code;

	sock_limit(fd, ANSWER_S);
	n = frame_recv(fd, answer, FTP_COMMAND_MAX);
	if (n < 0)
		return -1;
	code = frame_number(answer, (size_t)n);
	*why = code == FTP_OK ? NULL : ftp_code_text(code);
	return 0;
}

int
put_command(int argc, char **argv)
{
	char head[FRAME_HEAD];
	const char *name;
	struct file f;
	int failed, fd;

	name = argc > 2 ? argv[2] : base_name(argv[1]);
	if (file_open(&f, argv[1], 1) < 0)
		return fail("put: %s: %s, here", argv[1], reason());
	failed = 1;
	fd = -1;
	if (f.size > FRAME_MAX)
		log_msg(ERROR, "put: %s: longer than the ten digits of a frame "
		    "can say", argv[1]);
	else
		fd = ask_data("put", name);
	if (fd >= 0) {
		frame_pack(head, f.size);
		failed = upload("put", name, fd, &f, head, FRAME_HEAD,
		    ftp_confirmation);
		sock_close(fd);
	}
	close(f.fd);
	return failed;
}

static int
ls_command(int argc, char **argv)
{
	static char answer[LIST_BYTES + 1];
	ssize_t n;
	long code;

	(void)argc;
	(void)argv;
	n = ftp_ask("ls", NULL, "ls", answer, LIST_BYTES);
	code = n < 0 ? 0 : frame_number(answer, (size_t)n);
	if (code < 0 && code >= FTP_SYNTAX)
		return fail("ls: %s", ftp_code_text(code));
	if (n > 0) {
		print_safely(stdout, answer, (size_t)n, 1);
		putchar('\n');
	}
	return n < 0;
}

/* The server needs no quit, but counts it. */
static int
ftp_close(void)
{
	if (ftp_control >= 0)
		frame_send(ftp_control, "quit", 4);
	ftp_drop();
	return 0;
}

/* ---- the command loop ------------------------------------------------- */

int over;				/* the command loop ends */

/* quit: the mode's close() tells the server. */
int
leave(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	over = 1;
	return 0;
}

static int
print_help(const struct mode *m)
{
	const struct command *c;
	size_t i;

	for (i = 0; i < COUNT(m->commands) && m->commands[i] != NULL; i++)
		for (c = m->commands[i]; c->name != NULL; c++)
			if (c->help != NULL)
				printf("%-10s %-24s %s\n", c->name,
				    c->arguments, c->help);
	return 0;
}

/* Finds the command, in the tables of the mode one by one, and checks the
 * number of its arguments. Returns NULL after a message if either fails. */
static const struct command *
check_command(const struct mode *m, int argc, char **argv)
{
	const struct command *c;
	size_t i;

	for (i = 0; i < COUNT(m->commands) && m->commands[i] != NULL; i++)
		for (c = m->commands[i]; c->name != NULL; c++) {
			if (strcmp(c->name, argv[0]) != 0)
				continue;
			if (argc - 1 >= c->least && argc - 1 <= c->most)
				return c;
			log_msg(ERROR, "%s: usage: %s%s%s%s", argv[0], c->name,
			    c->most > 0 ? " " : "", c->arguments,
			    argc - 1 > c->most && c->most > 0 ?
			    " (quote a name with spaces)" : "");
			return NULL;
		}
	log_msg(ERROR, "%s: no such command; help lists them", argv[0]);
	return NULL;
}

int
run_command(const struct mode *m, int argc, char **argv)
{
	const struct command *c;

	c = check_command(m, argc, argv);
	return c == NULL ? 1 : c->run == NULL ? print_help(m) :
	    c->run(argc, argv);
}

/* Ends the word that begins at *line, in place, and moves *line past it.
 * Almost as in a shell, "..." and '...' hold words together; \ takes the next
 * character as it is, except within '...'. Returns -1 if a quote stays open. */
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
		if (m->wait != NULL)
			m->wait();
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
			failed |= argc < 0 || run_command(m, argc, argv) != 0;
	}
	free(line);
	return failed;
}

/* A mode may run another one, as the command browse of dir does: so `over' is
 * reset, and only the inner one ends. */
int
run_mode(const struct mode *m, int argc, char **argv)
{
	const struct command *c;
	int failed;

	c = NULL;
	if (argc > 0 && m->session == NULL &&
	    (c = check_command(m, argc, argv)) == NULL)
		return 2;
	if (c != NULL && argc > 2 && strcmp(c->arguments, UPLOAD_NAMES) == 0 &&
	    access(argv[1], F_OK) == 0 && access(argv[2], F_OK) == 0) {
		log_msg(ERROR, "%s: sends one file, but %s and %s both exist "
		    "here (to store %s as %s, type this at the prompt)",
		    argv[0], argv[1], argv[2], argv[1], argv[2]);
		return 2;
	}
	if (c != NULL && c->run == NULL)
		return print_help(m);
	if (m->open != NULL && m->open() != 0)
		return 1;
	failed = m->session != NULL ? m->session(argc, argv) :
	    c != NULL ? c->run(argc, argv) : command_loop(m);
	over = 0;
	return m->close != NULL && m->close() != 0 ? 1 : failed;
}

/* ==== Part II: the extended mode. The tiny program goes on at the end. === */
#ifndef TINY

#include <search.h>

struct by_udp by_udp = { .block = RDT_BLOCK };

const char *
doubt(void)
{
	static char text[32];

	sprintf(text, ": is this a%s %.8s server?",
	    cli.mode->name[0] == 'x' ? "n" : "", cli.mode->name);
	return server_heard ? "" : text;
}

/* ---- more commands of ftp ---------------------------------------------- */

/* lls: the files of the local directory, as the server would list its own. */
int
list_local(int argc, char **argv)
{
	char *text;
	size_t len;

	(void)argc;
	text = list_files(UINT64_MAX, &len);
	if (text == NULL)
		return fail("%s: %s: %s", argv[0], cli.directory, reason());
	print_safely(stdout, text, len, 1);
	free(text);
	return 0;
}

/* ---- ftp over UDP: the contents travel by rdt ---------------------------- */

/* Sends the command and runs the session; the caller has filled in s->name and
 * s->file. Returns its result, or 1 after a message if none began. */
static int
udp_run(struct rdt_session *s, const char *verb, const char *command)
{
	char answer[FTP_COMMAND_MAX + 1];
	unsigned port;
	ssize_t n;
	int result;

	s->encoding = &rdt_native;
	s->sock = -1;
	s->tick = draw_bar;
	s->protocol = by_udp.protocol;
	s->window = by_udp.window;
	s->block = by_udp.block;
	s->congestion = by_udp.congestion;
	n = ftp_ask(verb, s->name, command, answer, FTP_COMMAND_MAX);
	if (n < 0)
		return 1;
	if (rdt_offer_unpack(answer, (size_t)n, &port, &s->key,
	    s->is_sender ? NULL : &s->file.size) < 0)
		return fail("%s: %s: %s", verb, s->name,
		    ftp_code_text(frame_number(answer, (size_t)n)));
	s->control = ftp_control;
	result = rdt_connect(s, port) < 0 ? -1 :
	    s->is_sender ? rdt_send(s) : rdt_recv(s);
	if (result == 0)
		draw_bar(&s->file);
	end_bar();
	return result;
}

#define NO_CODE	LONG_MAX

/* A code that came on the control connection while a file was on its way;
 * NO_CODE: none, within `seconds'. The connection is dropped if nothing
 * comes. */
static long
udp_code(int seconds)
{
	char answer[FTP_COMMAND_MAX + 1];
	ssize_t n;
	int error;

	error = errno;
	n = -1;
	if (readable(ftp_control, 1000 * seconds)) {
		n = frame_recv(ftp_control, answer, FTP_COMMAND_MAX);
		error = n < 0 ? errno : error;
	}
	if (n < 0)
		ftp_drop();
	errno = error;
	return n < 0 ? NO_CODE : frame_number(answer, (size_t)n);
}

/* How a get by UDP ended. If it failed, either the server has said why, or the
 * connection is dropped, which ends the session. */
static int
udp_got(const struct rdt_session *s, int result)
{
	long code;

	code = result < 0 ? udp_code(0) : NO_CODE;
	if (code == NO_CODE && result <= 0)
		return download_end("get", s->name, &s->file, result == 0);
	newfile_end(0);
	return result > 0 || fail("get: %s: %s", s->name, ftp_code_text(code));
}

/* get, perhaps over UDP. The file is stored, and said to be, before the client
 * lingers for a server that may have missed an ACK. */
static int
udp_get(int argc, char **argv)
{
	struct rdt_session s = { 0 };
	char command[FTP_COMMAND_MAX + 2];
	int failed, result;

	if (by_udp.protocol == NULL)
		return get_command(argc, argv);
	if (download_begin(argc, argv, &s.file) != 0)
		return 1;
	s.name = argv[1];
	snprintf(command, sizeof command, "uget %s", s.name);
	result = udp_run(&s, "get", command);
	failed = udp_got(&s, result);
	if (result == 0) {
		s.tick = NULL;
		rdt_linger(&s);
	}
	rdt_close(&s);
	return failed;
}

/* How a put by UDP ended. The answer to uput decides, even if ACKs are missing;
 * the client waits for it up to STALL_S, or a second if the peer failed.
 * FTP_SYNTAX says no more than that the server waited in vain. */
static int
udp_sent(struct rdt_session *s, int result)
{
	long code;

	if (result == 0)
		errno = ETIMEDOUT;	/* unless a code comes */
	code = udp_code(result == 0 ? STALL_S : peer_failed());
	if (code == FTP_OK && s->packets > 0 &&
	    s->sender.highest == s->packets) {
		s->file.done = s->file.size;
		log_msg(INFO, "put: %s: %llu bytes stored", s->name,
		    (unsigned long long)s->file.size);
		return 0;
	}
	if (code == FTP_SYNTAX)
		errno = ETIMEDOUT;
	else if (code != NO_CODE)
		return fail("put: %s: %s", s->name, ftp_code_text(code));
	return fail("put: %s: %llu of %llu bytes acknowledged, then: %s",
	    s->name, (unsigned long long)s->file.done,
	    (unsigned long long)s->file.size, rdt_send_gave_up(&s->sender) ?
	    rdt_gave_up : reason());
}

static int
udp_put(int argc, char **argv)
{
	struct rdt_session s = { 0 };
	char command[FTP_COMMAND_MAX + 2];
	int failed, result;

	if (by_udp.protocol == NULL)
		return put_command(argc, argv);
	if (file_open(&s.file, argv[1], 1) < 0)
		return fail("put: %s: %s, here", argv[1], reason());
	s.name = argc > 2 ? argv[2] : base_name(argv[1]);
	s.is_sender = 1;
	snprintf(command, sizeof command, "uput %s %llu", s.name,
	    (unsigned long long)s.file.size);
	result = udp_run(&s, "put", command);
	failed = result > 0 || udp_sent(&s, result);
	rdt_close(&s);
	close(s.file.fd);
	return failed;
}

static int
mode_command(int argc, char **argv)
{
	const struct rdt_protocol *p;
	int64_t window;

	if (argc == 1) {
		if (by_udp.protocol == NULL)
			puts("tcp");
		else
			printf("%s, window %u, block %u, %s\n",
			    by_udp.protocol->name,
			    (unsigned)by_udp.window >
			    by_udp.protocol->window_max ? 1 : by_udp.window,
			    by_udp.block, by_udp.congestion->name);
		return 0;
	}
	p = rdt_protocol_find(argv[1], 0);
	window = argc == 2 ? (int64_t)by_udp.window :
	    number(argv[2], strlen(argv[2]), 1, RDT_WINDOW_MAX);
	if (p == NULL && strcmp(argv[1], "tcp") != 0)
		return fail("mode: %s: not tcp, sw, gbn or sr", argv[1]);
	if (window < 0)
		return fail("mode: %s: not a window (1 to "
		    STRING(RDT_WINDOW_MAX) ")", argv[2]);
	by_udp.protocol = p;
	by_udp.window = (unsigned)window;
	return 0;
}

/* Found before the commands of Part I. */
static const struct command more_commands[] = {
	{ "get", 1, 2, "NAME [LOCAL]", NULL, udp_get },
	{ "lls", 0, 0, "", "list the files here", list_local },
	{ "mode", 0, 2, "[tcp|sw|gbn|sr [WINDOW]]",
	    "how files travel; sw, gbn, sr are by UDP", mode_command },
	{ "put", 1, 2, UPLOAD_NAMES, NULL, udp_put },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* ---- dir: asking the directory ------------------------------------------ */

#define LATE_ANSWERS	1000	/* that are thrown away at a time */
#define LINES_MAX	(2 * 1000 * 1000)	/* of a list, at most */

struct dir_client directory = { .fd = -1, .renew_at = NEVER };

/* Is this a page of a list? A directory that knows no pages sends all at
 * once. */
static int
is_page(const struct dir_message *m)
{
	return m->length >= 5 && memcmp(m->text, "skip ", 5) == 0;
}

/* Is this what was asked for, and not an answer that is late? */
static int
answers(const struct dir_message *asked, const struct dir_message *m)
{
	char skip[24];
	size_t n;

	if (m->op == (asked->op < DIR_GET_USERS ? asked->op + 2u : DIR_FAIL))
		return asked->op != DIR_LOGIN;	/* refused */
	if (m->op != asked->op + 1u)
		return 0;
	if (asked->op == DIR_PUBLISH)
		return m->numbers == 1 && m->number[0] == asked->number[0];
	if (asked->op != DIR_GET_USERS && asked->op != DIR_GET_FILES)
		return 1;
	if (!is_page(m))
		return asked->number[0] == 0;
	n = (size_t)sprintf(skip, "skip %lu\n",
	    (unsigned long)asked->number[0]);
	return m->length >= n && memcmp(m->text, skip, n) == 0;
}

/* Takes datagrams until one is the answer, or the deadline has come. */
static int
await_answer(int64_t deadline)
{
	static unsigned char in[65536];
	struct dir_message *answer = &directory.answer;
	ssize_t n;

	do {
		n = dgram_recv(directory.fd, in, sizeof in, NULL);
		/* A Control may have bytes after it. */
		if (n >= 0 && (dir_unpack(answer, in, (size_t)n) == 0 ||
		    dir_unpack(answer, in, n > 1) == 0) &&
		    answers(&directory.asked, answer))
			return 0;
		if (n < 0 && (errno != EAGAIN ||
		    wait_for(directory.fd, POLLIN, deadline) < 0))
			return -1;
	} while (now() < deadline);
	errno = ETIMEDOUT;
	return -1;
}

/* Late answers to earlier requests are thrown away first. Each wait is twice as
 * long as the one before, as the RTO of TCP is. */
int
dir_ask(enum dir_op op, const char *text, uint32_t number, int tries)
{
	static unsigned char out[DIR_REQUEST_MAX];
	struct dir_message *asked = &directory.asked;
	size_t n;
	int i;

	for (i = 0; i < LATE_ANSWERS; i++)
		if (dgram_recv(directory.fd, out, sizeof out, NULL) < 0)
			break;
	asked->op = op;
	asked->text = text;
	asked->length = text == NULL ? 0 : strlen(text);
	asked->numbers = text == NULL && op != DIR_LOGIN;
	asked->number[0] = number;
	n = dir_pack(out, asked);
	for (i = 0; i < tries; i++) {
		if (i > 0)
			log_msg(DEBUG, "directory: no answer; asked again, "
			    "try %d of %d", i + 1, tries);
		if (dgram_send(directory.fd, out, n, NULL,
		    i > 0 ? COUNTED | AGAIN : COUNTED) < 0)
			return -1;
		if (await_answer(now() + (SECOND / 2 << i)) == 0)
			return 0;
		if (errno != ETIMEDOUT)
			return -1;
	}
	return -1;
}

/* A machine with several addresses may answer from another one; the system
 * drops that. Asks through an unconnected socket; true if an answer comes from
 * another one, `where'. */
static int
answers_elsewhere(char where[PEER_BYTES])
{
	unsigned char datagram[DIR_REQUEST_MAX], answer[DIR_REPLY_MAX];
	char host[HOST_BYTES];
	struct addr from, to;
	int fd, found, port;

	port = sock_host(directory.fd, getpeername, host);
	if (port < 0 || sock_addr(directory.fd, getpeername, &to) < 0)
		return 0;
	fd = socket(to.ss.ss_family, SOCK_DGRAM, 0);
	if (fd < 0)
		return 0;
	sock_nonblock(fd);
	dgram_send(fd, datagram, dir_pack(datagram, &directory.asked), &to,
	    UNCOUNTED);
	found = readable(fd, 1000) &&
	    dgram_recv(fd, answer, sizeof answer, &from) > 0 &&
	    addr_text(&from, where) == (unsigned)port &&
	    !addr_is_of(&from, host);
	dgram_close(fd);
	return found;
}

/* Silence is the most common failure: nobody is there. A directory that refuses
 * has perhaps forgotten the nick: peer_tick() registers it again. */
int
dir_command(const char *command, enum dir_op op, const char *text,
    uint32_t number)
{
	char host[PEER_BYTES];

	if (dir_ask(op, text, number, TRIES) == 0) {
		if (directory.answer.op != DIR_FAIL &&
		    directory.answer.op != DIR_SERVE_FAIL)
			return 0;
		directory.renew_at = now();
		return fail("%s: refused by the directory; if it has forgotten "
		    "%s, try again", command, directory.nick);
	}
	if (errno == ETIMEDOUT && answers_elsewhere(host))
		return fail("%s: directory %s %s: it answers as %s: ask there",
		    command, cli.host, cli.port, host);
	return fail("%s: directory %s %s: %s", command, cli.host,
	    cli.port, errno == ETIMEDOUT ? "no answer" : reason());
}

static int
dir_login(int argc, char **argv)
{
	(void)argc;
	if (dir_command(argv[0], DIR_LOGIN, NULL, 0) != 0)
		return 1;
	printf("%lu file servers\n", (unsigned long)directory.answer.number[0]);
	return 0;
}

static int
dir_register(int argc, char **argv)
{
	(void)argc;
	if (!nick_ok(argv[1], strlen(argv[1])))
		return fail("register: %s: not a nick: 1 to 32 letters, "
		    "digits, _ - .", argv[1]);
	if (dir_command("register", DIR_REGISTER, argv[1], 0) != 0)
		return 1;
	if (directory.answer.op != DIR_REGISTER_OK)
		return fail("register: %s: refused: it is taken, or you have "
		    "another one", argv[1]);
	strcpy(directory.nick, argv[1]);
	directory.renew_at = now() + DIR_RENEW_S * SECOND;
	log_msg(INFO, "register: you are %s", directory.nick);
	return 0;
}

/* Asked before a request that the directory would refuse. */
int
not_registered(const char *command)
{
	return directory.nick[0] != '\0' ? 0 :
	    fail("%s: register first", command);
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

void
lines_print(struct lines *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		print_safely(stdout, l->line[i], strlen(l->line[i]), 0);
		putchar('\n');
	}
	lines_free(l);
}

/* The array grows whenever it holds 0, 1, 2, 4, 8... lines. */
int
lines_add(struct lines *l, const char *text, size_t n)
{
	char *copy, **array, **node;

	if ((l->n & (l->n - 1)) == 0) {
		array = realloc(l->line, (2 * l->n + 1) * sizeof *array);
		if (array == NULL)
			return -1;
		l->line = array;
	}
	copy = strndup(text, n);
	node = copy == NULL ? NULL : tsearch(copy, &l->tree, compare_lines);
	if (node != NULL && *node == copy)
		l->line[l->n++] = copy;
	else
		free(copy);
	return node == NULL ? -1 : 0;
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

/* Takes the lines of a page. Returns -1 if one is malformed. Those of a
 * directory that knows no pages are taken as they are. */
static int
add_page(const struct dir_message *page, struct lines *l)
{
	const char *line, *text = page->text;
	size_t left = page->length, n;
	int more, paged;

	paged = is_page(page);
	errno = EMSGSIZE;
	if (paged && (left > DIR_REPLY_MAX || l->n > LINES_MAX))
		return -1;
	if (paged)
		next_line(&text, &left, &line, &n);	/* skip N */
	errno = EBADMSG;
	while ((more = next_line(&text, &left, &line, &n)) > 0)
		if ((paged && !line_ok(page->op, line, n)) ||
		    lines_add(l, line, n) < 0)
			return -1;
	return more < 0 && !paged ? lines_add(l, text, left) : more;
}

/* Ends at a page with nothing new, or an answer that is no page. */
int
dir_list(const char *command, enum dir_op op, struct lines *l)
{
	int failed;

	memset(l, 0, sizeof *l);
	if (not_registered(command))
		return 1;
	do {
		failed = dir_command(command, op, NULL, (uint32_t)l->n);
		if (!failed && add_page(&directory.answer, l) < 0)
			failed = fail("%s: directory %s %s: %s", command,
			    cli.host, cli.port, reason());
	} while (!failed && l->n > directory.asked.number[0] &&
	    is_page(&directory.answer));
	if (failed)
		lines_free(l);
	return failed;
}

/* userlist, filelist */
static int
dir_print_list(int argc, char **argv)
{
	struct lines l;

	(void)argc;
	if (dir_list(argv[0], argv[0][0] == 'u' ? DIR_GET_USERS :
	    DIR_GET_FILES, &l) != 0)
		return 1;
	lines_print(&l);
	return 0;
}

/* The answer is checked: nothing is connected to port 0. */
int
dir_where(const char *command, const char *nick, struct place *where)
{
	const struct dir_message *answer = &directory.answer;

	if (!nick_ok(nick, strlen(nick)))
		return fail("%s: %.100s: not a nick", command, nick);
	if (dir_command(command, DIR_LOOKUP, nick, 0) != 0)
		return 1;
	if (answer->op != DIR_LOOKUP_OK)
		return fail("%s: %s: no such nick, or it serves no files",
		    command, nick);
	if (answer->number[1] < 1 || answer->number[1] > 65535)
		return fail("%s: %s: the directory's answer makes no sense",
		    command, nick);
	ipv4_text(answer->number[0], where->address);
	sprintf(where->port, "%d", (int)answer->number[1]);
	return 0;
}

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

const struct command dir_commands[] = {
	{ "filelist", 0, 0, "", "all files that are published and served",
	    dir_print_list },
	{ "login", 0, 0, "", "how many serve files?", dir_login },
	{ "lookup", 1, 1, "NICK", "where does a nick serve?", dir_lookup },
	{ "register", 1, 1, "NICK", "be known by a name", dir_register },
	{ "userlist", 0, 0, "", "all nicks", dir_print_list },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* No datagram is sent yet: nobody knows whether a directory is there. */
int
dir_open(void)
{
	setvbuf(stdin, NULL, _IONBF, 0);	/* or poll() misses lines */
	directory.fd = connect_server(SOCK_DGRAM);
	return directory.fd < 0 || sock_nonblock(directory.fd) < 0;
}

/* The options of Part II depend on the mode. */
static void
extended_begin(void)
{
	if (by_udp.window == 0)
		by_udp.window = cli.mode->window != 0 ? cli.mode->window :
		    RDT_WINDOW;
	if (by_udp.congestion == NULL)
		by_udp.congestion = congestion_find("reno", 0);
	if (cli.mode->kind == ONLY_SW && by_udp.protocol != NULL &&
	    by_udp.protocol != &rdt_sw)
		usage_error("-u", "in mode raw, only sw");
	faults_begin(cli.mode->kind == NO_HOST);
	trace_begin();
	screen_begin();
	on_signal(SIGCHLD, SIG_DFL);	/* or waitpid() fails */
}

#endif /* TINY */

/* ==== The end: the table of modes, options, main. ======================== */

static const struct command ftp_commands[] = {
	{ "get", 1, 2, "NAME [LOCAL]", "download a file", get_command },
	{ "ls", 0, 0, "", "list the files on the server", ls_command },
	{ "put", 1, 2, UPLOAD_NAMES, "upload a file", put_command },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* Of most modes. People try other names, too. */
const struct command common_commands[] = {
	{ "help", 0, 0, "", "this list", NULL },
	{ "quit", 0, 0, "", "leave", leave },
	{ "?", 0, 0, "", NULL, NULL },
	{ "bye", 0, 0, "", NULL, leave },
	{ "exit", 0, 0, "", NULL, leave },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

static const struct mode ftp_mode = { .name = "ftp", .port = "50000",
    .prompt = "ftp> ", .open = ftp_connect, .close = ftp_close, .commands = {
#ifndef TINY
    more_commands,
#endif
    ftp_commands, common_commands } };

#ifndef TINY
extern const struct mode xfer_mode, dir_mode, chat_mode, room_mode, raw_mode,
    sim_mode;
#endif

/* A mode is added here and in the Makefile. The first one is the default. */
static const struct mode *const modes[] = {
	&ftp_mode,
#ifndef TINY
	&xfer_mode,
	&dir_mode,
	&chat_mode,
	&room_mode,
	&raw_mode,
	&sim_mode,
#endif
};

#ifndef TINY
static const char *
set_congestion(char *value)
{
	by_udp.congestion = congestion_find(value, 0);
	return by_udp.congestion != NULL ? NULL : "-C wants none, half or reno";
}

static const char *
set_mode(char *value)
{
	size_t i;

	for (i = 0; i < COUNT(modes); i++)
		if (strcmp(modes[i]->name, value) == 0) {
			cli.mode = modes[i];
			return NULL;
		}
	return "no such mode";
}

static const char *
set_protocol(char *value)
{
	by_udp.protocol = rdt_protocol_find(value, 0);
	return by_udp.protocol != NULL ? NULL : "-u wants sw, gbn or sr";
}

static const struct option more_options[] = {
	{ 'b', "block", "bytes of a packet (" STRING(RDT_BLOCK) ")",
	    .number = &by_udp.block, .lo = 1, .hi = RDT_BLOCK_MAX },
	{ 'C', "control", "congestion control: none, half or reno (reno)",
	    .set = set_congestion },
	{ 'm', "mode", "what to speak (ftp)", .set = set_mode },
	{ 'R', "ms", "a fixed RTO, which neither learns nor doubles",
	    .number = &rdt_fixed_ms, .lo = 1, .hi = 60000 },
	{ 'S', NULL, "chat: send without newlines, as the original does",
	    .number = &by_udp.segments, .lo = 1 },
	{ 'u', "sw|gbn|sr", "data by UDP (default in sim: gbn); in raw only "
	    "sw: each line is a datagram", .set = set_protocol },
	{ 'V', NULL, "the version", .set = print_version },
	{ 'W', "window", "in packets (" STRING(RDT_WINDOW) "; room: 20)",
	    .number = &by_udp.window, .lo = 1, .hi = RDT_WINDOW_MAX },
	OPTIONS_END
};
#endif

static const struct option options[] = {
	{ 'd', "dir", "directory of the files here (.)",
	    .text = &cli.directory },
	{ 'h', NULL, "this text", .set = NULL },
	{ 'k', NULL, "keep old files: store a new one as name(1).ext",
	    .number = &cli.keep, .lo = 1 },
	{ 'q', NULL, "say only what went wrong",
	    .number = &logger.level, .lo = ERROR },
	{ 'v', NULL, "say more", .number = &logger.level, .lo = DEBUG },
	OPTIONS_END
};

static void
list_modes(void)
{
	size_t i;

	printf("modes:");
	for (i = 0; i < COUNT(modes); i++)
		printf(" %s%s%s", modes[i]->name,
		    modes[i]->port == NULL ? "" : "=",
		    modes[i]->port == NULL ? "" : modes[i]->port);
	puts("\nWithout a command, commands are read from standard input; "
	    "help lists them.");
}

static const struct command_line command_line = { "cli",
    "[host] [port] [command [argument ...]]", list_modes, { options,
#ifndef TINY
    more_options, fault_options, trace_options, capture_options
#endif
    } };

/* Reads [host] [port]; returns how many it took. A number in the place of the
 * host is a port of localhost. If the operand after the host does not begin
 * with a digit, it is the command. */
static int
read_operands(int argc, char **argv)
{
	int with_host, with_port;

	if (cli.mode->kind == NO_HOST)
		return 0;
	if (argc == 0)
		usage_error("host", "missing");
	with_host = strspn(argv[0], "0123456789") < strlen(argv[0]);
	cli.host = with_host ? argv[0] : "localhost";
	argv += with_host;
	with_port = argc > with_host && argv[0][0] >= '0' && argv[0][0] <= '9';
	cli.port = with_port ? argv[0] : cli.mode->port;
	if (cli.port == NULL)
		usage_error("port", "missing: this mode has no default");
	if (number(cli.port, strlen(cli.port), 1, 65535) < 0)
		usage_error(cli.port, "not a port (1 to 65535)");
	return with_host + with_port;
}

int
main(int argc, char **argv)
{
	int status;

	cli.mode = modes[0];
	program_begin(&command_line, argc, argv);
	optind += read_operands(argc - optind, argv + optind);
#ifndef TINY
	extended_begin();
#endif
	if (chdir(cli.directory) < 0)
		return fail("cli: -d %s: %s", cli.directory, reason());
	newfile_guard(SIGHUP);
	newfile_guard(SIGINT);
	newfile_guard(SIGQUIT);
	newfile_guard(SIGTERM);
	status = run_mode(cli.mode, argc - optind, argv + optind);
#ifndef TINY
	if (trace_close() < 0)
		status = fail("cli: -t: not all could be written");
	if (capture_failed())
		status = 1;
#endif
	return flush_output() ? 1 : status;
}
