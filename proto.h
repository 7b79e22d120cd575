/* serv and cli: files over sockets, for a first course on networks.
 * Licence: ISC, see README.
 *
 * proto.h is the contract between the three C files: limits, wire formats and
 * codes, and what proto.c offers to serv.c and cli.c. If you read one file,
 * read this one; then proto.c from top to bottom, then serv.c and cli.c.
 *
 * Conventions that hold for every function below, unless it says otherwise:
 *   - 0 is success, -1 is failure with the reason in errno; what to say about
 *     it, and whether to stop, is up to the caller.
 *   - errno 0 after a failure means that the peer closed the connection before
 *     all was there. reason() has words for it.
 *   - Every socket is non-blocking. A function that waits takes a deadline, a
 *     point in time on the clock of now(), and then fails with ETIMEDOUT.
 *   - A size on the wire or on disk is a uint64_t, whatever the machine.
 *
 * "seeds/004" is the course project that ftp comes from, a client and a server
 * in Python whose text gives the commands and a capture of one put.
 */
#ifndef PROTO_H
#define PROTO_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(array)	(sizeof (array) / sizeof *(array))

/* ---- limits ---------------------------------------------------------- */

#define NAME_BYTES	255	/* of a file name: NAME_MAX nearly everywhere */
#define CHUNK_BYTES	(256 * 1024)	/* moved at a time: lab/bench.sh */
#define SPIN_US		50	/* wait_for() looks so long before it sleeps */
#define CONNECT_S	10	/* seconds for one address to be connected */
#define DISCARD_BYTES	(64 * 1024)	/* sock_finish() discards so much, */
#define DISCARD_S	1		/* for so many seconds */

/* ---- diagnostics ----------------------------------------------------- */

enum level { ERROR, INFO, DEBUG };

extern enum level log_level;	/* what is above it is not written */
extern int log_stamped;		/* begin a line with `HH:MM:SS - LEVEL - ` */
extern char log_line[2048];	/* the line being made; a longer one is cut */

/*
 * Writes one line to standard error, by one write(2), so that the lines of
 * several processes do not mix (in a pipe: up to PIPE_BUF bytes). Control
 * characters in it, wherever they came from, are shown as \xNN. A macro, so
 * that the compiler can check the format at each call, without any extension.
 */
#define log_msg(level, ...) \
	((level) <= log_level ? \
	(snprintf(log_line, sizeof log_line, __VA_ARGS__), log_write(level)) : \
	(void)0)
void	log_write(enum level level);

/*
 * Copies len bytes of text to out, a string of at most size - 1 bytes that a
 * terminal can be shown: control characters, and those of Unicode that turn the
 * direction of a line, become \xNN; other UTF-8 and ISO 8859-1 stays, and so do
 * newlines if lines is true. Returns the bytes of text that found room, so that
 * a long text can be printed in pieces.
 */
size_t	printable(char *out, size_t size, const char *text, size_t len,
	    int lines);

/* What errno means, in words; see the conventions above for 0. */
const char *reason(void);

/* The number s, if it is nothing but digits and in lo..hi; else -1. */
long	number(const char *s, long lo, long hi);

/*
 * Makes sure that descriptors 0 to 2 are open, before any other is: a socket
 * that got number 2 would be sent all error messages.
 */
int	std_descriptors(void);

/* ---- clock ----------------------------------------------------------- */

#define SECOND	INT64_C(1000000)	/* time is counted in microseconds */

/* Microseconds of a clock that is never set back (CLOCK_MONOTONIC). */
int64_t	now(void);

/*
 * Waits until fd is ready for events (POLLIN, POLLOUT) or the deadline has
 * come; a deadline that is past asks once and does not wait. If lifeline is a
 * descriptor, its end of file ends the wait with ECANCELED: so a server's child
 * learns that its parent is gone.
 */
extern int lifeline;		/* -1: none */
int	wait_for(int fd, short events, int64_t deadline);

/* ---- sockets --------------------------------------------------------- */

#define HOST_BYTES	64	/* room for a numeric address, scope included */
#define PEER_BYTES	(HOST_BYTES + 8)	/* for `ADDRESS:PORT` */

struct addr {			/* an IPv4 or IPv6 address with its port */
	socklen_t len;
	struct sockaddr_storage ss;
};

/* Numeric forms. IPv4 seen through an IPv6 socket is written as IPv4. */
void	addr_host(const struct addr *a, char host[HOST_BYTES]);
unsigned addr_port(const struct addr *a);
void	addr_text(const struct addr *a, char text[PEER_BYTES]);
int	addr_local(int fd, struct addr *a);
int	addr_peer(int fd, struct addr *a);

/*
 * A socket of the given type (SOCK_STREAM or SOCK_DGRAM) bound to the first
 * usable address of host and listening, or connected to the first address
 * that answers. On failure *why says the reason, which may be getaddrinfo's.
 */
int	sock_listen(const char *host, const char *port, int type,
	    const char **why);
int	sock_connect(const char *host, const char *port, int type,
	    const char **why);

/* The next connection of a listener; EAGAIN if there is none. */
int	sock_accept(int listener, struct addr *peer);

/*
 * The close that follows an answer: ends the sending side, then discards what
 * still comes, up to DISCARD_BYTES and DISCARD_S. A close with input unread
 * would send a reset, and a reset destroys the answer on its way.
 */
void	sock_finish(int fd);

/*
 * The data channel of a control connection. data_listen() opens a free port of
 * lo..hi on the control connection's own address and returns the listener;
 * EADDRINUSE if there is none.
 * data_accept() takes the one connection that comes to it from the host at the
 * other end of the control connection, and closes all others. data_connect()
 * connects to a port of that host.
 */
#define DATA_LO	56000	/* of the ports that nobody owns (RFC 6335), those */
#define DATA_HI	65535	/* above all that have a service here */
int	data_listen(int control, unsigned lo, unsigned hi, unsigned *port);
int	data_accept(int listener, int control, int64_t deadline);
int	data_connect(int control, unsigned port, int64_t deadline);

/* ---- exact I/O ------------------------------------------------------- */

/* What the system took and gave on the sockets of this process. */
struct traffic {
	uint64_t sent, received;	/* bytes */
};
extern struct traffic traffic;

/*
 * The six functions through which every byte goes on or comes off a socket.
 *
 * _all:  to the last byte or the deadline, by _some and wait_for(). recv_all()
 *        returns what it got, less than n only if the peer closed.
 * _some: what goes without waiting: at least one byte, or EAGAIN; recv_some()
 *        returns 0 at the end.
 * dgram: one datagram. dgram_send() sends to `to`, or to the peer of a
 *        connected socket if that is NULL; dgram_recv() says who sent it, if
 *        `from` is not NULL, and cuts a datagram longer than n.
 */
int	send_all(int fd, const void *buf, size_t n, int64_t deadline);
ssize_t	recv_all(int fd, void *buf, size_t n, int64_t deadline);
ssize_t	send_some(int fd, const void *buf, size_t n);
ssize_t	recv_some(int fd, void *buf, size_t n);
ssize_t	dgram_send(int fd, const void *buf, size_t n, const struct addr *to);
ssize_t	dgram_recv(int fd, void *buf, size_t n, struct addr *from);

/* ---- names and files ------------------------------------------------- */

/*
 * May a name that came from elsewhere be used? Yes if it is one plain path
 * component of 1 to NAME_BYTES bytes: no '/', no leading dot (which takes care
 * of . and ..), no control character, no NUL. len counts bytes.
 */
int	name_ok(const char *name, size_t len);

/*
 * Opens a regular file below dir for reading and tells its size. flags are
 * added to open's: O_NOFOLLOW for a name that came from elsewhere. What is not
 * a regular file is not even opened: EISDIR, or ENXIO for all others.
 */
int	file_open(int dir, const char *path, int flags, uint64_t *size);

/*
 * A file that appears whole or not at all. newfile_open() creates it under a
 * temporary name in the directory of path (below dir), newfile_commit() gives
 * it its name, newfile_abort() removes it; one of the two must follow.
 *
 * Without keep it replaces a regular file of that name that may be written,
 * and anything else there fails with EISDIR, ENXIO or EACCES at open. With
 * keep it replaces nothing: when `name.ext` is taken, it is stored as
 * `name(1).ext`, `name(2).ext`... After the commit, name is the one it got.
 *
 * A process has at most one of them at a time. newfile_guard() makes a signal
 * that ends the process remove it first.
 */
struct newfile {
	int fd;			/* write here */
	int dir;		/* descriptor of the directory it is in */
	int keep;
	char name[NAME_BYTES + 1];
	char temp[48];
};
int	newfile_open(struct newfile *f, int dir, const char *path, int keep);
int	newfile_commit(struct newfile *f);
void	newfile_abort(struct newfile *f);
void	newfile_guard(int sig);

/*
 * The files below dir that a peer may fetch: regular, readable, name_ok, of at
 * most max bytes; sorted by byte value. Returns how many, or -1; the array and
 * the names are the caller's, for list_free().
 */
ssize_t	list_files(int dir, uint64_t max, char ***names);
void	list_free(char **names, size_t n);

/*
 * The contents of one file on their way between a file and a socket: the data
 * path that all TCP transfers share. The caller fills in all but done.
 *
 * tick, if not NULL, is called when some bytes have passed, and may stop the
 * transfer by returning true. A transfer ends with ETIMEDOUT when for the time
 * idle not a byte has passed.
 */
struct transfer {
	int sock, file;
	uint64_t size;		/* bytes that were announced */
	uint64_t done;		/* bytes of them that have passed */
	int64_t idle;		/* how long it may stand still, microseconds */
	int (*tick)(const struct transfer *t);
};
enum moved { MOVED, PEER_FAILED, FILE_FAILED, STOPPED };

/*
 * transfer_send() sends headlen bytes of head (at most 64) and then the
 * contents. A file that has become shorter than size is FILE_FAILED with errno
 * 0, and what follows is up to the caller: the peer shall see an early end, and
 * no other bytes in the place of those that are missing. transfer_recv()
 * takes exactly size bytes off the socket.
 */
enum moved transfer_send(struct transfer *t, const void *head, size_t headlen);
enum moved transfer_recv(struct transfer *t);

/* ---- frame: the messages of ftp (seeds/004) -------------------------- */

/*
 * All that is said in ftp, on every connection, is said in frames:
 *
 *    0                              10                    10 + length
 *   +------------------------------+---------------------+
 *   | length of text in bytes,     | text                |
 *   | ten ASCII digits, 0-padded   |                     |
 *   +------------------------------+---------------------+
 *
 * The client connects, sends commands, and gets an answer to each but quit:
 *
 *   ls          names, joined by newlines; an empty frame if there are none
 *   get NAME    a port in decimal, or a code
 *   put NAME    a port in decimal, or a code
 *   quit        the server closes
 *
 * A verb is matched without regard to case and ends at the first space; all
 * that follows is the name, which may hold spaces. The contents travel on a
 * connection of their own, to that port of the same host, which the client has
 * FTP_ACCEPT_S seconds to make, and on which the server takes nobody else:
 *
 *    client                 server          client                 server
 *      |---- get NAME ------->|               |---- put NAME ------->|
 *      |<------- port --------|               |<------- port --------|
 *      |                      |               |                      |
 *      |==== connect ========>|               |==== connect ========>|
 *      |<==== contents =======|               |===== contents ======>|
 *      |<==== end ============|               |===== end ===========>|
 *      |                      |               |<==== 0, or a code ===|
 *
 * The original server closes without that last answer: `not confirmed`.
 *
 * A server that is full says FTP_FULL to a new connection before it is asked,
 * and closes. A head that is not digits, or tells of more than FTP_COMMAND_MAX,
 * is answered FTP_SYNTAX and the connection closed, since nobody knows where
 * the next frame would begin; after every other code it goes on.
 *
 * Where seeds/004 is silent we chose: a verb with a name too many or too few is
 * FTP_SYNTAX, an empty name FTP_NAME; a put that is cut short is FTP_SYNTAX, if
 * anyone still listens. An answer to ls that is nothing but a code is taken for
 * that code, though a file might have such a name.
 */
#define FRAME_HEAD	10
#define FRAME_MAX	UINT64_C(9999999999)	/* what ten digits can say */
#define FTP_COMMAND_MAX	4096			/* bytes of a command */
#define FTP_ANSWER_MAX	(16 * 1024 * 1024)	/* bytes of a list, at cli */
#define FTP_ACCEPT_S	10	/* seconds that a data port is open */

enum ftp_code {
	FTP_OK = 0,		/* stored: answers the contents of a put */
	FTP_NOFILE = -1,	/* no such regular file (the original's code) */
	FTP_NAME = -2,		/* name refused, see name_ok() */
	FTP_STORE = -3,		/* the server cannot store it, or read it */
	FTP_FULL = -4,		/* too many clients, or no data port free */
	FTP_SYNTAX = -5		/* malformed, cut short, or unknown */
};

/* What a code means, for a person; NULL if there is no such code. */
const char *ftp_code_text(long code);

/* Writes the ten digits. */
void	frame_pack(char head[FRAME_HEAD], uint64_t length);

/* Sends text as one frame, in one piece. */
int	frame_send(int fd, const char *text, size_t n, int64_t deadline);

/*
 * Reads the head of a frame, and nothing beyond it. Returns 1, with the length
 * in *length; 0 and errno 0 if the peer closed before its first byte; -1 on
 * failure, EBADMSG if these are not ten digits, errno 0 if the peer closed
 * within them.
 */
int	frame_head(int fd, uint64_t *length, int64_t deadline);

/*
 * Reads a frame of at most max bytes into *text, with a NUL behind it; the
 * caller frees it. Returns as frame_head(), and EMSGSIZE if it is longer.
 */
int	frame_recv(int fd, char **text, size_t *n, size_t max,
	    int64_t deadline);

/*
 * The number in an answer: digits, with or without a minus sign before them,
 * nothing else, at most six of them. LONG_MIN if it is no such thing.
 */
long	frame_number(const char *text, size_t n);

#endif
