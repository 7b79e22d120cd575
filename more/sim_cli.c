/* sim_cli.c: the engine over a simulated channel. Licence: ISC, see README. */
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

/* ---- sim: the engine over a simulated channel -------------------------- */

#define SIM_DELAY	(SECOND / 100)	/* each way */

/*
 * Sender and receiver in one process, and virtual time: the channel is a list
 * of datagrams in the order of their arrival. Each turn takes what comes next,
 * a datagram or the sender's timer, so that a run is exact and takes no time.
 */
struct flight {
	int64_t at;			/* when it arrives */
	struct flight *next;
	int ack;			/* an ACK, on its way to the sender */
	int flipped;			/* damaged on the way */
	uint32_t seq;			/* of an ACK: what is expected */
	unsigned char bits[RDT_WINDOW_MAX / 8];
	size_t nbits;
};

static struct {
	int64_t t, delay;
	struct flight *flying;		/* sorted by arrival */
	struct flight held;		/* DATA that `reorder` holds back, */
	int holding;			/* if there is any */
	uint64_t sent, acked;		/* transmissions of DATA and of ACKs */
	struct rdt_session s;		/* but no socket and no file */
} sim;

/*
 * One line of the ladder: what the sender does, what goes over the channel,
 * what the receiver does, and the window after that.
 */
static void
ladder(const char *left, const char *arrow, const char *right)
{
	const struct rdt_sender *s = &sim.s.sender;
	uint32_t packets;

	packets = s->end - s->base;
	if (packets > rdt_in_use(s))
		packets = rdt_in_use(s);
	printf("%9.3f  %-15s %-13s %-22s", (double)sim.t / SECOND, left,
	    arrow, right);
	if (packets > 0)
		printf(" %u..%u", s->base, s->base + packets - 1);
	putchar('\n');
}

/* Puts a datagram on its way: behind all that arrive before it or with it. */
static void
launch(const struct flight *what)
{
	struct flight **at, *f;

	f = malloc(sizeof *f);
	if (f == NULL) {
		log_msg(ERROR, "sim: %s", reason());
		exit(1);
	}
	*f = *what;
	f->at = sim.t + sim.delay;
	for (at = &sim.flying; *at != NULL && (*at)->at <= f->at;)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
}

/* Sends DATA through the faults. Returns the arrow that shows what they did. */
static const char *
send_data(struct flight *f)
{
	uint64_t n;

	n = ++sim.sent;
	f->flipped = fault_hits(&faults, FLIP, n);
	if (fault_hits(&faults, DROP, n)) {
		rdt_trace(sim.t, EV_DROP, f->seq, &sim.s.sender);
		return "-----X lost";
	}
	if (fault_hits(&faults, REORDER, n) && !sim.holding) {
		sim.held = *f;
		sim.holding = 1;
		return "--( held back";
	}
	launch(f);
	if (fault_hits(&faults, DUP, n))
		launch(f);
	if (sim.holding)
		launch(&sim.held);
	sim.holding = 0;
	return f->flipped ? "--*-- flipped" :
	    fault_hits(&faults, DUP, n) ? "=====> twice" : "----------->";
}

/* Sends all that the engine has to send. */
static void
sender_turn(void)
{
	struct flight f = { 0 };
	char text[32];
	const char *arrow;
	uint32_t top;

	for (;;) {
		top = sim.s.sender.top;
		if (!rdt_next(&sim.s.sender, sim.t, &f.seq))
			return;
		snprintf(text, sizeof text, "%s %u", f.seq == top ? "send" :
		    "resend", f.seq);
		arrow = send_data(&f);
		ladder(text, arrow, "");
	}
}

/* DATA arrives, and is answered with an ACK. */
static void
receiver_turn(const struct flight *f)
{
	struct flight ack = { 0 };
	char text[32];
	const char *what;
	enum rdt_event event;

	if (f->flipped) {
		sim.s.corrupt++;
		rdt_trace(sim.t, EV_CORRUPT, f->seq, NULL);
		ladder("", "----------->", "damaged: dropped");
		return;
	}
	event = rdt_data(&sim.s.receiver, f->seq);
	rdt_trace(sim.t, event, f->seq, NULL);
	what = event == EV_DUP ? "had" : event == EV_OOO ? "dropped" : "got";
	ack.ack = 1;
	ack.seq = sim.s.receiver.expected;
	ack.nbits = rdt_bitmap(&sim.s.receiver, ack.bits);
	snprintf(text, sizeof text, sim.s.receiver.ahead > 0 ?
	    "%s %u, ACK %u +%u" : "%s %u, ACK %u", what, f->seq, ack.seq,
	    sim.s.receiver.ahead);
	if (fault_hits(&faults, ACKDROP, ++sim.acked)) {
		rdt_trace(sim.t, EV_DROP, ack.seq, NULL);
		ladder("", "lost X<------", text);
	} else {
		launch(&ack);
		ladder("", "<------------", text);
	}
}

/* What happens next: a datagram arrives, or the timer runs out. */
static void
sim_step(void)
{
	struct flight *f;
	char text[32];
	uint64_t fast;

	f = sim.flying;
	if (f == NULL || f->at > sim.s.sender.deadline) {
		sim.t = sim.s.sender.deadline;
		rdt_timeout(&sim.s.sender, sim.t);
		snprintf(text, sizeof text, "timeout %u", sim.s.sender.base);
		ladder(text, "", "");
		return;
	}
	sim.t = f->at;
	sim.flying = f->next;
	if (!f->ack) {
		receiver_turn(f);
	} else {
		fast = sim.s.sender.fast;
		rdt_ack(&sim.s.sender, sim.t, f->seq, f->bits, f->nbits);
		snprintf(text, sizeof text, "ACK %u%s", f->seq,
		    sim.s.sender.fast > fast ? ", fast" : "");
		ladder(text, "", "");
	}
	free(f);
}

/* sim: argv[0] is the number of packets. */
static int
sim_session(int argc, char **argv)
{
	struct rdt_sender *s = &sim.s.sender;
	struct flight *f;
	int64_t packets;

	packets = argc == 1 ? number(argv[0], 1, 1000000) : -1;
	if (packets < 0) {
		log_msg(ERROR, "sim: one argument, the number of packets "
		    "(1 to 1000000)");
		return 2;
	}
	sim.delay = faults.delay < 0 ? SIM_DELAY : faults.delay;
	sim.s.mode = rdt_mode;
	sim.s.window = rdt_mode == RDT_SW ? 1 : window;
	sim.s.block = block;
	sim.s.packets = (uint32_t)packets;
	sim.s.t.size = (uint64_t)packets * block;
	rdt_start(s, rdt_mode, window, congestion, 1,
	    (uint32_t)packets);
	rdt_expect(&sim.s.receiver, rdt_mode, s->window, 1);
	puts("  seconds  sender          channel       receiver"
	    "               window");
	do {
		sender_turn();
		sim_step();
	} while (!rdt_done(s) && !rdt_given_up(s));
	while ((f = sim.flying) != NULL) {
		sim.flying = f->next;
		free(f);
	}
	sim.s.t.done = (uint64_t)(s->base - 1) * block;
	sim.s.took = sim.t;
	rdt_report(&sim.s);
	return rdt_done(s) ? 0 : fail("sim: %s", rdt_gave_up());
}


const struct mode sim_mode = { "sim", NULL, sim_session };
