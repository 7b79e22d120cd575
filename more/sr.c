/* sr.c: selective repeat. Licence: ISC, see README.
 *
 * A row of the table of protocols in proto.c. The receiver keeps what arrives
 * out of order, and its ACK has a bitmap of it; the sender sends again only
 * what is lost. It goes by the order of transmission, as in RFC 9002 (6.1.1): a
 * packet is lost when one that was sent three or more transmissions later is
 * acknowledged. This holds for retransmissions, too, so their loss needs no
 * timeout.
 *
 *     transmission   1  2  3  4  5  6  7
 *     packet         0  1  2  3  4  1  5
 *                       |        |
 *                       lost     acknowledged: 5 - 2 >= 3, so 1 is lost, and
 *                                leaves again as transmission 6
 *
 * When no ACK has come for two RTTs the oldest packet is sent once more, a tail
 * probe: its ACK tells what is missing after it.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <stdlib.h>

#include "../proto.h"

extern const struct rdt_protocol rdt_sr;

#define REORDERING	3		/* transmissions: kPacketThreshold */
#define PROBE_MIN	(SECOND / 100)	/* the least time before a probe */
#define GAP_SHARE	16	/* DATA for each ACK while there is a gap */

/* Of a packet that the sender has sent. */
struct packet {
	uint64_t order;			/* number of its last transmission */
	enum { UNDER_WAY, LOST, ARRIVED } state;
};

struct sr_sender {
	struct packet packet[RDT_WINDOW_MAX];
	uint64_t newest;		/* the latest that is acknowledged */
	int64_t least_rtt;		/* 0: none is known */
	int64_t probe_at;		/* 0: no probe */
	int probed;			/* since the last ACK with news */
};

/* The window, and the packets of it that have arrived. */
struct sr_receiver {
	unsigned char here[RDT_WINDOW_MAX];
	uint32_t ahead;			/* packets from expected to the highest
					   that came; 0: there is none */
};

static struct packet *
packet_of(const struct rdt_sender *s, uint32_t n)
{
	struct sr_sender *sr = s->own;

	return &sr->packet[n % RDT_WINDOW_MAX];
}

/* How many packets, from base on, cwnd allows: it does not count those that
 * have arrived, or are lost, as they have left the network (RFC 6675). */
static unsigned
sr_window(const struct rdt_sender *s)
{
	unsigned w;
	uint32_t n;

	w = s->cwnd;
	for (n = s->base; n != s->next; n++)
		w += packet_of(s, n)->state != UNDER_WAY;
	return w;
}

/* A probe leaves after two RTTs of silence, once an RTT is known. */
static void
set_probe(struct rdt_sender *s, int64_t t)
{
	struct sr_sender *sr = s->own;
	int64_t wait;

	wait = 2 * s->srtt > PROBE_MIN ? 2 * s->srtt : PROBE_MIN;
	sr->probe_at = s->srtt == 0 || s->base == s->next || sr->probed ?
	    0 : t + wait;
}

/* The first packet that is lost, if it may be sent: base always may, the others
 * as far as cwnd allows. */
static int
find_lost(struct rdt_sender *s, uint32_t *seq)
{
	for (*seq = s->base; *seq != s->next; ++*seq)
		if (packet_of(s, *seq)->state == LOST)
			return *seq == s->base ||
			    s->next - s->base < sr_window(s);
	return 0;
}

/* First lost packets, then new ones. After a timeout next is base again, and
 * jumps over what the receiver has. */
static int
sr_next(struct rdt_sender *s, int64_t t, uint32_t *seq)
{
	struct sr_sender *sr = s->own;
	struct packet *p;

	if (!find_lost(s, seq)) {
		while (s->next != s->highest &&
		    packet_of(s, s->next)->state == ARRIVED)
			s->next++;
		if (s->next == s->end ||
		    s->next - s->base >= rdt_send_window(s))
			return 0;
		*seq = s->next++;
	}
	p = packet_of(s, *seq);
	p->state = UNDER_WAY;
	p->order = s->transmissions;
	if (sr->probe_at == 0)
		set_probe(s, t);
	return 1;
}

/* Packet n is acknowledged, perhaps once more. An ACK that follows a
 * retransmission sooner than any RTT so far answers the original. */
static void
arrived(struct rdt_sender *s, int64_t t, uint32_t n)
{
	struct sr_sender *sr = s->own;
	const struct rdt_slot *slot = rdt_slot(s, n);
	struct packet *p = packet_of(s, n);
	int64_t rtt;

	if (p->state == ARRIVED)
		return;
	p->state = ARRIVED;
	sr->probed = 0;
	rtt = t > slot->sent ? t - slot->sent : 1;
	if (slot->retransmitted && rtt < sr->least_rtt)
		return;
	if (!slot->retransmitted && (sr->least_rtt == 0 || rtt < sr->least_rtt))
		sr->least_rtt = rtt;
	if (p->order > sr->newest)
		sr->newest = p->order;
}

/* Marks the packets that were sent REORDERING or more before the newest. */
static void
find_losses(struct rdt_sender *s, int64_t t)
{
	struct sr_sender *sr = s->own;
	struct packet *p;
	uint32_t n;

	for (n = s->base; n != s->next; n++) {
		p = packet_of(s, n);
		if (p->state != UNDER_WAY || p->order + REORDERING > sr->newest)
			continue;
		p->state = LOST;
		s->fast++;
		rdt_lost(s);
		rdt_happened(t, EV_FAST, n, s);
	}
}

static void
sr_ack(struct rdt_sender *s, int64_t t, uint32_t ack,
    const unsigned char *bits, size_t n)
{
	uint32_t i;

	for (i = s->base; i != ack; i++)
		arrived(s, t, i);
	if (ack != s->base)
		rdt_slide(s, t, ack);
	else if (s->base != s->highest)
		rdt_duplicate(s, t);
	for (i = 0; i < 8 * n && seq_less(ack + 1 + i, s->highest); i++)
		if (bits[i / 8] & (0x80 >> i % 8))
			arrived(s, t, ack + 1 + i);
	find_losses(s, t);
	set_probe(s, t);
}

static int64_t
sr_deadline(const struct rdt_sender *s)
{
	const struct sr_sender *sr = s->own;

	return sr->probe_at != 0 && sr->probe_at < s->rto_at ? sr->probe_at :
	    s->rto_at;
}

/* The RTO: all that has not arrived is sent again. Before that, a probe. */
static void
sr_timer(struct rdt_sender *s, int64_t t)
{
	struct sr_sender *sr = s->own;

	sr->probe_at = 0;
	if (t < s->rto_at) {
		sr->probed = 1;
		rdt_happened(t, EV_PROBE, s->base, s);
		packet_of(s, s->base)->state = LOST;
		return;
	}
	rdt_timed_out(s, t, s->highest - s->base);
	s->next = s->base;
}

/* A new gap wants an ACK at once; while the same one is open, the sender learns
 * little from an ACK for each packet after it, but pays for the bitmap. */
static enum rdt_event
sr_data(struct rdt_receiver *r, uint32_t seq)
{
	struct sr_receiver *sr = r->own;

	r->share = 1;
	if (seq_less(r->expected + r->window - 1, seq))
		return EV_OOO;
	if (seq_less(seq, r->expected) || sr->here[seq % RDT_WINDOW_MAX])
		return EV_DUP;
	if (seq - r->expected == sr->ahead)
		r->share = sr->ahead == 0 ? RDT_ACK_EVERY : GAP_SHARE;
	if (seq - r->expected >= sr->ahead)
		sr->ahead = seq - r->expected + 1;
	sr->here[seq % RDT_WINDOW_MAX] = 1;
	for (; sr->here[r->expected % RDT_WINDOW_MAX]; sr->ahead--)
		sr->here[r->expected++ % RDT_WINDOW_MAX] = 0;
	return EV_RECV;
}

/* Bit i stands for expected + 1 + i; the last is that of the highest. */
static size_t
sr_bitmap(const struct rdt_receiver *r, unsigned char *bits)
{
	const struct sr_receiver *sr = r->own;
	uint32_t i;
	size_t n;

	n = 0;
	for (i = 0; i + 1 < sr->ahead; i++) {
		if (i % 8 == 0)
			bits[n++] = 0;
		if (sr->here[(r->expected + 1 + i) % RDT_WINDOW_MAX])
			bits[i / 8] |= (unsigned char)(0x80 >> i % 8);
	}
	return n;
}

static int
sr_begin(struct rdt_sender *s, struct rdt_receiver *r)
{
	void **own = s != NULL ? &s->own : &r->own;

	*own = calloc(1, s != NULL ? sizeof (struct sr_sender) :
	    sizeof (struct sr_receiver));
	return *own == NULL ? -1 : 0;
}

const struct rdt_protocol rdt_sr = { "sr", 3, RDT_WINDOW_MAX, sr_next, sr_ack,
    sr_timer, sr_data, sr_deadline, sr_window, sr_bitmap, sr_begin };
