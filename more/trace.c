/* trace.c: what the engine does, as a table (-t) and in the log (-v). Licence:
 * ISC, see README.
 *
 * A watcher of the engine. A new file begins with a header; a transfer with a
 * line of its own, by which the traces of two ends share a clock:
 *
 *   # transfer 3: start=1763764545.250000 mode=sr window=32 control=reno
 *     peer=127.0.0.1:43934 file=song                        (in one line)
 *
 * An event is a line, tab separated: number of the transfer, seconds since its
 * start, side, event, sequence number, and of a sender its window in use, cwnd,
 * ssthresh, srtt and rto, in packets and seconds. Each line is one write(2), so
 * that several processes can share the file.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "more.h"

static FILE *trace;			/* NULL: none */
static int64_t began;			/* on the clock of the events */
static unsigned long transfer;		/* its number in the file; with two
					   flows, that of flow 0 */

void
file_lock(int fd, int type)
{
	struct flock lock = { 0 };

	lock.l_type = (short)type;
	lock.l_whence = SEEK_SET;
	while (fd >= 0 && fcntl(fd, F_SETLKW, &lock) < 0 && errno == EINTR)
		;
}

/* The file is read, too, if it may be. */
static const char *
set_trace(char *path)
{
	if (trace != NULL)
		return "-t can be given once";
	trace = fopen(path, "a+");
	if (trace == NULL && errno == EACCES)
		trace = fopen(path, "a");
	if (trace == NULL) {
		log_msg(ERROR, "-t %s: %s", path, reason());
		exit(1);
	}
	setvbuf(trace, NULL, _IOLBF, BUFSIZ);
	file_lock(fileno(trace), F_WRLCK);
	fseek(trace, 0, SEEK_END);
	if (ftell(trace) <= 0)
		fputs("transfer\tseconds\tside\tevent\tseq\twindow\tcwnd\t"
		    "ssthresh\tsrtt\trto\n", trace);
	file_lock(fileno(trace), F_UNLCK);
	return NULL;
}

const struct option trace_options[] = {
	{ 't', "trace", "append a trace of each packet by UDP, tab separated",
	    .set = set_trace },
	OPTIONS_END
};

/* How many transfers the file has; 0 if it cannot be read. By pread(2):
 * closing a second descriptor of it would give back the lock, and other
 * processes share the offset. */
static unsigned long
transfers(void)
{
	unsigned long n;
	char before, text[16 * 1024];
	struct stat st;
	ssize_t got, i;
	off_t at;

	n = 0;
	before = '\0';
	if (fstat(fileno(trace), &st) < 0)
		return 0;
	for (at = 0; at < st.st_size && (got = pread(fileno(trace), text,
	    sizeof text, at)) > 0; at += got)
		for (i = 0; i < got; before = text[i++])
			n += before == '\n' && text[i] == '#';
	return n;
}

static void
begins(int64_t start, const struct rdt_session *s)
{
	char peer[PEER_BYTES] = "-", name[NAME_BYTES * 4 + 1];
	const char *text;
	unsigned long last;

	began = s->start;
	if (trace == NULL)
		return;
	if (s->sock >= 0)
		sock_peer(s->sock, peer);
	text = s->name == NULL ? "-" : s->name;
	printable(name, sizeof name, text, strlen(text), 0);
	file_lock(fileno(trace), F_WRLCK);
	last = transfers();
	transfer = (last > transfer ? last : transfer) + 1 - rdt_flow;
	fprintf(trace, "# transfer %lu: start=%lld.%06ld mode=%s window=%u "
	    "control=%s peer=%s file=%s\n", transfer + rdt_flow,
	    (long long)(start / SECOND), (long)(start % SECOND),
	    s->protocol->name, s->window, s->congestion->name,
	    s->peer == NULL ? peer : s->peer, name);
	file_lock(fileno(trace), F_UNLCK);
}

static void
event(int64_t t, enum rdt_event event, uint32_t seq,
    const struct rdt_sender *s)
{
	if (trace == NULL)
		return;
	fprintf(trace, "%lu\t%.6f\t%s\t%s\t%lu\t", transfer + rdt_flow,
	    (double)(t - began) / SECOND, s != NULL ? "snd" : "rcv",
	    rdt_event_names[event], (unsigned long)seq);
	if (s == NULL) {
		fputs("-\t-\t-\t-\t-\n", trace);
		return;
	}
	fprintf(trace, "%u\t%u\t%u\t", rdt_send_window(s), s->cwnd,
	    s->ssthresh);
	if (s->srtt == 0)
		fputc('-', trace);
	else
		fprintf(trace, "%.6f", (double)s->srtt / SECOND);
	fprintf(trace, "\t%.6f\n", (double)s->rto / SECOND);
}

/* Logs a packet as it goes by: `-> DATA seq 5, 1400 bytes'; after it what -L
 * did to it. */
static void
packet(const struct rdt_session *s, const char *arrow,
    const struct rdt_packet *p, const char *fate)
{
	static const char *const names[] = { "corrupt", "HELLO", "DATA", "ACK",
	    "DONE" };
	char text[160];
	size_t i;
	int n;

	if (logger.level < DEBUG)
		return;
	n = sprintf(text, "%s %s", arrow, names[p->type]);
	if (p->type == HELLO && rdt_protocol_find(NULL, p->protocol) != NULL)
		n += sprintf(text + n, " %s, %s, window %u, block %u",
		    rdt_protocol_find(NULL, p->protocol)->name,
		    congestion_find(NULL, p->control)->name, p->window,
		    p->block);
	if (p->type == DATA)
		n += sprintf(text + n, " seq %lu, %lu bytes%s",
		    (unsigned long)p->seq, (unsigned long)p->length,
		    p->last ? ", last" : "");
	if (p->type == ACK)
		n += sprintf(text + n, " %lu", (unsigned long)p->seq);
	if (p->type == ACK && s->is_sender && s->sender.protocol != NULL)
		n += sprintf(text + n, ", window %u",
		    rdt_send_window(&s->sender));
	for (i = 0; p->type == ACK && i < 8 * p->length && i < 64; i++)
		n += sprintf(text + n, "%s%d", i == 0 ? ", bitmap " : "",
		    (p->payload[i / 8] & 0x80 >> i % 8) != 0);
	log_msg(DEBUG, "%s%s%s", text, *fate == '\0' ? "" : ": ", fate);
}

static void
ends(void)
{
	if (trace != NULL && ferror(trace))
		log_msg(ERROR, "the trace cannot be written");
}

static const struct rdt_watcher tracer = { begins, event, packet, ends };

void
trace_begin(void)
{
	if (trace != NULL || logger.level >= DEBUG)
		rdt_watcher = &tracer;
}

/* Called before the program ends, so that a full disk does not pass
 * unnoticed. */
int
trace_close(void)
{
	int bad;

	if (trace == NULL)
		return 0;
	bad = ferror(trace);
	bad |= fclose(trace) != 0;
	trace = NULL;
	return bad ? -1 : 0;
}
