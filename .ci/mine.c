/* mine.c: what a student may hand in, for tests of lab/check.sh. Licence: ISC,
 * see README.
 *
 * Go-Back-N by the engine's own functions; or, by WRONG, with a mistake.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "proto.h"

extern const struct rdt_protocol rdt_mine;

#ifndef WRONG
#define WRONG	0
#endif
enum { NONE, WINDOW, TIMER, LAST, LOOP, CRASH, OUTSIDE, TWICE, EAGER,
    GREEDY };

static int
next(struct rdt_sender *s, int64_t t, uint32_t *seq)
{
	switch (WRONG) {
	case WINDOW:			/* one too large */
		if (s->next == s->end || s->next - s->base > s->cwnd)
			return 0;
		*seq = s->next++;
		return 1;
	case GREEDY:			/* the window, whatever cwnd says */
		if (s->next == s->end || s->next - s->base >= s->window)
			return 0;
		*seq = s->next++;
		return 1;
	case LOOP:
		for (;;)
			poll(NULL, 0, 1000);	/* takes no CPU of others */
	case CRASH:
		*(volatile int *)0 = 0;
		break;
	case OUTSIDE:
		memset(&s->duplicates, 0, 16 + sizeof s->duplicates);
		break;
	default:
		break;
	}
	return rdt_gbn.next(s, t, seq);
}

static void
ack(struct rdt_sender *s, int64_t t, uint32_t n, const unsigned char *bits,
    size_t bytes)
{
	rdt_gbn.ack(s, t, n, bits, bytes);
	if (WRONG == EAGER && s->dupacks == 1)
		s->next = s->base;	/* at the first duplicate */
}

static int64_t
deadline(const struct rdt_sender *s)
{
	return WRONG == TIMER ? NEVER : s->rto_at;
}

static void
timer(struct rdt_sender *s, int64_t t)
{
	rdt_gbn.timer(s, t);
}

static enum rdt_event
data(struct rdt_receiver *r, uint32_t seq)
{
	enum rdt_event event;

	if (WRONG == TWICE && seq + 1 == r->expected)
		return EV_RECV;
	event = rdt_gbn.data(r, seq);
	if (WRONG == LAST && event == EV_OOO)
		r->expected = seq + 1;	/* what came, not what is expected */
	return event;
}

const struct rdt_protocol rdt_mine = {
	.name = "mine", .code = 2, .window_max = RDT_WINDOW_MAX, .next = next,
	.ack = ack, .deadline = deadline, .timer = timer, .data = data
};
