/* sim_cli.c: the engine over a simulated channel. Licence: ISC, see README.
 *
 * Sender and receiver of proto.c in one process, and virtual time: no socket,
 * no clock. Each turn takes what comes next, a datagram that arrives or the
 * sender's timer, so that a run is exact and takes no time:
 *
 *      sender_turn() --> send_data() --> faults --> launch() --> sim.flying
 *          ^                                                        |
 *          +-- ACK --- sim_step() <---------------------------------+
 *                         |    ^
 *                       DATA   +--- ACK --- receiver_turn()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define SIM_DELAY	(SECOND / 100)	/* each way */

/* A datagram in the channel, a list of them in the order of their arrival. */
struct flight {
	int64_t at;			/* when it arrives */
	struct flight *next;
	int ack;			/* an ACK, on its way to the sender */
	int corrupt;			/* damaged on the way */
	uint32_t seq;			/* of an ACK: what is expected */
	unsigned char bits[RDT_WINDOW_MAX / 8];
	size_t nbits;
};

static struct {
	int64_t t, delay;
	struct flight *flying;		/* sorted by arrival */
	struct flight held;		/* DATA that `reorder` holds back, */
	int holding;			/* if there is any */
	char note[NOTE_BYTES];		/* for -w: of the datagram at hand, */
	char held_note[NOTE_BYTES];	/* and of that one */
	uint64_t data, acks;		/* transmissions of both so far */
	uint64_t corrupt;
	struct rdt_sender sender;
	struct rdt_receiver receiver;
} sim;

/*
 * One line of the ladder: what the sender does, what goes over the channel,
 * what the receiver does, and the window after that.
 */
static void
ladder(const char *left, const char *arrow, const char *right)
{
	const struct rdt_sender *s = &sim.sender;
	uint32_t packets;

	if (logger.level < INFO)
		return;
	packets = s->end - s->base;
	if (packets > rdt_send_window(s))
		packets = rdt_send_window(s);
	printf("%9.3f  %-15s %-13s %-22s", (double)sim.t / SECOND, left,
	    arrow, right);
	if (packets > 0)
		printf(" %u..%u", s->base, s->base + packets - 1);
	putchar('\n');
}

/* One end of the channel, by an address that is kept for examples (RFC 5737) */
static struct addr
end_address(uint32_t ip)
{
	struct addr a = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&a.ss;

	a.len = sizeof *in;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(ip);
	in->sin_port = htons(DATA_LO);
	return a;
}

/*
 * Shows a datagram to -w, as the sender sees it: DATA when it leaves, an ACK
 * when it arrives, or is lost. It has the form that it has on a network; the
 * payload of DATA is a word about it, the time that of the simulation.
 */
static void
capture(const struct flight *f, const char *note)
{
	unsigned char bytes[RDT_HEAD + RDT_WINDOW_MAX / 8];
	struct capture_packet c = { 0 };
	struct rdt_packet p = { 0 };
	struct addr sender, receiver;

	if (dgram_tap == NULL)
		return;
	p.type = f->ack ? ACK : DATA;
	p.seq = f->seq;
	p.last = f->seq + 1 == sim.sender.end;
	p.length = f->ack ? f->nbits : (size_t)sprintf((char *)bytes +
	    RDT_HEAD, "packet %lu", (unsigned long)f->seq);
	if (f->ack)
		memcpy(bytes + RDT_HEAD, f->bits, f->nbits);
	c.n = rdt_pack(bytes, 0, &p);
	bytes[c.n - 1] ^= (unsigned char)f->corrupt;
	sender = end_address(0xc0000201);
	receiver = end_address(0xc0000202);
	c.t = sim.t;
	c.from = f->ack ? &receiver : &sender;
	c.to = f->ack ? &sender : &receiver;
	c.inbound = f->ack;
	c.bytes = bytes;
	c.note = note;
	capture_datagram(&c);
}

/* Puts a datagram on its way: behind all that arrive before it or with it. */
static void
launch(const struct flight *what, const char *note)
{
	struct flight **at, *f;

	f = malloc(sizeof *f);
	if (f == NULL) {
		log_msg(ERROR, "sim: %s", reason());
		exit(1);
	}
	*f = *what;
	f->at = sim.t + sim.delay;
	if (!f->ack)
		capture(f, note);
	for (at = &sim.flying; *at != NULL && (*at)->at <= f->at;)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
}

/* Does a fault hit it? Notes it, if it does. */
static int
strikes(enum fault kind, uint64_t n)
{
	if (!fault_hits(&faults, kind, n))
		return 0;
	fault_note(sim.note, &faults, kind, 1, n);
	return 1;
}

/* Sends DATA through the faults. Returns the arrow that shows what they did. */
static const char *
send_data(struct flight *f)
{
	uint64_t n;
	int doubled;

	n = ++sim.data;
	f->corrupt = strikes(CORRUPT, n);
	if (strikes(DROP, n)) {
		capture(f, sim.note);
		rdt_trace(sim.t, EV_DROP, f->seq, &sim.sender);
		return "-----X lost";
	}
	if (!sim.holding && strikes(REORDER, n)) {
		sim.held = *f;
		strcpy(sim.held_note, sim.note);
		sim.holding = 1;
		return "--( held back";
	}
	doubled = strikes(DUP, n);
	launch(f, sim.note);
	if (doubled)
		launch(f, sim.note);
	if (sim.holding)
		launch(&sim.held, sim.held_note);
	sim.holding = 0;
	return f->corrupt ? "--*-- flipped" :
	    doubled ? "=====> twice" : "----------->";
}

/* Sends all that the engine has to send. */
static void
sender_turn(void)
{
	static const char *const why[] = { "", " RACK", " TLP" };
	const struct rdt_slot *slot;
	struct flight f = { 0 };
	char text[32];
	const char *arrow;
	uint32_t highest;

	for (;;) {
		highest = sim.sender.highest;
		if (!rdt_send_next(&sim.sender, sim.t, &f.seq))
			return;
		slot = &sim.sender.slot[f.seq % RDT_WINDOW_MAX];
		strcpy(sim.note, slot->retransmitted ? "retransmission" : "");
		snprintf(text, sizeof text, "%s %u%s", f.seq == highest ?
		    "send" : "resend", f.seq, why[slot->resent_as]);
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

	if (f->corrupt) {
		sim.corrupt++;
		rdt_trace(sim.t, EV_CORRUPT, f->seq, NULL);
		ladder("", "----------->", "damaged: dropped");
		return;
	}
	event = rdt_recv_data(&sim.receiver, f->seq);
	rdt_trace(sim.t, event, f->seq, NULL);
	what = event == EV_DUP ? "had" : event == EV_OOO ? "dropped" : "got";
	ack.ack = 1;
	ack.seq = sim.receiver.expected;
	ack.nbits = rdt_recv_bitmap(&sim.receiver, ack.bits);
	snprintf(text, sizeof text, sim.receiver.buffered > 0 ?
	    "%s %u, ACK %u +%u" : "%s %u, ACK %u", what, f->seq, ack.seq,
	    sim.receiver.buffered);
	sim.note[0] = '\0';
	if (strikes(ACKDROP, ++sim.acks)) {
		capture(&ack, sim.note);
		rdt_trace(sim.t, EV_DROP, ack.seq, NULL);
		ladder("", "lost X<------", text);
	} else {
		launch(&ack, "");
		ladder("", "<------------", text);
	}
}

/* One of the sender's timers runs out. */
static void
timer_turn(void)
{
	char text[32];

	sim.t = rdt_send_deadline(&sim.sender);
	switch (rdt_send_timer(&sim.sender, sim.t)) {
	case EV_TIMEOUT:
		snprintf(text, sizeof text, "timeout %u", sim.sender.base);
		break;
	case EV_PROBE:
		strcpy(text, "2 RTT, no ACK");
		break;
	default:
		strcpy(text, "overdue");
	}
	ladder(text, "", "");
}

/* What happens next: a datagram arrives, or a timer runs out. */
static void
sim_step(void)
{
	struct flight *f;
	char text[32];
	uint64_t fast;

	f = sim.flying;
	if (f == NULL || f->at > rdt_send_deadline(&sim.sender)) {
		timer_turn();
		return;
	}
	sim.t = f->at;
	sim.flying = f->next;
	if (!f->ack) {
		receiver_turn(f);
	} else {
		capture(f, "");
		fast = sim.sender.fast;
		rdt_send_ack(&sim.sender, sim.t, f->seq, f->bits, f->nbits);
		snprintf(text, sizeof text, "ACK %u%s", f->seq,
		    sim.sender.fast > fast ? ", fast" : "");
		ladder(text, "", "");
	}
	free(f);
}

/* Frees what is on its way when all is done. */
static void
sim_free(void)
{
	struct flight *f;

	while ((f = sim.flying) != NULL) {
		sim.flying = f->next;
		free(f);
	}
}

/* The rdt: line, of both ends. */
static void
sim_report(int64_t packets)
{
	const struct rdt_sender *s = &sim.sender;
	struct rdt_summary r = { 0 };

	r.mode = rdt_mode_names[s->mode];
	r.control = s->congestion->name;
	r.window = s->window;
	r.block = by_udp.block;
	r.packets = (uint64_t)packets;
	r.transmissions = s->transmissions;
	r.timeouts = s->timeouts;
	r.fast = s->fast;
	r.duplicates = s->duplicates + sim.receiver.duplicates;
	r.corrupt = sim.corrupt;
	r.bytes = (uint64_t)(s->base - 1) * by_udp.block;
	r.took = sim.t;
	if (logger.level < INFO)
		logger.level = INFO;	/* -q leaves this line alone */
	rdt_report(&r);
}

/* argv[0] is the number of packets; they are numbered from 1. */
static int
sim_session(int argc, char **argv)
{
	struct transfer none = { .sock = -1 };
	struct rdt_sender *s = &sim.sender;
	int64_t packets;

	packets = argc == 1 ? number(argv[0], strlen(argv[0]), 1, 1000000) : -1;
	if (packets < 0) {
		log_msg(ERROR, "sim: one argument, the number of packets "
		    "(1 to 1000000)");
		return 2;
	}
	sim.delay = faults.delay < 0 ? SIM_DELAY : faults.delay;
	rdt_send_init(s, by_udp.mode, by_udp.window,
	    by_udp.congestion, 1, (uint32_t)packets);
	rdt_recv_init(&sim.receiver, by_udp.mode, s->window, 1);
	trace_begin(0, rdt_mode_names[s->mode], s->window,
	    by_udp.congestion->name, &none);
	if (logger.level >= INFO)
		puts("  seconds  sender          channel       receiver"
		    "               window");
	do {
		sender_turn();
		sim_step();
	} while (!rdt_send_done(s) && !rdt_send_gave_up(s));
	sim_free();
	sim_report(packets);
	return rdt_send_done(s) ? 0 : fail("sim: %s", rdt_why_gave_up());
}

const struct mode sim_mode = { .name = "sim", .session = sim_session,
    .kind = NO_HOST };
