/* cli.h: what cli.c offers to the modes in more/. Licence: ISC, see README. */
#ifndef CLI_H
#define CLI_H

#include "more.h"

#define ANSWER_S	60	/* seconds until a server's answer must come */
#define STALL_S		300	/* the same where data is still on its way */
#define SLOWEST		1024	/* bytes a second of the slowest network */
#define WORDS_MAX	16	/* words of a command line */
#define BLANKS	" \t\r\n"

/* Says what went wrong; its value, 1, is what a failed command returns. */
#define fail(...)	(log_msg(ERROR, __VA_ARGS__), 1)

/* ---- what the command line set --------------------------------------- */

extern const char *host, *port;
extern const char *directory;		/* -d */
extern int local;			/* ...opened */
extern int keep;			/* -k: never replace a file */
extern int datagrams;			/* -u: data by UDP... */
extern enum rdt_mode rdt_mode;		/* ...and how */
extern unsigned window;			/* -W; 0: the default of the mode */
extern int segments;			/* -S */
extern unsigned block;			/* -b */
extern const struct congestion *congestion;	/* -C */

/* ---- what the modes share -------------------------------------------- */

/* A command of a mode; name and help are also what `help` prints. */
struct command {
	const char *name;
	int least, most;		/* arguments */
	const char *arguments, *help;
	int (*run)(int argc, char **argv);	/* argv[0] is the command */
};

extern const struct command *commands;	/* those of the mode, NULL name last */
extern int over;			/* no more commands: quit, or lost */
extern int64_t renew_at;		/* when `renew' is to be called */
extern void (*renew)(void);		/* ...while the prompt waits */
extern const char senseless[];
extern struct rdt_session session;	/* the transfer by UDP */

void	guard_signals(void);
int	connect_server(int type);
void	print_safely(const char *text, size_t n, int lines);
const char *base_name(const char *path);
int	on_terminal(void);
int	draw_down(const struct transfer *t);
void	end_bar(void);
int	open_new(struct newfile *f, const char *command, const char *path,
	    int keeping);
int	open_download(struct newfile *f, int argc, char **argv);
int	downloaded(const char *command, const char *name,
	    const struct transfer *t, struct newfile *f, enum moved moved);
int	upload(const char *command, const char *name, struct transfer *t,
	    const void *head, size_t headlen,
	    int (*answer)(int fd, int64_t deadline, const char **why));
int	help(int argc, char **argv);
int	list_local(int argc, char **argv);
int	leave(int argc, char **argv);
int	run(int argc, char **argv);
int	split(char *line, char **argv);
int	flush_output(void);
int	command_loop(const char *prompt);

struct mode {
	const char *name;
	const char *port;		/* default; NULL: must be given */
	int (*session)(int argc, char **argv);	/* a command, or argc 0 */
};
extern const struct mode raw_mode;
extern const struct mode xfer_mode;
extern const struct mode room_mode;
extern const struct mode chat_mode;
extern const struct mode sim_mode;

/* ---- chat and room: talk that goes on while one types ------------------ */

#define TALK_TEXT	(64 * 1024)	/* of what came, up to its end */
#define FETCHES		16		/* downloads at a time */

/* What came on a connection, and is not complete. */
struct inlet {
	int fd;				/* -1: there is no connection */
	char text[TALK_TEXT];
	size_t n;
};

extern struct inlet main_in, news_in;

struct talk_mode {
	void (*line)(char *line);	/* one that was typed */
	size_t (*text)(char *text, size_t n);	/* returns what it took */
	size_t (*news)(char *text, size_t n);
};

/* What a child shall fetch. */
struct job {
	unsigned port;
	uint64_t size;
	int udp;			/* room */
	char name[NAME_BYTES + 1], local[CHAT_MESSAGE_MAX + 1];
};
extern struct job job;
extern const char *asked;		/* the command that awaits an answer */
extern int64_t answer_by;
extern int leaving;			/* the connection may end; 2: shall */
extern int talk_failed;			/* the exit status */
extern int edits;			/* standard input is a terminal */

/* The same for what is said here; as an error, it is a failure. */
#define say(level, ...) \
	(snprintf(log_line, sizeof log_line, __VA_ARGS__), say_line(level))


void	say_line(enum level level);
void	show(FILE *to, const char *text, size_t n);
void	hide_line(void);
void	talk_send(const char *text, size_t n);
void	start_fetch(int (*fetch)(void));
int	talk_begin(const struct talk_mode *t);
int	talk_loop(const char *bye);
int	fetch_begin(const char *command, struct newfile *f);
int	fetched(const char *command, struct newfile *f, enum moved moved);

/* ---- dir: asking the directory ------------------------------------------ */

/* A list of lines: as they came, without those that came twice. */
struct lines {
	char **line;
	size_t n;
	void *tree;
};

extern int dir_fd;			/* UDP, connected to the directory */
extern char nick[DIR_NICK_MAX + 1];	/* "": not registered */

int	dir_ask(const struct dir_message *asked, struct dir_message *got,
	    int tries);
int	dir_command(const char *command, const struct dir_message *asked,
	    struct dir_message *got);
struct dir_message dir_text(enum dir_op op, const char *text);
int	not_registered(const char *command);
void	lines_free(struct lines *l);
int	dir_list(const char *command, enum dir_op op, struct lines *l);
int	dir_where(const char *command, const char *who, char address[16],
	    char tcp[6]);

#define TRIES		4	/* of a request to the directory */

/* ---- peer: files between the clients of the directory -------------------- */

extern int told, published;
int	dir_mine(int argc, char **argv);
int	dir_serve(int argc, char **argv);
int	dir_stop(int argc, char **argv);
int	dir_publish(int argc, char **argv);
int	dir_download(int argc, char **argv);
int	dir_browse(int argc, char **argv);
int	dir_fgserve(int argc, char **argv);
void	dir_renew(void);
void	end_serving(void);

#endif
