/* mine.c: a protocol of your own. Licence: ISC, see README.
 *
 * Copy this file. Write the functions marked TODO, and set CODE; change nothing
 * else.
 *
 *      make mine MINE=FILE                builds .mine/serv and .mine/cli
 *      .mine/cli -m sim -u mine -W 3 -C none -L drop=/5 9
 *      lab/check.sh FILE                  says how far you are
 *
 * Begin with CODE 1, stop-and-wait. When lab/check.sh passes, set it to 2 for
 * Go-Back-N. As a bonus, 3 is selective repeat, which also needs the two
 * functions at the end. HELLO carries the code, so the other end may be an
 * ordinary ./serv 50000: .mine/cli -u mine localhost 50000 put FILE.
 *
 * Read `rdt: the engine' in proto.h, and nothing else. The engine calls your
 * functions when something happens; t is the time in microseconds. They never
 * wait, and never read a clock. Of struct rdt_sender you use
 *
 *      base       the oldest packet that is not acknowledged
 *      next       the next packet to be sent: you move it
 *      highest    one above the highest ever sent
 *      end        one above the last packet of the file
 *      rto_at     when the timer runs out, or NEVER
 *      dupacks    duplicate ACKs since the last new one
 *
 * and of struct rdt_receiver
 *
 *      expected   the next packet in order: you move it. Each ACK carries it
 *      window     how many packets, from expected on, the sender may send
 *      share      see mine_data()
 *
 * What you call:
 *
 *      rdt_send_window(s)          how many packets, from base on, may be sent:
 *                                  the window, or less, by congestion control
 *      rdt_slide(s, t, ack)        the window slides: base = ack. The RTT is
 *                                  measured, the timer begins anew or stops
 *      rdt_duplicate(s, t)         counts a duplicate ACK
 *      rdt_timed_out(s, t, n)      the timer begins anew, with twice the time;
 *                                  n is the number of packets in flight
 *      seq_less(a, b)              is a before b? Numbers wrap around at 2^32:
 *                                  a < b would be wrong
 *
 * Sending a packet starts the timer, if it is not running.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <stdlib.h>
#include <string.h>

#include "proto.h"

#define CODE	1		/* 1 stop-and-wait, 2 Go-Back-N, 3 selective
				   repeat */

extern const struct rdt_protocol rdt_mine;

/* ---- the sender --------------------------------------------------------- */

/*
 * May a packet be sent now? If so, set *seq to its number, move next, and
 * return 1; you are called again at once. Else return 0: you are called again
 * when something has happened.
 *
 * Packet next may be sent if it is before end, and within the window, which
 * begins at base.
 */
static int
mine_next(struct rdt_sender *s, int64_t t, uint32_t *seq)
{
	(void)s;
	(void)t;
	(void)seq;
	/* TODO */
	return 0;
}

/*
 * An ACK has come: the receiver has everything before packet `ack', which is
 * one of base..highest. Is it new, or a duplicate? (Ignore an ACK that comes
 * when nothing is in flight.)
 *
 * Go-Back-N: on the third duplicate in a row call rdt_lost(s). If that returns
 * true, go back as on a timeout, but do not call rdt_timed_out().
 *
 * bits, of n bytes, is the bitmap of selective repeat. Bit 0 is the most
 * significant bit of bits[0]; bit i says that packet ack + 1 + i has arrived.
 */
static void
mine_ack(struct rdt_sender *s, int64_t t, uint32_t ack,
    const unsigned char *bits, size_t n)
{
	(void)s;
	(void)t;
	(void)ack;
	(void)bits;
	(void)n;
	/* TODO */
}

/*
 * The timer has run out. What is to be sent again, and how does mine_next()
 * learn of it?
 */
static void
mine_timer(struct rdt_sender *s, int64_t t)
{
	(void)s;
	(void)t;
	/* TODO */
}

/* ---- the receiver ------------------------------------------------------- */

/*
 * Packet seq has come. Return
 *
 *      EV_RECV    it is new: the engine stores it. Return this once for each
 *                 packet, and in order unless CODE is 3
 *      EV_DUP     it was here already
 *      EV_OOO     it is not wanted now, and thrown away
 *
 * and move expected to the first that is missing. The engine sends the
 * ACK: at once if share is 1. For a packet in order you may set share to 2;
 * then two packets share an ACK.
 */
static enum rdt_event
mine_data(struct rdt_receiver *r, uint32_t seq)
{
	(void)seq;
	r->share = 1;
	/* TODO */
	return EV_OOO;
}

/* ---- selective repeat --------------------------------------------------- */

#if CODE == 3
/*
 * Allocate memory by calloc(): s->own for a sender, r->own for a receiver; the
 * other argument is NULL. The engine frees it. Packet n has its place at
 * n % RDT_WINDOW_MAX. Return 0, or -1 if there is no memory.
 */
static int
mine_begin(struct rdt_sender *s, struct rdt_receiver *r)
{
	(void)s;
	(void)r;
	/* TODO: which packets have arrived? */
	return 0;
}

/* Writes the bitmap, up to its last bit that is 1; returns its size. */
static size_t
mine_bitmap(const struct rdt_receiver *r, unsigned char *bits)
{
	(void)r;
	(void)bits;
	/* TODO */
	return 0;
}
#else
#define mine_begin	NULL
#define mine_bitmap	NULL
#endif

/* ---- the row of the table ------------------------------------------------ */

const struct rdt_protocol rdt_mine = {
	.name = "mine",
	.code = CODE,
	.window_max = CODE == 1 ? 1 : RDT_WINDOW_MAX,
	.next = mine_next,
	.ack = mine_ack,
	.deadline = NULL,		/* or a function: see proto.h */
	.timer = mine_timer,
	.data = mine_data,
	.window = NULL,
	.bitmap = mine_bitmap,
	.begin = mine_begin,
};
