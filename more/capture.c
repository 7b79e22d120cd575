/* capture.c: what passes, as a file for Wireshark. Licence: ISC, see README.
 *
 * -w FILE installs a tap for datagrams and one for streams, which see each send
 * and receive. A program sees no packets, so the headers are made up here:
 *
 *      I/O functions --> tap --> tap_datagram() -> UDP --+
 *                         |                              +--> IP --> block
 *                         +----> tap_stream() ---> TCP --+
 *
 * The bytes, addresses, ports and times are real, and so is who connects, ends
 * and closes. The rest is made up: the handshake, where a segment ends,
 * sequence numbers and ACKs.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/stat.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "more.h"

/* ---- blocks -------------------------------------------------------------- */

#define PACKET_AT	28	/* offset in an Enhanced Packet Block */
#define PACKET_MAX	65535	/* bytes of an IP packet; none is fragmented */
#define BLOCK_MAX	(PACKET_MAX + 512)	/* and a comment, and options */

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6 };
enum { COMMENT = 1, EPB_FLAGS, IF_NAME = 2, IF_DESCRIPTION, USERAPPL };

static struct {
	int fd;				/* -1: no capture, or no more */
	int failed;
	int turn;			/* of a FIFO: a file whose lock decides
					   which process writes; else -1 */
	int64_t epoch;			/* time of day when now() was 0 */
	unsigned char block[BLOCK_MAX];
} capture = { .fd = -1, .turn = -1 };

/* Little-endian on every machine, so that all can write to one file. */
static void
le16(unsigned char *p, unsigned n)
{
	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
}

static void
le32(unsigned char *p, uint32_t n)
{
	le16(p, n & 0xffff);
	le16(p + 2, n >> 16);
}

/* Adds an option, padded to four bytes; returns where the next one begins. */
static unsigned char *
option(unsigned char *p, unsigned code, const void *value, size_t n)
{
	le16(p, code);
	le16(p + 2, (unsigned)n);
	memset(p + 4, 0, n + 3);
	memcpy(p + 4, value, n);
	return p + 4 + (n + 3) / 4 * 4;
}

/* Ends a block: its length stands before and after it. Returns what follows
 * it. */
static unsigned char *
end_block(unsigned char *block, uint32_t type, unsigned char *end)
{
	uint32_t n;

	n = (uint32_t)(end - block) + 4;
	le32(block, type);
	le32(block + 4, n);
	le32(end, n);
	return end + 4;
}

/* Appends capture.block up to end. To a regular file by one write(2) with
 * O_APPEND, so that no process waits for another; a partial block, on a full
 * disk, is cut off again. To a FIFO in as many writes as it takes. */
static int
write_block(const unsigned char *end)
{
	const unsigned char *at = capture.block;
	ssize_t put;
	int saved;

	file_lock(capture.turn, F_WRLCK);
	do {
		put = write(capture.fd, at, (size_t)(end - at));
		at += put > 0 ? put : 0;
	} while (at < end && (put < 0 ? errno == EINTR : capture.turn >= 0));
	saved = errno;
	file_lock(capture.turn, F_UNLCK);
	if (capture.turn < 0 && put > 0 && at < end && ftruncate(capture.fd,
	    lseek(capture.fd, 0, SEEK_END) - put) == 0)
		saved = ENOSPC;
	errno = saved;
	return at == end ? 0 : -1;
}

/* Does a file of this size end with a whole block? */
static int
ends_whole(off_t size)
{
	unsigned char begin[8], end[4];
	uint32_t n;

	if (pread(capture.fd, end, sizeof end, size - 4) != sizeof end)
		return 0;
	n = end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 |
	    (uint32_t)end[3] << 24;
	return n >= 12 && n <= size && pread(capture.fd, begin, sizeof begin,
	    size - (off_t)n) == sizeof begin && memcmp(begin + 4, end, 4) == 0;
}

/* Can packets be added to a file of `size' bytes, which should begin with the
 * first n of capture.block? NULL, or why not. Half a block may be one that
 * another process is writing: then it looks again. */
static const char *
check_file(off_t size, size_t n)
{
	unsigned char there[512];
	int tries;

	if (pread(capture.fd, there, n, 0) != (ssize_t)n ||
	    memcmp(there, capture.block, n) != 0)
		return "it is there already, and is no capture of ours";
	for (tries = 0; !ends_whole(size); tries++) {
		if (tries == 10)
			return "it ends with half a block";
		poll(NULL, 0, 20);
		size = lseek(capture.fd, 0, SEEK_END);
	}
	return NULL;
}

/* A file begins with a section and an interface of link type RAW: a packet
 * begins with the IP header. To a file that begins so, only packets are
 * added. */
static const char *
begin_file(void)
{
	static const char application[] = "serv and cli";
	static const char name[] = "sockets";
	static const char description[] = "What a program sent and received. "
	    "Bytes, addresses, ports and times are real; the other headers, "
	    "handshakes and ACKs are made up";
	unsigned char *p, *block;
	off_t size;

	block = capture.block;
	le32(block + 8, 0x1a2b3c4d);
	le16(block + 12, 1);			/* version 1.0 */
	le16(block + 14, 0);
	memset(block + 16, 0xff, 8);		/* length of section: unknown */
	p = option(block + 24, USERAPPL, application, strlen(application));
	block = end_block(block, SECTION, option(p, 0, "", 0));

	le16(block + 8, 101);			/* LINKTYPE_RAW */
	le16(block + 10, 0);
	le32(block + 12, 0);			/* packets of any length */
	p = option(block + 16, IF_NAME, name, strlen(name));
	p = option(p, IF_DESCRIPTION, description, strlen(description));
	p = end_block(block, INTERFACE, option(p, 0, "", 0));
	size = capture.turn >= 0 ? 0 : lseek(capture.fd, 0, SEEK_END);
	if (size > 0)
		return check_file(size, (size_t)(p - capture.block));
	return write_block(p) < 0 ? reason() : NULL;
}

/* ---- packets ----------------------------------------------------------- */

#define DATAGRAM_MAX	65507	/* bytes that UDP can carry over IPv4 */

/* Adds n bytes to an Internet checksum (RFC 1071), before it is folded. */
static uint32_t
sum16(uint32_t sum, const unsigned char *p, size_t n)
{
	for (; n > 1; n -= 2, p += 2)
		sum += unpack16(p);
	return n > 0 ? sum + ((unsigned)*p << 8) : sum;
}

/* Folds it to 16 bits, and takes the complement. */
static unsigned
fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Writes an IP header for n bytes that follow it; returns its length (it ends
 * with the addresses), or 0 if their families differ. */
static size_t
pack_ip(unsigned char *ip, const struct capture_packet *p, int protocol,
    size_t n)
{
	uint32_t from, to;
	int four;

	four = addr_ipv4(p->from, &from) == 0;
	if (four != (addr_ipv4(p->to, &to) == 0))
		return 0;
	if (four) {
		pack32(ip, 0x45000000 | (uint32_t)(20 + n));
		pack32(ip + 4, 0x4000);		/* may not be fragmented */
		pack32(ip + 8, 64u << 24 | (uint32_t)protocol << 16);
		pack32(ip + 12, from);
		pack32(ip + 16, to);
		pack16(ip + 10, fold(sum16(0, ip, 20)));
		return 20;
	}
	pack32(ip, 0x60000000);
	pack32(ip + 4, (uint32_t)n << 16 | (uint32_t)protocol << 8 | 64);
	memcpy(ip + 8, &((const struct sockaddr_in6 *)&p->from->ss)->sin6_addr,
	    16);
	memcpy(ip + 24, &((const struct sockaddr_in6 *)&p->to->ss)->sin6_addr,
	    16);
	return 40;
}

/* Appends a packet as a block: IP; a head of UDP or TCP, to which the ports are
 * added and, at sum_at, the checksum; and the bytes of p. */
static void
write_packet(const struct capture_packet *p, int protocol,
    const unsigned char *head, size_t headlen, size_t sum_at)
{
	unsigned char *ip = capture.block + PACKET_AT, *end, flags[4];
	char text[PEER_BYTES];
	size_t iplen, n;
	uint32_t sum;

	n = headlen + p->n;
	iplen = pack_ip(ip, p, protocol, n);
	if (capture.fd < 0 || iplen == 0)
		return;
	end = ip + iplen;
	memcpy(end, head, headlen);
	pack16(end, addr_text(p->from, text));
	pack16(end + 2, addr_text(p->to, text));
	memcpy(end + headlen, p->bytes, p->n);
	sum = sum16((uint32_t)(n + (size_t)protocol), ip + (iplen == 20 ? 12 :
	    8), iplen == 20 ? 8 : 32);		/* the addresses */
	sum = fold(sum16(sum, end, n));
	pack16(end + sum_at, sum == 0 && protocol == IPPROTO_UDP ? 0xffff :
	    sum);
	n += iplen;
	le32(capture.block + 8, 0);		/* the first interface */
	le32(capture.block + 12, (uint32_t)((uint64_t)p->t >> 32));
	le32(capture.block + 16, (uint32_t)p->t);
	le32(capture.block + 20, (uint32_t)n);
	le32(capture.block + 24, (uint32_t)n);
	memset(ip + n, 0, 3);
	end = ip + (n + 3) / 4 * 4;
	if (p->note != NULL && p->note[0] != '\0')
		end = option(end, COMMENT, p->note, strlen(p->note));
	le32(flags, p->inbound ? 1 : 2);
	end = option(end, EPB_FLAGS, flags, 4);
	if (write_block(end_block(capture.block, PACKET,
	    option(end, 0, "", 0))) == 0)
		return;
	dgram_tap = NULL;
	capture.fd = -1;
	capture.failed = errno != EPIPE;	/* the reader of a FIFO ended */
	log_msg(capture.failed ? ERROR : INFO,
	    "-w: the capture ends here: %s", reason());
}

void
capture_datagram(const struct capture_packet *p)
{
	unsigned char head[8] = { 0 };

	if (p->n > DATAGRAM_MAX)	/* larger than any of UDP over IPv4 */
		return;
	pack16(head + 4, (unsigned)(sizeof head + p->n));
	write_packet(p, IPPROTO_UDP, head, sizeof head, 6);
}

/* ---- streams ------------------------------------------------------------ */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACKED = 16 };
enum { US, PEER };

/* Connections, by descriptor; the process of a chat has many. */
static struct stream {
	int open;
	int broken;			/* a send failed with a reset */
	struct addr end[2];
	uint32_t next[2];		/* sequence numbers, */
	int ended[2];			/* and whether FIN has been sent */
} streams[2 * CHILDREN_MAX + 256];

#define SEGMENT		(PACKET_MAX - 60)	/* bytes of one, at most */

static void
segment(struct stream *s, int from, unsigned flags, const void *bytes,
    size_t n)
{
	struct capture_packet p = { 0 };
	unsigned char head[20] = { 0 };

	pack32(head + 4, s->next[from]);
	pack32(head + 8, flags & ACKED ? s->next[!from] : 0);
	pack16(head + 12, 5u << 12 | flags);
	pack16(head + 14, 65535);
	p.t = capture.epoch + now();
	p.from = &s->end[from];
	p.to = &s->end[!from];
	p.inbound = from == PEER;
	p.bytes = bytes;
	p.n = n;
	write_packet(&p, IPPROTO_TCP, head, sizeof head, 16);
	s->next[from] += (uint32_t)n + ((flags & (SYN | FIN)) != 0);
}

static void
begin_stream(int fd, int client)
{
	struct stream *s = &streams[fd];

	memset(s, 0, sizeof *s);
	if (sock_addr(fd, getsockname, &s->end[US]) < 0 ||
	    sock_addr(fd, getpeername, &s->end[PEER]) < 0)
		return;
	s->open = 1;
	/*
	 * The first number comes from the clock, in quarters of a second: so
	 * two uses of a port differ, but both programs mostly agree. In a file
	 * of both, Wireshark then sees that a segment stands there twice.
	 */
	s->next[US] = s->next[PEER] = (uint32_t)((capture.epoch + now()) /
	    (SECOND / 4)) * 1000003u;
	segment(s, client, SYN, "", 0);
	segment(s, !client, SYN | ACKED, "", 0);
	segment(s, client, ACKED, "", 0);
}

/* Bytes went from one end to the other. Each segment fits the window, and is
 * acknowledged at once. */
static void
stream_bytes(struct stream *s, int from, const char *bytes, size_t n)
{
	size_t part;

	for (; n > 0; bytes += part, n -= part) {
		part = n < SEGMENT ? n : SEGMENT;
		segment(s, from, part == n ? ACKED | PSH : ACKED, bytes, part);
		segment(s, !from, ACKED, "", 0);
	}
}

static void
stream_ended(struct stream *s, int from)
{
	if (s->ended[from])
		return;
	s->ended[from] = 1;
	segment(s, from, FIN | ACKED, "", 0);
	segment(s, !from, ACKED, "", 0);
}

/* A reset ends the connection at once, for both. */
static void
stream_reset(struct stream *s, int from)
{
	segment(s, from, RST | ACKED, "", 0);
	s->open = 0;
}

/* We end our side, or close. What the peer has done before is not known yet:
 * one byte is looked at. A close with input unread sends a reset, not a FIN. */
static void
stream_closing(struct stream *s, int fd, int all)
{
	ssize_t left;
	char byte;

	errno = EAGAIN;
	left = readable(fd, 0) ? recv(fd, &byte, 1, MSG_PEEK) : -1;
	if (left == 0)
		stream_ended(s, PEER);
	if (s->broken || (left < 0 && errno == ECONNRESET))
		stream_reset(s, PEER);
	else if (left > 0 && all)
		stream_reset(s, US);
	else
		stream_ended(s, US);
	s->open = s->open && !all;
}

/* ---- the tap ------------------------------------------------------------- */

/* The address from which the system sends to a peer, found by connecting a
 * socket. The port stays. */
static void
source_address(struct addr *us, const struct addr *peer)
{
	struct addr a;
	int fd, off;

	fd = socket(peer->ss.ss_family, SOCK_DGRAM, 0);
	if (fd < 0)
		return;
	off = 0;
	if (peer->ss.ss_family == AF_INET6)	/* for IPv4 in it */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (connect(fd, (const struct sockaddr *)&peer->ss, peer->len) < 0 ||
	    sock_addr(fd, getsockname, &a) < 0)
		;			/* it stays unknown */
	else if (a.ss.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&us->ss)->sin6_addr =
		    ((struct sockaddr_in6 *)&a.ss)->sin6_addr;
	else
		((struct sockaddr_in *)&us->ss)->sin_addr =
		    ((struct sockaddr_in *)&a.ss)->sin_addr;
	close(fd);
}

static void
tap_datagram(int fd, int received, const void *buf, size_t n,
    const struct addr *other, const char *note)
{
	struct capture_packet p = { 0 };
	struct addr us, peer;
	int saved;

	saved = errno;
	if (other == NULL && sock_addr(fd, getpeername, &peer) == 0)
		other = &peer;
	if (other != NULL && sock_addr(fd, getsockname, &us) == 0) {
		if (addr_is_of(&us, "0.0.0.0") || addr_is_of(&us, "::"))
			source_address(&us, other);
		p.t = capture.epoch + now();
		p.inbound = received;
		p.from = received ? other : &us;
		p.to = received ? &us : other;
		p.bytes = buf;
		p.n = n;
		p.note = note;
		capture_datagram(&p);
	}
	errno = saved;
}

/* The hook of connections: see proto.h. A file is no connection. */
static int
tap_stream(int fd, enum passing what, const void *buf, ssize_t n)
{
	struct stream *s;
	int saved;

	if ((size_t)fd >= COUNT(streams) || what >= FILE_BEGINS)
		return 0;		/* not shown */
	s = &streams[fd];
	saved = errno;
	if (what == CONNECTED || what == ACCEPTED)
		begin_stream(fd, what == CONNECTED ? US : PEER);
	else if (!s->open)
		;
	else if (what == ENDED || what == CLOSED)
		stream_closing(s, fd, what == CLOSED);
	else if (n > 0)
		stream_bytes(s, what == SENT ? US : PEER, buf, (size_t)n);
	else if (n < 0 && errno != ECONNRESET && errno != EPIPE)
		;			/* it goes on */
	else if (what == SENT)
		s->broken = n < 0;	/* there may still be input */
	else if (s->broken || n < 0)
		stream_reset(s, PEER);
	else
		stream_ended(s, PEER);
	errno = saved;
	return 0;
}

/* Opens the file, and begins it: NULL, or why not. What is not regular, such
 * as a FIFO, is only written to. */
static const char *
open_file(const char *path)
{
	struct stat st;
	FILE *turn;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode)) {
		capture.fd = open(path, O_RDWR | O_APPEND | O_CREAT, 0666);
		return capture.fd < 0 ? reason() : begin_file();
	}
	capture.fd = open(path, O_WRONLY);
	turn = capture.fd < 0 ? NULL : tmpfile();
	capture.turn = turn == NULL ? -1 : fileno(turn);
	return turn == NULL ? reason() : begin_file();
}

/* The times are those of a clock that is not set back, from the time of day at
 * which the program began. */
static const char *
set_capture(char *path)
{
	const char *why;

	if (capture.fd >= 0)
		return "-w can be given once";
	capture.epoch = time_of_day() - now();
	why = open_file(path);
	if (why != NULL) {
		log_msg(ERROR, "-w %s: %s", path, why);
		exit(1);
	}
	dgram_tap = tap_datagram;
	io_hook = tap_stream;
	return NULL;
}

const struct option capture_options[] = {
	{ 'w', "capture", "append all that passes, for Wireshark (pcapng)",
	    .set = set_capture },
	OPTIONS_END
};

int
capture_failed(void)
{
	return capture.failed;
}
