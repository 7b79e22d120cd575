/* cli.h: what the clients in more/ share. Licence: ISC, see README. */
#ifndef CLI_H
#define CLI_H

#include "more.h"

/* ---- talk: what talk_cli.c offers to chat and room ---------------------- */

/* Where chat and room differ. text() gets the bytes that came on a
 * connection, and returns how many of them it used. */
struct talk_cli {
	const char *bye;		/* said at the end of the input */
	void (*line)(char *line);	/* takes a line that was typed */
	size_t (*text)(char *text, size_t n);
};

extern struct conversation {
	int fd;				/* the main connection */
	int update_fd;			/* room: the update socket; or -1 */
	const char *awaited;		/* command whose answer is awaited */
	int64_t answer_by;		/* something must have come; or NEVER */
	int leaving;			/* we have said bye */
	int failed;			/* the exit status */
	int edits;			/* standard input and output are a
					   terminal: the line is drawn here */
} talk;

/* Connects. 1 after a message. */
int	talk_open(void);

/* The loop, until the server closes and all files are here: the exit status. */
int	talk_loop(const struct talk_cli *t);

/* talk_send() queues a message; talk_ask() stops the input until it is
 * answered. */
void	talk_send(const char *text, size_t n);
void	talk_ask(const char *command);

/* Takes the half-typed line off the screen, until something is shown. */
void	hide_line(void);

/* Shows one line; to: stdout for what was said, stderr for all else. */
void	show(FILE *to, const char *text, size_t n);

/* The same for a message of the client; an ERROR sets the exit status. */
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

/* Starts a child that fetches an offer: fetch() fills in s->sock and moves the
 * bytes. */
void	start_fetch(const struct offer *o,
	    int (*fetch)(struct rdt_session *s, const struct offer *o));
#define FETCHES	16			/* at a time */

#endif
