/* talk_cli.c: what the clients of chat and room share. Licence: ISC, see
 * README.
 *
 * The talk goes on while the user types. One loop takes lines from standard
 * input and what comes on one or two connections, and never blocks on any of
 * these (except to connect). Each file is fetched by a child, which
 * reports through a pipe:
 *
 *      standard input --> line() --> out --> main connection
 *      main connection --> text()       \
 *      update socket (room) --> text()   >  show(), one line at a time
 *      pipes of the children            /
 *
 * On a terminal the half-typed line is taken off the screen while something is
 * shown. So the terminal must not echo; the client draws the line itself, or
 * the end of it that fits the screen.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"

#define OUT_MAX		(64 * 1024)	/* typed bytes, not yet sent */
#define TEXT_MAX	(64 * 1024)	/* of a message */
#define SEGMENT_WAIT	(SECOND / 20)	/* with -S: between two messages */

struct conversation talk = { .fd = -1, .update_fd = -1, .answer_by = NEVER };

static struct {
	const struct talk_cli *mode;
	struct buffer out;		/* for the main connection */
	struct buffer text, updates;	/* messages that are not complete */
	int64_t keys_from;		/* -S: earliest time of the next key */
	struct child_fetch {		/* children that fetch files */
		int fd;			/* their messages come here */
		struct buffer text;
	} fetch[FETCHES];
	size_t fetches;
} loop = { .out = { .max = OUT_MAX }, .text = { .max = TEXT_MAX },
    .updates = { .max = TEXT_MAX } };

/* ---- the screen ------------------------------------------------------- */

static struct {
	char line[CHAT_MESSAGE_MAX + 3];	/* typed so far, or enough of
						   it to be too long */
	size_t n;
	int drawn;			/* columns that are drawn */
	struct termios cooked, uncooked;	/* before, and while we draw */
} screen;

/* Puts the terminal back: at the end, at a stop, and by signals. What was
 * typed and not taken is thrown away: the shell would run it. */
static void
terminal_back(void)
{
	if (!talk.edits)
		return;
	tcflush(STDIN_FILENO, TCIFLUSH);
	tcsetattr(STDIN_FILENO, TCSANOW, &screen.cooked);
}

/* SIGCONT, after a stop: the shell has changed the terminal meanwhile. */
static void
terminal_again(int sig)
{
	(void)sig;
	tcsetattr(STDIN_FILENO, TCSANOW, &screen.uncooked);
}

/* Begins to draw the line, if input and output are a terminal. */
static void
terminal_begin(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &screen.cooked) < 0)
		return;
	talk.edits = 1;
	screen.uncooked = screen.cooked;
	screen.uncooked.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	screen.uncooked.c_cc[VSUSP] = _POSIX_VDISABLE;	/* edit_key() does it */
	screen.uncooked.c_cc[VMIN] = 1;
	screen.uncooked.c_cc[VTIME] = 0;
	end_hook = terminal_back;
	on_signal(SIGCONT, terminal_again);
	tcsetattr(STDIN_FILENO, TCSANOW, &screen.uncooked);
	atexit(terminal_back);
}

/* Is this byte the first one of a character of UTF-8, or one by itself? */
static int
begins(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

/* Blanks over what is drawn. */
void
hide_line(void)
{
	if (screen.drawn > 0)
		printf("\r%*s\r", screen.drawn, "");
	screen.drawn = 0;
}

/* Draws as much of the end of the typed line as fits. The line on the screen
 * must be empty: hide_line() comes first. */
static void
draw_line(void)
{
	size_t from;

	if (!talk.edits)
		return;
	for (from = screen.n; from > 0 && screen.drawn < columns - 1; from--)
		screen.drawn += begins(screen.line[from - 1]);
	while (from < screen.n && !begins(screen.line[from]))
		from++;
	fwrite(screen.line + from, 1, screen.n - from, stdout);
	fflush(stdout);
}

/* Shows a line that comes while the user types, above the half-typed one. */
void
show(FILE *to, const char *text, size_t n)
{
	hide_line();
	fflush(stdout);
	print_safely(to, text, n, 0);
	fputc('\n', to);
	fflush(to);
	draw_line();
}

void
say_line(enum level level)
{
	talk.failed |= level == ERROR;
	if ((int)level <= logger.level)
		show(stderr, logger.line, strlen(logger.line));
}

/* ---- what is typed ---------------------------------------------------- */

/* With -S each message is one send, and the input pauses for SEGMENT_WAIT after
 * it, so that one read of the server does not return two messages. */
void
talk_send(const char *text, size_t n)
{
	if (by_udp.segments)
		loop.keys_from = now() + SEGMENT_WAIT;
	if (buffer_add(&loop.out, text, n) < 0) {
		say(ERROR, "the server does not read");
		over = 1;
	}
}

void
talk_ask(const char *command)
{
	talk.awaited = command;
	talk.answer_by = now() + (server_heard ? ANSWER_S : DOUBT_S) *
	    SECOND;
}

/* Leaves the complete line on the screen and hands it to the mode. */
static void
line_typed(void)
{
	size_t n;

	n = screen.n;
	n -= n > 0 && screen.line[n - 1] == '\r';
	screen.line[n] = '\0';
	if (talk.edits) {
		hide_line();
		puts(screen.line);
	}
	screen.n = 0;
	if (n > CHAT_MESSAGE_MAX)
		say(ERROR, "a line of more than " STRING(CHAT_MESSAGE_MAX)
		    " bytes");
	else
		loop.mode->line(screen.line);
}

/* The client says bye, as if it had been typed. */
static void
input_ended(void)
{
	talk.leaving = 1;
	loop.mode->line(strcpy(screen.line, loop.mode->bye));
}

/* A key that edits. Returns false if it is none. */
static int
edit_key(char key)
{
	if (key == (char)screen.cooked.c_cc[VERASE] || key == '\b' ||
	    key == 0x7f) {
		/* A full line stays too long: its rest is not known. */
		while (screen.n > 0 && screen.n < sizeof screen.line - 1 &&
		    !begins(screen.line[--screen.n]))
			;
	} else if (key == (char)screen.cooked.c_cc[VKILL]) {
		screen.n = 0;
	} else if (key == (char)screen.cooked.c_cc[VSUSP]) {
		hide_line();
		fflush(stdout);
		terminal_back();	/* the shell gets it as it was */
		kill(0, SIGTSTP);
	} else if (key == (char)screen.cooked.c_cc[VEOF]) {
		if (screen.n == 0)
			input_ended();
	} else {
		return 0;
	}
	return 1;
}

/* Does this byte belong to an escape sequence, like that of an arrow key? Then
 * it is ignored. */
static int
escape_key(char key)
{
	static char last;		/* byte of it; 0: none */

	if (last == 0 ? key != 0x1b : key == '\n') {
		last = 0;
		return 0;
	}
	if (key != 0x1b && (last == 0x1b ? key != '[' && key != 'O' :
	    key >= '@' && key <= '~'))
		last = 0;
	else
		last = key;
	return 1;
}

/* One byte of standard input. Returns true if it ends a line. */
static int
take_key(char key)
{
	if (talk.edits && (escape_key(key) || edit_key(key)))
		return 0;
	if (key == '\n')
		return 1;
	if (screen.n < sizeof screen.line - 1 &&
	    ((unsigned char)key >= ' ' || !talk.edits))
		screen.line[screen.n++] = key;
	return 0;
}

/* May the next line be taken now? */
static int
may_type(void)
{
	return !over && talk.awaited == NULL && !talk.leaving &&
	    loop.out.n == 0 && now() >= loop.keys_from;
}

/* Takes what was typed, byte by byte, as long as it may. The rest stays where
 * it is: so poll() reports it again when the next line may be taken. */
static void
take_typed(void)
{
	ssize_t got;
	char key;

	do {
		got = read(STDIN_FILENO, &key, 1);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		if (got < 0)
			say(ERROR, "cli: standard input: %s", reason());
		if (got > 0 ? take_key(key) : screen.n > 0)
			line_typed();	/* the last may lack its newline */
		else if (got <= 0)
			input_ended();
	} while (may_type() && readable(STDIN_FILENO, 0));
	if (talk.edits) {
		hide_line();
		draw_line();
	}
}

/* ---- files ------------------------------------------------------------- */

static const char *fetched_name;	/* in a child: of the file */

/* While a child fetches: says each second how far it is. */
static int
fetch_tick(const struct file *f)
{
	static int64_t next;

	if (now() < next || f->done == f->size)
		return 0;
	if (next != 0)
		log_msg(INFO, "%s %d%%", fetched_name,
		    (int)((double)f->done / (double)f->size * 100));
	next = now() + SECOND;
	return 0;
}

/* The life of a child. A \2 tells the client that the file is stored; in room
 * over UDP the child then lingers, and outlives the client if need be. */
static void
fetch_file(const struct offer *o,
    int (*fetch)(struct rdt_session *s, const struct offer *o))
{
	struct rdt_session s = { 0 };
	int failed, result;

	fetched_name = o->name;
	if (download_open(o->command, o->local, cli.keep, &s.file) != 0)
		return;
	s.sock = -1;
	s.name = o->name;
	s.file.size = o->size;
	s.tick = on_terminal ? fetch_tick : NULL;
	on_terminal = 0;		/* so it draws no bar */
	result = fetch(&s, o);
	failed = download_end(o->command, o->name, &s.file, result == 0);
	if (s.start != 0)
		rdt_report(&s);
	if (!failed)
		write_all(STDERR_FILENO, "\2", 1);
	close(STDERR_FILENO);
	lifeline = -1;
	if (result == 0 && s.encoding != NULL)
		rdt_linger(&s);
	if (s.sock >= 0)
		dgram_close(s.sock);
}

/* A child's standard error is a pipe, which the client reads. A second pipe is
 * its lifeline: only the client holds the writing end, so a child ends with the
 * client, unless it lingers or fetches over TCP. */
void
start_fetch(const struct offer *o,
    int (*fetch)(struct rdt_session *s, const struct offer *o))
{
	static int alive[2] = { -1, -1 };
	struct child_fetch c = { .text = { .max = TEXT_MAX } };
	int ends[2];
	pid_t pid;

	pid = -1;
	if (loop.fetches < FETCHES && (alive[0] >= 0 || pipe(alive) == 0) &&
	    pipe(ends) == 0 && (pid = fork()) < 0) {
		close(ends[0]);
		close(ends[1]);
	}
	if (pid < 0) {
		say(ERROR, "%s", loop.fetches == FETCHES ? "more than "
		    STRING(FETCHES) " downloads" : reason());
		return;
	}
	if (pid > 0) {
		close(ends[1]);
		c.fd = ends[0];
		loop.fetch[loop.fetches++] = c;
		return;
	}
	talk.edits = 0;			/* the terminal is the parent's */
	signal(SIGCONT, SIG_DFL);
	dup2(ends[1], STDERR_FILENO);
	close(alive[1]);
	lifeline = alive[0];
	close(ends[0]);
	close(ends[1]);
	fetch_file(o, fetch);
	trace_close();
	_exit(0);
}

/* Shows what a child says, line by line. Anything but a \2 at the end means
 * that the child failed. */
static void
read_fetch(size_t i)
{
	struct child_fetch *c = &loop.fetch[i];
	const char *line, *rest;
	size_t left, n;

	if (buffer_fill(&c->text, c->fd, read) <= 0) {
		talk.failed |= c->text.n != 1 || *c->text.bytes != '\2';
		close(c->fd);
		free(c->text.bytes);
		loop.fetch[i] = loop.fetch[--loop.fetches];
		return;
	}
	rest = c->text.bytes;
	left = c->text.n;
	while (next_line(&rest, &left, &line, &n) > 0)
		show(stderr, line, n);
	buffer_drop(&c->text, c->text.n - left);
}

/* ---- the loop ------------------------------------------------------------ */

/* Takes what came on a connection. Returns -1 at its end. */
static int
read_connection(int fd, struct buffer *b)
{
	ssize_t got;

	got = buffer_fill(b, fd, recv_some);
	if (got > 0)
		buffer_drop(b, loop.mode->text(b->bytes, b->n));
	if (got == 0)
		errno = ECONNABORTED;
	return got > 0 || (got < 0 && errno == EAGAIN) ? 0 : -1;
}

/* One of the two connections has ended, and the talk ends with it. */
static void
lost(void)
{
	int error;

	error = errno;
	if (loop.text.n > 0)
		show(stdout, loop.text.bytes, loop.text.n);
	errno = error;
	if (!talk.leaving)
		say(ERROR, "%s %s: %s%s", cli.host, cli.port,
		    reason(), doubt());
	over = 1;
}

/* The terminal is changed last: a client that fails leaves it alone. */
int
talk_open(void)
{
	talk.fd = connect_server(SOCK_STREAM);
	if (talk.fd < 0 || sock_nonblock(talk.fd) < 0)
		return 1;
	terminal_begin();
	return 0;
}

/* Places in the poll set. */
enum { TYPED, MAIN, UPDATES, FETCHED };

static void
talk_wait(struct pollfd *p)
{
	int64_t deadline;
	size_t i;

	deadline = talk.answer_by;
	if (now() < loop.keys_from && loop.keys_from < deadline)
		deadline = loop.keys_from;
	p[TYPED].fd = may_type() ? STDIN_FILENO : -1;
	p[MAIN].fd = talk.fd;
	p[UPDATES].fd = talk.update_fd;
	for (i = 0; i < loop.fetches; i++)
		p[FETCHED + i].fd = loop.fetch[i].fd;
	for (i = 0; i < FETCHED + loop.fetches; i++)
		p[i].events = POLLIN;
	if (loop.out.n > 0)
		p[MAIN].events |= POLLOUT;
	wait_many(p, FETCHED + loop.fetches, deadline);
}

static void
talk_turn(void)
{
	struct pollfd p[FETCHED + FETCHES + 1];
	size_t i;

	talk_wait(p);
	for (i = loop.fetches; i-- > 0;)
		if (p[FETCHED + i].revents != 0)
			read_fetch(i);
	if (p[UPDATES].revents != 0 &&
	    read_connection(talk.update_fd, &loop.updates) < 0) {
		if (!talk.leaving && !over)
			lost();
		sock_close(talk.update_fd);
		talk.update_fd = -1;
	}
	if (p[MAIN].revents != 0 && !over &&
	    read_connection(talk.fd, &loop.text) < 0)
		lost();
	if (!over && now() >= talk.answer_by) {
		say(ERROR, "%s %s: no answer%s", cli.host, cli.port, doubt());
		over = 1;
	}
	if (p[TYPED].revents != 0 && may_type())
		take_typed();
	if (talk.fd >= 0)
		buffer_send(&loop.out, talk.fd);	/* if it fails, so
							   will a read */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int
talk_loop(const struct talk_cli *t)
{
	loop.mode = t;
	while (!over)
		talk_turn();
	if (talk.fd >= 0)
		sock_close(talk.fd);
	if (talk.update_fd >= 0)
		sock_close(talk.update_fd);
	talk.fd = talk.update_fd = -1;
	talk.answer_by = NEVER;
	while (loop.fetches > 0)
		talk_turn();
	hide_line();
	return talk.failed;
}
