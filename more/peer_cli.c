/* peer_cli.c: files between the clients of the directory. Licence: ISC, see
 * README.
 *
 * Both ends of dir's peer protocol, and the row of mode dir, whose other
 * commands stand in cli.c. The processes of a client that serves:
 *
 *      client      the prompt; asks the directory, and renews its nick
 *       +--- acceptor      accepts peers; started anew by publish
 *             +--- child   one for each peer: the conversation with it
 *
 * The other two end with the lifeline, a pipe whose writing end only the client
 * holds. A file is known by its hash, the SHA-1 of its contents:
 *
 *      hash_all() hashes --> publish --> directory --> filelist of others
 *      peer_serve() <-- download HASH <-- get_file(), which checks the hash
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define SLOWEST		1024	/* bytes a second of the slowest network */
#define PEER_S		30	/* seconds for the first request, an answer */
#define PEERS		64	/* served at a time */
#define PEER_LISTS	200	/* messages of a list of files, at most */

static int64_t	peer_tick(void);

/* ---- the files that are shared ------------------------------------------ */

struct shared {
	struct lines files;		/* `hash size name' of each */
	time_t newest;			/* their latest st_ctime, or 2 s before
					   their hashing began, if earlier */
};

static struct shared shared;		/* what peers and directory are told */

static struct {
	int listener;			/* -1: no peer is served */
	unsigned port;			/* 0: the directory knows of none */
	int line[2];			/* the lifeline of the processes */
	pid_t acceptor;
	int published;			/* the directory was told the files */
} serving = { .listener = -1, .line = { -1, -1 } };

/* Opens a shared file; -1 if it has changed, or has gone. One that may have
 * changed since it was hashed is hashed again. */
static int
open_shared(const struct file_line *o)
{
	char hash[HASH_DIGITS + 1];
	struct stat st;
	struct file f;

	if (file_open(&f, o->name, 0) < 0)
		return -1;
	if (fstat(f.fd, &st) == 0 && f.size == o->size &&
	    (st.st_ctime <= shared.newest || (hash_file(f.fd, hash) == 0 &&
	    memcmp(hash, o->hash, HASH_DIGITS) == 0 &&
	    lseek(f.fd, 0, SEEK_SET) == 0)))
		return f.fd;
	close(f.fd);
	return -1;
}

/* Hashes a file and adds its line. Returns -1 if it cannot be read. */
static int
add_shared(struct shared *s, const char *name)
{
	char hash[HASH_DIGITS + 1], line[DIR_LINE_MAX + 1];
	struct stat st;
	struct file f;
	int n, result;

	if (file_open(&f, name, 0) < 0)
		return -1;
	if (fstat(f.fd, &st) == 0 && st.st_ctime > s->newest)
		s->newest = st.st_ctime;
	result = hash_file(f.fd, hash);
	close(f.fd);
	n = sprintf(line, "%s %llu %s", hash, (unsigned long long)f.size, name);
	return result < 0 ? -1 : lines_add(&s->files, line, (size_t)n);
}

/* Lists and hashes the files of -d; s is all 0, or an older list, which stays
 * until the new one takes its place: peer_tick() may publish it. Returns 1
 * after a message. Times are in seconds: what changed just now may change again
 * in the same one. */
static int
hash_all(const char *command, struct shared *s)
{
	struct shared new = { 0 };
	char *name, *names;
	time_t begun;
	size_t len;

	begun = time(NULL);
	names = list_files(INT64_MAX, &len);
	if (names == NULL)
		return fail("%s: %s: %s", command, cli.directory, reason());
	for (name = strtok(names, "\n"); name != NULL;
	    name = strtok(NULL, "\n")) {
		peer_tick();		/* hashing may take long */
		if (add_shared(&new, name) < 0)
			log_msg(ERROR, "%s: %s: %s", command, name, reason());
	}
	free(names);
	if (new.newest > begun - 2)
		new.newest = begun - 2;
	lines_free(&s->files);
	*s = new;
	return 0;
}

static int
peer_myfiles(int argc, char **argv)
{
	struct shared s = { 0 };

	(void)argc;
	if (hash_all(argv[0], &s) != 0)
		return 1;
	lines_print(&s.files);
	return 0;
}

/* Is this a hash, or the first digits of one? */
static int
is_hash(const char *text)
{
	size_t n;

	n = strlen(text);
	return n >= PEER_PREFIX && n <= HASH_DIGITS && hex_digits(text, n);
}

/* How many hashes in a list begin so: 0, 1, 2 (or more); the first one's line
 * is *found. */
static int
find_hash(const char *hash, const struct lines *l, int with_nicks,
    struct file_line *found)
{
	struct file_line f;
	size_t i;
	int hashes;

	for (hashes = 0, i = 0; i < l->n && hashes < 2; i++) {
		if (file_line_parse(&f, l->line[i], strlen(l->line[i]),
		    with_nicks) < 0 ||
		    strncmp(f.hash, hash, strlen(hash)) != 0 || (hashes > 0 &&
		    memcmp(f.hash, found->hash, HASH_DIGITS) == 0))
			continue;
		if (hashes++ == 0)
			*found = f;
	}
	return hashes;
}

/* ---- serving them to peers ----------------------------------------------- */

static struct peer_message message;	/* one at a time, either way */

/* Sends an operation and a line, or no line if key is NULL. */
static int
peer_say(int fd, const char *operation, const char *key, const char *value)
{
	peer_begin(&message, operation);
	if (key != NULL)
		peer_add(&message, key, value);
	return peer_send(fd, &message);
}

static int
send_files(int fd)
{
	size_t i;

	peer_begin(&message, "servedfiles");
	for (i = 0; i < shared.files.n; i++) {
		if (message.length + strlen(shared.files.line[i]) + 32 >
		    PEER_MESSAGE_MAX) {
			peer_add(&message, "more", "1");
			if (peer_send(fd, &message) < 0)
				return -1;
			peer_begin(&message, "servedfiles");
		}
		peer_add(&message, "files", shared.files.line[i]);
	}
	return peer_send(fd, &message);
}

/* Sends the parts of a file. If it became shorter the connection ends. */
static int
send_parts(int fd, int file, uint64_t size, uint64_t parts)
{
	static unsigned char part[PEER_PART];
	static char digits[BASE64_BYTES(PEER_PART) + 1];
	size_t n;

	for (; parts > 0; parts--, size -= n) {
		n = size < sizeof part ? (size_t)size : sizeof part;
		if (wait_for(fd, POLLOUT, now() + STALL_S * SECOND) < 0 ||
		    read_all(file, part, n) < n)
			return -1;
		digits[base64_encode(digits, part, n)] = '\0';
		if (peer_say(fd, "downloaded", "file", digits) < 0)
			return -1;
	}
	return 0;
}

static int
send_file(int fd)
{
	struct file_line f;
	const char *hash;
	char count[24];
	uint64_t parts;
	int file, result;

	hash = peer_value(&message, NULL, "filehash");
	file = hash != NULL && is_hash(hash) &&
	    find_hash(hash, &shared.files, 0, &f) == 1 ? open_shared(&f) : -1;
	if (file < 0)
		return peer_say(fd, "notfound", NULL, NULL);
	parts = f.size == 0 ? 1 : (f.size - 1) / PEER_PART + 1;
	sprintf(count, "%llu", (unsigned long long)parts);
	result = peer_say(fd, "filelength", "filelength", count);
	if (result == 0)
		result = send_parts(fd, file, f.size, parts);
	log_msg(DEBUG, "%s %s", f.name, result == 0 ? "downloaded" : reason());
	close(file);
	return result;
}

/* The conversation with one peer, in a process of its own. The first request
 * must come soon. */
static void
peer_serve(int fd)
{
	int64_t patience;
	int result;

	sock_limit(fd, STALL_S);
	result = 0;
	for (patience = PEER_S; result == 0 && wait_for(fd, POLLIN, now() +
	    patience * SECOND) == 0 && peer_recv(fd, &message) == 0;
	    patience = STALL_S)
		result = peer_is(&message, "queryfiles") ? send_files(fd) :
		    peer_is(&message, "download") ? send_file(fd) :
		    -1;			/* close, or nonsense */
	sock_finish(fd);
}

/* The process that accepts peers, each for a child of its own. The next one
 * after PEERS is closed at once: it can ask another peer. */
static void
accept_peers(void)
{
	int children, fd;
	pid_t pid;

	for (children = 0; wait_for(serving.listener, POLLIN, NEVER) == 0;) {
		while (children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			children--;
		fd = sock_accept(serving.listener, NULL);
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
		if (pid < 0)
			sock_close(fd);
		else
			close(fd);	/* it is the child's now */
	}
	_exit(0);
}

/* Starts the acceptor with what is shared now, in the place of the old one,
 * whose children finish what they are doing. */
static int
start_acceptor(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		on_signal(SIGINT, SIG_IGN);	/* the lifeline ends it */
		close(serving.line[1]);
		lifeline = serving.line[0];
		network = NULL;		/* what -L delays is the client's */
		close(directory.fd);
		accept_peers();
	}
	if (pid < 0)
		return -1;
	if (serving.acceptor > 0) {
		/* SIGKILL loses nothing but, at worst, one new connection. */
		kill(serving.acceptor, SIGKILL);
		waitpid(serving.acceptor, NULL, 0);
	}
	serving.acceptor = pid;
	return 0;
}

/* Serves no peer any more: the lifeline's end ends the processes. */
static void
end_serving(void)
{
	if (serving.listener < 0)
		return;
	close(serving.listener);
	close(serving.line[1]);
	close(serving.line[0]);
	if (serving.acceptor > 0)
		waitpid(serving.acceptor, NULL, 0);
	serving.listener = serving.line[0] = serving.line[1] = -1;
	serving.acceptor = 0;
}

/* ---- serving: what the directory is told -------------------------------- */

/* Opens the port, on the address by which the directory knows us. */
static int
open_port(const char *port)
{
	char address[HOST_BYTES];
	int bound;

	if (sock_host(directory.fd, getsockname, address) < 0)
		return fail("serve: %s", reason());
	serving.listener = sock_listen(address, port, SOCK_STREAM);
	if (serving.listener < 0)
		return fail("serve: %s %s: %s", address, port, reason());
	bound = sock_host(serving.listener, getsockname, address);
	if (bound < 0 || pipe(serving.line) < 0 || start_acceptor() < 0) {
		log_msg(ERROR, "serve: %s", reason());
		end_serving();
		return 1;
	}
	serving.port = (unsigned)bound;
	return 0;
}

/* Publishes what is shared, as many files in a request as fit. `at N' begins
 * it, N being its first file; the answer must say N plus its files. */
static int
publish_all(const char *command)
{
	static char text[DIR_REQUEST_MAX - 5];
	size_t i, used;

	i = 0;
	do {
		used = (size_t)sprintf(text, "at %lu\n", (unsigned long)i);
		for (; i < shared.files.n && used +
		    strlen(shared.files.line[i]) + 1 < sizeof text; i++)
			used += (size_t)sprintf(text + used, "%s\n",
			    shared.files.line[i]);
		if (dir_command(command, DIR_PUBLISH, text, (uint32_t)i) != 0)
			return 1;
	} while (i < shared.files.n);
	return 0;
}

static int
peer_serve_command(int argc, char **argv)
{
	char address[HOST_BYTES];

	if (not_registered(argv[0]))
		return 1;
	if (serving.listener >= 0)
		return fail("%s: you serve on port %u already", argv[0],
		    serving.port);
	if (argc > 1 && number(argv[1], strlen(argv[1]), 0, 65535) < 0)
		return fail("%s: %s: not a port (0 to 65535)", argv[0],
		    argv[1]);
	if (hash_all(argv[0], &shared) != 0 ||
	    open_port(argc > 1 ? argv[1] : "0") != 0)
		return 1;
	if (dir_command(argv[0], DIR_SERVE, NULL, serving.port) != 0) {
		end_serving();
		return 1;
	}
	if (serving.published)		/* and perhaps forgotten since */
		publish_all(argv[0]);
	log_msg(INFO, "%s: %lu files on port %u", argv[0],
	    (unsigned long)shared.files.n, serving.port);
	if (sock_host(directory.fd, getsockname, address) >= 0 &&
	    strncmp(address, "127.", 4) == 0)
		log_msg(INFO, "%s: others on the network cannot reach you at "
		    "%s: name the directory by another address", argv[0],
		    address);
	return 0;
}

static int
peer_stop(int argc, char **argv)
{
	(void)argc;
	if (serving.port == 0)
		return fail("%s: you serve no files", argv[0]);
	end_serving();
	serving.published = 0;
	if (dir_command(argv[0], DIR_STOP, directory.nick, 0) != 0)
		return 1;		/* stop may be repeated */
	serving.port = 0;
	return 0;
}

/* publish: the files as they are now. What was published may have gone or
 * changed: so the directory first forgets it all. */
static int
peer_publish(int argc, char **argv)
{
	(void)argc;
	if (not_registered(argv[0]) || hash_all(argv[0], &shared) != 0)
		return 1;
	if (serving.listener >= 0 && start_acceptor() < 0)
		return fail("%s: %s", argv[0], reason());
	if (serving.published &&
	    dir_command(argv[0], DIR_STOP, directory.nick, 0) != 0)
		return 1;
	serving.published = 1;		/* in part, even if it fails */
	if ((serving.listener >= 0 &&
	    dir_command(argv[0], DIR_SERVE, NULL, serving.port) != 0) ||
	    publish_all(argv[0]) != 0)
		return 1;
	log_msg(INFO, "%s: %lu files%s", argv[0], (unsigned long)shared.files.n,
	    serving.listener < 0 ? ", listed once you serve" : "");
	return 0;
}

/* The tick of mode dir, also called during downloads: renews the nick. Says
 * once that the directory is gone, or is back. If it forgot the nick of one who
 * serves, tells it everything anew. renew_at is set last: publish_all() may set
 * it to now. */
static int64_t
peer_tick(void)
{
	static int forgotten, gone;
	const struct dir_message *answer = &directory.answer;

	if (now() < directory.renew_at)
		return directory.renew_at;
	if ((serving.listener >= 0 ?
	    dir_ask(DIR_SERVE, NULL, serving.port, 1) :
	    dir_ask(DIR_REGISTER, directory.nick, 0, 1)) < 0) {
		if (!gone)
			log_msg(ERROR, "the directory does not answer, and "
			    "will soon forget %s", directory.nick);
		gone = 1;
		directory.renew_at = now() + DIR_RENEW_S * SECOND / 6;
		return directory.renew_at;
	}
	if (gone)
		log_msg(INFO, "the directory answers again");
	gone = 0;
	if (answer->op == DIR_SERVE_FAIL) {
		forgotten = 1;
		if (dir_ask(DIR_REGISTER, directory.nick, 0, 1) == 0 &&
		    answer->op == DIR_REGISTER_OK)
			dir_ask(DIR_SERVE, NULL, serving.port, 1);
	}
	if (answer->op == DIR_REGISTER_FAIL)
		log_msg(ERROR, "the directory has the nick %s at another "
		    "address: it is someone else's; or your address has "
		    "changed, and the nick is free again in "
		    STRING(DIR_EXPIRE_S) " s: logout, and register again",
		    directory.nick);
	if (forgotten && answer->op == DIR_SERVE_OK)
		forgotten = serving.published && publish_all("publish") != 0;
	directory.renew_at = now() + DIR_RENEW_S * SECOND;
	return directory.renew_at;
}

/* Waits for a line of commands, and renews the nick meanwhile. */
static void
peer_wait(void)
{
	while (wait_for(STDIN_FILENO, POLLIN, peer_tick()) < 0)
		;
}

/* logout: peers that are being served are cut off. The nick is gone here in any
 * case. */
static int
peer_logout(int argc, char **argv)
{
	int failed;

	(void)argc;
	if (not_registered(argv[0]))
		return 1;
	end_serving();
	serving.port = 0;
	serving.published = 0;
	failed = dir_command(argv[0], DIR_LOGOUT, directory.nick, 0);
	directory.renew_at = NEVER;
	directory.nick[0] = '\0';
	return failed;
}

/* A nick that is not logged out would be kept for 90 s. */
static int
peer_close(void)
{
	static char *logout[] = { "logout", NULL };
	int failed;

	failed = directory.nick[0] != '\0' ? peer_logout(1, logout) : 0;
	dgram_close(directory.fd);
	return failed;
}

/* ---- files of others ---------------------------------------------------- */

/* A connection to a nick, or -1. */
static int
connect_peer(const char *command, const char *nick)
{
	struct place where;
	int fd;

	if (dir_where(command, nick, &where) != 0)
		return -1;
	fd = sock_connect(where.address, where.port, SOCK_STREAM);
	if (fd < 0)
		log_msg(ERROR, "%s: %s at %s %s: %s", command, nick,
		    where.address, where.port, reason());
	else
		sock_limit(fd, PEER_S);
	return fd;
}

/* Parses `hash size name'; or HASH;NAME;SIZE, as some peers write it. */
static int
list_line(struct file_line *f, const char *line)
{
	static char copy[DIR_LINE_MAX + 1];
	const char *name, *size;
	size_t n;

	n = strlen(line);
	if (file_line_parse(f, line, n, 0) == 0)
		return 0;
	name = strchr(line, ';');
	size = strrchr(line, ';');
	if (name == size || n >= sizeof copy)
		return -1;
	n = (size_t)sprintf(copy, "%.*s %s %.*s", (int)(name - line), line,
	    size + 1, (int)(size - name - 1), name + 1);
	return file_line_parse(f, copy, n, 0);
}

/* Asks a peer for its list. Returns -1 with errno if it is malformed, or has
 * lines of which none is understood. */
static int
peer_list(int fd, struct lines *l)
{
	static const char *const keys[] = { "files", "file" };
	struct file_line f;
	const char *value;
	int64_t limit;
	int lines, messages, more;
	size_t i;

	if (peer_say(fd, "queryfiles", NULL, NULL) < 0)
		return -1;
	limit = now() + STALL_S * SECOND;
	lines = messages = 0;
	do {
		if (peer_recv(fd, &message) < 0)
			return -1;
		errno = EBADMSG;
		if (!peer_is(&message, "servedfiles") ||
		    ++messages > PEER_LISTS || now() > limit)
			return -1;
		more = peer_value(&message, NULL, "more") != NULL;
		for (i = 0; i < COUNT(keys); i++)
			for (value = NULL; (value = peer_value(&message, value,
			    keys[i])) != NULL; lines++)
				if (list_line(&f, value) == 0 &&
				    lines_add(l, f.hash, (size_t)(f.name +
				    f.name_len - f.hash)) < 0)
					return -1;
	} while (more);
	errno = EBADMSG;
	return lines > 0 && l->n == 0 ? -1 : 0;
}

/* Receives one part. Returns NULL, or what is wrong with it. */
static const char *
get_part(int fd, struct file *f)
{
	static unsigned char part[PEER_MESSAGE_MAX];
	const char *value;
	ssize_t n;

	if (peer_recv(fd, &message) < 0)
		return reason();
	value = peer_value(&message, NULL, "file");
	if (!peer_is(&message, "downloaded") || value == NULL)
		return "not what was promised";
	n = base64_decode(part, value, strlen(value));
	if (n < 0)
		return "bad base64";
	if (n == 0 && f->size > 0)
		return "a part with nothing in it";
	f->done += (uint64_t)n;
	if (f->done > f->size)
		return "more than the list says";
	return write_all(f->fd, part, (size_t)n) < (size_t)n ? reason() : NULL;
}

/* Receives the parts, which must make the whole file, with this hash. */
static const char *
get_parts(int fd, struct file *f, int64_t parts, const char *hash)
{
	char came[HASH_DIGITS + 1];
	const char *why;
	int64_t start;

	start = now();
	for (why = NULL; parts > 0 && why == NULL; parts--) {
		why = get_part(fd, f);
		if (why == NULL && (now() - start) / SECOND >
		    (int64_t)(f->done / SLOWEST + STALL_S))
			why = "too slow";
		if (draw_bar(f) && why == NULL)
			why = reason();
		peer_tick();
	}
	end_bar();
	if (why == NULL && f->done < f->size)
		why = "less than the list says";
	if (why != NULL)
		return why;
	if (lseek(f->fd, 0, SEEK_SET) < 0 || hash_file(f->fd, came) < 0)
		return reason();
	return strcmp(came, hash) == 0 ? NULL :
	    "the contents are not those of this hash";
}

/* Asks for a file and receives it into f, whose size is that of the list.
 * Returns NULL, or why it did not come. */
static const char *
get_file(int fd, struct file *f, const char *hash)
{
	const char *value;
	int64_t parts;

	if (peer_say(fd, "download", "filehash", hash) < 0 ||
	    peer_recv(fd, &message) < 0)
		return reason();
	if (peer_is(&message, "notfound"))
		return "it has no such file any more";
	value = peer_value(&message, NULL, "filelength");
	if (!peer_is(&message, "filelength") || value == NULL)
		return "malformed message";
	parts = number(value, strlen(value), 1,
	    f->size == 0 ? 1 : (int64_t)f->size);
	return parts < 0 ? "a number of parts that makes no sense" :
	    get_parts(fd, f, parts, hash);
}

/* Downloads a file from a peer; o is a line of a list, whose name is a string.
 * Returns 1 after a message. */
static int
peer_get(int fd, const char *nick, const struct file_line *o, const char *path)
{
	char hash[HASH_DIGITS + 1];
	struct file f;
	const char *why;

	/* A name that a peer chose replaces nothing. */
	if (download_open("download", path != NULL ? path : o->name,
	    cli.keep || path == NULL, &f) != 0)
		return 1;
	sprintf(hash, "%.*s", HASH_DIGITS, o->hash);
	f.size = o->size;
	why = get_file(fd, &f, hash);
	hash[PEER_PREFIX] = '\0';
	if (why == NULL)
		return download_end("download", hash, &f, 1);
	newfile_end(0);
	return fail("download: %s from %s: %s", hash, nick, why);
}

static void
leave_peer(int fd)
{
	peer_say(fd, "close", NULL, NULL);
	sock_close(fd);
}

/* Asks a nick for its list. Returns 1 after a message. */
static int
ask_list(const char *command, const char *nick, struct lines *l)
{
	int failed, fd;

	memset(l, 0, sizeof *l);
	fd = connect_peer(command, nick);
	if (fd < 0)
		return 1;
	failed = peer_list(fd, l) < 0 &&
	    fail("%s: %s: %s", command, nick, reason());
	leave_peer(fd);
	return failed;
}

/* Tries nicks, joined by commas, until one has given the file. */
static int
download_from(const char *nicks, const struct file_line *o, const char *path)
{
	char nick[DIR_NICK_MAX + 1];
	size_t len;
	int failed, fd;

	failed = 1;
	do {
		len = strcspn(nicks, ", ");	/* a comma, or the end */
		sprintf(nick, "%.*s", (int)len, nicks);
		nicks += len;
		if (o->nicks_len > 0 && strcmp(nick, directory.nick) == 0) {
			log_msg(ERROR, "download: %.8s: you have it yourself",
			    o->hash);
			continue;
		}
		fd = connect_peer("download", nick);
		if (fd < 0)
			continue;
		failed = peer_get(fd, nick, o, path);
		leave_peer(fd);
	} while (failed && *nicks++ == ',' && !stopped());
	return failed;
}

/* Downloads the file of a hash from a nick; or, if that is NULL, from any that
 * the directory names. A hash may be listed with several sizes. */
static int
download(const char *nick, const char *hash, const char *path)
{
	struct file_line f, found;
	struct lines l;
	size_t i;
	int failed, hashes;

	not_stopped();
	if (!is_hash(hash))
		return fail("download: %s: not a hash: 8 to 40 digits 0-9, a-f",
		    hash);
	if ((nick != NULL ? ask_list("download", nick, &l) :
	    dir_list("download", DIR_GET_FILES, &l)) != 0) {
		lines_free(&l);
		return 1;
	}
	hashes = find_hash(hash, &l, nick == NULL, &found);
	if (hashes != 1)
		log_msg(ERROR, "download: %s: %s", hash, hashes == 0 ?
		    "no such file" : "more than one hash begins so");
	failed = 1;
	for (i = 0; hashes == 1 && i < l.n && failed && !stopped(); i++)
		if (file_line_parse(&f, l.line[i], strlen(l.line[i]),
		    nick == NULL) == 0 &&
		    memcmp(f.hash, found.hash, HASH_DIGITS) == 0)
			failed = download_from(nick != NULL ? nick : f.nicks,
			    &f, path);
	lines_free(&l);
	return failed;
}

/* Of two arguments the first is a nick if the second looks like a hash. */
static int
peer_download(int argc, char **argv)
{
	int named;

	named = argc == 4 || (argc == 3 && is_hash(argv[2]));
	argv += named;
	return download(named ? argv[0] : NULL, argv[1], argc - named > 2 ?
	    argv[2] : NULL);
}

/* ---- browse: commands about one nick, which is named once --------------- */

static const char *browsed;

static int
browse_queryfiles(int argc, char **argv)
{
	struct lines l;
	int failed;

	(void)argc;
	failed = ask_list(argv[0], browsed, &l);
	lines_print(&l);
	return failed;
}

static int
browse_download(int argc, char **argv)
{
	return download(browsed, argv[1], argc > 2 ? argv[2] : NULL);
}

static const struct command browse_commands[] = {
	{ "close", 0, 0, "", "leave this peer", leave },
	{ "download", 1, 2, "HASH [NAME]", "fetch a file", browse_download },
	{ "help", 0, 0, "", "this list", NULL },
	{ "queryfiles", 0, 0, "", "list the files of this peer",
	    browse_queryfiles },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

static int
peer_browse(int argc, char **argv)
{
	struct mode browse = { .commands = { browse_commands },
	    .wait = peer_wait };
	char prompt[DIR_NICK_MAX + 16];
	struct place where;

	(void)argc;
	if (dir_where(argv[0], argv[1], &where) != 0)
		return 1;
	browsed = argv[1];
	snprintf(prompt, sizeof prompt, "browse %s> ", argv[1]);
	browse.prompt = prompt;
	return run_mode(&browse, 0, NULL);
}

/* The commands of mode dir that do more than ask the directory. */
static const struct command peer_commands[] = {
	{ "browse", 1, 1, "NICK", "look at the files of a peer", peer_browse },
	{ "download", 1, 3, "[NICK] HASH [NAME]", "fetch a file from a peer",
	    peer_download },
	{ "fgserve", 0, 1, "[PORT]", "serve until the line fgstop",
	    peer_serve_command },
	{ "fgstop", 0, 0, "", "serve no more", peer_stop },
	{ "logout", 0, 0, "", "be forgotten by the directory", peer_logout },
	{ "myfiles", 0, 0, "", "the files here, with their hashes",
	    peer_myfiles },
	{ "publish", 0, 0, "", "tell the directory of the files here",
	    peer_publish },
	{ "serve", 0, 1, "[PORT]", "serve the files here to others",
	    peer_serve_command },
	{ "stop", 0, 0, "", "serve no more", peer_stop },
	{ NULL, 0, 0, NULL, NULL, NULL }
};

const struct mode dir_mode = { .name = "dir", .port = "6868",
    .prompt = "dir> ", .commands = { dir_commands, peer_commands,
    common_commands }, .open = dir_open, .close = peer_close,
    .wait = peer_wait };
