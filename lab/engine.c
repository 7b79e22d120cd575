/* engine.c: the rdt engine alone, near the end of its numbers.
 * Licence: ISC, see README.
 *
 * Sends packets whose numbers run past 2^32 over a channel that loses, doubles
 * and swaps them and their ACKs, in all modes and under all congestion control,
 * and checks that each arrives once and, but in sr, in order. Also tells lies to
 * the sender. Prints what went wrong; exit status 0 if nothing did. The channel
 * is a queue: what is sent arrives in the next turn.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../proto.h"

#define PACKETS	300
#define FIRST	(UINT32_MAX - PACKETS / 2)

static struct rdt_sender s;
static struct rdt_receiver r;
static unsigned char got[PACKETS];
static int wrong;

static void
check(int ok, const char *what)
{
	if (!ok)
		printf("engine: mode %d, %s, window %u: %s\n", (int)s.mode,
		    s.control->name, s.window, what);
	wrong |= !ok;
}

static unsigned
chance(unsigned n)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;	/* Numerical Recipes */
	return (state >> 16) % n;
}

/* DATA arrives, and its ACK at the sender, if neither is lost. */
static void
arrive(uint32_t seq, int64_t t)
{
	unsigned char bits[RDT_WINDOW_MAX / 8];
	enum rdt_event event;
	uint32_t before;
	size_t n;

	before = r.expected;
	event = rdt_data(&r, seq);
	if (event == EV_RECV) {
		check(seq - FIRST < PACKETS, "a number never sent");
		check(!got[seq - FIRST]++, "a packet stored twice");
		check(s.mode == RDT_SR || seq == before, "out of order");
	}
	n = rdt_bitmap(&r, bits);
	if (chance(5) > 0)
		rdt_ack(&s, t, r.expected, bits, n);
	check(s.top - s.base <= s.window, "more in flight than the window");
}

/* What a sender must not believe. */
static void
lies(int64_t t)
{
	unsigned char bits[RDT_WINDOW_MAX / 8];
	struct rdt_sender before;

	memset(bits, 0xff, sizeof bits);
	before = s;
	rdt_ack(&s, t, s.top + 1, bits, sizeof bits);
	rdt_ack(&s, t, s.base - 1, bits, sizeof bits);
	rdt_ack(&s, t, s.base + 0x80000000u, bits, sizeof bits);
	check(memcmp(&before, &s, sizeof s) == 0, "it believed a lie");
}

static void
run(enum rdt_mode mode, unsigned window, const char *control)
{
	uint32_t wire[2 * RDT_WINDOW_MAX], seq;
	unsigned i, n;
	int64_t t;

	memset(got, 0, sizeof got);
	rdt_start(&s, mode, window, congestion_find(control), FIRST, PACKETS);
	rdt_expect(&r, mode, s.window, FIRST);
	for (t = 0; !rdt_done(&s) && !rdt_given_up(&s); t += SECOND / 100) {
		for (n = 0; rdt_next(&s, t, &seq);) {
			for (i = chance(10) == 0 ? 2 : 1; i > 0; i--)
				wire[n++] = seq;
			if (chance(8) == 0)
				n--;
			if (n > 1 && chance(8) == 0) {
				seq = wire[n - 1];
				wire[n - 1] = wire[n - 2];
				wire[n - 2] = seq;
			}
		}
		for (i = 0; i < n; i++)
			arrive(wire[i], t);
		lies(t);
		if (t >= s.deadline)
			rdt_timeout(&s, t);
	}
	check(rdt_done(&s), "given up");
	for (i = 0; i < PACKETS && got[i] == 1; i++)
		;
	check(i == PACKETS, "a packet is missing");
}

int
main(void)
{
	static const char *const controls[] = { "none", "half", "reno" };
	static const unsigned windows[] = { 1, 2, 3, 7, 8, 32, 1000, 1024 };
	size_t i, k;

	s.control = congestion_find("none");
	check(seq_less(UINT32_MAX, 0) && !seq_less(0, UINT32_MAX) &&
	    !seq_less(5, 5), "seq_less at the wrap");
	for (i = 0; i < COUNT(controls); i++) {
		for (k = 0; k < COUNT(windows); k++) {
			run(RDT_GBN, windows[k], controls[i]);
			run(RDT_SR, windows[k], controls[i]);
		}
		run(RDT_SW, 1, controls[i]);
	}
	return wrong;
}
