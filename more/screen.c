/* screen.c: how far a transfer is, and Control-C. Licence: ISC, see README.
 *
 * For a person who reads standard error, one line, drawn again and again:
 *
 *      [====>      ] 43% (7.1 MB/17 MB), 2 s left, 5.0 MB/s
 *
 * file_send() and file_recv() show the hook what passes; other transfers call
 * draw_bar() at each turn. While a file moves, Control-C does not end the
 * client: it makes stopped() true, and the transfer ends. A second one ends the
 * client, as everywhere else.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../proto.h"

#define BAR_WIDTH	10
#define BAR_US		(SECOND / 10)	/* between two pictures of a bar */
#define STALLED_S	2		/* from then on it says so */
#define CLEAR		"\r\033[K"	/* clears the line */

static struct {
	int64_t start, last;		/* times of the first picture, and the
					   last; 0: none yet */
	uint64_t from, done;		/* bytes at the first; at the last */
	int64_t moved;			/* when `done' changed */
} bar;

static int (*next_hook)(int fd, enum passing what, const void *buf, ssize_t n);
static volatile sig_atomic_t stop_asked;
static int stoppable;			/* a transfer is under way */

int on_terminal;

/* SIGINT */
static void
ask_to_stop(int sig)
{
	stop_asked = 1;
	newfile_guard(sig);
}

/* SIGALRM, each second: so no system call sleeps longer while a file moves. */
static void
alarm_rang(int sig)
{
	(void)sig;
	alarm(1);
}

static void
begin(void)
{
	struct sigaction old;

	if (stoppable)
		return;
	stop_asked = 0;
	sigaction(SIGINT, NULL, &old);
	stoppable = old.sa_handler != SIG_IGN;
	if (stoppable)
		on_signal(SIGINT, ask_to_stop);
	on_signal(SIGALRM, alarm_rang);
	alarm(1);
}

int
stopped(void)
{
	if (stop_asked)
		errno = EINTR;
	return stop_asked;
}

void
not_stopped(void)
{
	stop_asked = 0;
}

/* A number of bytes with its unit, with one decimal below 10: `1.4 GB'. */
static const char *
amount(char text[16], double n)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	size_t i;

	for (i = 0; i < COUNT(units) - 1 && n >= 1024; i++)
		n /= 1024;
	sprintf(text, i > 0 && n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[i]);
	return text;
}

int columns = 80;

/* POSIX.1-2008 has no call for it, but most systems have `stty size'. */
static void
find_columns(void)
{
	FILE *pipe;
	int n;

	pipe = popen("[ \"$COLUMNS\" ] && echo 0 \"$COLUMNS\" || "
	    "stty size <&2 2>/dev/null || stty size 2>/dev/null", "r");
	if (pipe == NULL)
		return;
	if (fscanf(pipe, "%*d %d", &n) == 1 && n > 0)
		columns = n;
	pclose(pipe);
}

/* `, 3 s left, 12 MB/s', after the first second; or `, stalled
 * 12 s'. Returns its bytes. */
static int
rate_text(char *text, uint64_t size)
{
	char rate[16];
	double seconds, bytes;

	if (bar.last - bar.moved >= STALLED_S * SECOND)
		return sprintf(text, ", stalled %d s",
		    (int)((bar.last - bar.moved) / SECOND));
	seconds = (double)(bar.last - bar.start) / SECOND;
	if (seconds < 1 || bar.done <= bar.from)
		return 0;
	bytes = (double)(bar.done - bar.from) / seconds;
	if (bar.done < size)
		return sprintf(text, ", %.0f s left, %s/s",
		    (double)(size - bar.done) / bytes, amount(rate, bytes));
	return sprintf(text, ", %s/s", amount(rate, bytes));
}

/* A line wider than the terminal would wrap: then it is only the percentage. */
static void
draw(uint64_t done, uint64_t size)
{
	char line[160], a[16], b[16];
	int length, n, percent;

	if (logger.level != INFO || !on_terminal ||
	    (done < size && now() < bar.last + BAR_US))
		return;
	bar.last = now();
	if (bar.start == 0) {
		bar.start = bar.moved = bar.last;
		bar.from = done;
	}
	if (done != bar.done)
		bar.moved = bar.last;
	bar.done = done;
	percent = size == 0 ? 100 : (int)((double)done / (double)size * 100);
	length = percent * BAR_WIDTH / 100;
	n = sprintf(line, "[%.*s>%*s] %d%% (%s/%s)", length, "==========",
	    BAR_WIDTH - length, "", percent, amount(a, (double)done),
	    amount(b, (double)size));
	n += rate_text(line + n, size);
	if (n >= columns)
		sprintf(line, "%d%%", percent);
	fprintf(stderr, CLEAR "%s", line);
}

int
draw_bar(const struct file *f)
{
	begin();
	draw(f->done, f->size);
	return stopped();
}

/* Called before each message about a transfer; keeps errno. */
void
end_bar(void)
{
	int saved;

	saved = errno;
	if (bar.last != 0)
		fputc('\n', stderr);
	memset(&bar, 0, sizeof bar);
	if (stoppable)
		newfile_guard(SIGINT);
	stoppable = 0;
	alarm(0);
	errno = saved;
}

/* The hook: counts what passes on the socket of a file that moves. */
static int
watch(int fd, enum passing what, const void *buf, ssize_t n)
{
	static const struct file *moving;
	static uint64_t passed;
	static int sock;
	int saved;

	if (next_hook != NULL)
		next_hook(fd, what, buf, n);
	saved = errno;
	if (what == FILE_BEGINS) {
		begin();
		moving = buf;
		passed = 0;
		sock = fd;
	} else if (what == FILE_ENDS) {
		if (moving->done == moving->size)
			draw(moving->size, moving->size);
		moving = NULL;
		end_bar();
	} else if (moving != NULL && fd == sock) {
		passed += n > 0 ? (uint64_t)n : 0;
		if (n > 0 || saved == EINTR)
			draw(passed < moving->size ? passed : moving->size -
			    (moving->done < moving->size), moving->size);
	}
	errno = saved;
	return stoppable && what != FILE_ENDS && stopped() ? -1 : 0;
}

void
screen_begin(void)
{
	on_terminal = isatty(STDERR_FILENO);
	if (on_terminal || isatty(STDOUT_FILENO))
		find_columns();
	next_hook = io_hook;
	io_hook = watch;
}
