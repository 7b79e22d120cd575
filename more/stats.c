/* stats.c: statistics, and the console. Licence: ISC, see README.
 *
 * In the supervisor of serv: what all services have done, printed when SIGUSR1
 * or a line `s' asks for it, and at the end; `q' ends the server. The numbers
 * stand in a page that all processes share, see serv.c.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../proto.h"

#define PAUSE	(SECOND / 50)	/* between two looks at the console */

static int64_t began;			/* when serv did */
static struct {
	int64_t from;			/* no look at it before */
	char word;			/* the line so far: its letter; '?':
					   several; 0: only blanks */
} console;

static uint64_t (*counted)(size_t counter);
static void (*requests)(void);
static int (*next_hook)(int fd, enum passing what, const void *buf, ssize_t n);

/* The hook: only sockets count, no files. */
static int
count_bytes(int fd, enum passing what, const void *buf, ssize_t n)
{
	struct stat st;
	int saved;

	saved = errno;
	if (n > 0 && (what == SENT || what == RECEIVED) &&
	    fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		counters[what == SENT ? BYTES_SENT : BYTES_RECEIVED] +=
		    (uint64_t)n;
	errno = saved;
	return next_hook == NULL ? 0 : next_hook(fd, what, buf, n);
}

void
statistics_begin(uint64_t (*counted_by_all)(size_t counter),
    void (*print_requests)(void))
{
	counted = counted_by_all;
	requests = print_requests;
	began = now();
	next_hook = io_hook;
	io_hook = count_bytes;
}

static void
print_sum(const char *what, size_t counter)
{
	printf("%s: %llu\n", what, (unsigned long long)counted(counter));
}

/* In the layout of xfer's document, by one write(2). If standard output is not
 * writable in time, nothing is printed: the supervisor must not wait. */
void
print_statistics(int ms)
{
	static const char rule[] = "==================================="
	    "==================================";
	int64_t t;

	if (poll_one(STDOUT_FILENO, POLLOUT, ms) == 0) {
		log_msg(ERROR, "serv: standard output: nobody reads it");
		return;
	}
	t = now() - began;
	printf("\n%s\n=%36s%32s\n%s\n\n", rule, "STATS", "=", rule);
	printf("> Run time: %lld:%02d:%02d.%06d\n",
	    (long long)(t / SECOND / 3600), (int)(t / SECOND / 60 % 60),
	    (int)(t / SECOND % 60), (int)(t % SECOND));
	print_sum("> Established connections", CONNECTIONS);
	print_sum("> Refused connections", REFUSED);
	puts("> Requests:");
	requests();
	print_sum("  * unknown or malformed", BAD_REQUESTS);
	puts("> Bytes transferred:");
	print_sum("  * Sent", BYTES_SENT);
	print_sum("  * Received", BYTES_RECEIVED);
	puts("> Files:");
	print_sum("  * Uploads", UPLOADS);
	print_sum("  * Downloads", DOWNLOADS);
	puts("> UDP packets:");
	print_sum("  * Packets sent", PACKETS_SENT);
	print_sum("  * Packets received", PACKETS_RECEIVED);
	print_sum("  * Retransmissions", RETRANSMISSIONS);
	print_sum("  * Malformed", MALFORMED);
	puts(rule);
	if (fflush(stdout) != 0)
		log_msg(ERROR, "serv: standard output: %s", reason());
	clearerr(stdout);
}

/* End of file is no order to stop: on a FIFO or a terminal more may follow, so
 * it looks again after a second. The same if a read fails, as in the
 * background of a shell. */
int
read_console(void)
{
	char text[512];
	ssize_t i, n;

	/* Input that never ends must not keep the supervisor busy. */
	console.from = now() + PAUSE;
	n = read(STDIN_FILENO, text, sizeof text - 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		console.from = (n == 0 || errno != EBADF) &&
		    (isatty(STDIN_FILENO) || lseek(STDIN_FILENO, 0,
		    SEEK_CUR) < 0) ? now() + SECOND : NEVER;
	if (n == 0)
		text[n++] = '\n';	/* which a last line may lack */
	for (i = 0; i < n; i++) {
		if (text[i] == '\n') {
			if (console.word == 'q')
				return 1;
			if (console.word == 's')
				print_statistics(0);
			else if (console.word != 0)
				log_msg(INFO, "standard input: neither s nor "
				    "q");
			console.word = 0;
		} else if (memchr(" \t\r", text[i], 3) == NULL) {
			console.word = console.word == 0 && text[i] != '\0' ?
			    text[i] : '?';
		}
	}
	return 0;
}

int
console_fd(int64_t *deadline)
{
	if (console.from <= now())
		return STDIN_FILENO;
	if (console.from < *deadline)
		*deadline = console.from;
	return -1;
}
