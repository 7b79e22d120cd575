/* talk_cli.c: what the clients of chat and room share. Licence: ISC, see README. */
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
#include "cli.h"
#include "more.h"

/* ---- chat and room: talk that goes on while one types ------------------ */

/*
 * One loop for both: it takes lines of standard input, and what comes on one or
 * two connections, and never waits for one of them alone. Files come by
 * children, one each, which say by a pipe how far they are:
 *
 *      standard input --> line() --> queue --> main connection
 *      main connection --> text()          \
 *      second one (room) --> news()         >  show(), one line at a time
 *      pipes of the children               /
 *
 * On a terminal the line that is half typed is taken off the screen while
 * something is shown. For that the terminal must not echo what is typed; the
 * line is drawn here instead, as much of its end as the screen is wide.
 */
#define TALK_QUEUE	(64 * 1024)	/* of what was typed */
#define SEGMENT_WAIT	(SECOND / 20)	/* between two of mode -S */
#define SCREEN		79		/* columns of the line that is typed */

struct inlet main_in = { .fd = -1 }, news_in = { .fd = -1 };

static const struct talk_mode *talk;

static char queue[TALK_QUEUE];		/* for the main connection */
static size_t nqueued;
static int more_typed;			/* was read, and waits here, */
static int64_t typed_from;		/* until then */
static const char *fetched_name;	/* in a child: what it fetches */
int leaving;			/* the connection may end; 2: shall */
int talk_failed;			/* the exit status */
const char *asked;		/* the command that awaits an answer */
int64_t answer_by;

static struct {				/* children that fetch files */
	int fd;
	char text[512];
	size_t n;
} fetches[FETCHES];
static size_t nfetches;

static char typed_line[CHAT_MESSAGE_MAX + 2];	/* what was typed, so far */
static size_t ntyped_line;
static int too_long;			/* what stands there no more */
static int drawn;			/* columns of it on the screen */
int edits;			/* standard input is a terminal */
static struct termios cooked, uncooked;

/* Puts the terminal back as it was; called at the end, and by signals. */
static void
terminal_back(void)
{
	if (edits)
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}

static void
terminal_signal(int sig)
{
	terminal_back();
	raise(sig);		/* its action is the default one again */
}

/* After a stop the shell has changed the terminal. */
static void
terminal_again(int sig)
{
	(void)sig;
	tcsetattr(STDIN_FILENO, TCSANOW, &uncooked);
}

/* Begins to draw what is typed, if standard input is a terminal. */
static void
terminal_begin(void)
{
	static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction sa;
	size_t i;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &cooked) < 0)
		return;
	edits = 1;
	uncooked = cooked;
	uncooked.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	uncooked.c_cc[VSUSP] = _POSIX_VDISABLE;	/* take_key() does that */
	uncooked.c_cc[VMIN] = 1;
	uncooked.c_cc[VTIME] = 0;
	memset(&sa, 0, sizeof sa);
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = terminal_signal;
	sa.sa_flags = SA_RESETHAND;
	for (i = 0; i < COUNT(deadly); i++)
		sigaction(deadly[i], &sa, NULL);
	sa.sa_handler = terminal_again;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGCONT, &sa, NULL);
	tcsetattr(STDIN_FILENO, TCSANOW, &uncooked);
	atexit(terminal_back);
}

/* Is this byte the first one of a character of UTF-8, or one by itself? */
static int
begins(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

/* Takes the line that is typed off the screen... */
void
hide_line(void)
{
	if (drawn > 0)
		printf("\r%*s\r", drawn, "");
	drawn = 0;
}

/* ...and draws it, or the end of it. */
static void
draw_line(void)
{
	size_t from;

	for (from = ntyped_line; from > 0 && drawn < SCREEN; from--)
		drawn += begins(typed_line[from - 1]);
	while (from < ntyped_line && !begins(typed_line[from]))
		from++;
	fwrite(typed_line + from, 1, ntyped_line - from, stdout);
	fflush(stdout);
}

/* Shows one line; to: stdout for what was said, stderr for all about it. */
void
show(FILE *to, const char *text, size_t n)
{
	char line[1024];
	size_t used;

	hide_line();
	fflush(stdout);
	for (; n > 0; text += used, n -= used) {
		used = printable(line, sizeof line, text, n, 0);
		fputs(line, to);
	}
	fputc('\n', to);
	fflush(to);
	draw_line();
}

void
say_line(enum level level)
{
	talk_failed |= level == ERROR;
	if (level <= log_level)
		show(stderr, log_line, strlen(log_line));
}

/*
 * Queues a message for the main connection. In mode -S it is sent at once; and
 * not too soon before the next, or the server would read them both as one.
 */
void
talk_send(const char *text, size_t n)
{
	if (segments) {
		send_all(main_in.fd, text, n, now() + ANSWER_S * SECOND);
		typed_from = now() + SEGMENT_WAIT;
		return;
	}
	if (nqueued + n > sizeof queue) {
		say(ERROR, "the server does not read");
		over = 1;
		return;
	}
	memcpy(queue + nqueued, text, n);
	nqueued += n;
}

/* A line is complete: the next one begins. */
static void
line_typed(void)
{
	char line[sizeof typed_line];

	memcpy(line, typed_line, ntyped_line);
	line[ntyped_line] = '\0';
	if (edits) {
		hide_line();
		puts(line);
	}
	ntyped_line = 0;
	if (too_long)
		say(ERROR, "a line of more than " STRING(CHAT_MESSAGE_MAX)
		    " bytes");
	else
		talk->line(line);
	too_long = 0;
}

/* One byte of standard input. Returns true if it ends a line. */
static int
take_key(char key)
{
	if (key == '\n')
		return 1;
	if (edits && (key == (char)cooked.c_cc[VERASE] || key == '\b' ||
	    key == 0x7f)) {
		while (ntyped_line > 0 && !begins(typed_line[--ntyped_line]))
			;
	} else if (edits && key == (char)cooked.c_cc[VKILL]) {
		ntyped_line = 0;
		too_long = 0;
	} else if (edits && key == (char)cooked.c_cc[VSUSP]) {
		hide_line();
		fflush(stdout);
		terminal_back();	/* the shell shall have it as it was */
		kill(0, SIGTSTP);
	} else if (edits && key == (char)cooked.c_cc[VEOF]) {
		leaving |= ntyped_line == 0 ? 2 : 0;
	} else if (ntyped_line < CHAT_MESSAGE_MAX) {
		if ((unsigned char)key >= ' ' || !edits)
			typed_line[ntyped_line++] = key;
	} else if (key != '\r') {
		too_long = 1;
	}
	return 0;
}

/* Is the next line to be taken now? */
static int
may_type(void)
{
	return asked == NULL && !leaving && nqueued == 0 &&
	    now() >= typed_from;
}

/*
 * Takes what was typed, line by line. While an answer is awaited the rest waits
 * here, since standard input would not say that there is something.
 */
static void
take_typed(void)
{
	static char keys[4096];
	static size_t at, n;
	ssize_t got;

	if (at == n) {
		got = read(STDIN_FILENO, keys, sizeof keys);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		at = 0;
		n = got > 0 ? (size_t)got : 0;
		if (got <= 0 && ntyped_line > 0)
			line_typed();		/* without a newline */
		if (got <= 0)
			leaving |= 2;
	}
	while (at < n && may_type() && !over)
		if (take_key(keys[at++]))
			line_typed();
	more_typed = at < n;
	if (edits) {
		hide_line();
		draw_line();
	}
}

/* Takes what came on a connection. Returns -1 at its end. */
static int
take_inlet(struct inlet *in, size_t (*take)(char *text, size_t n))
{
	ssize_t got;
	size_t used;

	got = recv_some(in->fd, in->text + in->n, sizeof in->text - in->n);
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0) {
		errno = got == 0 ? 0 : errno;
		return -1;
	}
	in->n += (size_t)got;
	used = take(in->text, in->n);
	in->n -= used;
	memmove(in->text, in->text + used, in->n);
	if (in->n < sizeof in->text)
		return 0;
	errno = EMSGSIZE;
	return -1;
}

/*
 * Starts a child that fetches a file by `fetch', whose value is its exit
 * status; what it says comes through the pipe, and in the end a byte: did it
 * fail?
 */
void
start_fetch(int (*fetch)(void))
{
	static int alive[2] = { -1, -1 };	/* ends with the parent */
	int ends[2], status;
	pid_t pid;

	on_terminal();			/* of which the child will know */
	pid = -1;
	if (nfetches < FETCHES && (alive[0] >= 0 || pipe(alive) == 0) &&
	    pipe(ends) == 0 && (pid = fork()) < 0) {
		close(ends[0]);
		close(ends[1]);
	}
	if (pid < 0) {
		say(ERROR, "%s", nfetches == FETCHES ? "more than "
		    STRING(FETCHES) " downloads" : reason());
		return;
	}
	if (pid > 0) {
		close(ends[1]);
		fetches[nfetches].fd = ends[0];
		fetches[nfetches++].n = 0;
		return;
	}
	edits = 0;			/* the terminal is the parent's */
	signal(SIGCONT, SIG_DFL);
	guard_signals();
	dup2(ends[1], STDERR_FILENO);
	close(alive[1]);
	lifeline = alive[0];
	close(ends[0]);
	close(ends[1]);
	status = fetch();
	if (trace != NULL)
		fclose(trace);
	_exit(status);
}

/* The last thing that a child says: whether it failed. It may linger then. */
static void
fetch_ended(int failed)
{
	if (write(STDERR_FILENO, failed ? "\1" : "\2", 1) < 0)
		_exit(1);
	close(STDERR_FILENO);
	lifeline = -1;
}

/* While a child fetches: says each second how far it is, to a person. */
static int
fetch_tick(const struct transfer *t)
{
	static int64_t next;

	if (!on_terminal() || log_level < INFO || now() < next ||
	    t->done == t->size)
		return 0;
	if (next != 0)
		log_msg(INFO, "%s %d%%", fetched_name,
		    (int)((double)t->done / (double)t->size * 100));
	next = now() + SECOND;
	return 0;
}

/* Takes what a child says. Returns -1 when it says no more. */
static int
take_fetch(size_t i)
{
	char *end, *text = fetches[i].text;
	ssize_t got;
	size_t n;

	got = read(fetches[i].fd, text + fetches[i].n,
	    sizeof fetches[i].text - fetches[i].n);
	if (got <= 0) {
		talk_failed |= fetches[i].n != 1 || text[0] != '\2';
		close(fetches[i].fd);
		fetches[i] = fetches[--nfetches];
		return -1;
	}
	fetches[i].n += (size_t)got;
	while (fetches[i].n > 0) {
		end = memchr(text, '\n', fetches[i].n);
		if (end == NULL && fetches[i].n < sizeof fetches[i].text)
			break;
		n = end == NULL ? fetches[i].n : (size_t)(end - text);
		show(stderr, text, n);
		n += end != NULL;
		fetches[i].n -= n;
		memmove(text, text + n, fetches[i].n);
	}
	return 0;
}

/* Where the loop looks. */
enum { TYPED, QUEUE, NEWS, FETCHED };

/* Waits for anything. Returns what wait_many() does. */
static int
talk_wait(struct pollfd *p)
{
	int64_t deadline;
	size_t i;

	deadline = asked != NULL ? answer_by : now() < typed_from ?
	    typed_from : more_typed && may_type() ? 0 : NEVER;
	p[TYPED].fd = may_type() ? STDIN_FILENO : -1;
	p[TYPED].events = POLLIN;
	p[QUEUE].fd = main_in.fd;
	p[QUEUE].events = POLLIN | (nqueued > 0 ? POLLOUT : 0);
	p[NEWS].fd = news_in.fd;
	p[NEWS].events = POLLIN;
	for (i = 0; i < nfetches; i++) {
		p[FETCHED + i].fd = fetches[i].fd;
		p[FETCHED + i].events = POLLIN;
	}
	for (i = 0; i < FETCHED + nfetches; i++)
		p[i].revents = 0;
	return wait_many(p, FETCHED + nfetches, deadline);
}

/* Sends what goes of the queue. */
static void
send_queue(void)
{
	ssize_t sent;

	sent = nqueued == 0 ? 0 : send_some(main_in.fd, queue, nqueued);
	if (sent <= 0)
		return;			/* if it is lost, reading will tell */
	nqueued -= (size_t)sent;
	memmove(queue, queue + sent, nqueued);
}

/* The main connection has ended; so does the talk. */
static void
lost(void)
{
	int error;

	error = errno;
	if (main_in.n > 0)
		show(stdout, main_in.text, main_in.n);
	errno = error;
	if (!leaving)
		say(ERROR, "%s %s: %s", host, port, reason());
	over = 1;
}

/* Connects, for a talk in this mode. Returns 0, or 1 after an error. */
int
talk_begin(const struct talk_mode *t)
{
	talk = t;
	main_in.fd = connect_server(SOCK_STREAM);
	if (main_in.fd < 0)
		return 1;
	terminal_begin();
	return 0;
}

/* One turn of the loop. */
static void
talk_turn(void)
{
	struct pollfd p[FETCHED + FETCHES + 1];
	size_t i;
	int ready;

	ready = talk_wait(p) == 0;
	if (!ready && asked != NULL && now() >= answer_by) {
		say(ERROR, "%s: no answer", asked);
		over = 1;
	}
	for (i = nfetches; i-- > 0 && ready;)
		if (p[FETCHED + i].revents != 0)
			take_fetch(i);
	if (p[NEWS].revents != 0 && take_inlet(&news_in, talk->news) < 0) {
		if (!leaving && !over)
			lost();
		close(news_in.fd);
		news_in.fd = -1;
	}
	if (p[QUEUE].revents & (POLLIN | POLLHUP | POLLERR) && !over &&
	    take_inlet(&main_in, talk->text) < 0)
		lost();
	if (!over && (p[TYPED].revents != 0 || more_typed) && may_type())
		take_typed();
	send_queue();
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/*
 * The loop: until the server closes, and all files are here. At the end of the
 * input the client says `bye' as if it had been typed. Returns the exit status.
 */
int
talk_loop(const char *bye)
{
	char line[16];

	while (!over) {
		talk_turn();
		if (leaving == 2 && asked == NULL && !over &&
		    now() >= typed_from) {
			leaving = 1;
			talk->line(strcpy(line, bye));
		}
	}
	close(main_in.fd);
	main_in.fd = news_in.fd = -1;
	leaving = 1;
	asked = NULL;
	nqueued = 0;
	more_typed = 0;
	while (nfetches > 0)
		talk_turn();
	hide_line();
	return talk_failed;
}

struct job job;

/* Ends a fetch in a child: the file gets its name, and the parent is told. */
int
fetched(const char *command, struct newfile *f, enum moved moved)
{
	struct rdt_session *s = &session;
	int failed;

	if (moved == PEER_FAILED && rdt_given_up(&s->sender))
		errno = ETIMEDOUT;
	failed = downloaded(command, job.name, &s->t, f, moved);
	if (s->start != 0)
		rdt_report(s);
	fetch_ended(failed);
	return failed;
}

/* Begins one. */
int
fetch_begin(const char *command, struct newfile *f)
{
	fetched_name = job.name;
	memset(&session, 0, sizeof session);
	if (open_new(f, command, job.local, keep) != 0) {
		fetch_ended(1);
		return 1;
	}
	session.t.file = f->fd;
	session.t.size = job.size;
	session.t.tick = fetch_tick;
	session.t.sock = -1;
	return 0;
}
