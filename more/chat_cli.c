/* chat_cli.c: a chat in free text. Licence: ISC, see README.
 *
 * The client of chat, over talk_cli.c. What is typed goes to the server as
 * it is, and what comes is shown; only files need more:
 *
 *      chat_line(): download_file NAME --> requested[] --> server
 *      chat_text(): UDP PORT SIZE NAME --> is it there? --> start_fetch()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* The files that were asked for, "": none. An offer of any other is ignored: it
 * may be a text that another client wrote. */
static char requested[FETCHES][NAME_BYTES + 1];

/* Notes that a file is asked for. Returns -1 if it cannot be. */
static int
request(const char *name)
{
	size_t i;

	for (i = 0; i < FETCHES && requested[i][0] != '\0'; i++)
		;
	if (i == FETCHES || !name_ok(name, strlen(name))) {
		say(ERROR, "download_file: %s: %s", name, i == FETCHES ?
		    "too many at once" : "not the name of a file");
		return -1;
	}
	strcpy(requested[i], name);
	return 0;
}

/* Was this file asked for? Then the request is fulfilled, and forgotten. */
static int
was_requested(const char *name)
{
	size_t i;

	for (i = 0; i < FETCHES; i++)
		if (requested[i][0] != '\0' &&
		    strcmp(requested[i], name) == 0) {
			requested[i][0] = '\0';
			return 1;
		}
	return 0;
}

static int
fetch_by_pull(struct rdt_session *s, const struct offer *o)
{
	return chat_pull(s, talk.fd, o->port);
}

/* `UDP PORT SIZE NAME': fetches the file, if it was asked for. */
static void
chat_offer(const char *words)
{
	struct offer o = { .command = "download_file" };
	const char *name;
	char size[20];
	int64_t bytes;
	int used;

	used = 0;
	sscanf(words, "UDP %5u %19[0-9]%n", &o.port, size, &used);
	if (used == 0 || words[used] != ' ')
		return;
	name = words + used + 1;
	if (!was_requested(name))
		return;
	bytes = number(size, strlen(size), 0,
	    (int64_t)CHAT_PART * (UINT32_MAX - 1));
	if (o.port < 1 || o.port > 65535 || bytes < 0) {
		say(ERROR, "download_file: %s: %s", name, senseless);
		return;
	}
	strcpy(o.name, name);
	strcpy(o.local, name);
	o.size = (uint64_t)bytes;
	start_fetch(&o, fetch_by_pull);
}

/* One message of the server: shown, and acted on, if need be. */
static void
chat_message(const char *text, size_t n)
{
	char *name, *words;

	show(stdout, text, n);
	words = strndup(text, n);
	if (words == NULL)
		return;
	if (strstr(words, " joined the chat") != NULL ||
	    strncmp(words, "ERROR ", 6) == 0) {
		server_heard = 1;
		talk.answer_by = talk.leaving ? now() + ANSWER_S * SECOND :
		    NEVER;
	}
	if (strncmp(words, "ERROR ", 6) == 0) {
		/* It may end with a name that was asked for. */
		talk.failed = 1;
		for (name = strchr(words, ' '); name != NULL &&
		    !was_requested(name + 1); name = strchr(name + 1, ' '))
			;
	}
	chat_offer(words);
	free(words);
}

/* Takes whole lines; with -S, the bytes of one read are a message. */
static size_t
chat_text(char *text, size_t n)
{
	const char *rest = text, *line;
	size_t left = n, len;

	if (by_udp.segments) {
		chat_message(text, n);
		return n;
	}
	while (next_line(&rest, &left, &line, &len) > 0) {
		len -= len > 0 && line[len - 1] == '\r';
		chat_message(line, len);
	}
	return n - left;
}

/* Said after the name, and when it is asked for. */
static void
chat_help(void)
{
	static const char *const help[] = {
		"~NAME TEXT          to one alone",
		"show                who else is here?",
		"get_list_file       which files are there?",
		"download_file NAME  fetch one",
		"CHANGENAME OLD NEW  be called NEW",
		"{quit}              leave",
		"help                this list",
		"anything else       to all",
	};
	size_t i;

	for (i = 0; i < COUNT(help); i++)
		say(INFO, "%s", help[i]);
}

/* A line that was typed. The first one is the name; only then does the client
 * connect: the original server cannot handle a nameless one. */
static void
chat_line(char *line)
{
	int named, quits;
	size_t n;

	n = strlen(line);
	if (n == 0)
		return;
	named = talk.fd >= 0;
	quits = strcmp(line, "{quit}") == 0;
	if (!named && (quits ? fail("chat: no name") : talk_open()) != 0) {
		talk.failed = over = 1;
		return;
	}
	if (named && strncmp(line, "download_file ", 14) == 0 &&
	    request(line + 14) < 0)
		return;
	if (named && (strcmp(line, "help") == 0 || strcmp(line, "?") == 0)) {
		chat_help();
		return;
	}
	if (quits) {
		talk.leaving = 1;
		talk_ask("{quit}");
	}
	line[n] = '\n';
	talk_send(line, n + !by_udp.segments);
	if (!named) {
		talk.answer_by = now() + DOUBT_S * SECOND;
		chat_help();
	}
}

/* The name may stand on the command line; else it is the first line. */
static int
chat_session(int argc, char **argv)
{
	static const struct talk_cli t = { "{quit}", chat_line, chat_text };
	int i;

	if (argc > 1 || (argc == 1 && strlen(argv[0]) > CHAT_MESSAGE_MAX))
		usage_error("chat", "one argument, the name; all else is read "
		    "from standard input");
	if (argc == 1)
		chat_line(argv[0]);
	else if (isatty(STDIN_FILENO))
		log_msg(INFO, "Your name?");
	talk_loop(&t);
	for (i = 0; i < FETCHES; i++)
		if (requested[i][0] != '\0')
			say(ERROR, "download_file: %.255s: never came",
			    requested[i]);
	if (!talk.failed && !server_heard)
		say(ERROR, "%s %s: no welcome%s", cli.host,
		    cli.port, doubt());
	return talk.failed;
}

const struct mode chat_mode = { .name = "chat", .port = "55000",
    .session = chat_session };
