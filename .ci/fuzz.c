/* fuzz.c: every parser, fed with nonsense. Licence: ISC, see README.
 *
 * Each entry takes bytes as they could come from a network, and looks whether
 * what was understood is what was said: packed again, it must be the same. The
 * bytes are in memory of just their size, so that with
 * -fsanitize=address,undefined a look beyond them is seen.
 *
 *      fuzz [-s SECONDS] [-r SEED] [PARSER ...]        changes the examples below
 *      fuzz PARSER <FILE                               once, with these bytes
 *
 * With -DLIBFUZZER=PARSER it is an entry for clang's libFuzzer instead. The
 * static parsers of the server are reached by including its files, with other
 * names for what is there twice. Run it in an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64

#include <fcntl.h>

#include "../proto.h"

static void	no_log(enum level level);

#define log_write no_log
#define main serv_main
#define usage serv_usage
#include "../serv.c"
#undef main
#undef usage
#include "../more/talk_serv.c"
#include "../more/chat_serv.c"
#include "../more/room_serv.c"

#define MOST	4096		/* bytes of an input */

static const char *now_fuzzed = "";

/* What a parser says is of no interest. */
static void
no_log(enum level level)
{
	(void)level;
}

/* Ends with the failure that a parser showed. */
static void
must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz: %s: %s\n", now_fuzzed, what);
	abort();
}

/* Two ends of a connection; what is written to the first is read from the
 * second, up to its end. */
static int
stream_of(const unsigned char *d, size_t n)
{
	int end[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, end) == 0, "socketpair");
	fcntl(end[1], F_SETFL, O_NONBLOCK);
	must(send(end[0], d, n, 0) == (ssize_t)n, "send");
	close(end[0]);
	return end[1];
}

/* A text of a frame is what stands behind its head. */
static void
fuzz_frame(unsigned char *d, size_t n)
{
	char text[FTP_COMMAND_MAX + 1];
	ssize_t got;
	size_t len;
	int fd;

	fd = stream_of(d, n);
	got = frame_recv(fd, text, FTP_COMMAND_MAX);
	if (got >= 0) {
		char head[FRAME_HEAD];

		len = (size_t)got;

		frame_pack(head, len);
		must(n >= FRAME_HEAD + len &&
		    memcmp(d, head, FRAME_HEAD) == 0, "head");
		must(memcmp(d + FRAME_HEAD, text, len) == 0, "text");
		must(text[len] == '\0', "no NUL");
		frame_number(text, len);
	}
	close(fd);
}

/* A command, but no upload: that would wait for its data. */
static void
fuzz_command(unsigned char *d, size_t n)
{
	char *text, *verb;
	int end[2];

	text = malloc(n + 1);
	must(text != NULL, "malloc");
	memcpy(text, d, n);
	text[n] = '\0';
	verb = text + strspn(text, " \t");
	if (strncasecmp(verb, "put", 3) != 0 &&
	    strncasecmp(verb, "uput", 4) != 0) {
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, end) == 0, "socket");
		ftp_command(end[0], "a peer", text, n);
		close(end[0]);
		close(end[1]);
	}
	n -= (size_t)(verb - text);
	if (name_ok(verb, n))
		must(strchr(verb, '/') == NULL && *verb != '.', "name");
	free(text);
}

/* PORT KEY, PORT KEY SIZE */
static void
fuzz_offer(unsigned char *d, size_t n)
{
	char again[RDT_OFFER_BYTES], text[MOST + 1];
	unsigned port;
	uint32_t key;
	uint64_t size;

	memcpy(text, d, n);
	text[n] = '\0';
	if (rdt_offer_unpack(text, n, &port, &key, &size) == 0) {
		rdt_offer_pack(again, port, key, &size);
		must(strlen(again) == n && memcmp(again, d, n) == 0, "again");
	}
	if (rdt_offer_unpack(text, n, &port, &key, NULL) == 0)
		must(port >= 1 && port <= 65535, "port");
}

/* A datagram of rdt; first its CRC is mended, or nothing would get through. */
static void
fuzz_rdt(unsigned char *d, size_t n)
{
	static struct rdt_session s = { .key = 1 };
	struct rdt_packet p;
	unsigned char *again;

	if (n < RDT_HEAD)
		return;
	pack16(d + 2, (unsigned)(n - RDT_HEAD));
	pack32(d + 4, 1);
	pack32(d + 12, crc32(crc32(0, d, 12), d + RDT_HEAD, n - RDT_HEAD));
	if (rdt_unpack(&s, &p, d, n) < 0)
		return;
	must(p.payload == d + RDT_HEAD && p.length == n - RDT_HEAD, "payload");
	again = malloc(n);
	must(again != NULL, "malloc");
	memcpy(again, d, n);
	must(rdt_pack(&s, again, &p) == n, "length");
	must(again[0] == d[0] && memcmp(again + 2, d + 2, 10) == 0 &&
	    memcmp(again + RDT_HEAD, d + RDT_HEAD, n - RDT_HEAD) == 0, "again");
	free(again);
}

/* The datagrams of room, at both ends and at the beginning. */
static void
fuzz_room_rdt(unsigned char *d, size_t n)
{
	static struct rdt_session s;
	struct rdt_packet p;
	unsigned char head[16];
	int sender;

	for (sender = 0; sender < 2; sender++) {
		s.is_sender = s.is_server = sender;
		s.window = n > 0 ? d[0] % 99 + 1 : 20;
		s.sender.base = s.receiver.expected = 1000;
		s.start = 0;		/* a sender expects HELLO then */
		if (sender && room_encoding.unpack(&s, &p, d, n) == 0)
			must(p.type == HELLO && p.window >= 1 && p.window <= ROOM_WINDOW_MAX,
			    "window");
		s.start = 1;
		if (room_encoding.unpack(&s, &p, d, n) < 0 || p.type == HELLO)
			continue;
		must(p.seq + 1 >= 1000 && p.seq <= 1000 + s.window, "seq");
		if (p.type == DATA) {
			must(room_encoding.pack(&s, head, &p) == n, "length");
			must(memcmp(head, d, ROOM_HEAD) == 0, "again");
		}
	}
}

/* A datagram of dir, and the lines of its text. */
static void
fuzz_dir(unsigned char *d, size_t n)
{
	struct dir_message m;
	struct file_line f;
	unsigned char *again;
	const char *text, *line;
	size_t left, len;
	int nicks;

	if (dir_unpack(&m, d, n) < 0)
		return;
	again = malloc(n + 9);
	must(again != NULL, "malloc");
	must(dir_pack(again, &m) == n && memcmp(again, d, n) == 0, "again");
	free(again);
	text = m.text;
	left = m.text == NULL ? 0 : m.length;
	while (next_line(&text, &left, &line, &len) > 0)
		for (nicks = 0; nicks < 2; nicks++)
			if (file_line_parse(&f, line, len, nicks) == 0)
				must(f.name + f.name_len == line + len &&
				    name_ok(f.name, f.name_len), "line");
}

/* A message between peers. */
static void
fuzz_peer(unsigned char *d, size_t n)
{
	static struct peer_message m;
	const char *value;
	size_t i;
	int fd;

	fd = stream_of(d, n);
	if (peer_recv(fd, &m) == 0) {
		must(m.length + 2 <= n, "length");
		for (i = 0; i < m.length; i++)	/* each line is a string */
			must(m.text[i] == (d[2 + i] == '\n' ? '\0' :
			    (char)d[2 + i]), "text");
		for (value = NULL;
		    (value = peer_value(&m, value, "files")) != NULL;)
			must(value > m.text && value < m.text + m.length,
			    "value");
	}
	close(fd);
}

/* What was decoded is encoded to the same again. */
static void
fuzz_base64(unsigned char *d, size_t n)
{
	unsigned char *bytes;
	ssize_t got;
	char *again;

	bytes = malloc(n + 1);
	again = malloc(BASE64_BYTES(n) + 8);
	must(bytes != NULL && again != NULL, "malloc");
	got = base64_decode(bytes, (char *)d, n);
	if (got >= 0)
		must(base64_encode(again, bytes, (size_t)got) == n &&
		    memcmp(again, d, n) == 0, "again");
	must(base64_encode(again, d, n) == BASE64_BYTES(n), "length");
	free(bytes);
	free(again);
}

/* A line of the list of xfer. */
static void
fuzz_xfer(unsigned char *d, size_t n)
{
	struct xfer_file f, g;
	char line[XFER_LINE_MAX], *text;

	text = malloc(n + 1);
	must(text != NULL, "malloc");
	memcpy(text, d, n);
	text[n] = '\0';
	if (xfer_line_unpack(&f, text) == 0 && strlen(f.name) <= NAME_BYTES &&
	    f.time >= XFER_TIME_MIN && f.time <= XFER_TIME_MAX) {
		xfer_line_pack(line, &f);
		must(xfer_line_unpack(&g, line) == 0, "not unpacked again");
		must(strcmp(f.name, g.name) == 0 && f.size == g.size, "again");
	}
	free(text);
}

/* An answer of chat_pull: what is in it, packed again, is in it again. */
static void
fuzz_pickle(unsigned char *d, size_t n)
{
	unsigned char again[CHAT_PICKLE];
	const unsigned char *data, *data2;
	ssize_t got, got2;
	size_t len;

	got = chat_unpack(&data, d, n);
	if (got < 0)
		return;
	must(data >= d && data + got <= d + n, "beyond the end");
	if (got > CHAT_PART)
		return;
	len = chat_pack(again, data, (size_t)got);
	got2 = chat_unpack(&data2, again, len);
	must(got2 == got && memcmp(data, data2, (size_t)got) == 0, "again");
}

/* Messages of room, one after the other. */
static void
fuzz_room(unsigned char *d, size_t n)
{
	struct room_message m;
	size_t at;
	ssize_t got;
	unsigned i;

	for (at = 0; at < n; at += (size_t)got) {
		got = room_unpack(&m, (char *)d + at, n - at);
		if (got <= 0)
			return;
		must((size_t)got <= n - at && m.fields <= ROOM_FIELDS, "size");
		for (i = 0; i < m.fields; i++)
			must(m.field[i].text + m.field[i].n <=
			    (char *)d + at + got, "field");
	}
}

/* -L */
static void
fuzz_faults(unsigned char *d, size_t n)
{
	const char *why;
	char *text;

	text = malloc(n + 1);
	must(text != NULL, "malloc");
	memcpy(text, d, n);
	text[n] = '\0';
	memset(&faults, 0, sizeof faults);
	faults_parse(text, 1, &why);
	memset(&faults, 0, sizeof faults);
	free(text);
}

/* What a client says to a chat of two; the other one hears it. */
static void
talk_to(const struct talk_serv *t, unsigned char *d, size_t n)
{
	static struct client both[2];
	static struct client *list[2] = { &both[0], &both[1] };
	size_t part;
	int i;

	memset(both, 0, sizeof both);
	for (i = 0; i < 2; i++) {
		both[i].fd = both[i].update_fd = -1;
		both[i].out.max = both[i].updates.max = OUT_MAX;
		both[i].in.max = READ_MAX;
		both[i].id = i + 1;
		strcpy(both[i].peer, "192.0.2.1:1");
	}
	strcpy(both[1].name, "bob");
	both[1].joined = both[1].messages = 1;
	clients.client = list;
	clients.n = 2;
	hall.talk = t;
	free(hall.files);
	hall.files = NULL;
	for (; n > 0 && both[0].stage == TALKING; d += part, n -= part) {
		part = READ_MAX - both[0].in.n;
		part = part < n ? part : n;
		must(buffer_add(&both[0].in, d, part) == 0, "no room");
		t->input(&both[0]);
	}
	announce_gone();
	for (i = 0; i < 2; i++) {
		must(both[i].out.n <= OUT_MAX, "too much is queued");
		free(both[i].out.bytes);
		free(both[i].updates.bytes);
		free(both[i].in.bytes);
	}
}

static void
fuzz_chat(unsigned char *d, size_t n)
{
	static const struct talk_serv t = { "", chat_input,
	    chat_left };

	talk_to(&t, d, n);
}

static void
fuzz_room_talk(unsigned char *d, size_t n)
{
	static const struct talk_serv t = { "", room_input,
	    room_left };

	talk_to(&t, d, n);
}

/* The examples: golden vectors, each with its length. */
#define EXAMPLE(text)	{ (text), sizeof (text) - 1 }
static const struct {
	const char *name;
	void (*run)(unsigned char *d, size_t n);
	struct {
		const char *text;
		size_t n;
	} example[4];
} parsers[] = {
	{ "frame", fuzz_frame, { EXAMPLE("0000000013put teste.txt"),
	    EXAMPLE("000000000562346"), EXAMPLE("0000000000") } },
	{ "command", fuzz_command, { EXAMPLE("put teste.txt"),
	    EXAMPLE("uput my file 1234"), EXAMPLE("LS"), EXAMPLE("get a b") } },
	{ "offer", fuzz_offer, { EXAMPLE("56001 0badcafe 300000"),
	    EXAMPLE("56001 0badcafe") } },
	{ "rdt", fuzz_rdt, {
	    EXAMPLE("\1\0\0\6KEY!\0\0\0\0CRC!\2\3\0\40\5\170"),
	    EXAMPLE("\2\1\0\4KEY!\0\0\0\11CRC!data"),
	    EXAMPLE("\3\0\0\2KEY!\0\0\0\4CRC!\240\1") } },
	{ "room_rdt", fuzz_room_rdt, { EXAMPLE("020"), EXAMPLE("7"),
	    EXAMPLE("019some bytes"), EXAMPLE("100the last") } },
	{ "dir", fuzz_dir, { EXAMPLE("\6\0\0\0\5alice"),
	    EXAMPLE("\4\177\0\0\1\0\0\116\40"),
	    EXAMPLE("\20\0\0\0\63da39a3ee5e6b4b0d3255bfef95601890afd80709 "
	    "0 a file\n"), EXAMPLE("\17\0\0\0\75skip 0\n"
	    "da39a3ee5e6b4b0d3255bfef95601890afd80709 7 al,bo x\n") } },
	{ "peer", fuzz_peer, { EXAMPLE("\0\26operation:queryfiles\n\n"),
	    EXAMPLE("\0\103operation:servedfiles\nfiles:da39a3ee5e6b4b0d3255bf"
	    "ef95601890afd80709 1 x\n\n"),
	    EXAMPLE("\0\21operation: close\n\n") } },
	{ "base64", fuzz_base64, { EXAMPLE("Zm9vYmFy"), EXAMPLE("Zg=="),
	    EXAMPLE("Zm8=") } },
	{ "xfer", fuzz_xfer, {
	    EXAMPLE("('lorem_ipsum.txt', 100321, 1620948149.0)"),
	    EXAMPLE("(\"it's\", 1, 1.5)"),
	    EXAMPLE("('a\\x41\\'\\u20ac', 0, 0.0)") } },
	{ "pickle", fuzz_pickle, {
	    EXAMPLE("\200\3C\4dataq\0K\4\206q\1."),
	    EXAMPLE("\200\3]q\0(C\4dataq\1K\4e."),
	    EXAMPLE("\200\4\225\13\0\0\0\0\0\0\0C\4data\224K\4\206\224.") } },
	{ "room", fuzz_room, { EXAMPLE("10005ALICE"),
	    EXAMPLE("2021103BOB"), EXAMPLE("10303BOB19hey Bob, I'm Alice!"),
	    EXAMPLE("206054242456001") } },
	{ "faults", fuzz_faults, { EXAMPLE("drop=0.1,dup=/5,corrupt=3:7"),
	    EXAMPLE("reorder=1,delay=20,seed=7,ackdrop=2") } },
	{ "chat", fuzz_chat, { EXAMPLE("ann\nhello\n~bob hi\nshow\n"),
	    EXAMPLE("ann\nget_list_file\ndownload_file x\nCHANGENAME ann eve\n"
	    "{quit}\n"), EXAMPLE("ann") } },
	{ "room_talk", fuzz_room_talk, { EXAMPLE("10005ALICE102"),
	    EXAMPLE("10005ALICE\r\n10303bob02hi10402yo105"),
	    EXAMPLE("106UDP03one101") } },
};

/* Runs one input, in memory of just its size. */
static void
run(size_t parser, const unsigned char *d, size_t n)
{
	unsigned char *copy;

	now_fuzzed = parsers[parser].name;
	copy = malloc(n > 0 ? n : 1);
	must(copy != NULL, "malloc");
	memcpy(copy, d, n);
	parsers[parser].run(copy, n);
	free(copy);
}

static size_t
parser_named(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(parsers); i++)
		if (strcmp(parsers[i].name, name) == 0)
			return i;
	fprintf(stderr, "fuzz: %s: no such parser\n", name);
	exit(2);
}

#ifdef LIBFUZZER

int	LLVMFuzzerTestOneInput(const unsigned char *d, size_t n);

int
LLVMFuzzerTestOneInput(const unsigned char *d, size_t n)
{
	if (n <= MOST)
		run(parser_named(STRING(LIBFUZZER)), d, n);
	return 0;
}

#else

static uint64_t state = 1;

/* SplitMix64, as in proto.c. */
static size_t
pick(size_t below)
{
	uint64_t x;

	x = state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (size_t)((x ^ x >> 31) % below);
}

/* An example of any parser, mostly of this one. */
static size_t
example(size_t parser, unsigned char *d)
{
	size_t i;

	if (pick(8) == 0)
		parser = pick(COUNT(parsers));
	do
		i = pick(COUNT(parsers[parser].example));
	while (parsers[parser].example[i].text == NULL);
	memcpy(d, parsers[parser].example[i].text,
	    parsers[parser].example[i].n);
	return parsers[parser].example[i].n;
}

/* One change: a bit, a byte that means something, a piece that goes, comes
 * twice, or is from another example. Returns the new length. */
static size_t
change(size_t parser, unsigned char *d, size_t n)
{
	static const char special[] = "\0\377\177\200/.:,= \n\r'\\\"0919aA~{";
	unsigned char other[MOST];
	size_t at, len, more;

	at = n > 0 ? pick(n) : 0;
	len = n > 0 ? pick(n - at) + 1 : 0;
	switch (n == 0 ? 5 : pick(6)) {
	case 0:
		d[at] ^= (unsigned char)(1 << pick(8));
		return n;
	case 1:
		d[at] = (unsigned char)special[pick(sizeof special)];
		return n;
	case 2:
		memmove(d + at, d + at + len, n - at - len);
		return n - len;
	case 3:
		len = n + len <= MOST / 2 ? len : 0;
		memmove(d + at + len, d + at, n - at);
		return n + len;
	case 4:
		d[at] = (unsigned char)pick(256);
		return n;
	default:
		more = example(parser, other);
		if (n + more > MOST / 2)
			return n;
		memmove(d + at + more, d + at, n - at);
		memcpy(d + at, other, more);
		return n + more;
	}
}

/* Changes examples for so many seconds. */
static void
fuzz(size_t parser, int64_t seconds)
{
	static unsigned char d[2 * MOST];
	unsigned long runs;
	int64_t end;
	size_t i, n;

	end = now() + seconds * SECOND;
	for (i = 0; i < 4 && parsers[parser].example[i].text != NULL; i++)
		run(parser, (const unsigned char *)
		    parsers[parser].example[i].text,
		    parsers[parser].example[i].n);
	for (runs = 0; runs % 64 != 0 || now() < end; runs++) {
		n = example(parser, d);
		for (i = pick(8) + 1; i > 0; i--)
			n = change(parser, d, n);
		run(parser, d, n);
	}
	printf("%-10s %9lu runs\n", parsers[parser].name, runs);
}

int
main(int argc, char **argv)
{
	static unsigned char d[MOST];
	int64_t seconds = 1;
	size_t got;
	size_t i;
	int c;

	logger.level = -1;
	while ((c = getopt(argc, argv, "r:s:")) != -1)
		if (c == 'r')
			state = strtoull(optarg, NULL, 10);
		else if (c == 's')
			seconds = strtol(optarg, NULL, 10);
		else
			return 2;
	if (optind + 1 == argc && !isatty(STDIN_FILENO) &&
	    (got = read_all(STDIN_FILENO, d, sizeof d)) > 0) {
		run(parser_named(argv[optind]), d, got);
		return 0;
	}
	if (optind == argc)
		for (i = 0; i < COUNT(parsers); i++)
			fuzz(i, seconds);
	for (; optind < argc; optind++)
		fuzz(parser_named(argv[optind]), seconds);
	return 0;
}

#endif
