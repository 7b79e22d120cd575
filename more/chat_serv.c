/* chat_serv.c: a chat, the server. Licence: ISC, see README. */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../proto.h"
#include "more.h"
#include "serv.h"

/* ---- chat (seeds/002) --------------------------------------------------- */

/* What is said next, to one or to many, with room for a newline behind it. */
static char said[CHAT_LIST_MAX + CHAT_MESSAGE_MAX + 2];
static size_t nsaid;

/* Says it to one client: a line, or a segment. */
static void
chat_tell(struct client *c)
{
	said[nsaid] = '\n';
	push(c, &c->main, said, nsaid + !c->main.whole);
}

/* Composes what is said next. */
#define chat_say(...) \
	(nsaid = (size_t)snprintf(said, sizeof said - 1, __VA_ARGS__))

static void
chat_tell_all(void)
{
	size_t i;

	for (i = 0; i < nclients; i++)
		if (clients[i]->joined)
			chat_tell(clients[i]);
}

/* Adds a name to a list, if that does not become too long. */
static void
chat_list(const char *name)
{
	if (nsaid + strlen(name) < CHAT_LIST_MAX)
		nsaid += (size_t)sprintf(said + nsaid, "%s ", name);
}

/* show: who else is there. */
static void
chat_show(struct client *c, const char *text)
{
	size_t i;

	(void)text;
	chat_say("ALL ");
	for (i = 0; i < nclients; i++)
		if (clients[i]->joined && clients[i] != c)
			chat_list(clients[i]->name);
	chat_tell(c);
}

/* Tells everyone who else is there. */
static void
chat_show_all(void)
{
	size_t i;

	for (i = 0; i < nclients; i++)
		if (clients[i]->joined)
			chat_show(clients[i], "");
}

/* Why this cannot be a name; NULL: it can. */
static const char *
chat_name_refused(const char *name)
{
	if (!nick_ok(name, strlen(name)))
		return "a name is 1 to 32 letters, digits, _ - .";
	if (reserved(name, strlen(name)))
		return "this name is reserved";
	return client_named(name, strlen(name)) != NULL ?
	    "this name is in use" : NULL;
}

/* The first message of a client. */
static void
chat_join(struct client *c, const char *name)
{
	const char *why;

	why = chat_name_refused(name);
	if (why != NULL) {
		log_msg(INFO, "chat: %.255s from %s: %s", name, c->peer, why);
		chat_say("ERROR %s", why);
		chat_tell(c);
		finish(c);
		return;
	}
	strcpy(c->name, name);
	c->joined = 1;
	c->deadline = NEVER;
	log_msg(INFO, "%s joined from %s.", c->name, c->peer);
	chat_say("%s has joined the chat!", name);
	chat_tell_all();
	chat_show_all();
}

/* One has gone, who is among the clients no more. */
static void
chat_left(const struct client *c)
{
	chat_say("%s left the chat...", c->name);
	chat_tell_all();
	chat_show_all();
}

/* {quit} */
static void
chat_quit(struct client *c, const char *text)
{
	(void)text;
	log_msg(INFO, "%s left from %s.", c->name, c->peer);
	finish(c);
}

/* ~NAME text: the blank before the text goes with it. */
static void
chat_private(struct client *c, const char *text)
{
	struct client *to;
	size_t n;

	n = strcspn(text, " ");
	to = client_named(text, n);
	if (to == NULL || !to->joined) {
		chat_say("ERROR no user %.*s", (int)n, text);
		chat_tell(c);
		return;
	}
	log_msg(INFO, "%s to %s from %s", c->name, to->name, c->peer);
	chat_say("%s: (PRIVATE) %s", c->name, text + n);
	chat_tell(to);
	chat_say("from you to %s: (PRIVATE) %s", to->name, text + n);
	chat_tell(c);
}

/* What is no command is for everyone. */
static void
chat_public(struct client *c, const char *text)
{
	log_msg(INFO, "%s to all from %s", c->name, c->peer);
	chat_say("%s: %s", c->name, text);
	chat_tell_all();
}

/* CHANGENAME OLD NEW */
static void
chat_rename(struct client *c, const char *text)
{
	const char *why;
	size_t n;

	n = strlen(c->name);
	if (strncmp(text, c->name, n) != 0 || text[n] != ' ')
		why = "the old name is not yours";
	else
		why = chat_name_refused(text + n + 1);
	if (why != NULL) {
		chat_say("ERROR %s", why);
		chat_tell(c);
		return;
	}
	chat_say("%s changed his name to %s!", c->name, text + n + 1);
	log_msg(INFO, "%s is %s now, from %s.", c->name, text + n + 1, c->peer);
	strcpy(c->name, text + n + 1);
	chat_tell_all();
	chat_show_all();
}

/* get_list_file */
static void
chat_files(struct client *c, const char *text)
{
	ssize_t i, n;
	char **names;

	(void)text;
	n = files_now(&names);
	chat_say(n < 0 ? "ERROR the files cannot be listed" : "CHOOSE_FILE ");
	for (i = 0; i < n; i++)
		chat_list(names[i]);
	chat_tell(c);
	list_told(c, n);
}

/* download_file NAME: a child waits on the port for what is asked of it. */
static void
chat_download(struct client *c, const char *name)
{
	const char *why;
	unsigned port;

	why = download_offer(c, name, SOCK_DGRAM, &port, chat_push);
	if (why == NULL)
		chat_say("UDP %u %llu %s", port,
		    (unsigned long long)session.t.size, name);
	else
		chat_say("ERROR %s%s %s", why, why == no_such ? "" : ":",
		    name);
	chat_tell(c);
}

/* What begins with these is a command; and all of it, if it takes nothing. */
static const struct {
	const char *name, *begin;
	int takes;
	void (*run)(struct client *c, const char *text);
} chat_verbs[] = {
	{ "private", "~", 1, chat_private },
	{ "show", "show", 0, chat_show },
	{ "get_list_file", "get_list_file", 0, chat_files },
	{ "download_file", "download_file ", 1, chat_download },
	{ "CHANGENAME", "CHANGENAME ", 1, chat_rename },
	{ "{quit}", "{quit}", 0, chat_quit },
	{ "public", "", 1, chat_public },
	{ "join", NULL, 1, chat_join },		/* the first message */
};
NAMES(chat_name, chat_verbs, name);

/* Carries out one message, which is a string from here on. */
static void
chat_message(struct client *c, const char *message, size_t n)
{
	char text[CHAT_MESSAGE_MAX + 1];
	size_t i, len;

	take_leave();
	while (n > 0 && (message[n - 1] == '\n' || message[n - 1] == '\r'))
		n--;
	if (n == 0)
		return;
	if (n > CHAT_MESSAGE_MAX) {
		did.n[BAD_REQUESTS]++;
		chat_say("ERROR message too long");
		chat_tell(c);
		if (!c->joined)
			finish(c);
		return;
	}
	for (i = 0; i < n; i++)
		text[i] = message[i] == '\n' || message[i] == '\r' ||
		    message[i] == '\0' ? ' ' : message[i];
	text[n] = '\0';
	i = COUNT(chat_verbs) - 1;
	len = 0;
	if (c->joined)
		for (i = 0; i < COUNT(chat_verbs) - 1; i++) {
			len = strlen(chat_verbs[i].begin);
			if (strncmp(text, chat_verbs[i].begin, len) == 0 &&
			    (chat_verbs[i].takes || text[len] == '\0'))
				break;
		}
	did.n[COMMANDS + i]++;
	chat_verbs[i].run(c, text + len);
}

/* Adds to a line that is not complete; what is too long is not kept. */
static void
chat_append(struct client *c, const char *text, size_t n)
{
	c->skips |= c->have + n > sizeof c->in;
	if (c->skips)
		return;
	memcpy(c->in + c->have, text, n);
	c->have += n;
}

/*
 * What came of a client. His first message decides whether he speaks in lines
 * or in segments; or a lone newline after that, as PuTTY sends it.
 */
static void
chat_input(struct client *c, char *text, size_t n)
{
	const char *end;
	size_t len;
	int empty;

	for (len = 0; len < n && (text[len] == '\r' || text[len] == '\n');)
		len++;
	empty = len == n;
	if (c->started == 0 && empty)
		return;
	if (c->started == 0)
		c->main.whole = memchr(text, '\n', n) == NULL;
	else if (c->started == 1 && empty && c->main.from == c->main.to)
		c->main.whole = 0;
	c->started += c->started < 2;
	if (c->main.whole) {
		chat_message(c, text, n);
		return;
	}
	for (; n > 0 && !c->ending && c->gone == NULL; text += len, n -= len) {
		end = memchr(text, '\n', n);
		len = end == NULL ? n : (size_t)(end - text);
		chat_append(c, text, len);
		if (end == NULL)
			return;
		len++;
		chat_message(c, c->in, c->skips ? CHAT_MESSAGE_MAX + 1 :
		    c->have);
		c->have = 0;
		c->skips = 0;
	}
}

static void
chat_serve(int listener)
{
	static const struct talk t = { "ERROR server is full", chat_input,
	    chat_left, NULL };

	talk_serve(listener, &t);
}


const struct service chat_service = { "chat", SOCK_STREAM, "55000", NULL, chat_serve, chat_name };
