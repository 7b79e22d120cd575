/* congestion.c: congestion control: half and reno. Licence: ISC, see README.
 *
 * Rows of a table in proto.c, whose row `none' does nothing. cwnd is how many
 * packets may be in flight; a network that loses some lacks room.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "../proto.h"

extern const struct congestion congestion_half, congestion_reno;

/* What reno notes in s->noted. */
enum {
	GROWN,			/* packets acknowledged since cwnd last grew */
	RECOVER,		/* losses below this number are old */
	RECOVERING		/* is this fast recovery? */
};

/* half: every new ACK adds a packet, every timeout takes half. */
static void
half_acked(struct rdt_sender *s, uint32_t packets)
{
	(void)packets;
	s->cwnd += s->cwnd < s->window;
}

/* cwnd never falls below one packet. */
static void
half_timeout(struct rdt_sender *s, unsigned flight)
{
	(void)flight;
	s->cwnd = s->cwnd > 1 ? s->cwnd / 2 : 1;
}

const struct congestion congestion_half = { "half", 2, 0, half_acked, NULL,
    half_timeout };

/* Half of what is in flight, at least two packets: RFC 5681, equation 4. */
static unsigned
half_flight(unsigned flight)
{
	return flight < 4 ? 2 : flight / 2;
}

/* Slow start, or congestion avoidance; but no growth during fast recovery. */
static void
reno_acked(struct rdt_sender *s, uint32_t packets)
{
	if (!seq_less(s->base, s->noted[RECOVER])) {
		s->noted[RECOVER] = s->base;	/* so numbers may wrap around */
		s->noted[RECOVERING] = 0;
	}
	if (s->noted[RECOVERING])
		return;
	if (s->cwnd >= s->ssthresh && (s->noted[GROWN] += packets) < s->cwnd)
		return;			/* not yet a window acknowledged */
	s->noted[GROWN] = 0;
	s->cwnd += s->cwnd < s->window;
}

/*
 * Fast retransmit, at most once a window: while base is below RECOVER, ACKs
 * still answer packets that were sent before the loss was seen (RFC 6582). In
 * sr fast recovery follows: what arrives after the gap has left the network,
 * and makes room in the window, as by the inflation of RFC 5681, section 3.2,
 * or the pipe of RFC 6675.
 */
static int
reno_lost(struct rdt_sender *s)
{
	if (seq_less(s->base, s->noted[RECOVER]))
		return 0;
	s->ssthresh = half_flight(s->highest - s->base);
	s->cwnd = s->ssthresh < s->window ? s->ssthresh : s->window;
	s->noted[GROWN] = 0;
	s->noted[RECOVERING] = s->protocol->bitmap != NULL;
	s->noted[RECOVER] = s->highest;
	return 1;
}

/* Of consecutive timeouts, the first alone says what the network can take. */
static void
reno_timeout(struct rdt_sender *s, unsigned flight)
{
	if (s->consecutive_timeouts == 1)
		s->ssthresh = half_flight(flight);
	s->cwnd = 1;
	s->noted[GROWN] = 0;
	s->noted[RECOVERING] = 0;
	s->noted[RECOVER] = s->highest;
}

const struct congestion congestion_reno = { "reno", 3, 1, reno_acked, reno_lost,
    reno_timeout };
