/* peer_cli.c: files between the clients of the directory. Licence: ISC, see README. */
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
#include "more.h"

/* ---- dir: serving files to others --------------------------------------- */

#define PEER_S		30	/* seconds until a peer must say something */
#define PEERS		64	/* that are served at a time */
#define PEER_LISTS	10000	/* messages of a list of files, at most */

/* A file that is shared, as it was when it was hashed. */
struct shared {
	char *name;
	uint64_t size;
	time_t changed;
	int settled;		/* a later change would show in `changed' */
	char hash[HASH_DIGITS + 1];
};

static struct shared *shared;
static size_t nshared;
int told;			/* the directory may know of our port */
int published;			/* ...and of our files */

static struct {
	int listener;			/* -1: nobody is served */
	unsigned port;
	int line[2];			/* its end tells all children to end */
	pid_t pid;			/* the process that accepts */
} serving = { .listener = -1 };

/*
 * Opens a file and sees whether it is what it was. Returns its descriptor; -1
 * if it has changed, or has gone. Times are in seconds: within the second in
 * which a file was hashed it may have changed again, and only its hash tells.
 */
static int
open_shared(const struct shared *s)
{
	char hash[HASH_DIGITS + 1];
	struct stat st;
	uint64_t size;
	int fd, same;

	fd = file_open(local, s->name, O_NOFOLLOW, &size);
	if (fd < 0)
		return -1;
	same = fstat(fd, &st) == 0 && size == s->size &&
	    st.st_mtime == s->changed;
	if (same && !s->settled)
		same = hash_file(fd, hash) == 0 &&
		    strcmp(hash, s->hash) == 0 && lseek(fd, 0, SEEK_SET) == 0;
	if (same)
		return fd;
	close(fd);
	return -1;
}

/* Hashes a file, if it is not what it was. Returns -1 if it cannot be read. */
static int
share(struct shared *s, const struct shared *before)
{
	struct stat st;
	int fd, result;

	fd = before == NULL ? -1 : open_shared(before);
	if (fd >= 0) {
		close(fd);
		*s = *before;
		return 0;
	}
	fd = file_open(local, s->name, O_NOFOLLOW, &s->size);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	s->changed = st.st_mtime;
	s->settled = st.st_mtime < time(NULL) - 1;
	result = hash_file(fd, s->hash);
	close(fd);
	return result;
}

/* The shared file of a name, or NULL. */
static const struct shared *
shared_named(const char *name)
{
	size_t i;

	for (i = 0; i < nshared; i++)
		if (strcmp(shared[i].name, name) == 0)
			return &shared[i];
	return NULL;
}

/* Looks at all files of -d. Returns 1 after an error, which was said. */
static int
share_all(const char *command)
{
	struct shared *all;
	char **names;
	ssize_t i, n;
	size_t k;

	n = list_files(local, INT64_MAX, &names);
	all = n < 0 ? NULL : calloc((size_t)n + 1, sizeof *all);
	if (all == NULL)
		return fail("%s: %s: %s", command, directory, reason());
	for (i = 0, k = 0; i < n; i++) {
		renew();		/* it may take long */
		all[k].name = names[i];
		if (share(&all[k], shared_named(names[i])) == 0) {
			all[k].name = names[i];
			k++;
		} else {
			log_msg(ERROR, "%s: %s: %s", command, names[i],
			    reason());
			free(names[i]);
		}
	}
	free(names);
	while (nshared > 0)
		free(shared[--nshared].name);
	free(shared);
	shared = all;
	nshared = k;
	return 0;
}

/* A line `hash size name'; returns its bytes, without a newline. */
static size_t
shared_line(char line[DIR_LINE_MAX + 1], const struct shared *s)
{
	return (size_t)sprintf(line, "%s %llu %s", s->hash,
	    (unsigned long long)s->size, s->name);
}

/* myfiles */
int
dir_mine(int argc, char **argv)
{
	char line[DIR_LINE_MAX + 1];
	size_t i;

	(void)argc;
	if (share_all(argv[0]) != 0)
		return 1;
	for (i = 0; i < nshared; i++) {
		print_safely(line, shared_line(line, &shared[i]), 1);
		putchar('\n');
	}
	return 0;
}

static struct peer_message message;	/* one at a time, either way */

/* Answers queryfiles: as many messages as it takes. */
static int
peer_files(int fd)
{
	char line[DIR_LINE_MAX + 1];
	size_t i, n;

	peer_begin(&message, "servedfiles");
	for (i = 0; i < nshared; i++) {
		n = shared_line(line, &shared[i]);
		if (message.length + n + 32 > PEER_MESSAGE_MAX) {
			peer_add(&message, "more", "1", 1);
			if (peer_send(fd, &message, now() +
			    STALL_S * SECOND) < 0)
				return -1;
			peer_begin(&message, "servedfiles");
		}
		peer_add(&message, "files", line, n);
	}
	return peer_send(fd, &message, now() + STALL_S * SECOND);
}

/* Sends a message of one line, or of none if key is NULL. */
static int
peer_say(int fd, const char *operation, const char *key, const char *value)
{
	peer_begin(&message, operation);
	if (key != NULL)
		peer_add(&message, key, value, strlen(value));
	return peer_send(fd, &message, now() + STALL_S * SECOND);
}

/* The shared file of a hash, or of its beginning; NULL: none, or several. */
static const struct shared *
shared_hash(const char *hash, size_t n)
{
	const struct shared *found;
	size_t i;

	found = NULL;
	if (n < PEER_PREFIX || n > HASH_DIGITS || !hex_digits(hash, n))
		return NULL;
	for (i = 0; i < nshared; i++) {
		if (memcmp(shared[i].hash, hash, n) != 0)
			continue;
		if (found != NULL && strcmp(found->hash, shared[i].hash) != 0)
			return NULL;
		found = &shared[i];
	}
	return found;
}

/* Sends the parts of a file. One that became shorter ends the connection. */
static int
peer_parts(int fd, int file, uint64_t size, uint64_t parts)
{
	static unsigned char part[PEER_PART];
	static char digits[BASE64_BYTES(PEER_PART)];
	ssize_t got;

	for (; parts > 0; parts--) {
		errno = 0;
		got = read_all(file, (char *)part, size < sizeof part ?
		    (size_t)size : sizeof part);
		if (got < 0 || (parts > 1 && got < (ssize_t)sizeof part))
			return -1;
		size -= (uint64_t)got;
		peer_begin(&message, "downloaded");
		peer_add(&message, "file", digits,
		    base64_encode(digits, part, (size_t)got));
		if (peer_send(fd, &message, now() + STALL_S * SECOND) < 0)
			return -1;
	}
	return 0;
}

/* Answers download. */
static int
peer_download(int fd)
{
	const struct shared *s;
	const char *hash;
	char count[24];
	uint64_t parts;
	int file, result;

	hash = peer_value(&message, NULL, "filehash");
	s = hash == NULL ? NULL : shared_hash(hash, strcspn(hash, "\n"));
	file = s == NULL ? -1 : open_shared(s);
	if (file < 0)
		return peer_say(fd, "notfound", NULL, NULL);
	parts = s->size == 0 ? 1 : (s->size - 1) / PEER_PART + 1;
	sprintf(count, "%llu", (unsigned long long)parts);
	result = peer_say(fd, "filelength", "filelength", count);
	if (result == 0)
		result = peer_parts(fd, file, s->size, parts);
	log_msg(DEBUG, "%s %s", s->name, result == 0 ? "downloaded" :
	    reason());
	close(file);
	return result;
}

/* The conversation with one peer, in a process of its own. */
static void
peer_serve(int fd)
{
	int64_t patience;
	int going;

	patience = PEER_S * SECOND;	/* who connects has something to ask */
	do {
		going = peer_recv(fd, &message, now() + patience) > 0;
		patience = STALL_S * SECOND;
		if (going && peer_is(&message, "queryfiles"))
			going = peer_files(fd) == 0;
		else if (going && peer_is(&message, "download"))
			going = peer_download(fd) == 0;
		else
			going = 0;	/* close, or nonsense */
	} while (going);
	sock_finish(fd);
}

/*
 * The process that accepts peers, each for a child of its own. When there are
 * PEERS of them the next one is closed at once: he can ask somebody else.
 */
static void
accept_peers(void)
{
	struct addr a;
	int children, fd;
	pid_t pid;

	for (children = 0;;) {
		while (children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			children--;
		if (wait_for(serving.listener, POLLIN, now() + SECOND) < 0 &&
		    errno == ECANCELED)
			_exit(0);
		fd = sock_accept(serving.listener, &a);
		if (fd < 0 && errno != EAGAIN)
			wait_for(-1, 0, now() + SECOND);	/* no room */
		if (fd < 0)
			continue;
		pid = children < PEERS ? fork() : -1;
		if (pid == 0) {
			close(serving.listener);
			peer_serve(fd);
			_exit(0);
		}
		children += pid > 0;
		close(fd);
	}
}

/* Starts that process, with what is shared now. What the old one's children
 * are doing they do to the end. */
static int
start_accepting(void)
{
	pid_t pid;

	if (serving.pid > 0) {
		kill(serving.pid, SIGKILL);	/* it holds nothing */
		waitpid(serving.pid, NULL, 0);
	}
	fflush(stdout);
	serving.pid = 0;
	pid = fork();
	if (pid == 0) {
		close(serving.line[1]);
		lifeline = serving.line[0];
		close(dir_fd);
		accept_peers();
	}
	if (pid > 0)
		serving.pid = pid;
	return pid < 0 ? -1 : 0;
}

/* Serves nobody any more: the end of the line ends all of them. */
void
end_serving(void)
{
	if (serving.listener < 0)
		return;
	close(serving.listener);
	close(serving.line[1]);
	close(serving.line[0]);
	if (serving.pid > 0)
		waitpid(serving.pid, NULL, 0);
	serving.listener = -1;
	serving.pid = 0;
}

/* Tells the directory that files are served, or that we are still here. */
static int
tell_serving(struct dir_message *got, int tries)
{
	struct dir_message asked = { 0 };

	if (serving.listener < 0) {
		asked = dir_text(DIR_REGISTER, nick);
	} else {
		asked.op = DIR_SERVE;
		asked.numbers = 1;
		asked.number[0] = serving.port;
		told = 1;
	}
	renew_at = now() + DIR_RENEW_S * SECOND;
	return dir_ask(&asked, got, tries);
}

/* Opens the port, on the address by which the directory knows us. */
static int
open_peer_port(const char *wanted)
{
	char address[HOST_BYTES];
	const char *why;
	struct addr a;

	if (addr_local(dir_fd, &a) < 0)
		return fail("serve: %s", reason());
	addr_host(&a, address);
	serving.listener = sock_listen(address, wanted, SOCK_STREAM, &why);
	if (serving.listener < 0)
		return fail("serve: %s %s: %s", address, wanted, why);
	if (addr_local(serving.listener, &a) < 0 || pipe(serving.line) < 0) {
		close(serving.listener);
		serving.listener = -1;
		return fail("serve: %s", reason());
	}
	if (start_accepting() < 0) {
		log_msg(ERROR, "serve: %s", reason());
		end_serving();
		return 1;
	}
	serving.port = addr_port(&a);
	return 0;
}

/* serve [PORT] */
int
dir_serve(int argc, char **argv)
{
	struct dir_message got;

	if (not_registered(argv[0]))
		return 1;
	if (serving.listener >= 0)
		return fail("%s: you serve on port %u already", argv[0],
		    serving.port);
	if (argc > 1 && number(argv[1], 0, 65535) < 0)
		return fail("%s: %s: not a port (0 to 65535)", argv[0],
		    argv[1]);
	if (share_all(argv[0]) != 0 ||
	    open_peer_port(argc > 1 ? argv[1] : "0") != 0)
		return 1;
	if (tell_serving(&got, TRIES) < 0) {
		end_serving();
		return fail("%s: directory %s %s: %s", argv[0], host, port,
		    reason());
	}
	if (got.op != DIR_SERVE_OK) {
		end_serving();
		return fail("%s: refused by the directory", argv[0]);
	}
	log_msg(INFO, "%s: %lu files on port %u", argv[0],
	    (unsigned long)nshared, serving.port);
	return 0;
}

/*
 * Publishes what is shared, as many lines in a request as have room. `at N' is
 * the first of each, and N plus its lines what the answer must say. Returns -1
 * with errno; 1 if the directory refuses; 0.
 */
static int
publish_all(void)
{
	static char text[DIR_REQUEST_MAX - 5];
	char line[DIR_LINE_MAX + 1];
	struct dir_message asked, got;
	size_t i, n, used;

	i = 0;
	do {
		used = (size_t)sprintf(text, "at %lu\n", (unsigned long)i);
		for (; i < nshared; i++) {
			n = shared_line(line, &shared[i]);
			if (used + n + 1 >= sizeof text)
				break;
			memcpy(text + used, line, n);
			text[used + n] = '\n';
			used += n + 1;
		}
		text[used] = '\0';
		asked = dir_text(DIR_PUBLISH, text);
		/* Not sent with a text: dir_fits() expects it back. */
		asked.number[0] = (uint32_t)i;
		if (dir_ask(&asked, &got, TRIES) < 0)
			return -1;
		if (got.op != DIR_PUBLISH_OK)
			return 1;
	} while (i < nshared);
	return 0;
}

/* stop: the directory is told too. */
int
dir_stop(int argc, char **argv)
{
	struct dir_message asked, got;

	(void)argc;
	if (!told)
		return fail("%s: you serve no files", argv[0]);
	end_serving();
	published = 0;
	asked = dir_text(DIR_STOP, nick);
	if (dir_command(argv[0], &asked, &got) != 0)
		return 1;		/* and may be asked again */
	told = 0;
	return got.op == DIR_STOP_OK ? 0 :
	    fail("%s: refused by the directory", argv[0]);
}

/*
 * publish: the files as they are now. If something that was published has gone
 * or changed, the directory must first forget it all.
 */
int
dir_publish(int argc, char **argv)
{
	struct dir_message asked, got;
	int refused;

	(void)argc;
	if (not_registered(argv[0]) || share_all(argv[0]) != 0)
		return 1;
	asked = dir_text(DIR_STOP, nick);
	if (published && dir_command(argv[0], &asked, &got) != 0)
		return 1;
	if (serving.listener >= 0 && (start_accepting() < 0 ||
	    tell_serving(&got, TRIES) < 0))
		return fail("%s: %s", argv[0], reason());
	refused = publish_all();
	if (refused < 0)
		return fail("%s: directory %s %s: %s", argv[0], host, port,
		    reason());
	if (refused)
		return fail("%s: refused by the directory", argv[0]);
	published = 1;
	log_msg(INFO, "%s: %lu files%s", argv[0], (unsigned long)nshared,
	    serving.listener < 0 ? ", listed once you serve" : "");
	return 0;
}

/*
 * Called while the prompt waits, and during downloads. A directory that has
 * forgotten us, since it was started again, is told everything anew.
 */
void
dir_renew(void)
{
	struct dir_message asked, got;

	if (nick[0] == '\0' || now() < renew_at)
		return;
	if (tell_serving(&got, 1) < 0) {
		renew_at = now() + DIR_RENEW_S * SECOND / 6;
		return;
	}
	if (got.op == DIR_SERVE_FAIL) {
		asked = dir_text(DIR_REGISTER, nick);
		if (dir_ask(&asked, &got, TRIES) < 0)
			return;
		if (got.op == DIR_REGISTER_OK &&
		    tell_serving(&got, TRIES) == 0 && published)
			publish_all();
	}
	if (got.op == DIR_REGISTER_FAIL)
		log_msg(ERROR, "the directory has given the nick %s to "
		    "someone else; logout, and register another", nick);
}

/* ---- dir: files of others ------------------------------------------------ */

static int browsed = -1;		/* the connection of browse */
static const char *browsed_nick;

/* The one failure after which a connection is still of use. */
static const char not_there[] = "it has no such file any more";

/* A file that someone else has. */
struct wanted {
	char hash[HASH_DIGITS + 1];
	uint64_t size;
	char name[NAME_BYTES + 1];
};

/* What a line of a list says. */
static void
want(struct wanted *w, const struct file_line *f)
{
	memcpy(w->hash, f->hash, HASH_DIGITS);
	w->hash[HASH_DIGITS] = '\0';
	w->size = f->size;
	memcpy(w->name, f->name, f->name_len);
	w->name[f->name_len] = '\0';
}

/* A connection to a nick, or -1. */
static int
connect_peer(const char *command, const char *who)
{
	char address[16], tcp[6];
	const char *why;
	int fd;

	if (dir_where(command, who, address, tcp) != 0)
		return -1;
	fd = sock_connect(address, tcp, SOCK_STREAM, &why);
	if (fd < 0)
		log_msg(ERROR, "%s: %s at %s %s: %s", command, who, address,
		    tcp, why);
	return fd;
}

/*
 * Asks a peer for its list and looks at each file of it: `each' may stop it by
 * returning true. Returns -1 with errno if the list is not what it should be.
 */
static int
peer_list(int fd, int (*each)(const struct file_line *f, void *with),
    void *with)
{
	struct file_line f;
	const char *value;
	int64_t limit;
	int messages, more;

	if (peer_say(fd, "queryfiles", NULL, NULL) < 0)
		return -1;
	limit = now() + STALL_S * SECOND;
	messages = 0;
	do {
		if (peer_recv(fd, &message, now() + PEER_S * SECOND) <= 0)
			return -1;
		errno = EBADMSG;
		if (!peer_is(&message, "servedfiles") ||
		    ++messages > PEER_LISTS || now() > limit)
			return -1;
		more = peer_value(&message, NULL, "more") != NULL;
		for (value = peer_value(&message, NULL, "files");
		    value != NULL;
		    value = peer_value(&message, value, "files"))
			if (file_line_parse(&f, value, strcspn(value, "\n"),
			    0) < 0 || each(&f, with) < 0)
				return -1;
	} while (more);
	return 0;
}

/* What of a list has a hash that begins so. */
struct match {
	const char *prefix;
	struct wanted found;
	int many;			/* different hashes that do */
};

static int
match_line(const struct file_line *f, void *with)
{
	struct match *m = with;

	if (strncmp(f->hash, m->prefix, strlen(m->prefix)) != 0)
		return 0;
	if (m->many > 0 && memcmp(f->hash, m->found.hash, HASH_DIGITS) == 0)
		return 0;
	if (m->many++ == 0)
		want(&m->found, f);
	return 0;
}

/* Begins a search; says why not, and returns 1, if that is no hash. */
static int
match_begin(const char *command, const char *hash, struct match *m)
{
	size_t n;

	memset(m, 0, sizeof *m);
	m->prefix = hash;
	n = strlen(hash);
	if (n < PEER_PREFIX || n > HASH_DIGITS || !hex_digits(hash, n))
		return fail("%s: %s: not a hash: 8 to 40 hexadecimal digits",
		    command, hash);
	return 0;
}

/* Says what a search came to, unless one file was found. Returns 0 or 1. */
static int
match_end(const char *command, const struct match *m)
{
	if (m->many == 0)
		return fail("%s: %s: no such file", command, m->prefix);
	if (m->many > 1)
		return fail("%s: %s: more than one hash begins so", command,
		    m->prefix);
	return 0;
}

/* Takes one part into f. Returns NULL, or what is wrong with it. */
static const char *
take_part(int fd, const struct wanted *w, struct newfile *f, struct sha1 *sha,
    uint64_t *done)
{
	static unsigned char part[PEER_MESSAGE_MAX];
	const char *value;
	ssize_t n;

	if (peer_recv(fd, &message, now() + PEER_S * SECOND) <= 0)
		return reason();
	value = peer_value(&message, NULL, "file");
	if (!peer_is(&message, "downloaded") || value == NULL)
		return "not what was promised";
	n = base64_decode(part, value, strcspn(value, "\n"));
	if (n < 0)
		return "bad base64";
	if (n == 0 && w->size > 0)
		return "a part with nothing in it";
	*done += (uint64_t)n;
	if (*done > w->size)
		return "more than the list says";
	sha1_add(sha, part, (size_t)n);
	return write_all(f->fd, (const char *)part, (size_t)n) < 0 ?
	    reason() : NULL;
}

/* Asks for a file and takes it into f. Returns NULL, or why it did not come. */
static const char *
take_file(int fd, const struct wanted *w, struct newfile *f)
{
	char count[24], hash[HASH_DIGITS + 1];
	struct transfer t = { 0 };
	struct sha1 sha;
	const char *value, *why;
	int64_t limit, parts;

	if (peer_say(fd, "download", "filehash", w->hash) < 0 ||
	    peer_recv(fd, &message, now() + PEER_S * SECOND) <= 0)
		return reason();
	if (peer_is(&message, "notfound"))
		return not_there;
	value = peer_value(&message, NULL, "filelength");
	if (!peer_is(&message, "filelength") || value == NULL)
		return "malformed message";
	snprintf(count, sizeof count, "%.*s", (int)strcspn(value, "\n"), value);
	parts = number(count, 1, w->size == 0 ? 1 : (int64_t)w->size);
	if (parts < 0)
		return "a number of parts that makes no sense";
	sha1_begin(&sha);
	t.size = w->size;
	limit = now() + (int64_t)(w->size / SLOWEST + STALL_S) * SECOND;
	for (why = NULL; parts > 0 && why == NULL; parts--) {
		why = take_part(fd, w, f, &sha, &t.done);
		if (why == NULL && now() > limit)
			why = "too slow";
		draw_down(&t);
		dir_renew();
	}
	end_bar();
	if (why == NULL && t.done < t.size)
		why = "less than the list says";
	if (why != NULL)
		return why;
	sha1_end(&sha, hash);
	return strcmp(hash, w->hash) == 0 ? NULL :
	    "the contents are not those of this hash";
}

/* Downloads a file from a peer, and stores it. Returns 0; 1 after an error; 2
 * after one that leaves the connection of no use. */
static int
peer_get(const char *command, int fd, const char *who, const struct wanted *w,
    const char *path)
{
	struct newfile f;
	const char *why;

	/* A name that others chose shall replace nothing. */
	if (open_new(&f, command, path != NULL ? path : w->name,
	    keep || path == NULL) != 0)
		return 1;
	why = take_file(fd, w, &f);
	if (why != NULL) {
		newfile_abort(&f);
		log_msg(ERROR, "%s: %.8s from %s: %s", command, w->hash, who,
		    why);
		return why == not_there ? 1 : 2;
	}
	if (newfile_commit(&f) < 0)
		return fail("%s: %s: %s", command, f.name, reason());
	log_msg(INFO, "%s: %.8s: %llu bytes stored as %s", command, w->hash,
	    (unsigned long long)w->size, f.name);
	return 0;
}

/* Leaves a peer in order. */
static void
peer_leave(int fd)
{
	peer_say(fd, "close", NULL, NULL);
	close(fd);
}

/* download NICK HASH [NAME] */
static int
download_from(const char *who, const char *hash, const char *path)
{
	struct match m;
	int failed, fd;

	if (match_begin("download", hash, &m) != 0)
		return 1;
	fd = connect_peer("download", who);
	if (fd < 0)
		return 1;
	failed = peer_list(fd, match_line, &m) < 0 ?
	    fail("download: %s: %s", who, reason()) :
	    match_end("download", &m);
	if (!failed)
		failed = peer_get("download", fd, who, &m.found, path);
	peer_leave(fd);
	return failed != 0;
}

/* Tries one nick after the other, until one has given the file. */
static int
download_from_any(const struct wanted *w, const char *nicks, size_t n,
    const char *path)
{
	char who[DIR_NICK_MAX + 1];
	size_t len;
	int failed, fd;

	for (failed = 1; failed && n > 0; nicks += len, n -= len) {
		len = strcspn(nicks, ", ");
		len = len < n ? len : n;
		memcpy(who, nicks, len);
		who[len] = '\0';
		len += len < n;		/* the comma */
		if (strcmp(who, nick) == 0) {
			log_msg(ERROR, "download: %.8s: you have it yourself",
			    w->hash);
			continue;
		}
		fd = connect_peer("download", who);
		if (fd < 0)
			continue;
		failed = peer_get("download", fd, who, w, path);
		peer_leave(fd);
	}
	return failed;
}

/* download HASH [NAME] */
static int
download_any(const char *hash, const char *path)
{
	struct file_line f;
	struct match m;
	struct lines l;
	size_t i;
	int failed;

	if (match_begin("download", hash, &m) != 0 ||
	    dir_list("download", DIR_GET_FILES, &l) != 0)
		return 1;
	for (i = 0; i < l.n; i++)
		if (file_line_parse(&f, l.line[i], strlen(l.line[i]), 1) == 0)
			match_line(&f, &m);
	failed = 1;
	if (match_end("download", &m) != 0)
		m.many = 0;
	for (i = 0; i < l.n && failed && m.many == 1; i++)
		if (file_line_parse(&f, l.line[i], strlen(l.line[i]), 1) == 0 &&
		    memcmp(f.hash, m.found.hash, HASH_DIGITS) == 0) {
			want(&m.found, &f);	/* each says its own size */
			failed = download_from_any(&m.found, f.nicks,
			    f.nicks_len, path);
		}
	lines_free(&l);
	return failed != 0;
}

/* Of two arguments the first is a nick if the second looks like a hash. */
int
dir_download(int argc, char **argv)
{
	size_t n;

	n = argc == 3 ? strlen(argv[2]) : 0;
	if (argc == 4 || (n >= PEER_PREFIX && n <= HASH_DIGITS &&
	    hex_digits(argv[2], n)))
		return download_from(argv[1], argv[2], argc > 3 ? argv[3] :
		    NULL);
	return download_any(argv[1], argc > 2 ? argv[2] : NULL);
}

static int
print_line(const struct file_line *f, void *with)
{
	(void)with;
	print_safely(f->hash, (size_t)(f->name + f->name_len - f->hash), 0);
	putchar('\n');
	return 0;
}

/* Ends the connection; the mode stays, or the next line would be another's. */
static int
browse_lost(void)
{
	close(browsed);
	browsed = -1;
	return fail("browse: the connection to %s is closed", browsed_nick);
}

/* Looks at the list of the peer. Returns 1 after an error, which was said. */
static int
browse_look(const char *command, int (*each)(const struct file_line *f,
    void *with), void *with)
{
	if (browsed < 0)
		return fail("%s: no connection any more; close", command);
	if (peer_list(browsed, each, with) == 0)
		return 0;
	log_msg(ERROR, "%s: %s: %s", command, browsed_nick, reason());
	return browse_lost();
}

/* queryfiles */
static int
browse_list(int argc, char **argv)
{
	(void)argc;
	return browse_look(argv[0], print_line, NULL);
}

/* download HASH [NAME], of the peer */
static int
browse_download(int argc, char **argv)
{
	struct match m;
	int failed;

	if (match_begin(argv[0], argv[1], &m) != 0 ||
	    browse_look(argv[0], match_line, &m) != 0 ||
	    match_end(argv[0], &m) != 0)
		return 1;
	failed = peer_get(argv[0], browsed, browsed_nick, &m.found,
	    argc > 2 ? argv[2] : NULL);
	return failed == 2 ? browse_lost() : failed;
}

static const struct command browse_commands[] = {
	{ "close", 0, 0, "", "leave this peer", leave },
	{ "download", 1, 2, "HASH [NAME]", "fetch a file", browse_download },
	{ "help", 0, 0, "", "this list", help },
	{ "queryfiles", 0, 0, "", "list the files of this peer", browse_list },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* browse NICK: a prompt of its own. */
int
dir_browse(int argc, char **argv)
{
	const struct command *before = commands;
	char prompt[DIR_NICK_MAX + 16];
	int failed;

	(void)argc;
	browsed = connect_peer(argv[0], argv[1]);
	if (browsed < 0)
		return 1;
	browsed_nick = argv[1];
	snprintf(prompt, sizeof prompt, "browse %s> ", argv[1]);
	commands = browse_commands;
	failed = command_loop(prompt);
	commands = before;
	over = 0;
	if (browsed >= 0)
		peer_leave(browsed);
	return failed;
}

static const struct command fgserve_commands[] = {
	{ "fgstop", 0, 0, "", "serve no more", leave },
	{ "help", 0, 0, "", "this list", help },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

/* fgserve [PORT]: until the line `fgstop', or the end of input. */
int
dir_fgserve(int argc, char **argv)
{
	static char *stop[] = { "stop", NULL };
	const struct command *before = commands;
	int failed;

	if (dir_serve(argc, argv) != 0)
		return 1;
	commands = fgserve_commands;
	failed = command_loop("");
	commands = before;
	over = 0;
	return dir_stop(1, stop) | failed;
}
