/* more.h: the formats of the protocols in more/. Licence: ISC, see README.
 *
 * xfer, hashes, peer, what chat and room share, faults, chat, room, captures.
 * The conventions are those of proto.h. The documents of the protocols:
 *   xfer        TCP File Transfer, Buenos Aires, in Spanish; in Python
 *   dir, peer   NanoFiles, Redes de Comunicaciones, in Spanish; Java
 *   chat        Our System TCP traffic protocol, in English; Python
 *   room        the chat project of Ariel University, in Hebrew; Python
 */
#ifndef MORE_H
#define MORE_H

#include "../proto.h"

/* ---- xfer: one request on each connection ------------------------------- */

/*
 * An opcode, answered step by step with a status; each is one byte. A name, the
 * contents of a file and a list come as their length and then that many bytes:
 *
 *    0                     8                  8 + length
 *   +---------------------+------------------+
 *   | length, big-endian  | bytes            |
 *   +---------------------+------------------+
 *
 *    client        server    client        server    client        server
 *      |-- 0: upload ->|       |- 1: download >|       |-- 2: list --->|
 *      |<--- status ---|       |<--- status ---|       |<--- status ---|
 *      |---- name ---->|       |---- name ---->|       |<==== list ====|
 *      |== contents ==>|       |<--- status ---|       |<==== end =====|
 *      |===== end ====>|       |<== contents ==|
 *      |<--- status ---|       |<==== end =====|
 *
 * The original server neither sends the last status nor closes: `not
 * confirmed'. A status that is not 0 ends the request; it may come at any time,
 * even while a file is sent, and to a new connection if the server is full.
 *
 * The list is one line for each file, joined by newlines, and each a tuple of
 * Python: name, bytes, and when it was changed, in seconds since 1970:
 *
 *     ('lorem_ipsum.txt', 100321, 1620948149.0)
 *
 * The name is a literal of Python: \\ \' and, for a byte that is no part of
 * printable UTF-8, \xNN. Our client also takes \" and the other escapes of
 * Python's repr(), \n \r \t \uNNNN \UNNNNNNNN, in quotes of either kind; but
 * \xNN, by which repr() means a character, is one byte here.
 */
#define XFER_LENGTH	8
#define XFER_LINE_MAX	(4 * NAME_BYTES + 64)	/* bytes, NUL included */
#define XFER_TIME_MIN	(sizeof (time_t) < 8 ? INT32_MIN : -62135596800.0)
#define XFER_TIME_MAX	(sizeof (time_t) < 8 ? INT32_MAX : 253402300799.0)
					/* times shown: years 1 to 9999 */

enum xfer_op { XFER_UPLOAD, XFER_DOWNLOAD, XFER_LIST };
enum xfer_status {
	XFER_OK = 0,
	XFER_OPCODE = 1,	/* no such opcode */
	XFER_NOFILE = 2,	/* no such regular file */
	XFER_FAILED = 3		/* refused or failed, or the server is full */
};

/* Writes a length and, unless text is NULL, that many bytes of it; returns the
 * bytes written. */
size_t	xfer_pack(unsigned char *out, uint64_t length, const char *text);

/* Receive a length; a length and a text of at most max bytes, to which a NUL is
 * added (returns the length); one byte. They fail as read_all(). A length above
 * INT64_MAX is EFBIG, a text of more than max bytes EMSGSIZE. */
int	xfer_length(int fd, uint64_t *length);
ssize_t	xfer_text(int fd, char *text, size_t max);
int	xfer_byte(int fd);

struct xfer_file {
	const char *name;
	uint64_t size;
	double time;
};

/* A line of the list, without its newline. xfer_line_pack() returns its length.
 * xfer_line_unpack() takes one apart in place, so that name points into it; -1:
 * it is malformed. */
size_t	xfer_line_pack(char line[XFER_LINE_MAX], const struct xfer_file *f);
int	xfer_line_unpack(struct xfer_file *f, char *line);

/* ---- hashes -------------------------------------------------------------- */

/* The SHA-1 (RFC 3174) of a file, from its current offset on. */
int	hash_file(int fd, char hex[HASH_DIGITS + 1]);

/* ---- peer: files between the clients of dir ------------------------------ */

/*
 * Text messages over TCP, of lines `key:value', the first of which is the
 * operation; an empty line ends them. A blank after the colon is passed over.
 *
 *    0            2
 *   +------------+----------------------------------------------------+
 *   | length     | operation:NAME \n  key:value \n  ...  \n           |
 *   +------------+----------------------------------------------------+
 *
 *   queryfiles    ->  servedfiles   files:HASH SIZE NAME, a line for each
 *                                   more:1 if another message follows
 *   download      ->  filelength    filelength:N, the messages that follow
 *     filehash:HASH   downloaded    file:BASE64, N times
 *                 ->  notfound      no file, or more than one
 *   close             ends the connection
 */
#define PEER_MESSAGE_MAX	65535
#define PEER_PART	48000		/* bytes of a file in one message */
#define PEER_PREFIX	8		/* digits of a hash, at least */

/* The lines of one that was received are strings. */
struct peer_message {
	char text[PEER_MESSAGE_MAX + 1];
	size_t length;
};

/* Begins a message; adds a line to it, if there is room; ends and sends it. */
void	peer_begin(struct peer_message *m, const char *operation);
void	peer_add(struct peer_message *m, const char *key, const char *value);
int	peer_send(int fd, struct peer_message *m);

/* Receives one and checks it; EBADMSG if it is malformed. */
int	peer_recv(int fd, struct peer_message *m);

/* The value of a key in a message that came, or the next one after the value
 * `from'; NULL: there is none. */
const char *peer_value(const struct peer_message *m, const char *from,
	    const char *key);
int	peer_is(const struct peer_message *m, const char *operation);

/* Base 64 (RFC 4648): returns the bytes written, or -1: `in' is not base 64. */
#define BASE64_BYTES(n)	(((n) + 2) / 3 * 4)
size_t	base64_encode(char *out, const unsigned char *in, size_t n);
ssize_t	base64_decode(unsigned char *out, const char *in, size_t n);

/* ---- talk: what chat and room share -------------------------------------- */

/* One send(2) or recv(2) on a socket that does not block: at least one byte, or
 * EAGAIN, or 0 at the end. */
ssize_t	send_some(int fd, const void *buf, size_t n);
ssize_t	recv_some(int fd, void *buf, size_t n);

/* Bytes that wait to be sent, or for the rest of their message. */
struct buffer {
	char *bytes;			/* max of them, once any is needed */
	size_t n;			/* that wait */
	size_t max;			/* set by the caller; the rest is 0 */
};

/* Adds n bytes, all or none: -1 if they would be more than max, or there is no
 * memory. */
int	buffer_add(struct buffer *b, const void *bytes, size_t n);

/* Takes the first n bytes away. */
void	buffer_drop(struct buffer *b, size_t n);

/* Calls get() once, appends its bytes, and returns its result; EMSGSIZE if the
 * buffer is full. */
ssize_t	buffer_fill(struct buffer *b, int fd,
	    ssize_t (*get)(int fd, void *buf, size_t n));

/* Sends as much as is possible without waiting. Returns -1 if the connection is
 * broken. */
int	buffer_send(struct buffer *b, int fd);

/* ---- faults: what -L does ------------------------------------------------ */

/* DROP loses a datagram, DUP sends it twice, REORDER holds it back until the
 * next one has passed, CORRUPT flips one bit. Those that begin with ACK hit
 * ACKs; only mode sim has them, since it is both ends. */
enum fault { DROP, DUP, REORDER, CORRUPT, ACKDROP, ACKDUP, ACKREORDER,
	FAULT_KINDS };

#define DELAY_MAX	60000		/* milliseconds */
#define RATE_MAX	10000000	/* kilobits per second */
extern struct faults {
	struct fault_rule {
		const char *text;	/* `0.1', `/5', `5:11:12'; or NULL */
		double probability;	/* of `0.1'; else 0 */
	} rule[FAULT_KINDS];
	int64_t delay;			/* microseconds */
	int64_t seed;
	int64_t rate;			/* kilobits per second; 0: no limit */
	int64_t queue;			/* datagrams that may wait for the
					   link; -1: all */
} faults;

/* Reads text like `drop=0.1,dup=/5,corrupt=3:7,seed=7' into faults, and
 * overwrites it. Returns NULL, or the first item that is wrong, and *why. */
const char *faults_parse(char *text, int sim, const char **why);

/* A datagram in a channel. */
#define NOTE_BYTES	256
struct held {
	struct held *next;
	int64_t leaves, arrives;	/* when: the queue; the other end */
	int fd, addressed;		/* the socket; is there a `to'? */
	struct addr to;
	char note[NOTE_BYTES];		/* for a capture */
	size_t wire;			/* bytes that it takes on the link */
	size_t n;
	unsigned char bytes[];
};

/* A channel in one direction; all 0 at first. */
struct channel {
	int acks;			/* the rules for ACKs hold */
	/* Called for a datagram on its way, or NULL; and for a lost one. */
	void (*entered)(const struct held *h);
	void (*lost)(const struct held *h);
	struct held *first, **end;	/* on their way, in order */
	struct held *late;		/* until the next is sent; or NULL */
	unsigned held;			/* how many are on their way */
	int64_t free_at;		/* when the link is */
	uint64_t counted, others;	/* datagrams so far */
	char fate[NOTE_BYTES];		/* of the last one */
};

/* A datagram, or NULL; wire is what it takes on the link, if that is more. */
struct held *channel_datagram(const void *bytes, size_t n, size_t wire);

/* Applies the faults to it at time t; returns flags, see below. */
enum { DROPPED = 1, FULL = 2, HELD_BACK = 4, DOUBLED = 8, CORRUPTED = 16 };
int	channel_send(struct channel *c, int64_t t, struct held *h, int counted);

/* When the next one arrives, or NEVER. Takes it; free() it. */
int64_t	channel_next(const struct channel *c);
struct held *channel_take(struct channel *c);

/* ---- chat: free text, and files that are pulled -------------------------- */

/*
 * If a newline ends the client's first message (its name) or comes next, alone,
 * messages are lines; else each is one read, and one send. An empty message is
 * ignored. A newline within one becomes a blank, or it would forge a line for
 * others.
 *
 *   client: (its name)           all: `NAME has joined the chat!', `ALL a b '
 *           ~NAME text           NAME: `SENDER: (PRIVATE)  text'
 *                                sender: `from you to NAME: (PRIVATE)  text'
 *           show                 `ALL a b ': the others
 *           get_list_file        `CHOOSE_FILE a b ' (-S: `<CHOOSE_FILE> a b ')
 *           download_file NAME   `UDP PORT SIZE NAME'
 *           CHANGENAME OLD NEW   all: `OLD changed his name to NEW!', the lists
 *           {quit}               the rest: `NAME left the chat...', the lists
 *           anything else        all, the sender too: `SENDER: anything else'
 *
 * A failed request is answered with `ERROR ' and the reason. A name that would
 * make a list longer than CHAT_LIST_MAX is left out.
 *
 * A file is pulled by UDP: the client sends `part I' from a new port each time,
 * and the server answers with the bytes from 1000 * I on, in a pickle of Python
 * that holds the pair (bytes, their number):
 *
 *   80 03  42 length(4)  bytes  71 00  4d number(2)  86  71 01  2e
 *   80 03  43 length(1)  bytes  71 00  4b number(1)  86  71 01  2e
 *
 * Numbers are little-endian here; the second form is for less than 256 bytes. A
 * file of SIZE bytes has SIZE / 1000 + 1 parts; `finished' ends it.
 */
#define CHAT_MESSAGE_MAX	1000	/* bytes */
#define CHAT_LIST_MAX		(32 * 1024)
#define CHAT_PART		1000	/* bytes of a file in one datagram */
#define CHAT_PICKLE		(CHAT_PART + 16)
#define CHAT_SILENCE_S		30	/* the server waits for a request */

/*
 * chat_pack() makes the pickle and returns its bytes. chat_unpack() returns how
 * many bytes it holds, from *data on, or -1. It also takes a list (80 03 5d 71
 * 00 28 ... 65 2e), the bytes alone, and all these in protocols 4 and 5 (80 04
 * 95 length(8), and 94 for 71 xx). No pickle is ever executed.
 */
size_t	chat_pack(unsigned char *out, const void *data, size_t n);
ssize_t	chat_unpack(const unsigned char **data, const unsigned char *in,
	    size_t n);

/*
 * Both ends of a download; the caller fills in file, of at most UINT32_MAX
 * parts, and sock, -1 at the client. A request is reported as a transmission,
 * its answer traced as an ACK. The client asks the peer of `control'. At the
 * server errno is ECONNABORTED if `finished' comes before all parts were asked
 * for, in order.
 */
int	chat_pull(struct rdt_session *s, int control, unsigned port);
int	chat_answer(struct rdt_session *s, const char *client);

/* ---- room: codes and lengths -------------------------------------------- */

/*
 * A message is a code of three or four digits. Each text that follows has its
 * length before it, in two digits; so a message tells where it ends. Only CR
 * and LF may stand between two messages:
 *
 *   100 name         200 name PORT    connect to PORT for updates
 *                    4001 bad name, 4002 taken, 4003 full
 *   101              201              leave
 *   102              2020 nobody, 2021 Y names (Y: one digit)
 *   103 name text    203, 4031 no such user
 *   104 text         2040 nobody, 2041 Y names: who got it
 *   105              2050 no files, 2051 YY names
 *   106 TCP name     206 SIZE PORT, 4061 no such file, 4062 no port
 *   106 UDP name     the same         (SIZE: a text of digits, in both)
 *
 *   300 name  301 name  303 name text  304 name text   updates, on a
 *   joined    left      privately      to all          connection of their own
 *
 *   4990             anything else; the connection is closed
 *
 * Where room's document is silent we chose: a client outside the room can only
 * join or leave; one that is in it and joins again gets 4002. A file whose name
 * is longer than 99 bytes is not listed. Too many downloads at once get 4062.
 */
#define ROOM_USERS	10
#define ROOM_TEXT_MAX	99
#define ROOM_NAME_MIN	2
#define ROOM_JOIN_S	10	/* seconds for the second connection */
#define ROOM_FIELDS	100
#define ROOM_REQUEST_MAX	256	/* more than the longest request */
#define ROOM_ANSWER_MAX	(8 + ROOM_FIELDS * (ROOM_TEXT_MAX + 2))

struct room_message {
	const char *code;		/* NULL: only CR and LF */
	const char *why;		/* an error in words; else NULL */
	unsigned fields;
	struct {
		const char *text;
		size_t n;
	} field[ROOM_FIELDS];
};

/* Takes a message off a text, its fields pointing into that. Returns the bytes
 * of the message; 0: more must come; -1: it is malformed. */
ssize_t	room_unpack(struct room_message *m, const char *text, size_t n);

/* The message being made: room_begin() writes its code, room_add() a length and
 * a text of at most 99 bytes. */
extern struct room_words {
	char text[ROOM_ANSWER_MAX];
	size_t n;
} room_words;
void	room_begin(const char *code);
void	room_add(const char *text, size_t n);

/*
 * The encoding of rdt in which room sends files by UDP. A packet has its number
 * modulo window + 1, in two digits, and nothing tells a damaged one, or one
 * that comes late, from a good one:
 *
 *    0      1             3                 HELLO: the window that the client
 *   +------+-------------+----------               wants, 0 and two digits
 *   | last | number, two | payload          ACK:   the number expected, with no
 *   | 0, 1 | digits      |                         zero before it
 *   +------+-------------+----------        DONE:  there is none
 *
 * Nothing is agreed on: the client says HELLO each second, until DATA comes.
 * A number means the first packet, from `expected' (receiver) or base (sender)
 * on, that has it modulo window + 1; but DATA a whole window ahead is taken for
 * packet expected - 1. Windows are 1 to 99.
 */
#define ROOM_HEAD	3
#define ROOM_BLOCK	1000
#define ROOM_WINDOW	20	/* default */
#define ROOM_WINDOW_MAX	99
extern const struct rdt_encoding room_encoding;

/* The client's side of rdt_accept() in this encoding, to the host of `control'.
 * rdt_recv() follows. */
int	room_connect(struct rdt_session *s, int control, unsigned port);

/* ---- capture: what passes, for Wireshark (-w) ---------------------------- */

/*
 * A pcapng file (draft-ietf-opsawg-pcapng), its fields little-endian, that many
 * processes can write to. A packet is one block:
 *
 *    0        4        8        12       16       20       24       28
 *   +--------+--------+--------+--------+--------+--------+--------+---------
 *   | type 6 | length | inter- | time, high and   | bytes  | bytes  | packet,
 *   |        | of all | face 0 | low: us          | here   | in all | padded
 *   +--------+--------+--------+--------+--------+--------+--------+---------
 *    comment, which way it went, end of options; length of all, once more
 *
 * A packet begins with an IPv4 or IPv6 header (link type RAW, 101).
 */

/* trace and capture: F_WRLCK waits for the lock of a file, F_UNLCK gives it
 * back; nothing, if fd is -1. */
void	file_lock(int fd, int type);

/* Adds one datagram; only while dgram_tap is not NULL. For mode sim, which has
 * no sockets. */
struct capture_packet {
	int64_t t;			/* microseconds since 1970 */
	const struct addr *from, *to;
	int inbound;			/* received, not sent */
	const void *bytes;
	size_t n;
	const char *note;		/* NULL: none */
};
void	capture_datagram(const struct capture_packet *p);

#endif
