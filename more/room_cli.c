/* room_cli.c: a room, the client. Licence: ISC, see README. */
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
#include "cli.h"

/* ---- room (seeds/003) -------------------------------------------------- */

static char request[ROOM_REQUEST_MAX + 2 * ROOM_TEXT_MAX];
static size_t nrequest;
static char answer_code[4];		/* how its answer begins: 2xx */

/* Begins a request with its code; adds a text, if it is not too long. */
static void
room_begin(const char *code)
{
	nrequest = (size_t)sprintf(request, "%s", code);
}

static int
room_add(const char *command, const char *text, size_t n)
{
	if (n > ROOM_TEXT_MAX) {
		say(ERROR, "%s: more than " STRING(ROOM_TEXT_MAX) " bytes",
		    command);
		return -1;
	}
	nrequest += room_text(request + nrequest, text, n);
	return 0;
}

/* Sends it; no other one before the answer. */
static void
room_ask(const char *command)
{
	talk_send(request, nrequest);
	asked = command;
	answer_by = now() + ANSWER_S * SECOND;
	sprintf(answer_code, "2%.2s", request + 1);
}

/* The commands: argv[1] is all that follows the first word, argc 2 or 1. */
static int
room_join(int argc, char **argv)
{
	(void)argc;
	room_begin("100");
	if (room_add("join", argv[1], strlen(argv[1])) == 0)
		room_ask("join");
	return 0;
}

static int
room_who(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	room_begin("102");
	room_ask("who");
	return 0;
}

static int
room_files(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	room_begin("105");
	room_ask("files");
	return 0;
}

static int
room_to(int argc, char **argv)
{
	size_t n;

	(void)argc;
	n = strcspn(argv[1], BLANKS);
	room_begin("103");
	if (argv[1][n] == '\0')
		say(ERROR, "to: usage: to NAME TEXT");
	else if (room_add("to", argv[1], n) == 0 &&
	    room_add("to", argv[1] + n + 1, strlen(argv[1] + n + 1)) == 0)
		room_ask("to");
	return 0;
}

static int
room_all(int argc, char **argv)
{
	(void)argc;
	room_begin("104");
	if (room_add("all", argv[1], strlen(argv[1])) == 0)
		room_ask("all");
	return 0;
}

/* get [udp|tcp] NAME [LOCAL] */
static int
room_get(int argc, char **argv)
{
	char *words[WORDS_MAX];
	const char *local_name;
	int n, udp, way;

	(void)argc;
	n = split(argv[1], words);
	way = n > 1 && (strcmp(words[0], "udp") == 0 ||
	    strcmp(words[0], "tcp") == 0);
	udp = !way || words[0][0] == 'u';
	if (n - way < 1 || n - way > 2) {
		say(ERROR, "get: usage: get [udp|tcp] NAME [LOCAL]");
		return 0;
	}
	local_name = n - way == 2 ? words[way + 1] : words[way];
	room_begin(udp ? "106UDP" : "106TCP");
	if (strlen(local_name) >= sizeof job.local || (n - way == 1 &&
	    !name_ok(local_name, strlen(local_name))))
		say(ERROR, "get: %s: not the name of a file", local_name);
	else if (room_add("get", words[way], strlen(words[way])) == 0) {
		job.udp = udp;
		strcpy(job.name, words[way]);
		strcpy(job.local, local_name);
		room_ask("get");
	}
	return 0;
}

/* leave, quit: the same at the end of a connection. */
static int
room_leave(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	leaving = 1;
	room_begin("101");
	room_ask("leave");
	return 0;
}

static const struct command room_commands[] = {
	{ "all", 1, 1, "TEXT", "say something to all", room_all },
	{ "files", 0, 0, "", "list the files on the server", room_files },
	{ "get", 1, 1, "[udp|tcp] NAME [LOCAL]", "download a file", room_get },
	{ "help", 0, 0, "", "this list", help },
	{ "join", 1, 1, "NAME", "enter the room", room_join },
	{ "leave", 0, 0, "", "leave, which ends the client too", room_leave },
	{ "quit", 0, 0, "", "the same", room_leave },
	{ "to", 1, 1, "NAME TEXT", "say something to one alone", room_to },
	{ "who", 0, 0, "", "list the others", room_who },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* A line that was typed: a word, and what follows it as it stands. */
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
		talk_failed |= run(words[1][0] == '\0' ? 1 : 2, words);
}

/* get, in a child. */
static int
room_fetch(void)
{
	struct rdt_session *s = &session;
	struct newfile f;
	enum moved moved;
	int failed;

	if (fetch_begin("get", &f) != 0)
		return 1;
	s->window = window;
	s->t.idle = STALL_S * SECOND;
	moved = PEER_FAILED;
	if (!job.udp)
		s->t.sock = data_connect(main_in.fd, SOCK_STREAM, job.port,
		    now() + CONNECT_S * SECOND);
	if (job.udp && room_connect(s, main_in.fd, job.port) == 0)
		moved = rdt_recv(s);
	else if (!job.udp && s->t.sock >= 0)
		moved = transfer_recv(&s->t);
	failed = fetched("get", &f, moved);
	if (job.udp && moved == MOVED)
		rdt_linger(s);
	if (s->t.sock >= 0)
		dgram_close(s->t.sock);
	return failed;
}

/* The second connection, which the server waits for. */
static void
room_enter(const struct room_message *m)
{
	char digits[6];
	int64_t n;

	sprintf(digits, "%.5s", m->field[1].text);
	n = number(digits, 1, 65535);
	errno = EBADMSG;
	if (n > 0 && news_in.fd < 0)
		news_in.fd = data_connect(main_in.fd, SOCK_STREAM, (unsigned)n,
		    now() + CONNECT_S * SECOND);
	if (news_in.fd < 0)
		say(ERROR, "join: connection to port %s: %s", digits,
		    reason());
	else
		say(INFO, "join: you are %.*s", (int)m->field[0].n,
		    m->field[0].text);
}

/* What a code of an answer means, if it is a failure; else NULL. */
static const char *
room_why(const char *code)
{
	static const char *const texts[][2] = {
		{ "4001", "not a name: 2 to 32 letters, digits, _ - ." },
		{ "4002", "the name is taken" },
		{ "4003", "the room is full" },
		{ "4031", "no such user" },
		{ "4061", "no such file on the server" },
		{ "4062", "no port, or too many downloads" },
		{ "4990", "malformed, or not now: join first" },
	};
	size_t i;

	for (i = 0; i < COUNT(texts); i++)
		if (strcmp(texts[i][0], code) == 0)
			return texts[i][1];
	return NULL;
}

/* The file will be at a port. */
static void
room_offered(const struct room_message *m)
{
	char digits[ROOM_TEXT_MAX + 1];
	int64_t n, size;

	sprintf(digits, "%.*s", (int)m->field[0].n, m->field[0].text);
	size = number(digits, 0, INT64_MAX);
	sprintf(digits, "%.5s", m->field[1].text);
	n = number(digits, 1, 65535);
	if (size < 0 || n < 0 || (job.udp &&
	    size / ROOM_BLOCK >= UINT32_MAX - 1)) {
		say(ERROR, "get: %s: %s", job.name, senseless);
		return;
	}
	job.size = (uint64_t)size;
	job.port = (unsigned)n;
	start_fetch(room_fetch);
}

/* An answer: each tells by itself what it is one to. */
static void
room_answer(const struct room_message *m)
{
	const char *why;
	unsigned i;

	why = room_why(m->code);
	if (why != NULL)
		say(ERROR, "%s: %s", asked != NULL ? asked : "room", why);
	else if (asked == NULL || strncmp(m->code, answer_code, 3) != 0) {
		say(ERROR, "room: %s", senseless);
		over = 1;
	} else if (strcmp(m->code, "201") == 0)
		over = 1;
	else if (strcmp(m->code, "200") == 0)
		room_enter(m);
	else if (strcmp(m->code, "206") == 0)
		room_offered(m);
	else if (strcmp(m->code, "203") == 0)
		say(INFO, "to: sent");
	else if (strcmp(m->code, "2041") == 0)
		say(INFO, "all: sent to %u", m->fields);
	else if (m->code[0] == '2' && m->code[3] == '0')
		say(INFO, "%s: %s", asked, m->code[2] == '5' ? "no files" :
		    "nobody else is here");
	else
		for (i = 0; i < m->fields; i++)
			show(stdout, m->field[i].text, m->field[i].n);
	asked = NULL;
}

/* Takes messages apart, and does with each what it asks for. */
static size_t
room_messages(const char *text, size_t n,
    void (*take)(const struct room_message *m))
{
	struct room_message m;
	size_t used;
	ssize_t took;

	for (used = 0; used < n; used += (size_t)took) {
		took = room_take(&m, text + used, n - used);
		if (took == 0)
			break;
		if (took < 0) {
			say(ERROR, "room: %s", senseless);
			over = 1;
			return n;
		}
		if (m.code != NULL)
			take(&m);
	}
	return used;
}

static size_t
room_text_came(char *text, size_t n)
{
	return room_messages(text, n, room_answer);
}

/* An update: who came or went, or said what. */
static void
room_update(const struct room_message *m)
{
	char line[2 * ROOM_TEXT_MAX + 16];
	int n;

	if (m->code[0] != '3') {
		say(ERROR, "room: %s", senseless);
		over = 1;
		return;
	}
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

static size_t
room_news_came(char *text, size_t n)
{
	return room_messages(text, n, room_update);
}

static int
room_session(int argc, char **argv)
{
	static const struct talk_mode mode = { room_line, room_text_came,
	    room_news_came };
	char line[CHAT_MESSAGE_MAX + 1];
	int i;

	if (window == 0)
		window = ROOM_WINDOW;
	if (window > ROOM_WINDOW_MAX)
		return fail("room: -W %u: at most " STRING(ROOM_WINDOW_MAX),
		    window);
	for (line[0] = '\0', i = 0; i < argc; i++) {
		if (strlen(line) + strlen(argv[i]) + 2 > sizeof line)
			return fail("room: %s: too long", argv[0]);
		strcat(line, argv[i]);
		strcat(line, " ");
	}
	commands = room_commands;
	if (talk_begin(&mode) != 0)
		return 1;
	room_line(line);
	if (edits && argc == 0)
		say(INFO, "join NAME first; help lists the commands");
	return talk_loop("quit");
}


const struct mode room_mode = { "room", "13337", room_session };
