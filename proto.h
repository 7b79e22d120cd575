/* proto.h: the contract. Licence: ISC, see README.
 *
 * serv and cli move files over sockets, for a first course on networks. This
 * file says what their C files promise each other: limits, wire formats and
 * codes, and what each of them offers to the others. If you read one file, read
 * this one; and you may stop at Part II:
 *
 *      Part I      the tiny program: get, put, ls, quit over TCP, and a process
 *                  for each connection
 *      Part II     the extended mode: reliable transfer over UDP, and a
 *                  directory of who serves which files
 *
 * proto.c, serv.c and cli.c have the same two parts; tables, options and main
 * stand at the end of serv.c and cli.c. No Part I needs a Part II: `make tiny'
 * builds both programs without it. The other protocols are in the folder more/.
 *
 * Conventions that hold for every function below, unless it says otherwise:
 *   - 0 is success, -1 is failure with the reason in errno; what to say about
 *     it, and whether to stop, is up to the caller. reason() has words for it.
 *   - A process of Part I has one conversation, so it may sleep in read(2) and
 *     write(2). A socket may time out (ETIMEDOUT), see sock_limit().
 *   - Names of files are relative to the working directory, which is the one
 *     that -s (serv) or -d (cli) gives.
 *   - The size of a file is a uint64_t, whatever the machine.
 *
 * The protocols come from the documents of five course projects, with captures
 * of some messages. `The document' of ftp is Cliente-Servidor FTP, in
 * Portuguese; its programs are in Python. more/more.h lists the others.
 */
#ifndef PROTO_H
#define PROTO_H

#include <sys/types.h>		/* these six are there in all files */
#include <sys/socket.h>

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(array)	(sizeof (array) / sizeof *(array))
#define STRING_(x)	#x
#define STRING(x)	STRING_(x)

/* ==== Part I: the tiny program. ========================================== */

#define VERSION		"1.0"	/* of both programs */

/* ---- limits ---------------------------------------------------------- */

#define NAME_BYTES	255	/* of a file name (NAME_MAX on most systems) */
#define CHUNK_BYTES	(256 * 1024)	/* of a file, read or written at once */
#define PIECE_BYTES	(16 * 1024)	/* see sock_limit() */
#define CONNECT_S	10	/* seconds to connect to one address */
#define DISCARD_BYTES	(64 * 1024)	/* that sock_finish() discards */
#define DISCARD_S	1		/* seconds for PIECE_BYTES of them */

/* ---- diagnostics ----------------------------------------------------- */

enum level { ERROR, INFO, DEBUG };

extern struct logger {
	int level;		/* messages above it are dropped */
	int stamped;		/* in a server: a line begins with time and
				   level; with -v, with the date, too */
	char line[2048];	/* the line being made; a longer one is cut */
} logger;

/* Writes one line to standard error, by one write(2), so that the lines of
 * several processes do not mix. Control characters become \xNN. It is a macro
 * so that compilers check the format. */
#define log_msg(level_, ...) \
	((int)(level_) <= logger.level ? \
	(snprintf(logger.line, sizeof logger.line, __VA_ARGS__), \
	log_write(level_)) : (void)0)
void	log_write(enum level level);

/* Logs an error. Its value is 1, the result of a failed command. */
#define fail(...)	(log_msg(ERROR, __VA_ARGS__), 1)

/*
 * Makes text safe for a terminal: copies up to len bytes of it to out, a string
 * of at most size - 1 bytes. Control characters become \xNN, and so does a byte
 * of each Unicode character that separates lines or changes the direction
 * of text. Other UTF-8 and ISO 8859-1 stay; so do newlines, if lines is true.
 * Returns how many bytes of text were copied: long text is printed in pieces.
 */
size_t	printable(char *out, size_t size, const char *text, size_t len,
	    int lines);

/* Length of the ASCII or UTF-8 character at the start of the n bytes at s; 0:
 * it is malformed, or not to be shown. */
size_t	char_bytes(const unsigned char *s, size_t n);

/* errno in words. */
const char *reason(void);

/* Reads a number of n digits; -1: there is a non-digit, or it is not in
 * lo..hi. */
int64_t	number(const char *text, size_t n, int64_t lo, int64_t hi);

/* Installs a handler; a system call that is interrupted fails with EINTR. */
void	on_signal(int sig, void (*handler)(int));

/* ---- options --------------------------------------------------------- */

/*
 * A row of a table of options. Each but -h has one of these: text, which is set
 * to the value; number, which is set to a value of lo..hi, or to lo if the
 * option takes no value; set(), which gets the value, and returns NULL or an
 * error.
 */
struct option {
	char letter;			/* '\0': the end of the table */
	const char *argument;		/* name of the value; NULL: no value */
	const char *help;
	const char **text;
	int *number, lo, hi;
	const char *(*set)(char *value);
};
#define OPTIONS_END	{ .letter = '\0' }

/* A program's command line. list() prints the end of the usage. */
struct command_line {
	const char *program, *operands;
	void (*list)(void);
	const struct option *tables[6];		/* NULL: no more */
};

/* What both programs begin with. Opens descriptors 0 to 2 if they are closed:
 * else a socket could get number 2, and all error messages would go to its
 * peer. Takes the options; optind is then the first operand. -h prints the
 * usage, and exits with 0; an error prints a message, and exits with 2. */
void	program_begin(const struct command_line *c, int argc, char **argv);

/* Prints `PROGRAM: what: why', and exits with 2. */
void	usage_error(const char *what, const char *why);

/* ---- exact I/O ------------------------------------------------------- */

/* All messages and files of Part I go through these two. They return how many
 * bytes have passed: n, or fewer, and errno then says why. ENOTCONN: the end
 * came before the first byte; ECONNABORTED: after it; ETIMEDOUT: sock_limit().
 */
size_t	read_all(int fd, void *buf, size_t n);
size_t	write_all(int fd, const void *buf, size_t n);

/* Microseconds of a clock that is never set back (CLOCK_MONOTONIC). */
#define SECOND	INT64_C(1000000)
#define NEVER	INT64_MAX
int64_t	now(void);

/* A hook, NULL if nobody uses it. It leaves errno alone, and returns 0. Only at
 * RECEIVED and SENT may it fail, with -1 and errno, which ends the transfer.
 * Whoever installs a second hook calls the first from it. */
enum passing {
	RECEIVED, SENT,			/* after a read(2) or write(2); n is
					   what it returned, -1 too */
	CONNECTED, ACCEPTED,		/* a connection */
	ENDED, CLOSED,			/* we ended our side; we closed */
	FILE_BEGINS, FILE_ENDS		/* buf is its struct file */
};
extern int (*io_hook)(int fd, enum passing what, const void *buf, ssize_t n);

/* ---- sockets --------------------------------------------------------- */

/* An address is text. An IPv4 address that IPv6 writes as ::ffff:1.2.3.4 is
 * 1.2.3.4, so that strcmp() can tell whether two hosts are the same. */
#define HOST_BYTES	64	/* a numeric address, like fe80::1%eth0 */
#define PEER_BYTES	(HOST_BYTES + 8)	/* for `ADDRESS:PORT' */

/* The address of one end of a socket: ours if `end' is getsockname, the peer's
 * if it is getpeername. Returns the port, or -1. */
int	sock_host(int fd, int (*end)(int, struct sockaddr *, socklen_t *),
	    char host[HOST_BYTES]);

/* The other end as `ADDRESS:PORT', or `[ADDRESS]:PORT' for IPv6. */
int	sock_peer(int fd, char text[PEER_BYTES]);

/*
 * sock_listen() returns a socket of the given type, SOCK_STREAM or SOCK_DGRAM,
 * bound to the first usable address of host; it does not block, and a stream
 * listens. sock_connect() returns a blocking one, connected to the first
 * address that answers (over UDP: the first usable one). EDESTADDRREQ: host has
 * no address.
 */
int	sock_listen(const char *host, const char *port, int type);
int	sock_connect(const char *host, const char *port, int type);

/* Accepts a connection. host, if not NULL, gets the client's host, even if the
 * client has broken the connection already. EAGAIN: none waits. */
int	sock_accept(int listener, char host[HOST_BYTES]);

/*
 * A read_all() or write_all() has `seconds' to finish; if n is more than
 * PIECE_BYTES, `seconds' for each PIECE_BYTES. Sending byte by byte gains no
 * time. (A peer that stops midway may be noticed only after twice that time;
 * within a frame, which is read by two calls, after four times.)
 */
void	sock_limit(int fd, int seconds);

/* poll(2) of one descriptor, for up to ms milliseconds. */
int	poll_one(int fd, short events, int ms);

/* Is there input, or the end of it? */
#define readable(fd, ms)	(poll_one(fd, POLLIN, ms) > 0)

/* sock_end() shuts down the sending side of a connection, sock_close() closes
 * it; both tell the hook. A process that hands a connection on to a child
 * closes its own copy by close(2). */
void	sock_end(int fd);
void	sock_close(int fd);

/* The close that follows an answer: ends the sending side, then discards up to
 * DISCARD_BYTES, within the limit of DISCARD_S. A close with input unread would
 * send a reset, and a reset destroys the answer on its way. */
void	sock_finish(int fd);

/*
 * The data channel of a control connection. data_listen() opens a free port of
 * lo..hi on the control connection's own address and returns the listener, or
 * with SOCK_DGRAM the socket; EADDRINUSE: no port is free.
 * data_accept() returns the first connection from the client's host and closes
 * any that comes before it. data_connect() connects to a port of the peer's
 * host.
 */
#define DATA_LO	56000	/* above the services' default ports */
#define DATA_HI	65535	/* end of the dynamic range (RFC 6335) */
#define ACCEPT_S	10	/* seconds that a data port waits */
int	data_listen(int control, int type, unsigned lo, unsigned hi,
	    unsigned *port);
int	data_accept(int listener, const char *client);
int	data_connect(int control, int type, unsigned port);

/* ---- names and files ------------------------------------------------- */

/* May a name that came from elsewhere be used? Yes if it is one plain path
 * component of 1 to NAME_BYTES bytes: no '/', no leading dot (which takes care
 * of . and ..), no control character of ASCII. */
int	name_ok(const char *name, size_t n);

/* A file that is transferred: its size, and bytes done. */
struct file {
	int fd;
	uint64_t size, done;
};

/*
 * Opens a regular file for reading. A symbolic link is followed only if follow
 * is true: not for a name that came from elsewhere. Other types of files are
 * not even opened: EISDIR for a directory, else ENXIO. ENOTSUP: its size is 0,
 * but it has contents, as in /proc.
 */
int	file_open(struct file *f, const char *path, int follow);

/*
 * file_send() sends headlen bytes of head (at most 1024) and then the contents;
 * file_recv() takes exactly f->size bytes off the socket. ESTALE: the file
 * became shorter while it was sent. The caller must then close the connection,
 * so that the peer sees an early end, and not a wrong file.
 */
int	file_send(int sock, struct file *f, const void *head, size_t headlen);
int	file_recv(int sock, struct file *f);

/* Did the peer cause errno (it closed, or timed out, or sent nonsense)? */
int	peer_failed(void);

/* Has the working directory been removed? (A new one may have its name.) */
int	directory_gone(void);

/* The part of a path after its last slash. */
const char *base_name(const char *path);

/*
 * A file that appears whole or not at all; a process has one at a time.
 * newfile_open() creates it under a temporary name in the directory of path,
 * and opens it for reading and writing. If all went well, newfile_end() gives
 * the file its name in one step. Else it removes the file and returns -1; errno
 * says why. There is no fsync(2): a power failure may lose what was stored.
 *
 * Without keep the file replaces a regular, writable file of that name; if
 * anything else is there, newfile_open() fails with EISDIR, ENXIO or EACCES.
 * With keep it replaces nothing: when `name.ext' is taken, it is stored as
 * `name(1).ext', `name(2).ext'... newfile_name() is the name that it got.
 *
 * After newfile_guard(sig) this signal removes the file before it ends the
 * process, and calls end_hook(), if that is not NULL; newfile_sweep() removes
 * the temporary files of a dead process.
 */
int	newfile_open(const char *path, int keep);
int	newfile_end(int went_well);
const char *newfile_name(void);
void	newfile_guard(int sig);
extern void (*end_hook)(void);
void	newfile_sweep(pid_t pid);

/* The names of the files that a peer may fetch: regular, readable, name_ok(),
 * not larger than max bytes; sorted by byte value, each with a newline after
 * it. Returns a text of *len bytes, for the caller to free; or NULL. */
char	*list_files(uint64_t max, size_t *len);

/* ---- frame: the messages of ftp -------------------------------------- */

/*
 * Every message of ftp, on every connection, is a frame:
 *
 *    0                              10                    10 + length
 *   +------------------------------+---------------------+
 *   | length of text in bytes,     | text                |
 *   | ten ASCII digits, 0-padded   |                     |
 *   +------------------------------+---------------------+
 *
 * The client connects, sends commands, and gets an answer to each but quit:
 *
 *   ls          names, joined by newlines, perhaps none; or a code
 *   get NAME    a port in decimal, or a code
 *   put NAME    a port in decimal, or a code
 *   quit        the server closes
 *
 * Blanks before the verb are skipped; its case does not matter. One space or
 * tab ends it; the rest is the name, which may hold spaces. The contents travel
 * as one frame on a second connection, to that port. The client must open it
 * within ACCEPT_S seconds; the server closes any from another host:
 *
 *    client                 server          client                 server
 *      |---- get NAME ------->|               |---- put NAME ------->|
 *      |<------- port --------|               |<------- port --------|
 *      |                      |               |                      |
 *      |==== connect ========>|               |==== connect ========>|
 *      |<=== frame: contents =|               |= frame: contents ===>|
 *      |<==== end ============|               |===== end ===========>|
 *      |                      |               |<==== 0, or a code ===|
 *
 * The original server closes without that last answer; our client then says
 * `sent, not confirmed'.
 *
 * A server that is full answers a new connection with FTP_FULL at once, and
 * closes. A head that is not digits, or a length above FTP_COMMAND_MAX, is
 * answered with FTP_SYNTAX, and the server closes: it reads no further frame.
 * After any other answer the control connection stays open.
 *
 * Where the document is silent we chose: FTP_SYNTAX also answers `get' alone,
 * `ls x', a NUL in a command, and a put that is cut short or stands still. The
 * original client knows only FTP_NOFILE, our answer to a get of any bad name,
 * or of none (`get '). An answer to ls that is nothing but a code is taken for
 * that code, though a file might have such a name.
 */
#define FRAME_HEAD	10
#define FRAME_MAX	UINT64_C(9999999999)	/* what ten digits can say */
#define FTP_COMMAND_MAX	4096			/* bytes of a command */

enum ftp_code {
	FTP_OK = 0,		/* stored: answers the contents of a put */
	FTP_NOFILE = -1,	/* no such regular file (the original's code) */
	FTP_NAME = -2,		/* name refused, see name_ok() */
	FTP_STORE = -3,		/* the server cannot store it, or read it */
	FTP_FULL = -4,		/* too many clients, or no data port free */
	FTP_SYNTAX = -5		/* malformed, cut short, or unknown */
};

/* What the code of an error means; any other number gives senseless[]. */
const char *ftp_code_text(long code);
extern const char senseless[];	/* `the server's answer makes no sense' */

/* Writes the ten digits. */
void	frame_pack(char head[FRAME_HEAD], uint64_t length);

/* Sends text as one frame. */
int	frame_send(int fd, const char *text, size_t n);

/* Receives the head of a frame, and nothing beyond it. A non-digit is EBADMSG,
 * even in a short head; other errors: as read_all(). */
int	frame_head(int fd, uint64_t *length);

/* Receives a frame of at most max bytes (else EMSGSIZE) and adds a NUL. Returns
 * the length of the text. */
ssize_t	frame_recv(int fd, char *text, size_t max);

/* The number in an answer: up to six digits, with or without a minus sign
 * before them. LONG_MIN for anything else. */
long	frame_number(const char *text, size_t n);

/* ---- serv.c: services ------------------------------------------------- */

/* The options of serv; only serv.c changes them. */
extern struct serv {
	const char *host, *directory;	/* -H, -s */
	unsigned data_lo, data_hi;	/* -P */
	int max_children;		/* -n */
	int idle;			/* -T, seconds */
	int keep;			/* -k */
} serv;

/*
 * A row of the table of services. serve() runs in a child for each connection;
 * the caller closes the connection. A daemon is one process for all clients:
 * serve() is called once, with the listener. `commands' is a table whose rows
 * begin with a name; the statistics use it.
 */
struct service {
	const char *name;
	int type;			/* SOCK_STREAM, SOCK_DGRAM */
	const char *port;		/* default */
	const char *full;		/* said to a client that is refused */
	int is_daemon;
	void (*serve)(int fd, const char *peer);	/* peer: ADDRESS:PORT */
	const void *commands;
	size_t ncommands, command_bytes;
};
#define CHILDREN_MAX	10000	/* the largest -n */
#define REFUSERS	16	/* more children, which only refuse */
#define SERVICES_MAX	16
extern const struct service *const services[SERVICES_MAX + 1];	/* NULL: last */

#define NAMES_OF(table)	.commands = (table), .ncommands = COUNT(table), \
	.command_bytes = sizeof *(table)

/* Counters of this process. COMMANDS + i counts row i of the service's table of
 * commands. From BYTES_SENT to MALFORMED they are Part II's. */
enum {
	CONNECTIONS, REFUSED, UPLOADS, DOWNLOADS, BAD_REQUESTS,
	BYTES_SENT, BYTES_RECEIVED, PACKETS_SENT, PACKETS_RECEIVED,
	RETRANSMISSIONS, MALFORMED, COMMANDS
};
#define COUNTERS	32
extern uint64_t *counters;

/* A pipe, or -1 (in Part I always). Its end of file tells a process that its
 * parent has ended. */
extern int lifeline;

/* One request of a client. */
struct request {
	int control;			/* the connection it came on */
	const char *peer;		/* from whom: ADDRESS:PORT */
	const char *verb;
	const char *name;		/* "" if the verb has none */
};

/* ---- cli.c: modes and commands ---------------------------------------- */

#define ANSWER_S	60	/* seconds for a server's answer */
#define STALL_S		300	/* seconds for PIECE_BYTES of a file */
#define DOUBT_S		10	/* as ANSWER_S, for the very first answer */
#define LIST_BYTES	(16 * 1024 * 1024)	/* of a list, at most */
#define WORDS_MAX	16	/* words of one input line */
#define BLANKS		" \t\r\n"

/* The options of cli; only cli.c changes them. */
extern struct cli {
	const char *host, *port;
	const char *directory;		/* -d */
	int keep;			/* -k: never replace a file */
	const struct mode *mode;	/* -m */
} cli;

/* The arguments of a command that uploads. */
#define UPLOAD_NAMES	"LOCAL [NAME]"

/* A command. run() returns 0, or 1 after a message. */
struct command {
	const char *name;		/* NULL: the end of the table */
	int least, most;		/* number of arguments */
	const char *arguments, *help;	/* help NULL: not listed */
	int (*run)(int argc, char **argv);	/* NULL: prints the table */
};

/*
 * A row of the table of modes. A mode opens, runs one command or a loop, and
 * closes. The exit status is 1 if open() or close() returns nonzero, after a
 * message; else that of the command, the loop or session(). wait() is called
 * before each line is read, and returns when there is one. session() replaces
 * the loop.
 */
struct mode {
	const char *name;
	const char *port;		/* default; NULL: must be given */
	const char *prompt;
	const struct command *commands[3];	/* tables; NULL: no more */
	int (*open)(void);
	int (*close)(void);
	void (*wait)(void);
	int (*session)(int argc, char **argv);
	unsigned window;		/* default of -W; 0: RDT_WINDOW */
	enum { NO_HOST = 1, ONLY_SW } kind;	/* sim: there is no server; raw:
						   -u takes sw alone */
};

/* ==== Part II: the extended mode. ======================================== */
#ifndef TINY

/* Prints the name and the version, and exits: -V. */
const char *print_version(char *value);

/* ---- Part I of serv.c: what services use of it --------------------------- */

/* Logs a refused request. If why is NULL the reason is errno, and it is an
 * ERROR unless the client caused it. */
void	log_refused(const struct request *r, const char *why);

/* Logs a conversation that ends too early; the reason is errno. */
void	log_end(const char *peer);

/* Logs how a download ended; counts it if result is 0, not -1. */
void	log_download(const struct request *r, int result);

/* Ends an upload: stores the file if went_well, else removes it. Logs that, and
 * counts it if it is stored. Returns the code to answer with. */
enum ftp_code end_upload(const struct request *r, int went_well);

/* The code for errno after file_open() has failed. */
enum ftp_code code_of_open(void);

/* Prepares a child for its connection: the only signal to end it is SIGTERM.
 * place is below max_children + REFUSERS, and no other child has it. */
void	become_child(size_t place);

/* ---- cli.c: what modes use of it ----------------------------------------- */

extern int over;			/* no more commands */

/* Runs one mode from open to close: with a command, or a loop of commands. 2:
 * no such command, or wrong arguments. */
int	run_mode(const struct mode *m, int argc, char **argv);

/* Looks a command up in the tables of a mode and runs it. */
int	run_command(const struct mode *m, int argc, char **argv);

/* quit: no more commands. */
int	leave(int argc, char **argv);

/* Splits a line into words, in place; returns their number, or -1 after a
 * message. */
int	split(char *line, char **argv);

/* Connects to the server; -1 after a message. */
int	connect_server(int type);

/* doubt() is `: is this a MODE server?' until server_heard is true, then "". It
 * is appended to errors, since another service may be at that port. */
const char *doubt(void);
extern int server_heard;		/* never reset: there is one server */

/* Prints text that came from the network. Control characters are escaped;
 * newlines stay if lines is true. */
void	print_safely(FILE *to, const char *text, size_t n, int lines);

/* Flushes standard output; returns 1 after a message if that fails. */
int	flush_output(void);

/*
 * A download into a new file, which download_open() creates; download_begin()
 * finds its path first: argv is `COMMAND NAME [LOCAL]', and a LOCAL that ends
 * with / is a directory. download_end() stores or removes the file, and reports
 * which. All return 1 after a message about an error.
 */
int	download_begin(int argc, char **argv, struct file *f);
int	download_open(const char *command, const char *path, int keep,
	    struct file *f);
int	download_end(const char *command, const char *name,
	    const struct file *f, int went_well);

/*
 * Sends head and file, then reads the answer by answer(), which sets *why to
 * NULL if the file is stored. Prints the result; returns 1 if it is not stored.
 * The original servers send no answer: that of ftp closes (ENOTCONN), that of
 * xfer stays silent, which answer() makes ENOTCONN, too; if all was sent, that
 * is no failure.
 */
int	upload(const char *command, const char *name, int fd, struct file *f,
	    const void *head, size_t headlen,
	    int (*answer)(int fd, const char **why));

/* ---- waiting: for several things at once ------------------------------- */

/*
 * Waits until fd is ready for events (POLLIN, POLLOUT) or the deadline has
 * come; if that is past, it asks once and does not wait. At the end of the
 * lifeline it fails with ECANCELED.
 */
int	wait_for(int fd, short events, int64_t deadline);

/* The same for n descriptors; p must have room for one more. Sets revents,
 * which are all 0 after a failure. Skips a descriptor of -1. */
int	wait_many(struct pollfd *p, size_t n, int64_t deadline);

int	sock_nonblock(int fd);

struct addr {			/* an IPv4 or IPv6 address with its port */
	socklen_t len;
	struct sockaddr_storage ss;
};
unsigned addr_text(const struct addr *a, char text[PEER_BYTES]);
					/* returns the port */
int	sock_addr(int fd, int (*end)(int, struct sockaddr *, socklen_t *),
	    struct addr *a);	/* as sock_host() */

/* Is this an address of that host, whatever its port? */
int	addr_is_of(const struct addr *a, const char *host);

/* ---- datagrams --------------------------------------------------------- */

/*
 * One datagram each. dgram_send() sends to `to', or to the peer of a connected
 * socket if that is NULL; dgram_recv() says who sent it, if `from' is not NULL,
 * and cuts a datagram longer than n; EAGAIN if there is none.
 *
 * A full buffer or a missing route counts as a loss. It is an error if UDP
 * cannot send it at all (EMSGSIZE), or nobody is at the other end
 * (ECONNREFUSED).
 *
 * COUNTED: -L may hit it by its number. SHOWN: the caller logs its fate. AGAIN:
 * it has been sent before, as a capture will say.
 */
enum { UNCOUNTED, COUNTED, SHOWN, AGAIN = 4 };	/* may be added up */
ssize_t	dgram_send(int fd, const void *buf, size_t n, const struct addr *to,
	    int flags);
ssize_t	dgram_recv(int fd, void *buf, size_t n, struct addr *from);

/* Sends all that -L has delayed, then closes fd. */
void	dgram_close(int fd);

/* The fault of the datagram that was sent last; "": none. */
extern const char *dgram_fate;

/*
 * A hook, NULL if nobody uses it: a network between dgram_send() and the
 * system, as -L makes one (more/faults.c). send() returns 0 for what it drops;
 * flush() hands dgram_deliver() the datagrams that are due, and returns the
 * time of the next one, or NEVER (if one cannot be sent, the next send()
 * fails); begin() is called when a transfer begins; close() empties it.
 */
struct network {
	ssize_t (*send)(int fd, const void *buf, size_t n,
	    const struct addr *to, int flags);
	int64_t (*flush)(void);
	void (*begin)(void);
	void (*close)(void);
};
extern const struct network *network;
ssize_t	dgram_deliver(int fd, const void *buf, size_t n, const struct addr *to);

/* A tap (-w, more/capture.c): it is shown what passes; the address of the other
 * end, unless the socket is connected; and a note for the reader. It keeps
 * errno. NULL: none. */
extern void (*dgram_tap)(int fd, int received, const void *buf, size_t n,
	    const struct addr *other, const char *note);

/* ---- packing and unpacking --------------------------------------------- */

/* Numbers to bytes and back, big-endian. */
void	pack16(unsigned char *p, unsigned n);
void	pack32(unsigned char *p, uint32_t n);
unsigned unpack16(const unsigned char *p);
uint32_t unpack32(const unsigned char *p);

/* What is left to parse of a message. A failure sticks, so one check at the
 * end is enough: INCOMPLETE, it ended too early; BAD, it is malformed. */
struct cursor {
	const char *at;
	size_t left;
	enum { GOOD, INCOMPLETE, BAD } state;
};

/* The next n bytes; after a failure eight bytes of 0, so that callers may look
 * before they check the state. */
const char *cursor_bytes(struct cursor *c, size_t n);

/* The number in the next n digits; base is 10 or 16. */
uint64_t cursor_number(struct cursor *c, size_t n, unsigned base);

/* ---- rdt: reliable data transfer, the datagrams ------------------------ */

/*
 * All messages of rdt. Numbers are big-endian.
 *
 *    0      1      2            4            8            12           16
 *   +------+------+------------+------------+------------+------------+--------
 *   | type | flags| length of  | key        | seq        | crc-32 of  | payload
 *   |      |      | payload    |            |            | all but it |
 *   +------+------+------------+------------+------------+------------+--------
 *
 *   type     from       seq                    payload
 *   1 HELLO  client     0                      protocol(1) control(1)
 *                                              window(2) block(2)
 *            server     0                      same fields: what both will use
 *   2 DATA   sender     its number, from 0     of the file; flag 1: the last
 *   3 ACK    receiver   the number expected    sr: bitmap, below
 *   4 DONE   sender     0                      none
 *
 * Bit i of the bitmap, the most significant of the first byte being bit 0, says
 * that packet seq + 1 + i has arrived; it ends with the byte of its last 1. A
 * file is at least one packet, and all are full but the last.
 *
 * On the control connection of ftp the server gives a port, a key that only
 * this client knows, and the size of a file that is fetched:
 *
 *    client                    server      client                    server
 *      |-- uget NAME (TCP) ------>|          |-- uput NAME SIZE (TCP)-->|
 *      |<------- PORT KEY SIZE ---|          |<------------- PORT KEY --|
 *      |~~ HELLO gbn, 32, 1400 ~~>|          |~~ HELLO gbn, 32, 1400 ~~>|
 *      |<~~ HELLO gbn, 32, 1400 ~~|          |<~~ HELLO gbn, 32, 1400 ~~|
 *      |<~~ DATA 0 ~~~~~~~~~~~~~~~|          |~~ DATA 0 ~~~~~~~~~~~~~~~>|
 *      |~~ ACK 1 ~~~~~~~~~~~~~~~~>|          |<~~ ACK 1 ~~~~~~~~~~~~~~~~|
 *      |          ...             |          |          ...             |
 *      |<~~ DONE ~~~~~~~~~~~~~~~~~|          |~~ DONE ~~~~~~~~~~~~~~~~~>|
 *      |                          |          |<----- 0, or a code (TCP)-|
 *
 * A datagram with a wrong length, key or crc is dropped and counted as corrupt;
 * so is a HELLO out of range, and DATA that does not fit the size. Once the
 * socket is connected, the system drops what comes from elsewhere. Unused flags
 * and fields are ignored. HELLO and DATA are repeated and ACKs are cumulative,
 * so a lost datagram costs only time. A command or a close on the control
 * connection ends the transfer.
 */
#define RDT_HEAD	16
#define RDT_HELLO	6	/* bytes of its payload */
#define RDT_HELLO_US	(SECOND / 2)	/* between two HELLOs of a client */
#define RDT_FIRST_S	10	/* seconds that both ends wait for HELLO */
#define RDT_SILENCE_S	30	/* seconds the receiver waits for DATA */
#define RDT_LINGER_S	3	/* and for DONE: as TIME_WAIT */
#define RDT_WINDOW	32	/* default */
#define RDT_WINDOW_MAX	4096
#define RDT_BLOCK	1400	/* default: bytes of a packet's payload */
#define RDT_BLOCK_MAX	60000
#define RDT_BURST	64	/* datagrams sent, or taken, at one go */
#define RDT_ACK_EVERY	2	/* packets in order share an ACK, at most */

enum rdt_type { HELLO = 1, DATA, ACK, DONE };

struct rdt_packet {
	enum rdt_type type;
	uint32_t seq;
	int last;			/* DATA: the last one */
	int retransmitted;		/* DATA: not for the first time */
	unsigned protocol, control, window, block;	/* HELLO */
	unsigned char *payload;		/* DATA, ACK */
	size_t length;			/* of it */
};

/* The two functions of rdt_native: see struct rdt_encoding. */
struct rdt_session;
size_t	rdt_pack(const struct rdt_session *s, unsigned char *datagram,
	    const struct rdt_packet *p);
int	rdt_unpack(const struct rdt_session *s, struct rdt_packet *p,
	    unsigned char *datagram, size_t n);

/* The CRC-32 of Ethernet and zip over n more bytes; begins with 0. */
uint32_t crc32(uint32_t crc, const void *buf, size_t n);

/* ---- rdt: the engine ---------------------------------------------------- */

/*
 * A sender and a receiver, and a table of protocols for them. Packets have
 * numbers; those that the sender may have in flight are its window:
 *
 *            base                next       highest       base + window
 *             v                   v           v             v
 *    ---------+-------------------+-----------+-------------+---------
 *     sent,   | sent, not         | sent, to  | may be sent | not yet
 *     acknow- | acknowledged      | be sent   |             |
 *     ledged  |                   | again     |             |
 *    ---------+-------------------+-----------+-------------+---------
 *
 *        window of sender  of receiver  on a timeout        on a gap
 *   sw   1                 1            sends it again      drops, repeats ACK
 *   gbn  W                 1            back: next = base   drops, repeats ACK
 *   sr   W                 W            back, but skips     keeps, and the ACK
 *                                       what has arrived    tells what arrived
 *
 * An ACK carries the number that the receiver expects next, and acknowledges
 * all below it. Numbers are 32 bits and wrap; seq_less() is the only
 * comparison.
 *
 * Both ends are state machines. They read no clock and touch no socket: they
 * are told what happened and when, in microseconds, and say what to send and
 * when to be called again. So they run the same over UDP and in a simulated
 * channel.
 */

/* Is a before b? Right for numbers less than 2^31 apart. */
int	seq_less(uint32_t a, uint32_t b);

/* Events, as in a trace; rdt_event_names has their words. */
enum rdt_event {
	EV_SEND, EV_RESEND, EV_DROP, EV_FULL, EV_RECV, EV_DUP, EV_OOO,
	EV_CORRUPT, EV_ACK, EV_DUPACK, EV_TIMEOUT, EV_FAST, EV_DONE, EV_PROBE
};
extern const char *const rdt_event_names[];

struct rdt_sender;
struct rdt_receiver;

/*
 * A row of the table of protocols. Of the sender: next() tells which packet may
 * be sent now, if one may; ack() is called for an ACK whose number is in
 * base..highest, with the bitmap that came with it; timer() at the time that
 * deadline() returned. Of the receiver: data() tells what a packet is, EV_RECV
 * (new, to be stored), EV_DUP (here already) or EV_OOO (not wanted now), and
 * moves expected.
 *
 * These may be NULL: deadline() (then rto_at); window(), how many packets, from
 * base on, may be in flight (then cwnd); bitmap(), which writes what has
 * arrived beyond expected and returns its size; begin(), which is called with
 * a sender or a receiver, the other being NULL, and sets its `own' to memory
 * from malloc(), which the caller frees.
 */
struct rdt_protocol {
	const char *name;
	unsigned code;			/* in HELLO */
	unsigned window_max;
	int (*next)(struct rdt_sender *s, int64_t now, uint32_t *seq);
	void (*ack)(struct rdt_sender *s, int64_t now, uint32_t ack,
	    const unsigned char *bits, size_t n);
	void (*timer)(struct rdt_sender *s, int64_t now);
	enum rdt_event (*data)(struct rdt_receiver *r, uint32_t seq);
	int64_t (*deadline)(const struct rdt_sender *s);
	unsigned (*window)(const struct rdt_sender *s);
	size_t (*bitmap)(const struct rdt_receiver *r, unsigned char *bits);
	int (*begin)(struct rdt_sender *s, struct rdt_receiver *r);
};
extern const struct rdt_protocol rdt_sw, rdt_gbn;

/* By name, or by code if that is NULL; NULL: there is none. */
const struct rdt_protocol *rdt_protocol_find(const char *name, unsigned code);

/*
 * A row of the table of congestion controls: how cwnd changes on a new ACK, on
 * a loss that ACKs reveal, and on a timeout; NULL: it does not change. flight
 * is how many packets are sent and not acknowledged. If lost() returns true, a
 * sender of gbn goes back to base at once.
 *
 *     none   cwnd is the window, always
 *     half   room's document: a timeout halves it, a new ACK adds one packet
 *     reno   RFC 5681; in sr with the recovery of RFC 6675
 */
struct congestion {
	const char *name;
	unsigned code;			/* in HELLO */
	int slow_start;			/* begins with one packet, not with W */
	void (*acked)(struct rdt_sender *s, uint32_t packets);
	int (*lost)(struct rdt_sender *s);
	void (*timeout)(struct rdt_sender *s, unsigned flight);
};

/* By name, or by code if name is NULL. An unknown name gives NULL, an unknown
 * code reno. */
const struct congestion *congestion_find(const char *name, unsigned code);

/*
 * The timer follows RFC 6298: 2.1 the first RTO; 2.2 and 2.3 SRTT and RTTVAR,
 * with alpha 1/8 and beta 1/4; 3 no sample of what was sent twice (Karn); 5.1
 * to 5.3 one timer, started anew by each new ACK; 5.5 the RTO doubles. It
 * deviates from 2.4 (RTO at least 1 s) and 2.5 (maximum at least 60 s), since a
 * lab cannot wait. G of 2.2 is 0, so the timer may be early if a long RTT is
 * steady. In 5.4 it resends not one packet, but all that the window allows.
 */
#define RDT_RTO_FIRST	SECOND
#define RDT_RTO_MIN	(SECOND / 5)
#define RDT_RTO_MAX	(2 * SECOND)
#define RDT_GIVE_UP	12	/* timeouts in a row */
extern int rdt_fixed_ms;	/* -R: the RTO, always; 0: RFC 6298 */

struct rdt_sender {
	const struct rdt_protocol *protocol;
	unsigned window;

	/* The window: base <= next <= highest <= end. */
	uint32_t base;		/* lower edge: the oldest not acknowledged */
	uint32_t next;		/* the next to be sent */
	uint32_t highest;	/* one above the highest ever sent */
	uint32_t end;		/* one above the last of all */
	struct rdt_slot {	/* a packet in it */
		int64_t sent;		/* when last */
		int retransmitted;	/* sent more than once */
	} slot[RDT_WINDOW_MAX];	/* see rdt_slot() */
	unsigned dupacks;	/* since the last new ACK or timeout */

	/* The timer. */
	int64_t srtt, rttvar;	/* srtt 0: no sample yet */
	int64_t rto;
	int64_t rto_at;		/* when it runs out; NEVER: it does not run */
	unsigned consecutive_timeouts;	/* since the last progress */

	/* Congestion control, in packets: 1 <= cwnd <= window. */
	const struct congestion *congestion;
	unsigned cwnd, ssthresh;
	uint32_t noted[3];	/* for the congestion control's own use */
	void *own;		/* of a protocol */

	uint64_t transmissions, timeouts, fast, duplicates;
};

/*
 * What drivers call. rdt_send_init(), once, before all others: packets is at
 * least 1; -1 if there is no memory. rdt_send_next() until it returns false:
 * may a packet be sent now, and which? rdt_send_ack() when an ACK came, with
 * its bitmap; one below base, or for what was never sent, is ignored.
 * rdt_send_timer() at rdt_send_deadline(), unless that is NEVER.
 */
int	rdt_send_init(struct rdt_sender *s, const struct rdt_protocol *protocol,
	    unsigned window, const struct congestion *congestion,
	    uint32_t first, uint32_t packets);
int	rdt_send_next(struct rdt_sender *s, int64_t now, uint32_t *seq);
void	rdt_send_ack(struct rdt_sender *s, int64_t now, uint32_t ack,
	    const unsigned char *bits, size_t n);
int64_t	rdt_send_deadline(const struct rdt_sender *s);
void	rdt_send_timer(struct rdt_sender *s, int64_t now);

/* rdt_send_done(): all is acknowledged. rdt_send_gave_up(): there were
 * RDT_GIVE_UP timeouts in a row. */
int	rdt_send_done(const struct rdt_sender *s);
int	rdt_send_gave_up(const struct rdt_sender *s);

/* Why a sender gave up, in words; -L may set others. */
extern const char *rdt_gave_up;

/* The window in use: window, or less because of cwnd. */
unsigned rdt_send_window(const struct rdt_sender *s);

/*
 * What protocols call. rdt_slot(): packet n, which is in the window.
 * rdt_slide(): an ACK above base, so the window slides. rdt_duplicate(): one
 * equal to base. rdt_lost(): the ACKs reveal a loss; returns what lost() of the
 * congestion control returns. rdt_timed_out(): the RTO has run out, and
 * doubles; next is left to the protocol. rdt_happened() tells the watcher; s is
 * NULL at a receiver.
 */
struct rdt_slot *rdt_slot(struct rdt_sender *s, uint32_t n);
void	rdt_slide(struct rdt_sender *s, int64_t now, uint32_t ack);
void	rdt_duplicate(struct rdt_sender *s, int64_t now);
int	rdt_lost(struct rdt_sender *s);
void	rdt_timed_out(struct rdt_sender *s, int64_t now, unsigned flight);
void	rdt_happened(int64_t now, enum rdt_event event, uint32_t seq,
	    const struct rdt_sender *s);

struct rdt_receiver {
	const struct rdt_protocol *protocol;
	unsigned window;	/* of the sender */
	uint32_t expected;	/* lower edge: the next in order */
	unsigned share;		/* packets that may share the next ACK */
	void *own;
	uint64_t duplicates;
};

/*
 * rdt_recv_init(): as rdt_send_init(), but window is the sender's.
 * rdt_recv_data() when DATA has come. The caller sends the ACK: at once if
 * r->share is 1, else after r->share packets or fewer; rdt_recv_bitmap() writes
 * what goes with it, and returns its size.
 */
int	rdt_recv_init(struct rdt_receiver *r,
	    const struct rdt_protocol *protocol, unsigned window,
	    uint32_t first);
enum rdt_event rdt_recv_data(struct rdt_receiver *r, uint32_t seq);
size_t	rdt_recv_bitmap(const struct rdt_receiver *r,
	    unsigned char bits[RDT_WINDOW_MAX / 8]);

/* ---- rdt: a transfer over UDP ------------------------------------------ */

/* How packets become datagrams. pack() writes the head of one, whose payload
 * stands after it already, and returns the size of both; 0 if the encoding has
 * no such message. unpack() returns -1 for a malformed one, or one with another
 * key; the payload stays where it is. */
struct rdt_encoding {
	size_t head;		/* bytes of it, at most RDT_HEAD */
	int is_room;		/* ACKs each DATA, takes stale DATA, repeats
				   HELLO */
	size_t (*pack)(const struct rdt_session *s, unsigned char *datagram,
	    const struct rdt_packet *p);
	int (*unpack)(const struct rdt_session *s, struct rdt_packet *p,
	    unsigned char *datagram, size_t n);
};
extern const struct rdt_encoding rdt_native;

/*
 * The driver of the engine: a socket, a clock, a file. The caller fills in what
 * stands before protocol; a client also protocol, window, block, congestion and
 * is_sender. rdt_accept() (at the server) or rdt_connect() (at the client)
 * agrees on the rest with the other end, then one of the two calls rdt_send()
 * and the other rdt_recv(). There are two sockets: sock, which rdt_close()
 * closes, and control, on which any input ends the transfer with ECONNABORTED.
 * A tick() that returns true ends it with EINTR; it is called at least once in
 * a TURN. A peer that falls silent ends it with ETIMEDOUT.
 */
#define TURN	(SECOND / 10)	/* the longest time between two ticks */

struct rdt_session {
	const struct rdt_encoding *encoding;
	int sock;			/* at the server, already bound */
	int control;			/* the TCP connection it belongs to */
	struct file file;		/* open */
	int (*tick)(const struct file *f);	/* or NULL */
	const char *name, *peer;	/* for log and trace; or NULL */
	uint32_t key;
	/* What the client asks for; later, what both use. */
	const struct rdt_protocol *protocol;
	unsigned window, block;
	const struct congestion *congestion;	/* of the sender: the client
						   chooses it */
	int is_sender, is_server;

	uint32_t packets;
	int64_t start;			/* on the clock of now(); 0: not yet */
	int64_t took;			/* until the last packet, or ACK */
	int64_t silence;		/* waited since the last good DATA */
	uint64_t arrived;		/* DATA that came */
	uint64_t corrupt;		/* datagrams that made no sense */
	unsigned unacked;		/* DATA since the last ACK */
	int done;			/* DONE came */
	struct rdt_sender sender;
	struct rdt_receiver receiver;
};

/* The answer to uget, or to uput if size is NULL. rdt_offer_unpack() returns -1
 * if the n bytes, a string, are no such answer. */
#define RDT_OFFER_BYTES	48
void	rdt_offer_pack(char text[RDT_OFFER_BYTES], unsigned port, uint32_t key,
	    const uint64_t *size);
int	rdt_offer_unpack(const char *text, size_t n, unsigned *port,
	    uint32_t *key, uint64_t *size);

int	rdt_accept(struct rdt_session *s, const char *client);
int	rdt_connect(struct rdt_session *s, unsigned port);
int	rdt_send(struct rdt_session *s);
int	rdt_recv(struct rdt_session *s);

/* Called by rdt_accept(), rdt_connect() and room, once this end knows protocol,
 * window and block. */
void	rdt_agree(struct rdt_session *s, const struct rdt_packet *hello);

/* Calls tick(), and waits for a datagram, until the deadline or the end of a
 * TURN. -1: an error, or tick() or `control' ends the transfer. */
int	rdt_await(struct rdt_session *s, int64_t deadline);

/* Counts a datagram that makes no sense. */
void	rdt_corrupt(struct rdt_session *s);

/* At the receiver, after all is stored: answers repeated DATA with the last
 * ACK, until DONE comes or RDT_LINGER_S have passed. */
void	rdt_linger(struct rdt_session *s);

/* Reports the transfer, if it began, and closes the socket, if it is open. */
void	rdt_close(struct rdt_session *s);

/* Logs how a transfer went. At the receiver transmissions and bytes are what
 * came, duplicates what it had already. peer and file are shown if both are
 * known. */
void	rdt_report(const struct rdt_session *s);

/* The watcher: a hook, NULL if nobody uses it (more/trace.c; mode sim). It is
 * told when a transfer begins, at which time of day, and when it ends; of each
 * event; of each packet that passes, `->' or `<-', and its fate. */
struct rdt_watcher {
	void (*begins)(int64_t time_of_day, const struct rdt_session *s);
	void (*event)(int64_t now, enum rdt_event event, uint32_t seq,
	    const struct rdt_sender *s);
	void (*packet)(const struct rdt_session *s, const char *arrow,
	    const struct rdt_packet *p, const char *fate);
	void (*ends)(void);
};
extern const struct rdt_watcher *rdt_watcher;
extern unsigned rdt_flow;		/* of the event: mode sim has several */

/* Begins a transfer: -L and the trace count from here. Called by rdt_agree(),
 * and by chat, which agrees on nothing. */
void	rdt_begins(struct rdt_session *s);
int64_t	time_of_day(void);		/* microseconds since 1970 */

/* ---- dir: who serves which files ---------------------------------------- */

/*
 * One request in a datagram, one answer in another. The first byte says what it
 * is; numbers are four bytes, big-endian:
 *
 *    0        1                    5                  9
 *   +--------+
 *   | op     |                                             Control
 *   +--------+--------------------+
 *   | op     | number             |                        One
 *   +--------+--------------------+------------------+
 *   | op     | number             | number           |     Two
 *   +--------+--------------------+------------------+
 *   | op     | length             | text ...               TLV
 *   +--------+--------------------+------------------
 *
 *    1 Login       Control           2 LoginOk     One: clients that serve
 *    3 Lookup      TLV nick          4 LookupOk    Two: IPv4 address, TCP port
 *                                    5 LookupFail  Control
 *    6 Register    TLV nick          7 RegisterOk, 8 RegisterFail   Control
 *    9 ServeFiles  One: TCP port    10 ServeFilesOk, 11 ...Fail     Control
 *   12 GetUsers    Control or One   13 Users       TLV: `nick', or
 *                                                  `nick ip:port' if it serves
 *   14 GetFiles    Control or One   15 Files       TLV: `hash size nicks name'
 *   16 Publish     TLV lines        17 PublishOk   Control or One
 *                  `hash size name'
 *   18 Stop        TLV nick         19 StopOk      Control
 *   20 Logout      TLV nick         21 LogoutOk    Control
 *                                   22 Fail        Control: not yours, not
 *                                                  registered; a malformed
 *                                                  Publish; one that is too
 *                                                  much, stored in part
 *
 * Lines end with a newline. A list comes in pages: GetUsers and GetFiles with a
 * number skip that many entries; the first line of the answer is `skip N'. A
 * Publish whose first line is `at N' is answered with N plus the number of
 * lines that follow. So requests may be repeated, and late answers are
 * recognized. A TLV with opcode 9 is a Publish too (a slip in the document),
 * and answered with 10.
 *
 * A nick belongs to the UDP address and port from which it was registered: what
 * comes from elsewhere cannot serve, publish, stop or log out in its name.
 */
enum dir_op {
	DIR_LOGIN = 1, DIR_LOGIN_OK, DIR_LOOKUP, DIR_LOOKUP_OK, DIR_LOOKUP_FAIL,
	DIR_REGISTER, DIR_REGISTER_OK, DIR_REGISTER_FAIL,
	DIR_SERVE, DIR_SERVE_OK, DIR_SERVE_FAIL,
	DIR_GET_USERS, DIR_USERS, DIR_GET_FILES, DIR_FILES,
	DIR_PUBLISH, DIR_PUBLISH_OK, DIR_STOP, DIR_STOP_OK,
	DIR_LOGOUT, DIR_LOGOUT_OK, DIR_FAIL
};

#define HASH_DIGITS	40	/* of a SHA-1 */
#define DIR_REQUEST_MAX	8192	/* bytes of a datagram */
#define DIR_REPLY_MAX	1200
#define DIR_NICK_MAX	32
#define DIR_EXPIRE_S	90	/* seconds of silence until a nick expires */
#define DIR_RENEW_S	30	/* interval at which a client speaks */
#define DIR_LINE_MAX	(HASH_DIGITS + 1 + 20 + 1 + NAME_BYTES)

struct dir_message {
	enum dir_op op;
	unsigned numbers;		/* 0: Control, 1: One, 2: Two */
	uint32_t number[2];
	const char *text;		/* of a TLV; else NULL */
	size_t length;			/* of text */
};

/* dir_pack() makes a datagram and returns its size; there must be room for
 * nine, or for five and the text. dir_unpack() returns -1 if the size fits no
 * format of this op; else text points into the datagram. */
size_t	dir_pack(unsigned char *datagram, const struct dir_message *m);
int	dir_unpack(struct dir_message *m, const unsigned char *datagram,
	    size_t n);

/* Are these n digits of a hash, lower case? */
int	hex_digits(const char *text, size_t n);

/* 1 to DIR_NICK_MAX letters, digits, '_', '-', '.'. */
int	nick_ok(const char *nick, size_t n);

/* A line of a list of files: `hash size name', or `hash size nicks name', the
 * nicks joined by commas. Checks all parts; they point into the line, of n
 * bytes and no newline. -1: malformed. */
struct file_line {
	const char *hash;		/* HASH_DIGITS of them */
	uint64_t size;
	const char *nicks;
	size_t nicks_len;
	const char *name;
	size_t name_len;
};
int	file_line_parse(struct file_line *f, const char *line, size_t n,
	    int with_nicks);

/* Takes the next line off a text: 1, or 0 at the end, or -1: no newline. */
int	next_line(const char **text, size_t *left, const char **line,
	    size_t *n);

/* An IPv4 address as a number (-1: not one), and as text. */
int	addr_ipv4(const struct addr *a, uint32_t *ip);
#define IPV4_BYTES	16
const char *ipv4_text(uint32_t ip, char text[IPV4_BYTES]);

/* ---- serv.c, cli.c and more/: what they offer each other ----------------- */

/* more/stats.c: begins to count the time, and the bytes of connections. What it
 * prints is told by counted(), a counter's sum over all processes, and
 * requests(), which prints the lines of each service. */
void	statistics_begin(uint64_t (*counted)(size_t counter),
	    void (*requests)(void));

/* more/stats.c: prints, giving up after ms milliseconds if standard output
 * blocks. */
void	print_statistics(int ms);

/* more/stats.c: the console. console_fd() is -1 until it may be read again, a
 * time that limits *deadline; read_console() returns true if the server is to
 * end. */
int	console_fd(int64_t *deadline);
int	read_console(void);

/* More options of cli, most of them about UDP. */
extern struct by_udp {
	const struct rdt_protocol *protocol;	/* -u; NULL: not given */
	int window;			/* -W, or the mode's default */
	int block;			/* -b */
	const struct congestion *congestion;	/* -C */
	int segments;			/* -S */
} by_udp;

/* Rows of options that both programs have. */
extern const struct option fault_options[], trace_options[], capture_options[];

/* Once all options are read. more/faults.c: puts -L to work; more/trace.c:
 * becomes the watcher, for -t and -v. */
void	faults_begin(int sim);
void	trace_begin(void);
int	trace_close(void);		/* -1: not all could be written */
int	capture_failed(void);

/* list_local() lists the files here; common_commands[] are help and quit. */
int	list_local(int argc, char **argv);
extern const struct command common_commands[];

/* more/screen.c: see there. */
extern int on_terminal;			/* is standard error one? */
int	stopped(void);
void	not_stopped(void);
extern int columns;			/* of the terminal */
int	draw_bar(const struct file *f);
void	end_bar(void);
void	screen_begin(void);

/* ---- dir: what cli.c offers to peer ------------------------------------- */

extern struct dir_client {
	int fd;				/* UDP, connected to the directory */
	char nick[DIR_NICK_MAX + 1];	/* "": not registered */
	int64_t renew_at;		/* when to speak again, or NEVER */
	struct dir_message asked, answer;	/* of the last request */
} directory;

/*
 * Sends a request, with a text or, if that is NULL, with the number (Login has
 * none), `tries' times at most, until its answer comes. Returns -1 if none
 * does; the answer's text stays until the next call. dir_command() is the same
 * for a command: it says what went wrong, a Fail or ServeFilesFail too, and
 * returns 0 or 1. The number of a Publish is what its answer must say. */
#define TRIES	4
int	dir_ask(enum dir_op op, const char *text, uint32_t number, int tries);
int	dir_command(const char *command, enum dir_op op, const char *text,
	    uint32_t number);

/* Returns 1 after a message if the client has no nick. */
int	not_registered(const char *command);

/* Lines of a list, in the order in which they came, without duplicates. */
struct lines {
	char **line;
	size_t n;
	void *tree;
};

/* Asks for a list, page by page. 1 after a message. */
int	dir_list(const char *command, enum dir_op op, struct lines *l);
int	lines_add(struct lines *l, const char *text, size_t n);	/* if new */
void	lines_print(struct lines *l);		/* and frees them */
void	lines_free(struct lines *l);

/* Where a nick serves, as text. 1 after a message. */
struct place {
	char address[IPV4_BYTES], port[8];
};
int	dir_where(const char *command, const char *nick, struct place *where);

/* What the row of mode dir, in more/peer_cli.c, takes from cli.c. */
extern const struct command dir_commands[];
int	dir_open(void);

#endif /* TINY */
#endif
