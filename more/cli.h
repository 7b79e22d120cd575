/* cli.h: what cli.c offers to the modes. Licence: ISC, see README.
 *
 * A mode is one way to talk to a server: see struct mode. What it is told by
 * the command line stands in *options.
 */
#ifndef CLI_H
#define CLI_H

#include "more.h"

#define ANSWER_S	60	/* seconds until a server's answer must come */
#define STALL_S		300	/* the same where data is still on its way */
#define SILENT_LEAST_S	5	/* and where it may be that none comes: at */
#define SILENT_MOST_S	60	/* least, at most */
#define SLOWEST		1024	/* bytes a second of the slowest network */
#define WORDS_MAX	16	/* words of a command line */
#define BLANKS		" \t\r\n"

/* Says what went wrong; its value, 1, is what a failed command returns. */
#define fail(...)	(log_msg(ERROR, __VA_ARGS__), 1)

/* ---- what the command line set --------------------------------------- */

struct options {
	const char *mode;		/* -m */
	const char *host, *port;
	const char *directory;		/* -d; the working directory */
	int keep;			/* -k: never replace a file */
	int segments;			/* -S */
	int datagrams;			/* -u: data by UDP... */
	enum rdt_mode rdt_mode;		/* ...and how */
	unsigned window;		/* -W, or the mode's default */
	unsigned block;			/* -b */
	const struct congestion *congestion;	/* -C */
};
extern const struct options *const options;

/* ---- is it the server that is meant? ---------------------------------- */

/*
 * Until the server of this mode has said something that only it can say, a
 * failure may mean that another one is there: doubt() is then `: is this an ftp
 * server?', and later "". await_first() says that, too, while nothing comes for
 * DOUBT_S seconds; else it returns when something is there, or at the deadline.
 */
#define DOUBT_S		10
const char *doubt(void);
void	server_heard(void);
void	await_first(int fd, int64_t deadline);

/* ---- modes ----------------------------------------------------------- */

/* A command. It says itself what went wrong, and then returns 1; else 0. */
struct command {
	const char *name;		/* NULL: the end of the table */
	int least, most;		/* arguments */
	const char *arguments, *help;
	int (*run)(int argc, char **argv);	/* argv[0] is the command; NULL:
						   prints this help */
};

/*
 * One row of the table of modes. A mode opens (1: it could not, and said so),
 * runs one command or a loop of them, and closes; what that returns is part of
 * the exit status. While the prompt waits, tick is called, which returns when
 * to call it again. A mode with a session has a loop of its own instead.
 */
struct mode {
	const char *name;
	const char *port;		/* default; NULL: must be given */
	const char *prompt;
	const struct command *commands[2];	/* the second may be NULL */
	int (*open)(void);
	int (*close)(void);
	int64_t (*tick)(void);
	int (*session)(int argc, char **argv);
	unsigned window;		/* default of -W; 0: RDT_WINDOW */
	enum { NO_HOST = 1, ONLY_SW } kind;	/* sim: no server; raw: -u sw */
};

extern int over;			/* no more commands: quit, or lost */

/* Runs one mode from open to close: with a command, or a loop of commands. */
int	run_mode(const struct mode *m, int argc, char **argv);

/* Looks a command up in the tables of a mode and runs it. */
int	run_command(const struct mode *m, int argc, char **argv);

/* Commands that many modes have: list the local files; no more commands. */
int	list_local(int argc, char **argv);
int	leave(int argc, char **argv);

/* ---- what the modes share -------------------------------------------- */

/* A signal that ends the client leaves nothing half-written. */
void	guard_signals(void);

/* Connects to the server; -1: it could not, which was said. */
int	connect_server(int type);

/* Prints text that came from the network, its control characters made visible,
 * but newlines, if lines is true. */
void	print_safely(const char *text, size_t n, int lines);

/* Hands over what was printed. Says why if that fails, and returns 1. */
int	flush_output(void);

/* Splits a line into words, in place; their number, or -1, which was said. */
int	split(char *line, char **argv);

/* The part of a path behind its last slash. */
const char *base_name(const char *path);

/* Will a person read standard error? Asks the system once. */
int	on_terminal(void);

/*
 * The ticks of a transfer draw how far it is, if a person is there to see it.
 * From the first one on, Control-C does not end the client, but makes stopped()
 * true until the next command, and the tick stops the transfer. end_bar() ends
 * all that, before anything is said; it keeps errno.
 */
int	stopped(void);
int	draw_up(const struct transfer *t);
int	draw_down(const struct transfer *t);
void	end_bar(void);

extern const char senseless[];		/* of an answer of the server */

/*
 * A download into a new file below -d. download_open() creates the file, under
 * path, and fills in t but sock and size; download_argv() takes name and path
 * from `COMMAND NAME [LOCAL]'. Both return 1 after an error, which was said.
 * Then download_end() stores the file, if it is MOVED, or removes it, and says
 * which; or download_drop() removes it. Their value is what a command returns.
 */
struct download {
	const char *command, *name;	/* of which things are said */
	struct newfile file;
	struct transfer t;
};
int	download_open(struct download *d, const char *command,
	    const char *name, const char *path, int keep);
int	download_argv(struct download *d, int argc, char **argv);
int	download_end(struct download *d, enum moved moved);
int	download_drop(struct download *d);

/*
 * Sends head and file, then takes the answer by answer(), which sets *why to
 * NULL if the file is stored. The original servers send no answer and close; if
 * all was sent, that is no failure. It is one if the server closes before that,
 * or if a reset comes: then the server's system discarded what the server had
 * not read yet. If `silent' is true, it may also send nothing and not close.
 */
int	upload(const char *command, const char *name, struct transfer *t,
	    const void *head, size_t headlen, int silent,
	    enum received (*answer)(int fd, int64_t deadline,
	    const char **why));

/* ---- dir: what it offers to peer ---------------------------------------- */

extern struct dir_client {
	int fd;				/* UDP, connected to the directory */
	char nick[DIR_NICK_MAX + 1];	/* "": not registered */
	int64_t renew_at;		/* when to speak again, or NEVER */
} dir;

/*
 * Sends a request, `tries' times at most, until its answer comes. Returns -1 if
 * none does; the answer's text stays until the next call. dir_command() is the
 * same for a command: it says what went wrong, and returns 0 or 1.
 */
#define TRIES	4
int	dir_ask(const struct dir_message *asked, struct dir_message *answer,
	    int tries);
int	dir_command(const char *command, const struct dir_message *asked,
	    struct dir_message *answer);

/* A request that consists of a text. */
struct dir_message dir_text(enum dir_op op, const char *text);

/* To list, serve, publish or log out a client must be registered. Returns 1 if
 * it is not, and says so. */
int	not_registered(const char *command);

/* Registers the nick again, to renew it or because the directory forgot it;
 * `tries' and the value are those of dir_ask(). */
int	dir_register_again(struct dir_message *answer, int tries);

/* Forgets the nick. */
int	dir_logout(int argc, char **argv);

/* Lines of a list, in the order in which they came, each of them once. */
struct lines {
	char **line;
	size_t n;
	void *tree;
};

/* Asks for a list, page by page. 1 after an error, which was said. */
int	dir_list(const char *command, enum dir_op op, struct lines *l);
void	lines_free(struct lines *l);

/* Where a nick serves, as text. 1 after an error, which was said. */
struct place {
	char address[IPV4_BYTES], port[8];
};
int	dir_where(const char *command, const char *nick, struct place *where);

int	dir_open(void);
int	dir_close(void);

/* ---- peer: what it adds to mode dir ------------------------------------- */

extern const struct command peer_commands[];
int64_t	peer_tick(void);
int	peer_close(void);

/* ---- talk: what talk_cli.c offers to chat and room ---------------------- */

/* What chat and room do differently. text() and updates() get what came on a
 * connection, and return how much of it they used. */
struct talk {
	const char *bye;		/* said at the end of the input */
	void (*line)(char *line);	/* takes a line that was typed */
	size_t (*text)(char *text, size_t n);
	size_t (*updates)(char *text, size_t n);	/* room */
};

extern struct conversation {
	int fd;				/* the main connection */
	int update_fd;			/* room: the update socket; or -1 */
	const char *awaited;		/* the command whose answer is... */
	int64_t answer_by;		/* ...until then */
	int leaving;			/* the connection may end */
	int failed;			/* the exit status */
	int edits;			/* standard input and output are a
					   terminal: the line is drawn here */
} talk;

/* Connects, for a talk in this mode. 1 after an error, which was said. */
int	talk_open(const struct talk *t);

/* The loop, until the server closes and all files are here: the exit status. */
int	talk_loop(void);

/* Sends a message of n bytes; notes that its answer is awaited. */
void	talk_send(const char *text, size_t n);
void	talk_ask(const char *command);

/* Takes the half-typed line off the screen, until something is shown. */
void	hide_line(void);

/* Shows one line; to: stdout for what was said, stderr for all about it. */
void	show(FILE *to, const char *text, size_t n);

/* The same for what the client says; as an ERROR, it is a failure. */
#define say(level_, ...) \
	(snprintf(logger.line, sizeof logger.line, __VA_ARGS__), \
	say_line(level_))
void	say_line(enum level level);

/* A file that the server has offered. */
struct offer {
	const char *command;
	unsigned port;
	uint64_t size;
	int udp;			/* room: not TCP */
	char name[NAME_BYTES + 1], local[CHAT_MESSAGE_MAX + 1];
};

/*
 * Starts a child that fetches an offer: fetch() fills in f->d.t.sock, moves the
 * bytes, and fills in f->summary, if there is one. linger(), unless NULL, is
 * called once the file is stored.
 */
struct fetch {
	struct download d;
	struct rdt_summary summary;	/* mode NULL: there is none */
	struct rdt_session session;	/* room, by UDP */
};
void	start_fetch(const struct offer *o,
	    enum moved (*fetch)(struct fetch *f, const struct offer *o),
	    void (*linger)(struct fetch *f, const struct offer *o));
#define FETCHES	16			/* at a time */

#endif
