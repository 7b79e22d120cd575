/* check.c: is a protocol right? Licence: ISC, see README.
 *
 *      check [SEED]
 *
 * Linked with a file as mine.c, and with the engine. Takes steps, prints a line
 * for each, and stops at the first that fails: with a sentence, and a ladder of
 * a run that shows it. lab/check.sh compiles it, and adds the first and the
 * last step.
 *
 * A run is sender and receiver in virtual time: 10 ms each way, and a fate for
 * each transmission, whether DATA or ACK. look() finds stray writes after each
 * call; send_all(), data_comes() and ack_comes() what breaks the protocol.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../proto.h"

extern const struct rdt_protocol rdt_mine, rdt_sr;

#define DELAY		(SECOND / 100)
#define PACKETS		64	/* of a run, at most */
#define FLIGHTS		4096	/* lines of a ladder */
#define TURNS		3000	/* of a run */
#define LATER		(3 * SECOND / 2)	/* longer than the timer */

enum fate { DELIVERED, LOST, TWICE, LATE, TOO_LATE };
#define FATES	4		/* of the patterns: not TOO_LATE */
#define PATTERNS	4096	/* of up to six fates: 4^6 */

/* What is to happen in a run. */
struct plan {
	const struct rdt_protocol *protocol;
	const char *control;
	unsigned window, packets;
	uint32_t first;			/* the number of the first packet */
	unsigned char fate[32];		/* of the first transmissions */
	unsigned hit;			/* or of this DATA or ACK alone */
	int hit_ack;
	enum fate hit_fate;
	unsigned lose;			/* or every so many-th DATA is lost */
	uint32_t chance;		/* or random fates, from this seed */
};

static struct {
	struct plan plan;
	unsigned char before[512];	/* guards */
	struct rdt_sender s;
	unsigned char between[512];
	struct rdt_receiver r;
	unsigned char after[512];
	int64_t t;
	struct flight {
		int64_t at;
		int ack;
		uint32_t seq;
		unsigned char bits[RDT_WINDOW_MAX / 8];
		size_t n;
	} flight[64];
	unsigned flights;		/* in the order in which they left */
	unsigned sent, data, acks;	/* fates taken; DATA, ACKs */
	unsigned most;			/* in flight at a time */
	uint32_t state;			/* of the random numbers */
	unsigned char got[PACKETS];
	char left[32];
	const char *calling;		/* the function of the student's */
	int drawing;			/* it is done again, for a ladder */
} run;

static const char *step;
static char lines[FLIGHTS][96];
static unsigned nlines;

static FILE *results;

/* ---- saying what is wrong ------------------------------------------------ */

static void simulate(const struct plan *plan);

/* A number as a person counts: the first packet of a run is 1. */
static unsigned long
nr(uint32_t seq)
{
	return (unsigned long)(seq - run.plan.first) + 1;
}

/* Adds a line to the ladder, and empties run.left. */
static void
line(const char *left, const char *arrow, const char *right)
{
	uint32_t high;

	if (run.drawing && nlines < FLIGHTS) {
		high = run.s.base + rdt_send_window(&run.s);
		if (run.s.end - run.s.base < high - run.s.base)
			high = run.s.end;
		snprintf(lines[nlines++], sizeof *lines,
		    "%9.3f  %-15s %-13s %-20s %lu..%lu",
		    (double)run.t / SECOND, left, arrow, right,
		    nr(run.s.base), nr(high - 1));
	}
	run.left[0] = '\0';
}

/* Prints why, with the ladder, whose last line is the wrong one, and exits. */
static void
fails(const char *why)
{
	unsigned from, i;

	fprintf(results, "FAILED   %s\n         %s\n", step, why);
	if (nlines > 0)
		fprintf(results, "\n  seconds  sender          channel       "
		    "receiver             window\n");
	from = nlines > 40 ? nlines - 40 : 0;
	if (from > 0)
		fprintf(results, "      ...  (%u lines)\n", from);
	for (i = from; i < nlines; i++)
		fprintf(results, "%s%s\n", lines[i],
		    i == nlines - 1 ? "   <== here" : "");
	fflush(results);
	_exit(1);
}

/* Prints what is wrong (arguments as for printf(3)), and exits; the run is done
 * again for its ladder. */
static void
wrong(const char *format, ...)
{
	static char why[512];
	struct plan plan;
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof why, format, ap);
	va_end(ap);
	if (run.plan.packets > 0 && !run.drawing) {
		plan = run.plan;
		run.drawing = 1;
		simulate(&plan);	/* comes here again */
	}
	if (run.left[0] != '\0')
		line(run.left, "", "");
	fails(why);
}

/* An endless loop, or a crash, in a call of the student's. */
static void
signalled(int sig)
{
	static char why[256];

	snprintf(why, sizeof why, sig == SIGALRM ?
	    "%s does not return, or what it does never ends" :
	    "%s crashes (signal %d)", run.calling, sig);
	fails(why);
}

/* ---- a run --------------------------------------------------------------- */

static unsigned
chance(unsigned n)
{
	run.state = run.state * 1664525 + 1013904223;	/* Numerical Recipes */
	return (run.state >> 16) % n;
}

/* What becomes of the next transmission. */
static enum fate
fate_of(int ack)
{
	const struct plan *p = &run.plan;
	unsigned n;

	n = ack ? ++run.acks : ++run.data;
	if (run.sent < COUNT(p->fate) && p->fate[run.sent++] != DELIVERED)
		return (enum fate)p->fate[run.sent - 1];
	if (p->lose > 0 && !ack && n % p->lose == 0)
		return LOST;
	if (p->hit == n && p->hit_ack == ack)
		return p->hit_fate;
	if (p->chance != 0 && chance(5) == 0)
		return (enum fate)(LOST + chance(3));
	return DELIVERED;
}

/* Looks after each call whether the student wrote where nothing is his. */
static void
look(void)
{
	size_t i;

	for (i = 0; i < sizeof run.before; i++)
		if (run.before[i] != 0xa5 || run.between[i] != 0xa5 ||
		    run.after[i] != 0xa5)
			wrong("%s writes outside of its arrays", run.calling);
	if (run.s.end != run.plan.first + run.plan.packets ||
	    run.s.protocol != run.plan.protocol ||
	    run.r.protocol != run.plan.protocol)
		wrong("%s writes over what is not its own", run.calling);
}

static void
fly(const struct flight *f, int64_t delay)
{
	if (run.flights == COUNT(run.flight))
		wrong("more than %u packets and ACKs are on their way: what "
		    "does your sender send again and again?", run.flights);
	run.flight[run.flights] = *f;
	run.flight[run.flights++].at = run.t + delay;
}

/* Sends DATA or an ACK. Returns the arrow that shows what became of it. */
static const char *
transmit(const struct flight *f)
{
	enum fate fate;

	fate = fate_of(f->ack);
	switch (fate) {
	case LOST:
		return f->ack ? "lost X<------" : "-----X lost";
	case TWICE:
		fly(f, DELAY);
		fly(f, DELAY);
		return f->ack ? "twice <======" : "=====> twice";
	case LATE:
	case TOO_LATE:
		fly(f, fate == LATE ? 5 * DELAY / 2 : LATER);
		return f->ack ? "late <-------" : "-------> late";
	default:
		fly(f, DELAY);
		return f->ack ? "<------------" : "----------->";
	}
}

/* All that may be sent now. */
static void
send_all(void)
{
	struct rdt_sender *s = &run.s;
	struct flight f = { 0 };
	uint32_t highest;
	unsigned n;
	char text[32];

	for (n = 0;; n++) {
		highest = s->highest;
		run.calling = "mine_next()";
		run.left[0] = '\0';
		if (!rdt_send_next(s, run.t, &f.seq))
			break;
		sprintf(run.left, "send %lu", nr(f.seq));
		look();
		if (seq_less(f.seq, s->base))
			wrong("packet %lu is sent, but it lies before the "
			    "window: it is acknowledged", nr(f.seq));
		if (f.seq - s->base >= s->window)
			wrong("packet %lu is sent, but the window of %u ends "
			    "with packet %lu: the next one must wait for an "
			    "ACK", nr(f.seq), s->window, nr(s->base +
			    s->window - 1));
		if (s->protocol->code != 3 && f.seq - s->base >= s->cwnd)
			wrong("packet %lu is sent, but cwnd is %u: the next "
			    "one must wait for an ACK", nr(f.seq), s->cwnd);
		if (seq_less(s->end - 1, f.seq))
			wrong("packet %lu is sent, but there are only %u",
			    nr(f.seq), run.plan.packets);
		if (seq_less(highest, f.seq))
			wrong("packet %lu is sent, but packet %lu never was: "
			    "packets leave in order", nr(f.seq), nr(highest));
		if (n > 2 * s->window)
			wrong("%u packets leave at once, and mine_next() wants "
			    "more: it must return 0 when the window is full",
			    n);
		if (s->highest - s->base > run.most)
			run.most = s->highest - s->base;
		line(f.seq == highest ? run.left : strcat(strcpy(text, "re"),
		    run.left), transmit(&f), "");
	}
	look();
}

/* DATA comes to the receiver, which answers with an ACK. */
static void
data_comes(const struct flight *f)
{
	struct rdt_receiver *r = &run.r;
	struct flight ack = { 0 };
	enum rdt_event event;
	uint32_t before, i;
	char text[48];

	before = r->expected;
	run.calling = "mine_data()";
	event = rdt_recv_data(r, f->seq);
	i = f->seq - run.plan.first;
	sprintf(text, "%s %lu, ACK %lu", event == EV_RECV ? "got" :
	    event == EV_DUP ? "had" : "dropped", nr(f->seq), nr(r->expected));
	sprintf(run.left, "(%s %lu)", "receiver", nr(f->seq));
	look();
	run.left[0] = '\0';
	ack.ack = 1;
	ack.seq = r->expected;
	ack.n = rdt_recv_bitmap(r, ack.bits);
	look();
	line("", transmit(&ack), text);
	if (event != EV_RECV && event != EV_DUP && event != EV_OOO)
		wrong("mine_data() returns %d, none of EV_RECV, EV_DUP, EV_OOO",
		    (int)event);
	if (event == EV_RECV && run.got[i]++)
		wrong("packet %lu was delivered twice: it was here, and came "
		    "again, for its ACK was lost or late; what is before "
		    "`expected' is a duplicate", nr(f->seq));
	if (event == EV_RECV && run.plan.protocol->code != 3 &&
	    f->seq != before)
		wrong("packet %lu was delivered out of order: the receiver "
		    "expected packet %lu", nr(f->seq), nr(before));
	for (i = 0; i != r->expected - run.plan.first; i++)
		if (i >= run.plan.packets || !run.got[i])
			wrong("ACK %lu says that packet %u has arrived, but it "
			    "has not: an ACK is cumulative", nr(r->expected),
			    (unsigned)i + 1);
	if (run.got[before - run.plan.first] && r->expected == before &&
	    before != run.s.end)
		wrong("packet %lu is here, but the ACK still asks for it",
		    nr(before));
	if (event == EV_DUP && !run.got[f->seq - run.plan.first])
		wrong("packet %lu was thrown away as a duplicate, but it never "
		    "came before", nr(f->seq));
	if (event == EV_OOO && f->seq == before)
		wrong("packet %lu was thrown away, though it is the one that "
		    "is expected", nr(f->seq));
}

/* An ACK comes to the sender. */
static void
ack_comes(const struct flight *f)
{
	struct rdt_sender *s = &run.s;
	uint32_t before;

	before = s->base;
	sprintf(run.left, "ACK %lu", nr(f->seq));
	run.calling = "mine_ack()";
	rdt_send_ack(s, run.t, f->seq, f->bits, f->n);
	look();
	if (seq_less(before, f->seq) && !seq_less(s->highest, f->seq) &&
	    s->base != f->seq)
		wrong("ACK %lu acknowledges all before packet %lu, but base is "
		    "%lu: the window did not slide", nr(f->seq), nr(f->seq),
		    nr(s->base));
	if (!seq_less(before, f->seq) && s->base != before)
		wrong("ACK %lu is old, but the window moved", nr(f->seq));
	line(run.left, "", "");
}

/* What happens next. Returns false if nothing does. */
static int
happen(void)
{
	struct flight f;
	unsigned i, next;
	int64_t deadline;

	for (next = 0, i = 1; i < run.flights; i++)
		if (run.flight[i].at < run.flight[next].at)
			next = i;
	run.calling = "mine_deadline()";
	deadline = rdt_send_deadline(&run.s);
	if (run.flights > 0 && run.flight[next].at <= deadline) {
		f = run.flight[next];
		run.flights--;
		memmove(&run.flight[next], &run.flight[next + 1],
		    (run.flights - next) * sizeof f);
		run.t = f.at;
		if (f.ack)
			ack_comes(&f);
		else
			data_comes(&f);
		return 1;
	}
	if (deadline == NEVER)
		return 0;
	run.t = deadline > run.t ? deadline : run.t;
	sprintf(run.left, "timeout %lu", nr(run.s.base));
	run.calling = "mine_timer()";
	rdt_send_timer(&run.s, run.t);
	look();
	if (rdt_send_deadline(&run.s) <= run.t)
		wrong("the timer has run out, and runs no more: it must begin "
		    "anew (rdt_timed_out())");
	line(run.left, "", "");
	return 1;
}

static void
simulate(const struct plan *plan)
{
	unsigned i, turns;

	free(run.s.own);
	free(run.r.own);
	run.plan = *plan;
	nlines = 0;
	run.t = 0;
	run.flights = run.sent = run.data = run.acks = run.most = 0;
	run.state = plan->chance;
	memset(run.got, 0, sizeof run.got);
	memset(run.before, 0xa5, sizeof run.before);
	memset(run.between, 0xa5, sizeof run.between);
	memset(run.after, 0xa5, sizeof run.after);
	run.calling = "mine_begin()";
	if (rdt_send_init(&run.s, plan->protocol, plan->window,
	    congestion_find(plan->control, 0), plan->first, plan->packets) < 0 ||
	    rdt_recv_init(&run.r, plan->protocol, plan->window,
	    plan->first) < 0)
		wrong("mine_begin() fails");
	look();
	send_all();
	for (turns = 0; !rdt_send_done(&run.s); turns++) {
		if (!happen())
			wrong("it sits still for ever: nothing is on its way, "
			    "no timer runs, and packet %lu is not acknowledged",
			    nr(run.s.base));
		send_all();
		if (turns == TURNS)
			wrong("after %u events packet %lu is still not "
			    "acknowledged", turns, nr(run.s.base));
		if (rdt_send_gave_up(&run.s))
			wrong("12 timeouts in a row, and packet %lu was never "
			    "acknowledged", nr(run.s.base));
	}
	for (i = 0; i < plan->packets; i++)
		if (!run.got[i])
			wrong("the sender is done, but packet %u never arrived",
			    i + 1);
}

/* ---- the steps ----------------------------------------------------------- */

static uint32_t seed = 1;

static struct plan
plan_of(unsigned window, unsigned packets)
{
	struct plan p = { 0 };

	p.protocol = &rdt_mine;
	p.control = "none";
	p.window = window < rdt_mine.window_max ? window : rdt_mine.window_max;
	p.packets = packets;
	p.first = 1 + seed % 1000;
	return p;
}

static void
one_packet(void)
{
	struct plan p = plan_of(3, 1);
	uint32_t seq;

	run.plan = p;
	run.plan.packets = 0;		/* no ladder */
	run.calling = "mine_next()";
	if (rdt_send_init(&run.s, p.protocol, p.window,
	    congestion_find("none", 0), p.first, 1) < 0 ||
	    !rdt_send_next(&run.s, 0, &seq))
		wrong("there is a packet to be sent, and room in the window, "
		    "but mine_next() returns 0");
	if (seq != p.first)
		wrong("mine_next() sends packet %lu and not the first one",
		    (unsigned long)(seq - p.first) + 1);
	if (run.s.next != p.first + 1)
		wrong("mine_next() must move next behind the packet it sends");
	if (rdt_send_next(&run.s, 0, &seq))
		wrong("there is one packet, and it was sent, but mine_next() "
		    "wants to send more");
	if (run.s.rto_at == NEVER)
		wrong("no timer runs, though a packet is on its way");
}

static void
takes_ack(void)
{
	struct plan p = plan_of(3, 1);

	one_packet();
	run.calling = "mine_ack()";
	rdt_send_ack(&run.s, DELAY, p.first + 1, NULL, 0);
	if (run.s.base != p.first + 1)
		wrong("the packet is acknowledged, but the window does not "
		    "slide (rdt_slide())");
	if (run.s.rto_at != NEVER)
		wrong("all is acknowledged, but a timer still runs");
}

static void
receives(void)
{
	struct plan p = plan_of(3, 8);
	struct rdt_receiver *r = &run.r;

	run.plan.packets = 0;
	run.calling = "mine_data()";
	if (rdt_recv_init(r, p.protocol, p.window, p.first) < 0 ||
	    rdt_recv_data(r, p.first) != EV_RECV)
		wrong("the packet that is expected comes: that is EV_RECV");
	if (r->expected != p.first + 1)
		wrong("the packet that was expected is here, but `expected' "
		    "does not move, and so the ACK asks for it again");
	if (rdt_recv_data(r, p.first) != EV_DUP)
		wrong("a packet comes a second time: that is EV_DUP");
	if (rdt_recv_data(r, p.first + 1 + p.window) != EV_OOO)
		wrong("a packet beyond the window comes: that is EV_OOO");
	if (r->expected != p.first + 1)
		wrong("`expected' moves over a packet that is not here");
}

static void
slides(void)
{
	struct plan p = plan_of(3, 10);

	simulate(&p);
}

/* Each of the first 12 DATA or ACKs in turn has this fate. */
static void
hit_each(int ack, enum fate fate, uint32_t first)
{
	struct plan p;
	unsigned k, window;

	for (window = 1; window <= 4; window += 3)
		for (k = 1; k <= 12; k++) {
			p = plan_of(window, 8);
			p.first = first != 0 ? first : p.first;
			p.hit = k;
			p.hit_ack = ack;
			p.hit_fate = fate;
			simulate(&p);
		}
}

static void
wraps(void)
{
	hit_each(0, DELIVERED, UINT32_MAX - 3);
	hit_each(0, LOST, UINT32_MAX - 3);
	hit_each(1, LOST, UINT32_MAX - 3);
}

/* All of the window is used; and no more than congestion control allows. */
static void
whole_window(void)
{
	static const char *const controls[] = { "none", "half", "reno" };
	struct plan p;
	unsigned i, w;

	for (w = 1; w <= 8; w++)
		for (i = 0; i < COUNT(controls); i++) {
			p = plan_of(w, 30);
			p.control = controls[i];
			simulate(&p);
			if (run.most < p.window)
				wrong("the window has %u packets, but never "
				    "more than %u are in flight", p.window,
				    run.most);
		}
}

static void
at_random(void)
{
	struct plan p;
	unsigned i;

	for (i = 0; i < 400; i++) {
		p = plan_of(1 + i % 7, 4 + i % 20);
		p.chance = seed * 2654435761u + i + 1;
		simulate(&p);
	}
}

/* No more transmissions than the reference; with CODE 3, a quarter more. */
static void
frugal(void)
{
	struct plan p;
	unsigned enough, i;

	for (i = 0; i < 40; i++) {
		p = plan_of(i == 0 ? 3 : i == 1 ? 4 : 1 + (seed + i) % 6,
		    i == 0 ? 9 : i == 1 ? 10 : 5 + (seed + i) % 9);
		p.lose = i < 2 ? 5 + i : 7 + (seed + i) % 8;
		if (i >= 2 && i % 2 == 0) {	/* or one is late, or twice */
			p.lose = 0;
			p.hit = 1 + i / 4;
			p.hit_fate = i % 4 == 0 ? LATE : TWICE;
		}
		p.protocol = rdt_mine.code == 1 ? &rdt_sw :
		    rdt_mine.code == 2 ? &rdt_gbn : &rdt_sr;
		simulate(&p);
		enough = run.data;
		p.protocol = &rdt_mine;
		simulate(&p);
		if (run.data > enough + (rdt_mine.code == 3) * enough / 4)
			wrong("%u packets, a window of %u, %s %u: %u "
			    "transmissions are enough, yours makes %u",
			    p.packets, p.window, p.lose > 0 ?
			    "lost is every DATA in" : p.hit_fate == LATE ?
			    "late is DATA" : "doubled is DATA",
			    p.lose > 0 ? p.lose : p.hit, enough, run.data);
	}
}

/* Patterns of what can happen to the first transmissions, the short ones first,
 * so that the first that fails is the shortest. The digits of a code are fates;
 * the last one is never DELIVERED, which would be a shorter pattern. */
static void
patterns(void)
{
	struct plan p;
	unsigned code, codes, i, packets, rest, window;

	for (codes = FATES; codes <= PATTERNS; codes *= FATES)
		for (window = 1; window <= 4 &&
		    window <= rdt_mine.window_max; window++)
			for (packets = 1; packets <= 5; packets += 2)
				for (code = codes / FATES; code < codes;
				    code++) {
					p = plan_of(window, packets);
					rest = code;
					for (i = 0; rest > 0; rest /= FATES)
						p.fate[i++] = rest % FATES;
					simulate(&p);
				}
}

static const struct {
	const char *name;
	void (*take)(void);		/* NULL: see hits */
	enum fate fate;
	const char *hits;		/* D: each DATA, A: each ACK */
} steps[] = {
	{ "sends one packet", one_packet, DELIVERED, "" },
	{ "takes its ACK", takes_ack, DELIVERED, "" },
	{ "receives", receives, DELIVERED, "" },
	{ "slides over ten packets", slides, DELIVERED, "" },
	{ "survives a lost DATA", NULL, LOST, "D" },
	{ "survives a lost ACK", NULL, LOST, "A" },
	{ "survives what is late", NULL, TOO_LATE, "AD" },
	{ "survives what is doubled", NULL, TWICE, "DA" },
	{ "survives what is reordered", NULL, LATE, "DA" },
	{ "wraps around at 2^32", wraps, DELIVERED, "" },
	{ "uses its window, and no more", whole_window, DELIVERED, "" },
	{ "delivers all, once and in order, at random", at_random, DELIVERED,
	    "" },
	{ "sends no more than is needed", frugal, DELIVERED, "" },
	{ "survives all patterns of six transmissions", patterns, DELIVERED,
	    "" },
};

int
main(int argc, char **argv)
{
	static const int deadly[] = { SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	    SIGABRT };
	const char *hit;
	size_t i;

	/* Whatever the student's functions print goes to standard error. */
	results = fdopen(dup(STDOUT_FILENO), "w");
	if (results == NULL || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return 2;
	if (argc > 1)
		seed = (uint32_t)strtoul(argv[1], NULL, 10);
	for (i = 0; i < COUNT(deadly); i++)
		on_signal(deadly[i], signalled);
	for (i = 0; i < COUNT(steps); i++) {
		step = steps[i].name;
		run.calling = "it";
		alarm(10);
		if (steps[i].take != NULL)
			steps[i].take();
		for (hit = steps[i].hits; *hit != '\0'; hit++)
			hit_each(*hit == 'A', steps[i].fate, 0);
		fprintf(results, "ok       %s\n", step);
		fflush(results);
	}
	return 0;
}
