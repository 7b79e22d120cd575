/* room_cli.c: a room, in codes and lengths. Licence: ISC, see README.
 *
 * The client of room, over talk_cli.c. A line that was typed is a command
 * of the table, which sends a request; no other one is taken before its answer:
 *
 *      room_line() --> table --> room_ask(), ... --> request() --> server
 *      room_text() --> room_answer(), room_update()
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <string.h>

#include "cli.h"

extern const struct mode room_mode;

static struct offer offered;		/* what a get asked for */

/* ---- requests ------------------------------------------------------------ */

/* Adds a text; -1 after a message, if it is too long. */
static int
add_text(const char *command, const char *text, size_t n)
{
	if (n > ROOM_TEXT_MAX) {
		say(ERROR, "%s: more than " STRING(ROOM_TEXT_MAX) " bytes",
		    command);
		return -1;
	}
	room_add(text, n);
	return 0;
}

/* Sends it; no other one before the answer. */
static int
request(const char *command)
{
	if (talk.update_fd < 0 && strcmp(command, "join") != 0 &&
	    strcmp(command, "leave") != 0) {
		say(ERROR, "%s: join first", command);
		return 0;
	}
	talk_send(room_words.text, room_words.n);
	talk_ask(command);
	return 0;
}

/* The commands: argv[1] is all that follows the first word, argc 2 or 1. An
 * error sets talk.failed, by say(), or if they return 1. */
static int
room_ask(int argc, char **argv)
{
	static const char *const asks[][2] = { { "all", "104" },
	    { "files", "105" }, { "join", "100" }, { "who", "102" } };
	size_t i;

	for (i = 0; strcmp(asks[i][0], argv[0]) != 0; i++)
		;
	room_begin(asks[i][1]);
	return argc > 1 && add_text(argv[0], argv[1], strlen(argv[1])) < 0 ?
	    0 : request(asks[i][0]);
}

/* to NAME TEXT: exactly one blank between them, the rest is text. */
static int
room_to(int argc, char **argv)
{
	size_t n;

	(void)argc;
	n = strcspn(argv[1], BLANKS);
	room_begin("103");
	if (argv[1][n] == '\0')
		say(ERROR, "to: usage: to NAME TEXT");
	else if (add_text("to", argv[1], n) == 0 &&
	    add_text("to", argv[1] + n + 1, strlen(argv[1] + n + 1)) == 0)
		request("to");
	return 0;
}

static int
room_get(int argc, char **argv)
{
	char *words[WORDS_MAX];
	const char *local;
	int n, way;

	(void)argc;
	n = split(argv[1], words);
	if (n < 0)
		return 1;
	way = n > 1 && (strcmp(words[0], "udp") == 0 ||
	    strcmp(words[0], "tcp") == 0);
	if (n - way < 1 || n - way > 2) {
		say(ERROR, "get: usage: get [udp|tcp] NAME [LOCAL]");
		return 0;
	}
	offered.command = "get";
	offered.udp = !way || words[0][0] == 'u';
	local = n - way == 2 ? words[way + 1] : words[way];
	room_begin(offered.udp ? "106UDP" : "106TCP");
	if (strlen(local) >= sizeof offered.local || (n - way == 1 &&
	    !name_ok(local, strlen(local))))
		say(ERROR, "get: %s: not the name of a file", local);
	else if (add_text("get", words[way], strlen(words[way])) == 0) {
		strcpy(offered.name, words[way]);
		strcpy(offered.local, local);
		request("get");
	}
	return 0;
}

/* leave and quit do the same: the answer ends the connection. */
static int
room_leave(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	talk.leaving = 1;
	room_begin("101");
	return request("leave");
}

static const struct command room_commands[] = {
	{ "?", 0, 0, "", NULL, NULL },
	{ "all", 1, 1, "TEXT", "say something to all", room_ask },
	{ "bye", 0, 0, "", NULL, room_leave },
	{ "exit", 0, 0, "", NULL, room_leave },
	{ "files", 0, 0, "", "list the files on the server", room_ask },
	{ "get", 1, 1, "[udp|tcp] NAME [LOCAL]", "download a file", room_get },
	{ "help", 0, 0, "", "this list", NULL },
	{ "join", 1, 1, "NAME", "enter the room", room_ask },
	{ "leave", 0, 0, "", "leave, which ends the client too", room_leave },
	{ "quit", 0, 0, "", "the same", room_leave },
	{ "to", 1, 1, "NAME TEXT", "say something to one alone", room_to },
	{ "who", 0, 0, "", "list the others", room_ask },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* A line that was typed: a word, and what follows it, trimmed. */
static void
room_line(char *line)
{
	char *words[2];
	size_t n;

	n = strlen(line);
	while (n > 0 && strchr(BLANKS, line[n - 1]) != NULL)
		line[--n] = '\0';
	words[0] = line += strspn(line, BLANKS);
	line += strcspn(line, BLANKS);
	words[1] = line + strspn(line, BLANKS);
	*line = '\0';
	hide_line();
	if (words[0][0] != '\0')
		talk.failed |= run_command(&room_mode,
		    words[1][0] == '\0' ? 1 : 2, words);
}

/* ---- answers ----------------------------------------------------------- */

static int
fetch_file(struct rdt_session *s, const struct offer *o)
{
	if (!o->udp) {
		s->sock = data_connect(talk.fd, SOCK_STREAM, o->port);
		if (s->sock < 0)
			return -1;
		sock_limit(s->sock, STALL_S);
		return file_recv(s->sock, &s->file);
	}
	s->window = by_udp.window;
	return room_connect(s, talk.fd, o->port) < 0 ? -1 : rdt_recv(s);
}

/* 200: connects the update socket, which the server waits for. */
static void
room_joined(const struct room_message *m)
{
	int64_t port;

	port = number(m->field[1].text, m->field[1].n, 1, 65535);
	errno = EBADMSG;
	if (port > 0 && talk.update_fd < 0)
		talk.update_fd = data_connect(talk.fd, SOCK_STREAM,
		    (unsigned)port);
	if (talk.update_fd < 0 || sock_nonblock(talk.update_fd) < 0)
		say(ERROR, "join: connection to port %.5s: %s",
		    m->field[1].text, reason());
	else
		say(INFO, "join: you are %.*s", (int)m->field[0].n,
		    m->field[0].text);
}

/* 206: the file will be at a port. */
static void
room_offered(const struct room_message *m)
{
	struct offer *o = &offered;
	int64_t port, size;

	size = number(m->field[0].text, m->field[0].n, 0, INT64_MAX);
	port = number(m->field[1].text, m->field[1].n, 1, 65535);
	if (size < 0 || port < 0 || (o->udp &&
	    size / ROOM_BLOCK >= UINT32_MAX - 1)) {
		say(ERROR, "get: %s: %s", o->name, senseless);
		return;
	}
	o->size = (uint64_t)size;
	o->port = (unsigned)port;
	start_fetch(o, fetch_file);
}

/* An answer: an error, or 2xx to the request 1xx that room_words holds. */
static void
room_answer(const struct room_message *m)
{
	unsigned i;

	if (m->why != NULL || m->code[0] == '2')
		server_heard = 1;
	if (m->why != NULL)
		say(ERROR, "%s: %s", talk.awaited != NULL ? talk.awaited :
		    "room", m->why);
	else if (talk.awaited == NULL || m->code[0] != '2' ||
	    strncmp(m->code + 1, room_words.text + 1, 2) != 0) {
		say(ERROR, "room: %s%s", senseless, doubt());
		over = 1;
	} else if (strcmp(m->code, "201") == 0)
		over = 1;
	else if (strcmp(m->code, "200") == 0)
		room_joined(m);
	else if (strcmp(m->code, "206") == 0)
		room_offered(m);
	else if (strcmp(m->code, "203") == 0)
		say(INFO, "to: sent");
	else if (strcmp(m->code, "2041") == 0)
		say(INFO, "all: sent to %u", m->fields);
	else if (m->code[0] == '2' && m->code[3] == '0')
		say(INFO, "%s: %s", talk.awaited, m->code[2] == '5' ?
		    "no files" : "nobody else is here");
	else
		for (i = 0; i < m->fields; i++)
			show(stdout, m->field[i].text, m->field[i].n);
	talk.awaited = NULL;
	talk.answer_by = NEVER;
}

/* An update: somebody came or went, or said something. */
static void
room_update(const struct room_message *m)
{
	char line[2 * ROOM_TEXT_MAX + 16];
	int n;

	n = (int)m->field[0].n;
	memcpy(line, m->field[0].text, (size_t)n);
	n += sprintf(line + n, "%s", m->code[2] == '0' ? " joined" :
	    m->code[2] == '1' ? " left" :
	    m->code[2] == '3' ? " (private): " : ": ");
	if (m->fields > 1) {
		memcpy(line + n, m->field[1].text, m->field[1].n);
		n += (int)m->field[1].n;
	}
	show(stdout, line, (size_t)n);
}

/* Takes the messages in a text; returns the bytes of them all. */
static size_t
room_text(char *text, size_t n)
{
	struct room_message m;
	size_t done;
	ssize_t used;

	for (done = 0; done < n; done += (size_t)used) {
		used = room_unpack(&m, text + done, n - done);
		if (used == 0)
			break;
		if (used < 0) {
			say(ERROR, "room: %s%s", senseless, doubt());
			over = 1;
			return n;
		}
		if (m.code != NULL && m.code[0] == '3')
			room_update(&m);
		else if (m.code != NULL)
			room_answer(&m);
	}
	return done;
}

/* The arguments of the command line are the first line. */
static int
room_session(int argc, char **argv)
{
	static const struct talk_cli t = { "quit", room_line, room_text };
	char line[CHAT_MESSAGE_MAX + 1];
	int i;

	if (by_udp.window > ROOM_WINDOW_MAX)
		usage_error("-W", "in mode room, at most "
		    STRING(ROOM_WINDOW_MAX));
	for (line[0] = '\0', i = 0; i < argc; i++) {
		if (strlen(line) + strlen(argv[i]) + 2 > sizeof line)
			return fail("room: %s: too long", argv[0]);
		strcat(line, argv[i]);
		strcat(line, " ");
	}
	if (talk_open() != 0)
		return 1;
	room_line(line);
	if (talk.edits && argc == 0)
		say(INFO, "join NAME first; help lists the commands");
	return talk_loop(&t);
}

const struct mode room_mode = { .name = "room", .port = "13337",
    .commands = { room_commands }, .session = room_session,
    .window = ROOM_WINDOW };
