/* sim_cli.c: the engine over a simulated channel. Licence: ISC, see README.
 *
 * Sender and receiver of proto.c in one process, and virtual time: no socket,
 * no clock. Each turn takes what comes next, a datagram that arrives or a timer
 * of a sender, so that a run is exact and takes no time. There may be two
 * senders, flows 0 and 1, which share the channels of more/faults.c:
 *
 *      sender_turn() ---- DATA ----> sim.there ------> data_arrives()
 *           ^                                              |
 *           |                                              v
 *      ack_arrives() <-------------- sim.back <------ ACK -+
 *
 * It is a watcher of the engine: an event is a word on the left of the ladder.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define SECOND_START	(SECOND / 2)	/* of the second sender */
#define FLOWS		2

static struct {
	int64_t t;
	struct channel there, back;
	struct rdt_session flow[FLOWS];
	unsigned flows;
	char left[32];			/* of the line that is being made */
	const struct rdt_watcher *tracer;	/* -t */
} sim;

/* ---- the ladder ---------------------------------------------------------- */

/* Sets the word on the left, after the flow if there are two. */
static void
say_left(const char *word, uint32_t seq)
{
	int n;

	n = sim.flows < 2 ? 0 : sprintf(sim.left, "%u: ", rdt_flow + 1);
	snprintf(sim.left + n, sizeof sim.left - (size_t)n, "%s %lu", word,
	    (unsigned long)seq);
}

static void
sim_event(int64_t t, enum rdt_event event, uint32_t seq,
    const struct rdt_sender *s)
{
	if (sim.tracer != NULL)
		sim.tracer->event(t, event, seq, s);
	if (s == NULL || event == EV_DROP || event == EV_FULL ||
	    event == EV_DONE)
		return;
	if (event != EV_FAST)
		say_left(event == EV_ACK ? "ACK" : rdt_event_names[event], seq);
	else if (strstr(sim.left, "fast") == NULL)
		strcat(sim.left, ", fast");
}

/* packet() is only for sockets; the tracer is told when a flow begins, and
 * ends. */
static const struct rdt_watcher sim_watcher = { NULL, sim_event, NULL, NULL };

/* One line: what the sender does, what goes over the channel, what the receiver
 * does, and the window after that. */
static void
ladder(const char *arrow, const char *right)
{
	const struct rdt_sender *s = &sim.flow[rdt_flow].sender;
	uint32_t packets;

	if (logger.level < INFO)
		return;
	packets = s->end - s->base;
	if (packets > rdt_send_window(s))
		packets = rdt_send_window(s);
	printf("%9.3f  %-15s %-13s ", (double)sim.t / SECOND, sim.left, arrow);
	if (sim.flows > 1 && *right != '\0')
		printf("%u: %-19s", rdt_flow + 1, right);
	else
		printf("%-22s", right);
	if (packets > 0)
		printf(" %u..%u", s->base, s->base + packets - 1);
	putchar('\n');
}

/* An end of the channel, 1 for the sender, 2 for the receiver, with an address
 * reserved for examples (RFC 5737). */
static struct addr
end_address(uint32_t end, int flow)
{
	struct addr a = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&a.ss;

	a.len = sizeof *in;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0xc0000200 + end);
	in->sin_port = htons((uint16_t)(DATA_LO + flow));
	return a;
}

/* Shows a datagram to -w, as the sender sees it: DATA when it leaves, an ACK
 * when it arrives, or is lost. The payload of DATA is a word about it, the time
 * that of the simulation. */
static void
capture(const struct held *h)
{
	struct addr from = end_address(h->addressed ? 2 : 1, h->fd);
	struct addr to = end_address(h->addressed ? 1 : 2, h->fd);
	struct capture_packet c = { sim.t, &from, &to, h->addressed, h->bytes,
	    h->n, h->note };

	if (dgram_tap != NULL)
		capture_datagram(&c);
}

/* ---- what happens -------------------------------------------------------- */

/* Sends a packet of this flow through a channel. It is a datagram as on a
 * network, but DATA has a short payload; the link counts a full block. */
static int
launch(struct channel *c, struct rdt_packet *p, unsigned char *bytes,
    size_t wire)
{
	struct held *h;
	int fate;

	h = channel_datagram(bytes, rdt_pack(&sim.flow[rdt_flow], bytes, p),
	    wire);
	if (h == NULL) {
		log_msg(ERROR, "sim: %s", reason());
		exit(1);
	}
	h->fd = (int)rdt_flow;
	h->addressed = p->type == ACK;
	strcpy(h->note, p->retransmitted ? "retransmission" : "");
	fate = channel_send(c, sim.t, h, 1);
	if (fate & (DROPPED | FULL))
		rdt_happened(sim.t, fate & FULL ? EV_FULL : EV_DROP, p->seq,
		    p->type == ACK ? NULL : &sim.flow[rdt_flow].sender);
	return fate;
}

static void
sender_turn(void)
{
	struct rdt_session *s = &sim.flow[rdt_flow];
	struct rdt_packet p = { 0 };
	unsigned char bytes[RDT_HEAD + 24];
	int fate;

	p.type = DATA;
	while (rdt_send_next(&s->sender, sim.t, &p.seq)) {
		p.last = p.seq + 1 == s->sender.end;
		p.retransmitted = rdt_slot(&s->sender, p.seq)->retransmitted;
		p.length = (size_t)sprintf((char *)bytes + RDT_HEAD,
		    "packet %lu", (unsigned long)p.seq);
		fate = launch(&sim.there, &p, bytes, RDT_HEAD + s->block);
		ladder(fate & DROPPED ? "-----X lost" :
		    fate & FULL ? "-----X full" :
		    fate & HELD_BACK ? "--( held back" :
		    fate & CORRUPTED ? "--*-- flipped" :
		    fate & DOUBLED ? "=====> twice" : "----------->", "");
		sim.left[0] = '\0';
	}
}

static void
data_arrives(struct held *h)
{
	struct rdt_session *s = &sim.flow[rdt_flow];
	unsigned char bytes[RDT_HEAD + RDT_WINDOW_MAX / 8];
	struct rdt_packet p = { 0 };
	char text[48];
	enum rdt_event event;
	unsigned i, kept;
	int fate;

	if (rdt_unpack(s, &p, h->bytes, h->n) < 0) {
		s->corrupt++;
		rdt_happened(sim.t, EV_CORRUPT, 0, NULL);
		ladder("----------->", "damaged: dropped");
		return;
	}
	event = rdt_recv_data(&s->receiver, p.seq);
	rdt_happened(sim.t, event, p.seq, NULL);
	sprintf(text, "%s %lu, ACK %lu", event == EV_DUP ? "had" :
	    event == EV_OOO ? "dropped" : "got", (unsigned long)p.seq,
	    (unsigned long)s->receiver.expected);
	p.type = ACK;
	p.seq = s->receiver.expected;
	p.length = rdt_recv_bitmap(&s->receiver, bytes + RDT_HEAD);
	for (kept = 0, i = 0; i < 8 * p.length; i++)
		kept += bytes[RDT_HEAD + i / 8] >> i % 8 & 1u;
	if (kept > 0)
		sprintf(text + strlen(text), " +%u", kept);
	fate = launch(&sim.back, &p, bytes, 0);
	ladder(fate & DROPPED ? "lost X<------" : fate & FULL ?
	    "full X<------" : fate & HELD_BACK ? "held back )--" :
	    fate & DOUBLED ? "twice <======" : "<------------", text);
}

static void
ack_arrives(struct held *h)
{
	struct rdt_session *s = &sim.flow[rdt_flow];
	struct rdt_packet p;

	h->note[0] = '\0';		/* it has arrived */
	capture(h);
	if (rdt_unpack(s, &p, h->bytes, h->n) < 0)
		return;			/* nothing flips an ACK */
	say_left("old ACK", p.seq);	/* unless the engine takes it */
	rdt_send_ack(&s->sender, sim.t, p.seq, p.payload, p.length);
	ladder("", "");
	if (rdt_send_done(&s->sender) && s->took == 0)
		s->took = sim.t - s->start;
}

/* When a flow begins, or its timer runs out. */
static int64_t
due(const struct rdt_session *s)
{
	return s->start > sim.t ? s->start :
	    rdt_send_gave_up(&s->sender) ? NEVER :
	    rdt_send_deadline(&s->sender);
}

/* What happens next: a datagram arrives (of two at the same time, the DATA), a
 * timer runs out, a flow begins. Returns false when nothing does. */
static int
sim_step(void)
{
	struct channel *c;
	struct held *h;
	int64_t timer;
	unsigned flow;

	flow = sim.flows > 1 && due(&sim.flow[1]) < due(&sim.flow[0]);
	timer = due(&sim.flow[flow]);
	c = channel_next(&sim.back) < channel_next(&sim.there) ? &sim.back :
	    &sim.there;
	sim.left[0] = '\0';
	if (timer == NEVER && channel_next(c) == NEVER)
		return 0;
	if (timer < channel_next(c)) {
		rdt_flow = flow;
		sim.t = timer;
		if (timer > sim.flow[flow].start) {
			rdt_send_timer(&sim.flow[flow].sender, timer);
			ladder("", "");
		}
		return 1;
	}
	sim.t = channel_next(c);
	h = channel_take(c);
	rdt_flow = (unsigned)h->fd;
	if (c == &sim.there)
		data_arrives(h);
	else
		ack_arrives(h);
	free(h);
	return 1;
}

/* ---- a run --------------------------------------------------------------- */

static int
flow_begin(unsigned i)
{
	struct rdt_session *s = &sim.flow[i];

	s->sock = -1;
	s->key = i;
	s->protocol = by_udp.protocol != NULL ? by_udp.protocol : &rdt_gbn;
	s->congestion = by_udp.congestion;
	s->block = (unsigned)by_udp.block;
	s->is_sender = 1;
	if (rdt_send_init(&s->sender, s->protocol, (unsigned)by_udp.window,
	    s->congestion, 1, s->packets) < 0 ||
	    rdt_recv_init(&s->receiver, s->protocol, s->sender.window, 1) < 0)
		return -1;
	s->window = s->sender.window;
	rdt_flow = i;
	if (sim.tracer != NULL)
		sim.tracer->begins(0, s);	/* by the clock of the run */
	s->start = i * SECOND_START;
	return 0;
}

/* Logs the line `rdt: ...' for both ends of a flow, even with -q. Returns its
 * throughput, in bytes per second. */
static double
flow_end(struct rdt_session *s)
{
	if (s->took == 0)
		s->took = sim.t - s->start;
	s->file.done = (uint64_t)(s->sender.base - 1) * s->block;
	logger.level = logger.level < INFO ? INFO : logger.level;
	rdt_report(s);
	return s->took == 0 ? 0 :
	    (double)s->file.done * SECOND / (double)s->took;
}

static void
run(void)
{
	const struct rdt_sender *s;
	unsigned i;
	int going;

	if (logger.level >= INFO)
		puts("  seconds  sender          channel       receiver"
		    "               window");
	do
		for (going = 0, i = 0; i < sim.flows; i++) {
			s = &sim.flow[i].sender;
			if (rdt_send_done(s) || rdt_send_gave_up(s))
				continue;
			going = 1;
			rdt_flow = i;
			if (sim.flow[i].start <= sim.t)
				sender_turn();
		}
	while (going && sim_step());
}

/* argv says how many packets each sender sends; they are numbered from 1. */
static int
sim_session(int argc, char **argv)
{
	double rate, square, sum;
	int64_t packets;
	unsigned i;
	int failed;

	for (i = 0; (int)i < argc && argc <= FLOWS; i++) {
		packets = number(argv[i], strlen(argv[i]), 1, 1000000);
		if (packets < 0)
			break;
		sim.flow[i].packets = (uint32_t)packets;
	}
	if (argc == 0 || (int)i < argc) {
		log_msg(ERROR, "sim: one argument, the number of packets (1 to "
		    "1000000), or two, for two senders");
		return 2;
	}
	sim.flows = (unsigned)argc;
	sim.back.acks = 1;
	sim.there.entered = sim.there.lost = sim.back.lost = capture;
	sim.tracer = rdt_watcher;
	rdt_watcher = &sim_watcher;
	for (i = 0; i < sim.flows; i++)
		if (flow_begin(i) < 0)
			return fail("sim: %s", reason());
	run();
	rdt_watcher = sim.tracer;
	failed = 0;
	for (sum = square = 0, i = 0; i < sim.flows; i++) {
		rate = flow_end(&sim.flow[i]);
		sum += rate;
		square += rate * rate;
		if (!rdt_send_done(&sim.flow[i].sender))
			failed = fail("sim: %s", rdt_gave_up);
	}
	if (sim.flows > 1)		/* Jain's index */
		printf("fairness=%.3f\n", square > 0 ? sum * sum /
		    (sim.flows * square) : 0);
	return failed;
}

const struct mode sim_mode = { .name = "sim", .session = sim_session,
    .kind = NO_HOST };
