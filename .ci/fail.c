/* fail.c: makes system calls fail or come short. Licence: ISC, see README.
 *
 *      cc -shared -fPIC -o fail.so .ci/fail.c -ldl
 *      FAIL=write:3 LD_PRELOAD=./fail.so ./cli ...
 *
 * FAIL=CALL:N makes the N-th call of that name in each process fail, once;
 * FAIL=CALL:N+ that one and all after it. What it fails with is the error that
 * a full disk, a broken connection or a lack of memory brings; with FAIL_SHORT
 * set, reads and writes do the least they may instead, one byte. FAIL_HIT names
 * a file that is made when a call has failed: so a script knows when N is more
 * than the calls there are. Reads and writes are those of regular files: no
 * pipe between processes of one program fails like that.
 *
 * FAIL_AS=SYSTEM imitates one unlike this:
 *
 *      bsd     an accepted socket is as non-blocking as the one that listens;
 *              one datagram in ten finds no buffer
 *      ipv4    there is no IPv6
 *      ipv6    there is no IPv4
 *      clock   someone sets the time of day back, an hour each time it is read
 *      fast    an hour passes in a minute
 *
 * For Linux with glibc alone: nothing else here needs them. Calls that the C
 * library makes by itself are not all seen; and glibc itself does not survive a
 * lack of memory in getaddrinfo(), so give numeric addresses.
 */
#define _GNU_SOURCE		/* RTLD_NEXT, syscall() */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum call {
	READ, WRITE, PREAD, PWRITE, SEND, SENDTO, RECV, RECVFROM, ACCEPT,
	SOCKET, CONNECT, FORK, PIPE, OPEN, RENAME, LINK, MALLOC,
	CALLOC, REALLOC, CALLS
};

static const struct {
	const char *name;
	int error;
} calls[CALLS] = {
	{ "read", EIO }, { "write", ENOSPC }, { "pread", EIO },
	{ "pwrite", ENOSPC }, { "send", ECONNRESET }, { "sendto", ENOBUFS },
	{ "recv", ECONNRESET }, { "recvfrom", ENOMEM }, { "accept", EMFILE },
	{ "socket", EMFILE }, { "connect", ENETUNREACH }, { "fork", EAGAIN },
	{ "pipe", EMFILE }, { "open", EACCES },
	{ "rename", EIO }, { "link", EPERM }, { "malloc", ENOMEM },
	{ "calloc", ENOMEM }, { "realloc", ENOMEM },
};

static unsigned long done[CALLS];
static int wanted = -2;			/* a call; -1: none; -2: not known */
static unsigned long first;
static int all_after;

static enum system {
	THIS, BSD, IPV4, IPV6, CLOCK, FAST, SYSTEMS
} as;
static const char *const systems[SYSTEMS] = {
	"", "bsd", "ipv4", "ipv6", "clock", "fast"
};

/* Reads FAIL and FAIL_AS, at the first call. */
static void
begin(void)
{
	const char *fail, *colon, *system;
	int i;

	system = getenv("FAIL_AS");
	for (i = 0; system != NULL && i < SYSTEMS; i++)
		if (strcmp(systems[i], system) == 0)
			as = (enum system)i;
	fail = getenv("FAIL");
	wanted = -1;
	colon = fail == NULL ? NULL : strchr(fail, ':');
	for (i = 0; colon != NULL && i < CALLS; i++)
		if (strlen(calls[i].name) == (size_t)(colon - fail) &&
		    strncmp(calls[i].name, fail, (size_t)(colon - fail)) == 0)
			wanted = i;
	if (wanted >= 0) {
		first = strtoul(colon + 1, NULL, 10);
		all_after = fail[strlen(fail) - 1] == '+';
	}
}

/* Shall this call fail? Then errno says why. */
static int
fails(enum call call)
{
	unsigned long n;
	const char *hit;

	if (wanted == -2)
		begin();
	n = ++done[call];
	if (wanted != (int)call || n < first || (n > first && !all_after))
		return 0;
	hit = getenv("FAIL_HIT");
	if (hit != NULL)
		syscall(SYS_close, (int)syscall(SYS_openat, AT_FDCWD, hit,
		    O_WRONLY | O_CREAT, 0666));
	errno = calls[call].error;
	return 1;
}

/* Is it a call that shall come short? */
static int
is_short(enum call call, size_t n)
{
	if (!fails(call))
		return 0;
	return n > 1 && getenv("FAIL_SHORT") != NULL ? 1 : -1;
}

/* The C library's own function of a name. */
static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* One of ours: the declaration, how to call the real one, and what it returns
 * when it fails. */
#define OURS(type, name, CALL, parameters, arguments, failed) \
type name parameters \
{ \
	static type (*next) parameters; \
	if (next == NULL) \
		*(void **)&next = real(#name); \
	return fails(CALL) ? (failed) : next arguments; \
}

/* A connection that fails is broken from then on. */
static void
break_stream(int fd)
{
	socklen_t len;
	int saved, type;

	saved = errno;
	len = sizeof type;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM)
		shutdown(fd, SHUT_RDWR);
	errno = saved;
}

/* The same for what can come short: it has n bytes. */
#define SHORT(name, CALL, parameters, arguments, arguments1) \
ssize_t name parameters \
{ \
	static ssize_t (*next) parameters; \
	int how; \
	if (next == NULL) \
		*(void **)&next = real(#name); \
	how = CALL == SEND && no_buffer(fd) ? -1 : is_short(CALL, n); \
	if (how < 0) \
		break_stream(fd); \
	return how < 0 ? -1 : how > 0 ? next arguments1 : next arguments; \
}

/* The same, but for what is no regular file, which never fails. */
#define FILES(name, CALL, parameters, arguments, arguments1) \
ssize_t name parameters \
{ \
	static ssize_t (*next) parameters; \
	struct stat st; \
	int how; \
	if (next == NULL) \
		*(void **)&next = real(#name); \
	how = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? 0 : \
	    is_short(CALL, n); \
	return how < 0 ? -1 : how > 0 ? next arguments1 : next arguments; \
}

FILES(read, READ, (int fd, void *b, size_t n), (fd, b, n), (fd, b, 1))
FILES(write, WRITE, (int fd, const void *b, size_t n), (fd, b, n), (fd, b, 1))
FILES(pread, PREAD, (int fd, void *b, size_t n, off_t at), (fd, b, n, at),
    (fd, b, 1, at))
FILES(pwrite, PWRITE, (int fd, const void *b, size_t n, off_t at),
    (fd, b, n, at), (fd, b, 1, at))
FILES(pread64, PREAD, (int fd, void *b, size_t n, off64_t at), (fd, b, n, at),
    (fd, b, 1, at))
FILES(pwrite64, PWRITE, (int fd, const void *b, size_t n, off64_t at),
    (fd, b, n, at), (fd, b, 1, at))
/* Is this a datagram, and one in ten that find no buffer? Not each tenth, which
 * could be the same packet of a window again and again. */
static int
no_buffer(int fd)
{
	static unsigned sent;
	socklen_t len;
	int type;

	len = sizeof type;
	if (as != BSD || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_DGRAM || ((sent = sent * 1103515245 + 12345) >> 16 & 0x7fff) % 10 != 0)
		return 0;
	errno = ENOBUFS;
	return 1;
}

static int
no_family(int domain)
{
	if (wanted == -2)
		begin();
	if ((as != IPV4 || domain != AF_INET6) &&
	    (as != IPV6 || domain != AF_INET))
		return 0;
	errno = EAFNOSUPPORT;
	return 1;
}

/* The flags of the listener, on an accepted socket. */
static int
inherit(int listener, int fd)
{
	if (as == BSD && fd >= 0)
		fcntl(fd, F_SETFL, fcntl(listener, F_GETFL));
	return fd;
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	static unsigned read;
	int result;

	if (wanted == -2)
		begin();
	result = (int)syscall(SYS_clock_gettime, id, t);
	if (as == CLOCK && id == CLOCK_REALTIME)
		t->tv_sec -= 3600 * (time_t)++read;
	if (as == FAST && id == CLOCK_MONOTONIC) {
		t->tv_sec = t->tv_sec * 60 + t->tv_nsec / (1000000000 / 60);
		t->tv_nsec = t->tv_nsec % (1000000000 / 60) * 60;
	}
	return result;
}

int
poll(struct pollfd *p, nfds_t n, int ms)
{
	static int (*next)(struct pollfd *p, nfds_t n, int ms);

	if (next == NULL)
		*(void **)&next = real("poll");
	if (wanted == -2)
		begin();
	return next(p, n, as == FAST && ms > 0 ? (ms + 59) / 60 : ms);
}

time_t
time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t != NULL)
		*t = now.tv_sec;
	return now.tv_sec;
}

SHORT(send, SEND, (int fd, const void *b, size_t n, int flags),
    (fd, b, n, flags), (fd, b, 1, flags))
SHORT(recv, RECV, (int fd, void *b, size_t n, int flags),
    (fd, b, n, flags), (fd, b, 1, flags))
OURS(ssize_t, sendto, SENDTO, (int fd, const void *b, size_t n, int flags,
    const struct sockaddr *to, socklen_t len), (fd, b, n, flags, to, len), -1)
OURS(ssize_t, recvfrom, RECVFROM, (int fd, void *b, size_t n, int flags,
    struct sockaddr *from, socklen_t *len), (fd, b, n, flags, from, len), -1)

int
accept(int fd, struct sockaddr *from, socklen_t *len)
{
	return fails(ACCEPT) ? -1 :
	    inherit(fd, (int)syscall(SYS_accept, fd, from, len));
}

int
socket(int domain, int type, int protocol)
{
	return no_family(domain) || fails(SOCKET) ? -1 :
	    (int)syscall(SYS_socket, domain, type, protocol);
}

OURS(int, connect, CONNECT, (int fd, const struct sockaddr *to,
    socklen_t len), (fd, to, len), -1)
OURS(int, pipe, PIPE, (int fd[2]), (fd), -1)
OURS(pid_t, fork, FORK, (void), (), -1)
OURS(int, rename, RENAME, (const char *a, const char *b), (a, b), -1)
OURS(int, link, LINK, (const char *a, const char *b), (a, b), -1)
OURS(void *, realloc, REALLOC, (void *p, size_t n), (p, n), NULL)

/* A mode is there if a file may be made. */
#define OPENS(name, CALL, parameters, d) \
int name parameters \
{ \
	va_list ap; \
	mode_t mode; \
	va_start(ap, flags); \
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0; \
	va_end(ap); \
	return fails(CALL) ? -1 : \
	    (int)syscall(SYS_openat, d, path, flags, mode); \
}
OPENS(open64, OPEN, (const char *path, int flags, ...), AT_FDCWD)

/* dlsym() may need memory itself; glibc's has other names for these. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);

void *
malloc(size_t n)
{
	return fails(MALLOC) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails(CALLOC) ? NULL : __libc_calloc(n, size);
}
