/* serv.h: what the servers in more/ share. Licence: ISC, see README. */
#ifndef SERV_H
#define SERV_H

#include "more.h"

/* ---- talk: what talk_serv.c offers to chat and room --------------------- */

/* One client of a chat. Its stage is TALKING, then LAST_WORDS until all of
 * `out' is sent, then DISCARDING until the peer closes too; finally GONE. */
struct client {
	int fd;				/* the main connection */
	struct buffer out;		/* to be sent on it */
	int64_t segment_at;		/* chat: when the next line of `out' may
					   leave, as one send without newline;
					   0: any time, with all others */
	int update_fd;			/* room: the update socket; until it
					   has come, its listener; or -1 */
	struct buffer updates;		/* to be sent on that */
	size_t place;			/* of fd in the poll set; update_fd
					   comes after it */
	long id;			/* never used again */
	char name[DIR_NICK_MAX + 1];	/* "": not known yet */
	int joined;			/* and announced to the others */
	char peer[PEER_BYTES];		/* ADDRESS:PORT */
	int64_t deadline;		/* for its name, its update socket,
					   or its close at the end */
	enum { TALKING, LAST_WORDS, DISCARDING, GONE } stage;
	size_t discarded;		/* bytes that were of no use */
	int64_t log_from;		/* then its messages are logged again */
	struct buffer in;		/* what came, and is not taken yet */
	int messages;			/* chat: messages that came, up to 2 */
};

extern struct clients {
	struct client **client;
	size_t n;
} clients;

/* Where chat and room differ. */
struct talk_serv {
	const char *full;		/* said to one client too many */
	void (*input)(struct client *c);	/* takes messages off c->in */
	void (*left)(const struct client *c);	/* tells the others */
};

/* Runs the loop of a chat until the parent ends. */
void	talk_serve(int listener, const struct talk_serv *t);

/* Queue a message for the main connection of a client, or its update socket. */
void	send_message(struct client *c, const char *text, size_t n);
void	send_update(struct client *c, const char *text, size_t n);

/* Logs that c spoke to one or to `all', at most once a second: a flood of
 * messages is no flood of lines. */
void	log_message(struct client *c, const char *to);

/* Ends the talk with a client once what is queued is sent. */
void	dismiss(struct client *c);

/* Marks a client as gone, and logs why (NULL: the connection is lost); it is
 * forgotten when the round ends. */
void	drop_client(struct client *c, const char *why);

/* Tells the others which clients are gone, before their names can be used
 * again. */
void	announce_gone(void);

/* The client of this name that is present, or NULL. */
struct client *client_named(const char *name, size_t n);

/* Could this name be taken for a keyword? */
int	is_reserved(const char *name, size_t n);

/* The files that c is told of: list_files(), called once in a round; not to be
 * freed. Logs it. */
const char *files_now(const struct client *c, size_t *len);

/* Offers a file, whose name has n bytes, to c: a child waits at *port to send()
 * its *size bytes. Returns NULL, or why it cannot: no_file, or another text. */
extern const char no_file[];
const char *offer_file(const struct client *c, const char *name, size_t n,
	    int type, int (*send)(struct rdt_session *s, const char *client),
	    unsigned *port, uint64_t *size);

#endif
