/* chat_cli.c: a chat, the client. Licence: ISC, see README. */
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

/* ---- chat (seeds/002) -------------------------------------------------- */

/* Files that were asked for; "": none. */
static char wanted[FETCHES][NAME_BYTES + 1];

/* download_file, in a child. */
static int
chat_fetch(void)
{
	struct newfile f;
	enum moved moved;
	int failed;

	if (fetch_begin("download_file", &f) != 0)
		return 1;
	moved = chat_pull(&session, main_in.fd, job.port);
	failed = fetched("download_file", &f, moved);
	if (session.t.sock >= 0)
		dgram_close(session.t.sock);
	return failed;
}

/* Is this one of the files that were asked for? Then it is so no more. */
static int
was_wanted(const char *name)
{
	size_t i;

	for (i = 0; i < FETCHES; i++)
		if (wanted[i][0] != '\0' && strcmp(wanted[i], name) == 0) {
			wanted[i][0] = '\0';
			return 1;
		}
	return 0;
}

/* An error ends with the name of the file that it is about, if it is. */
static void
not_wanted(const char *error)
{
	size_t i, n, len;

	n = strlen(error);
	for (i = 0; i < FETCHES; i++) {
		len = strlen(wanted[i]);
		if (len > 0 && n > len && error[n - len - 1] == ' ' &&
		    strcmp(error + n - len, wanted[i]) == 0) {
			wanted[i][0] = '\0';
			return;
		}
	}
}

/* One message of the server: shown; and acted on, if it is about a file. */
static void
chat_message(const char *text, size_t n)
{
	char words[TALK_TEXT + 1], size[20];
	int64_t bytes;
	int used;

	show(stdout, text, n);
	memcpy(words, text, n);
	words[n] = '\0';
	if (strncmp(words, "ERROR ", 6) == 0) {
		talk_failed = 1;
		not_wanted(words);
	}
	used = 0;
	sscanf(words, "UDP %5u %19[0-9]%n", &job.port, size, &used);
	if (used == 0 || words[used++] != ' ' || !was_wanted(words + used))
		return;
	bytes = number(size, 0, (int64_t)CHAT_PART * (UINT32_MAX - 1));
	if (job.port < 1 || job.port > 65535 || bytes < 0) {
		say(ERROR, "download_file: %s: %s", words + used, senseless);
		return;
	}
	strcpy(job.name, words + used);
	strcpy(job.local, job.name);
	job.size = (uint64_t)bytes;
	start_fetch(chat_fetch);
}

/* Lines; or, in mode -S, what came. */
static size_t
chat_text(char *text, size_t n)
{
	const char *end;
	size_t used, len;

	if (segments) {
		chat_message(text, n);
		return n;
	}
	for (used = 0; (end = memchr(text + used, '\n', n - used)) != NULL;
	    used = (size_t)(end - text) + 1) {
		len = (size_t)(end - text) - used;
		len -= len > 0 && end[-1] == '\r';
		chat_message(text + used, len);
	}
	return used;
}

/* Notes that a file is asked for, so that nobody can make us fetch another.
 * Returns -1 if it cannot be. */
static int
chat_want(const char *name)
{
	size_t i;

	for (i = 0; i < FETCHES && wanted[i][0] != '\0'; i++)
		;
	if (i == FETCHES || !name_ok(name, strlen(name))) {
		say(ERROR, "download_file: %s: %s", name, i == FETCHES ?
		    "too many at once" : "not the name of a file");
		return -1;
	}
	strcpy(wanted[i], name);
	return 0;
}

/* A line that was typed; the first one is the name. */
static void
chat_line(char *line)
{
	static const char *const help[] = {
		"~NAME TEXT          to one alone",
		"show                who else is here?",
		"get_list_file       which files are there?",
		"download_file NAME  fetches one",
		"CHANGENAME OLD NEW  be called NEW",
		"{quit}              leave",
		"anything else       to all",
	};
	static int named;
	size_t i, n;

	n = strlen(line);
	if (n > 0 && line[n - 1] == '\r')
		n--;
	if (n == 0)
		return;
	line[n] = '\0';
	if (strncmp(line, "download_file ", 14) == 0 &&
	    chat_want(line + 14) < 0)
		return;
	if (strcmp(line, "{quit}") == 0) {
		over = !named;
		leaving = 1;
		asked = "{quit}";
		answer_by = now() + ANSWER_S * SECOND;
	}
	if (over)
		return;
	line[n] = '\n';
	talk_send(line, n + !segments);
	for (i = 0; i < COUNT(help) && !named; i++)
		say(INFO, "%s", help[i]);
	named = 1;
}

static int
chat_session(int argc, char **argv)
{
	static const struct talk_mode mode = { chat_line, chat_text, NULL };
	char name[CHAT_MESSAGE_MAX + 2];
	int i;

	if (argc > 1 || (argc == 1 && strlen(argv[0]) > CHAT_MESSAGE_MAX))
		return fail("chat: one argument, the name; all else is read "
		    "from standard input");
	if (talk_begin(&mode) != 0)
		return 1;
	if (argc == 1)
		chat_line(strcpy(name, argv[0]));
	else if (edits)
		say(INFO, "Your name?");
	talk_loop("{quit}");
	for (i = 0; i < FETCHES; i++)
		if (wanted[i][0] != '\0')
			say(ERROR, "download_file: %.255s: never came",
			    wanted[i]);
	return talk_failed;
}


const struct mode chat_mode = { "chat", "55000", chat_session };
