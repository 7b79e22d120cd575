/* faults.c: what a network does to datagrams (-L). Licence: ISC, see README.
 *
 * A channel delays or drops datagrams. Its clock is that of the
 * machine, between dgram_send() and the system; or virtual time, in mode sim.
 *
 *                        reorder: waits for the next one
 *                             |
 *     channel_send() --> drop? --> queue --> link at `rate' --> `delay' --> out
 *                        corrupt?    |
 *                        dup?        full: dropped
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "more.h"

#define HELD_MAX	4096	/* datagrams in a channel; more are lost */
#define SIM_DELAY	(SECOND / 100)	/* each way, in mode sim */

struct faults faults = { .queue = -1 };

/* ---- rules --------------------------------------------------------------- */

static char *const names[] = { "drop", "dup", "reorder", "corrupt", "ackdrop",
    "ackdup", "ackreorder", "delay", "seed", "rate", "queue", NULL };

/* The plain numbers, which follow the rules in names[]. */
static const struct setting {
	int64_t *value, unit, least, most;
	const char *wants;
} settings[] = {
	{ &faults.delay, SECOND / 1000, 0, DELAY_MAX,
	    "-L wants milliseconds (0 to " STRING(DELAY_MAX) ")" },
	{ &faults.seed, 1, 0, 1000000000,
	    "-L wants a number (0 to 1000000000)" },
	{ &faults.rate, 1, 1, RATE_MAX,
	    "-L wants kilobits per second (1 to " STRING(RATE_MAX) ")" },
	{ &faults.queue, 1, 0, HELD_MAX,
	    "-L wants a number of datagrams (0 to " STRING(HELD_MAX) ")" },
};

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) used as a hash: the random
 * number of the n-th transmission is a function of seed, sequence and n. */
static uint64_t
mix64(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* 53 bits make a double in [0, 1) that is exact on every machine. It depends on
 * seed, sequence and n alone, so that one fault does not shift the others. */
static double
draw(unsigned sequence, uint64_t n)
{
	uint64_t key;

	key = mix64((uint64_t)faults.seed ^ mix64(sequence));
	return (double)(mix64(key ^ n) >> 11) / 9007199254740992.0;
}

/* Does a rule, `0.1', `/5' or `5:11:12', hit the n-th transmission, whose
 * random number is `drawn'? If n is 0, only a probability does. -1: it is no
 * rule. */
static int
rule_hits(struct fault_rule *rule, double drawn, uint64_t n)
{
	const char *text = rule->text;
	uint64_t k;
	char *end;
	int hits;

	if (rule->probability > 0)
		return drawn < rule->probability;
	if (*text == '/') {
		k = strtoull(text + 1, &end, 10);
		return k == 0 || *end != '\0' ? -1 : n > 0 && n % k == 0;
	}
	if (strchr(text, '.') != NULL) {
		rule->probability = strtod(text, &end);
		return rule->probability > 1 || *end != '\0' ? -1 : 0;
	}
	if (strcmp(text, "0") == 0)
		return 0;		/* never */
	hits = 0;
	do {
		k = strtoull(text, &end, 10);
		if (k == 0)
			return -1;
		hits |= k == n;
		text = end + 1;
	} while (*end == ':');
	return *end == '\0' ? hits : -1;
}

const char *
faults_parse(char *text, int sim, const char **why)
{
	const struct setting *set;
	char *item, *value;
	int64_t n;
	int i;

	*why = "-L names no fault";
	if (*text == '\0')
		return "an empty list";
	while (*text != '\0') {
		item = text;
		i = getsubopt(&text, names, &value);
		*why = "-L knows drop, dup, reorder, corrupt, delay, rate, "
		    "queue and seed, each with =";
		if (i < 0 || value == NULL)
			return item;
		*why = "-L knows ackdrop, ackdup and ackreorder in mode sim "
		    "alone";
		if (i >= ACKDROP && i < FAULT_KINDS && !sim)
			return item;
		if (i < FAULT_KINDS) {
			*why = "-L wants a probability (0.1), each N-th (/5), "
			    "or numbers (5:11)";
			faults.rule[i].text = value;
			faults.rule[i].probability = 0;
			n = strspn(value, "0123456789.:/") < strlen(value) ?
			    -1 : rule_hits(&faults.rule[i], 1, 0);
		} else {
			set = &settings[i - FAULT_KINDS];
			*why = set->wants;
			n = number(value, strlen(value), set->least, set->most);
			*set->value = n * set->unit;
		}
		if (n < 0)
			return item;
	}
	*why = "-L has a queue only where there is a rate";
	return faults.queue >= 0 && faults.rate == 0 ? "queue" : NULL;
}

/* ---- a channel ----------------------------------------------------------- */

/* Does a fault of this kind hit the datagram? Then its note says so, and is
 * the fate of the last datagram. One that is not counted is hit only by
 * probabilities; its random numbers are separate, so that those of the others
 * do not shift. */
static int
strikes(struct channel *c, struct held *h, enum fault kind, int counted)
{
	static const char *const done[] = { "dropped", "doubled", "held back",
	    "corrupted", "dropped", "doubled", "held back" };
	struct fault_rule *rule;
	uint64_t n;
	size_t used;

	n = counted ? c->counted : c->others;
	if (c->acks && kind == CORRUPT)
		return 0;		/* there is no such rule */
	if (c->acks)
		kind += ACKDROP;
	rule = &faults.rule[kind];
	if (rule->text == NULL || rule_hits(rule, draw(counted ? kind :
	    ACKDUP + kind, n), counted ? n : 0) <= 0)
		return 0;
	used = strlen(h->note);
	snprintf(h->note + used, sizeof h->note - used, "%s%s here: %s=%s, %s"
	    "transmission %llu", used > 0 ? "; " : "", done[kind], names[kind],
	    rule->text, counted ? "" : "uncounted ", (unsigned long long)n);
	strcpy(c->fate, h->note);
	return 1;
}

/* Flips one bit; which one depends on how many were sent before. */
static void
flip_bit(const struct channel *c, struct held *h)
{
	uint64_t bit;

	if (h->n == 0)
		return;
	bit = mix64(mix64((uint64_t)faults.seed) ^
	    (c->counted + c->others)) % (8 * h->n);
	h->bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
}

struct held *
channel_datagram(const void *bytes, size_t n, size_t wire)
{
	struct held *h;

	h = calloc(1, sizeof *h + n);
	if (h == NULL)
		return NULL;
	h->n = n;
	h->wire = wire > n ? wire : n;
	memcpy(h->bytes, bytes, n);
	return h;
}

static int
lose(struct channel *c, struct held *h, int how)
{
	c->lost(h);
	free(h);
	return how;
}

/* Puts a datagram at the end of those on their way, unless the queue before the
 * link is full: then it is lost. All take the same `delay', so they stay in
 * order. NULL is none. */
static int
enter(struct channel *c, int64_t t, struct held *h)
{
	const struct held *other;
	int64_t waiting;

	if (h == NULL)
		return 0;
	waiting = 0;
	if (faults.queue >= 0 && c->free_at > t)
		for (other = c->first; other != NULL; other = other->next)
			waiting += other->leaves > t;
	if (c->held == HELD_MAX || (faults.queue >= 0 && c->free_at > t &&
	    waiting >= faults.queue)) {
		strcpy(h->note, "dropped here: queue full");
		return lose(c, h, FULL);
	}
	h->leaves = c->free_at > t ? c->free_at : t;
	c->free_at = h->leaves;
	if (faults.rate > 0)		/* kilobits per second */
		c->free_at += (int64_t)h->wire * 8 * 1000 / faults.rate;
	h->arrives = c->free_at + faults.delay;
	h->next = NULL;
	if (c->first == NULL)
		c->end = &c->first;
	*c->end = h;
	c->end = &h->next;
	c->held++;
	if (c->entered != NULL)
		c->entered(h);
	return 0;
}

/* A corrupt datagram has a corrupt copy; one that is held back has none. */
int
channel_send(struct channel *c, int64_t t, struct held *h, int counted)
{
	struct held *copy;
	int fate;

	c->fate[0] = '\0';
	++*(counted ? &c->counted : &c->others);
	if (strikes(c, h, DROP, counted))
		return lose(c, h, DROPPED);
	fate = strikes(c, h, CORRUPT, counted) ? CORRUPTED : 0;
	if (fate & CORRUPTED)
		flip_bit(c, h);
	if (c->late == NULL && strikes(c, h, REORDER, counted)) {
		c->late = h;
		return fate | HELD_BACK;
	}
	copy = NULL;
	if (strikes(c, h, DUP, counted)) {
		fate |= DOUBLED;
		copy = malloc(sizeof *h + h->n);
		if (copy != NULL)
			memcpy(copy, h, sizeof *h + h->n);
	}
	fate |= enter(c, t, h);
	if (fate & FULL)
		strcpy(c->fate, "queue full");
	enter(c, t, copy);
	enter(c, t, c->late);
	c->late = NULL;
	return fate;
}

struct held *
channel_take(struct channel *c)
{
	struct held *h = c->first;

	c->first = h->next;
	c->held--;
	return h;
}

int64_t
channel_next(const struct channel *c)
{
	return c->first == NULL ? NEVER : c->first->arrives;
}

/* ---- between dgram_send() and the system --------------------------------- */

static struct channel outgoing;
static int failed;		/* errno of a delayed one not sent */

static int64_t
flush(void)
{
	struct held *h;

	while (channel_next(&outgoing) <= now()) {
		h = channel_take(&outgoing);
		if (dgram_deliver(h->fd, h->bytes, h->n,
		    h->addressed ? &h->to : NULL) < 0)
			failed = errno;
		free(h);
	}
	return channel_next(&outgoing);
}

/* A capture shows a datagram when it enters the channel, or is lost. */
static void
show(const struct held *h)
{
	if (dgram_tap != NULL)
		dgram_tap(h->fd, 0, h->bytes, h->n,
		    h->addressed ? &h->to : NULL, h->note);
}

static ssize_t
send_by_channel(int fd, const void *buf, size_t n, const struct addr *to,
    int flags)
{
	struct held *h;
	int fate;

	h = channel_datagram(buf, n, n);
	if (h == NULL)
		return -1;
	h->fd = fd;
	h->addressed = to != NULL;
	if (to != NULL)
		h->to = *to;
	strcpy(h->note, flags & AGAIN ? "retransmission" : "");
	fate = channel_send(&outgoing, now(), h, flags & COUNTED);
	dgram_fate = outgoing.fate;
	if (*dgram_fate != '\0' && !(flags & SHOWN))
		log_msg(DEBUG, "fault: %s", dgram_fate);
	flush();
	errno = failed;
	failed = 0;
	if (errno != 0)
		return -1;
	return fate & (DROPPED | FULL) ? 0 : (ssize_t)n;
}

/* The lists of -L count from here; what went wrong before is not the concern of
 * a new transfer. */
static void
begin(void)
{
	outgoing.counted = outgoing.others = 0;
	failed = 0;
}

/* Sends all that is held back, since no later datagram will release it. */
static void
drain(void)
{
	int64_t due;

	enter(&outgoing, now(), outgoing.late);
	outgoing.late = NULL;
	while ((due = flush()) != NEVER)
		if (wait_for(-1, 0, due) < 0 && errno != ETIMEDOUT &&
		    outgoing.first != NULL)
			outgoing.first->arrives = 0;	/* the parent is gone */
	failed = 0;			/* nobody is left to tell */
}

static const struct network by_channel = { send_by_channel, flush, begin,
    drain };

/* ---- -L ------------------------------------------------------------------ */

static const char *list;

const struct option fault_options[] = {
	{ 'L', "faults", "drop=0.1 drop=/5 drop=5:11; dup, reorder, corrupt; "
	    "delay=MS, rate=KBIT/S, queue=N, seed=N", .text = &list },
	OPTIONS_END
};

/* With drop=/k the same packet may be hit again and again, though the peer is
 * there: the message must say so. */
void
faults_begin(int sim)
{
	const char *bad, *why;

	if (sim)
		faults.delay = SIM_DELAY;
	if (list == NULL)
		return;
	/* It stands in argv, which may be written to. */
	bad = faults_parse((char *)list, sim, &why);
	if (bad != NULL)
		usage_error(bad, why);
	if (faults.rule[DROP].text != NULL && *faults.rule[DROP].text == '/')
		rdt_gave_up = "given up after " STRING(RDT_GIVE_UP) " timeouts "
		    "in a row: perhaps a livelock, in which drop=/k hits "
		    "the same packet again and again";
	outgoing.entered = outgoing.lost = show;
	if (!sim)
		network = &by_channel;
}
