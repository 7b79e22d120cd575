/* serv.h: what serv.c offers to the services in more/. Licence: ISC, see README. */
#ifndef SERV_H
#define SERV_H

#include "more.h"

#define REFUSERS	16	/* children that only say: server is full */

/* ---- what the command line set --------------------------------------- */

extern int served;			/* -s, opened */
extern unsigned data_lo, data_hi;	/* -P */
extern long max_children;		/* -n */
extern int64_t idle;			/* -T */

/* ---- what the services share ------------------------------------------- */

extern char peer[PEER_BYTES];	/* the client of this child, ADDRESS:PORT */
extern int64_t accept_from;	/* no accept() before; 0: at once */
extern struct rdt_session session;	/* the transfer by UDP of this child */

/* One request of a client. */
struct request {
	int control;			/* where it came from */
	const char *verb;
	const char *name;		/* "" if the verb has none */
	uint64_t size;			/* of a uput */
};

/*
 * What a process did since it told the parent last: traffic[], what is named
 * here, and the commands of its service, by their number. A record goes to the
 * parent by one write(2), of less than PIPE_BUF bytes, which makes it whole.
 */
enum {
	CONNECTIONS = TRAFFIC, REFUSED, UPLOADS, DOWNLOADS, BAD_REQUESTS,
	COMMANDS, COUNTERS = COMMANDS + 10
};
struct record {
	size_t service;			/* of services[] */
	uint64_t n[COUNTERS];
};
extern struct record did;
/*
 * Defines the function that names the commands of a table, for statistics; and
 * no compiler takes a table of more commands than can be counted.
 */
#define NAMES(function, table, member) \
	static const char * \
	function(size_t i) \
	{ \
		return i < COUNT(table) ? (table)[i].member : NULL; \
	} \
	extern char room_for_##table[COUNTERS - COMMANDS < COUNT(table) ? \
	    -1 : 1]


void	report_anew(void);
void	child_ends(void);
int64_t	first_words(void);
int	no_file(void);
void	refused(const struct request *r, const char *why);
void	file_sent(const struct request *r, enum moved moved, const char *why);
int	file_stored(const struct request *r, struct newfile *f,
	    enum moved moved);

/*
 * A service. `full` is what a connection beyond -n is told, before it is
 * closed; `handler` runs in a child, which closes the connection after that. A
 * service of one process gets the listener itself, once, and keeps it to the
 * end. `command` names those that statistics tell apart, up to NULL.
 */
struct service {
	const char *name;
	int type;
	const char *port;
	const char *full;		/* NULL: one process serves all */
	void (*handler)(int fd);
	const char *(*command)(size_t i);
};
extern const struct service room_service;
extern const struct service chat_service;
extern const struct service xfer_service;

/* ---- chat and room: many clients in one process ------------------------ */

/* What waits to be sent on a connection. */
struct outlet {
	int fd;				/* -1: there is no connection */
	int whole;			/* each message by a send of its own, */
	char *queue;			/* behind its length in two bytes */
	size_t from, to, room;		/* bytes from..to wait */
};

struct client {
	struct outlet main;
	struct outlet news;		/* room: the second connection */
	int door;			/* room: where that will come; or -1 */
	unsigned long number;		/* which no other has */
	size_t slot[3];			/* of these three in the poll set; 0 */
	char name[DIR_NICK_MAX + 1];	/* "": not known yet */
	int joined;			/* and seen by the others */
	char peer[PEER_BYTES];
	int64_t deadline;		/* to say who he is, or to be gone */
	int ending;			/* 1: once all is sent; 2: it was */
	const char *gone;		/* why he is; NULL: he is here */
	size_t discarded;		/* bytes, while it ends */
	char in[CHAT_MESSAGE_MAX + 2];	/* the beginning of a message */
	size_t have;
	int skips;			/* chat: the rest of a long line */
	int started;			/* chat: messages so far, up to 2 */
};

/* What chat and room do differently. */
struct talk {
	const char *full;		/* what is said to one too many */
	void (*input)(struct client *c, char *text, size_t n);
	void (*left)(const struct client *c);	/* tells the others */
	void (*door)(struct client *c);	/* room: somebody is there */
};

extern struct client **clients;
extern size_t nclients;
extern const char no_such[];

void	talk_serve(int listener, const struct talk *t);
void	push(struct client *c, struct outlet *o, const char *text, size_t n);
void	finish(struct client *c);
void	lose(struct client *c, const char *why);
void	take_leave(void);
struct client *client_named(const char *name, size_t n);
ssize_t	files_now(char ***names);
void	list_told(const struct client *c, ssize_t n);
int	reserved(const char *name, size_t n);
const char *download_offer(const struct client *c, const char *name, int type,
	    unsigned *port, enum moved (*send)(struct rdt_session *s,
	    const struct addr *to));

#endif
