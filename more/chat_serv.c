/* chat_serv.c: a chat in free text. Licence: ISC, see README.
 *
 * The server of chat, over talk_serv.c. What came from a client is taken
 * apart into messages, and the beginning of a message says what to do:
 *
 *      chat_input() --> chat_message() --> table --> chat_public(), ...
 *                                                      |
 *      tell(), tell_all() <--- compose() <-------------+
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <string.h>

#include "serv.h"

/* ---- what is said ------------------------------------------------------- */

/* The next message, to one or to many, with room for a newline after it. */
static struct {
	char text[CHAT_LIST_MAX + CHAT_MESSAGE_MAX + 2];
	size_t n;
} words;

/* As printf(3); one byte is left for the newline. */
#define compose(...) \
	(words.n = (size_t)snprintf(words.text, sizeof words.text - 1, \
	__VA_ARGS__))

static void
tell(struct client *c)
{
	words.text[words.n] = '\n';
	send_message(c, words.text, words.n + 1);
}

/* The client that spoke is told too. */
static void
tell_all(void)
{
	size_t i;

	for (i = 0; i < clients.n; i++)
		if (clients.client[i]->joined)
			tell(clients.client[i]);
}

static void
tell_error(struct client *c, const char *why)
{
	compose("ERROR %s", why);
	tell(c);
}

/* Adds a name, unless the list gets too long. */
static void
add_name(const char *name, size_t n)
{
	if (words.n + n < CHAT_LIST_MAX)
		words.n += (size_t)sprintf(words.text + words.n, "%.*s ",
		    (int)n, name);
}

/* ---- commands ---------------------------------------------------------- */

static void
chat_show(struct client *c, const char *text)
{
	size_t i;

	(void)text;
	compose("ALL ");
	for (i = 0; i < clients.n; i++)
		if (clients.client[i]->joined && clients.client[i] != c)
			add_name(clients.client[i]->name,
			    strlen(clients.client[i]->name));
	tell(c);
}

/* Tells all: who came, went or changed his name; and who is here now. */
static void
tell_change(void)
{
	size_t i;

	tell_all();
	for (i = 0; i < clients.n; i++)
		if (clients.client[i]->joined)
			chat_show(clients.client[i], "");
}

/* Why this cannot be a name; NULL: it can. */
static const char *
name_refused(const char *name)
{
	if (!nick_ok(name, strlen(name)))
		return "a name is 1 to 32 letters, digits, _ - .";
	if (is_reserved(name, strlen(name)))
		return "this name is reserved";
	return client_named(name, strlen(name)) != NULL ?
	    "this name is in use" : NULL;
}

static void
chat_join(struct client *c, const char *name)
{
	const char *why;

	why = name_refused(name);
	if (why != NULL) {
		log_msg(INFO, "chat: %.255s from %s: %s", name, c->peer, why);
		tell_error(c, why);
		dismiss(c);
		return;
	}
	strcpy(c->name, name);
	c->joined = 1;
	c->deadline = NEVER;
	log_msg(INFO, "%s joined from %s.", c->name, c->peer);
	compose("%s has joined the chat!", name);
	tell_change();
}

static void
chat_left(const struct client *c)
{
	compose("%s left the chat...", c->name);
	tell_change();
}

static void
chat_quit(struct client *c, const char *text)
{
	(void)text;
	log_msg(INFO, "%s left from %s.", c->name, c->peer);
	dismiss(c);
}

/* ~NAME text: the blank before the text is sent, too: so there are two. */
static void
chat_private(struct client *c, const char *text)
{
	struct client *to;
	size_t n;

	n = strcspn(text, " ");
	to = client_named(text, n);
	if (to == NULL || !to->joined) {
		compose("ERROR no user %.*s", (int)n, text);
		tell(c);
		return;
	}
	log_message(c, to->name);
	compose("%s: (PRIVATE) %s", c->name, text + n);
	tell(to);
	compose("from you to %s: (PRIVATE) %s", to->name, text + n);
	tell(c);
}

static void
chat_public(struct client *c, const char *text)
{
	log_message(c, "all");
	compose("%s: %s", c->name, text);
	tell_all();
}

static void
chat_rename(struct client *c, const char *text)
{
	const char *why;
	size_t n;

	n = strlen(c->name);
	if (strncmp(text, c->name, n) != 0 || text[n] != ' ')
		why = "the old name is not yours";
	else
		why = name_refused(text + n + 1);
	if (why != NULL) {
		tell_error(c, why);
		return;
	}
	compose("%s changed his name to %s!", c->name, text + n + 1);
	log_msg(INFO, "%s is %s now, from %s.", c->name, text + n + 1, c->peer);
	strcpy(c->name, text + n + 1);
	tell_change();
}

static void
chat_files(struct client *c, const char *text)
{
	const char *files, *at, *name;
	size_t left, n;

	(void)text;
	at = files = files_now(c, &left);
	compose(files == NULL ? "ERROR the files cannot be listed" :
	    c->segment_at > 0 ? "<CHOOSE_FILE> " : "CHOOSE_FILE ");
	while (next_line(&at, &left, &name, &n) > 0)
		add_name(name, n);
	tell(c);
}

/* download_file NAME: a child waits on the port for what is asked of it. */
static void
chat_download(struct client *c, const char *name)
{
	const char *why;
	uint64_t size;
	unsigned port;

	why = offer_file(c, name, strlen(name), SOCK_DGRAM, chat_answer, &port,
	    &size);
	if (why == NULL)
		compose("UDP %u %llu %s", port, (unsigned long long)size, name);
	else
		compose("ERROR %s%s %s", why, why == no_file ? "" : ":", name);
	tell(c);
}

/* A message that begins with `begin' is this command; one that takes nothing
 * must be just that. */
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
	{ "join", "", 1, chat_join },		/* the first message */
};
#define JOIN	(COUNT(chat_verbs) - 1)

static void
chat_command(struct client *c, const char *text)
{
	size_t i, len;

	for (i = c->joined ? 0 : JOIN;; i++) {
		len = strlen(chat_verbs[i].begin);
		if (strncmp(text, chat_verbs[i].begin, len) == 0 &&
		    (chat_verbs[i].takes || text[len] == '\0'))
			break;
	}
	counters[COMMANDS + (int)i]++;
	chat_verbs[i].run(c, text + len);
}

/* ---- what comes --------------------------------------------------------- */

#define TOO_LONG	(CHAT_MESSAGE_MAX + 3)	/* even without its CR LF */

/* Takes one message: no newline of it reaches the others. */
static void
chat_message(struct client *c, const char *message, size_t n)
{
	char text[CHAT_MESSAGE_MAX + 1];
	size_t i;

	announce_gone();
	while (n > 0 && n < TOO_LONG &&
	    (message[n - 1] == '\n' || message[n - 1] == '\r'))
		n--;
	if (n == 0)
		return;
	if (n > CHAT_MESSAGE_MAX) {
		counters[BAD_REQUESTS]++;
		tell_error(c, "message too long");
		if (!c->joined)
			dismiss(c);
		return;
	}
	for (i = 0; i < n; i++)
		text[i] = message[i] == '\n' || message[i] == '\r' ||
		    message[i] == '\0' ? ' ' : message[i];
	text[n] = '\0';
	chat_command(c, text);
}

#define FIRST_MS	50	/* before the first segment for a client */

/* With a newline after its name a client speaks in lines; otherwise in
 * segments, unless a lone newline comes next, as PuTTY sends it. The beginning
 * of a line waits in c->in, cut once it is known to be too long. */
static void
chat_input(struct client *c)
{
	const char *text = c->in.bytes, *line;
	size_t left = c->in.n, newlines, n;
	int empty;

	for (newlines = 0; newlines < c->in.n && (text[newlines] == '\r' ||
	    text[newlines] == '\n');)
		newlines++;
	empty = newlines == c->in.n;
	if (c->messages == 0 && memchr(text, '\n', c->in.n) == NULL)
		c->segment_at = now() + FIRST_MS * (SECOND / 1000);
	else if (c->messages == 0 || (c->messages == 1 && empty))
		c->segment_at = 0;
	c->messages += c->messages < 2 && !(c->messages == 0 && empty);
	if (c->segment_at > 0) {
		chat_message(c, text, left);
		left = 0;
	}
	while (c->stage == TALKING && next_line(&text, &left, &line, &n) > 0)
		chat_message(c, line, n);
	buffer_drop(&c->in, c->in.n - left);
	if (c->in.n > TOO_LONG)
		c->in.n = TOO_LONG;
}

static void
chat_serve(int listener, const char *peer)
{
	static const struct talk_serv t = { "ERROR server is full", chat_input,
	    chat_left };

	(void)peer;
	talk_serve(listener, &t);
}

const struct service chat_service = {
	.name = "chat", .type = SOCK_STREAM, .port = "55000",
	.is_daemon = 1, .serve = chat_serve, NAMES_OF(chat_verbs)
};
