/* mine.c: a protocol of your own. Licence: ISC, see README.
 *
 * You write the functions marked TODO, and touch nothing else in any file:
 *
 *      make mine                          builds .mine/serv and .mine/cli
 *      .mine/cli -m sim -u mine -W 3 -C none -L drop=/5 9
 *      lab/check.sh lab/9-write-it/mine.c says how far you are
 *
 * First stop-and-wait: CODE 1. When lab/check.sh is content, Go-Back-N: CODE 2.
 * As a bonus selective repeat: CODE 3, which needs what stands at the end. The
 * code goes into HELLO, so the other end may be a serv that knows nothing of
 * you: ./serv 50000, and .mine/cli -u mine localhost 50000 put FILE.
 *
 * Read `rdt: the engine' in proto.h, and nothing else. You are told what has
 * happened, and when (t, in microseconds); you never wait, and never read a
 * clock. Of struct rdt_sender you use
 *
 *      base       the oldest packet that is not acknowledged
 *      next       the next packet to be sent: you move it
 *      highest    one above the highest ever sent
 *      end        one above the last of all
 *      rto_at     when the timer runs out, or NEVER
 *      dupacks    duplicate ACKs since the last new one
 *
 * and of struct rdt_receiver
 *
 *      expected   the next packet in order: you move it. Its number is what an
 *                 ACK says
 *      window     how many packets from there on the sender may send
 *      share      see mine_data()
 *
 * What you call:
 *
 *      rdt_send_window(s)          packets from base on that may be sent: the
 *                                  window, or less, by congestion control
 *      rdt_slide(s, t, ack)        the window slides: base = ack. The RTT is
 *                                  measured, the timer begins anew or stops
 *      rdt_duplicate(s, t)         counts a duplicate ACK
 *      rdt_timed_out(s, t, n)      the timer begins anew, for twice as long; n
 *                                  packets were in flight
 *      seq_less(a, b)              is a before b? Numbers wrap around at 2^32:
 *                                  a < b would be wrong
 *
 * The timer starts by itself when a packet is sent and it does not run.
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
 * It may if it is not the end, and lies within the window, which begins at
 * base.
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
 * one of base..highest. Is it new, or a duplicate? (One that finds nothing in
 * flight is neither.)
 *
 * Go-Back-N: with the third duplicate in a row ask congestion control, by
 * s->congestion->lost(s, packets in flight). If that returns true, a packet is
 * lost: do what a timeout would do, but do not call rdt_timed_out().
 *
 * bits is the bitmap of selective repeat, of n bytes: bit i, the most
 * significant of bits[0] being bit 0, says that ack + 1 + i has arrived.
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

/* When mine_timer() shall be called: there is nothing to be done here, unless
 * you have a second timer. */
static int64_t
mine_deadline(const struct rdt_sender *s)
{
	return s->rto_at;
}

/* ---- the receiver ------------------------------------------------------- */

/*
 * Packet seq has come. Return
 *
 *      EV_RECV    it is new, and stored (that is done for you): once for each
 *                 packet; and, but in selective repeat, in order
 *      EV_DUP     it was here already
 *      EV_OOO     it is not wanted now, and thrown away
 *
 * and move expected over all that is here now. Then an ACK leaves, by itself.
 * It leaves at once if share is 1; for a packet in order you may set it to 2,
 * and then two packets share one.
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
 * Memory of your own, by calloc(): s->own of a sender, or r->own of a receiver;
 * the other one is NULL. It is freed for you. Packet n of a window has its
 * place at n % RDT_WINDOW_MAX. Return 0, or -1 if there is no memory.
 */
static int
mine_begin(struct rdt_sender *s, struct rdt_receiver *r)
{
	(void)s;
	(void)r;
	/* TODO: which packets have arrived? */
	return 0;
}

/* Writes the bitmap, up to its last 1; returns its bytes. */
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
	.deadline = mine_deadline,
	.timer = mine_timer,
	.data = mine_data,
	.window = NULL,
	.bitmap = mine_bitmap,
	.begin = mine_begin,
};
