# serv and cli. Licence: ISC, see README.
#
#	make			builds both programs
#	make demo		shows them at work
#	make test		runs test.sh
#	make check		all that .ci/ checks, in 20 minutes
#	make sanitize		make test with every memory access checked
#	make tiny		builds Part I alone, into .tiny/
#	make labs		runs all labs, which look at their results
#	make lab		builds lab/peer, which plays one end
#	make bench		how fast, beside others
#	make loc		counts the lines of code
#	make install		into PREFIX (/usr/local), below DESTDIR
#	make uninstall clean
#	make CC=tcc CFLAGS=-O2	with any compiler and any flags
#
# Solaris and its heirs want LDLIBS='-lsocket -lnsl'.

.POSIX:

CC = cc
CFLAGS = -std=c99 -pedantic -Wall -Wextra -Werror -O2
LDFLAGS =
LDLIBS =
PREFIX = /usr/local
MANDIR = $(PREFIX)/share/man/man1
DESTDIR =

SOURCES = proto.h proto.c serv.c cli.c more/*.[ch]

# A protocol of more/ is one line here: what it has of format, server, client.
MORE = \
	more/xfer.o more/xfer_serv.o more/xfer_cli.o \
	more/peer.o more/peer_cli.o \
	more/talk.o more/talk_serv.o more/talk_cli.o \
	more/chat.o more/chat_serv.o more/chat_cli.o \
	more/room.o more/room_serv.o more/room_cli.o \
	more/raw_cli.o \
	more/sim_cli.o \
	more/sr.o more/congestion.o \
	more/faults.o more/trace.o \
	more/stats.o more/screen.o \
	more/capture.o

CHECKS = -g -fsanitize=address,undefined -fno-sanitize-recover=all

all: serv cli

serv: serv.o proto.o more/more.a
	$(CC) $(LDFLAGS) -o $@ serv.o proto.o more/more.a $(LDLIBS)

cli: cli.o proto.o more/more.a
	$(CC) $(LDFLAGS) -o $@ cli.o proto.o more/more.a $(LDLIBS)

# An archive: the linker takes out what the tables of serv and cli name.
more/more.a: $(MORE)
	rm -f $@
	ar -r -c $@ $(MORE)

serv.o cli.o proto.o $(MORE): proto.h
serv.o cli.o $(MORE): more/more.h more/serv.h more/cli.h

.SUFFIXES: .c .o
.c.o:
	$(CC) $(CFLAGS) -c -o $@ $<

test: all
	CC='$(CC)' ./test.sh

# The tiny program: Part I of the four files, and nothing else.
tiny:
	mkdir -p .tiny
	$(CC) $(CFLAGS) -DTINY $(LDFLAGS) -o .tiny/serv serv.c proto.c $(LDLIBS)
	$(CC) $(CFLAGS) -DTINY $(LDFLAGS) -o .tiny/cli cli.c proto.c $(LDLIBS)

# A protocol that a student has written, as `-u mine': lab/9-write-it.
MINE = lab/9-write-it/mine.c
mine: all
	mkdir -p .mine
	$(CC) $(CFLAGS) -Wno-error -I. -c -o .mine/mine.o $(MINE)
	$(CC) $(CFLAGS) -DMINE -c -o .mine/proto.o proto.c
	for p in serv cli; do $(CC) $(LDFLAGS) -o .mine/$$p $$p.o .mine/proto.o \
	    .mine/mine.o more/more.a $(LDLIBS) || exit; done

demo: all
	lab/demo.sh

labs: all
	@out=$${LAB_OUT:-lab/out}; mkdir -p "$$out"; \
	for lab in lab/[1-8]-*.sh lab/10-*.sh; do \
		echo "$$lab"; \
		"$$lab" >"$$out/log" 2>&1 || { cat "$$out/log"; exit 1; }; \
	done

lab: lab/peer

lab/peer: lab/peer.c
	$(CC) $(CFLAGS) -o $@ lab/peer.c $(LDLIBS)

check: all
	CC='$(CC)' .ci/check.sh

bench: all
	CC='$(CC)' .ci/bench.sh

# The same tests, on programs that stop at the first wrong memory access.
sanitize:
	rm -rf .sanitize
	mkdir -p .sanitize
	cp -R Makefile *.[ch] more .sanitize
	cd .sanitize && rm -f more/*.[ao] && \
	    $(MAKE) CC='$(CC)' CFLAGS='$(CFLAGS) $(CHECKS)' \
	    LDFLAGS='$(LDFLAGS) $(CHECKS)'
	CC='$(CC)' BIN=.sanitize ./test.sh

# Lines, and lines of code (not blank, not comment): of Part I, which is what
# make tiny compiles, main included; and of each file as a whole.
loc:
	@echo ' lines   code'
	@awk 'function total(name) { \
		if (lines > 0) \
			printf "%6d %6d  %s\n", lines, code, name; \
		lines = code = 0 } \
	    FNR == 1 { n = split(FILENAME, p, "/"); comment = out = 0; \
		if (file != "") { all += lines; all_code += code; \
			total(file) } \
		file = "Part I of " p[n] } \
	    /^#ifndef TINY/ { out = 1; next } \
	    /^#ifdef TINY/ { next } \
	    /^#else/ { out = !out; next } \
	    /^#ifdef MINE/ { mine = 1; next } \
	    /^#endif/ { out = out && mine; mine = 0; next } \
	    out { next } \
	    { lines++; gsub("/[*][^*]*[*]/", "") } \
	    /\/[*]/ { comment = 1 } \
	    !comment && /[^ \t]/ { code++ } \
	    /[*]\// { comment = 0 } \
	    END { all += lines; all_code += code; total(file); lines = all; \
		code = all_code; total("Part I") }' proto.h proto.c serv.c cli.c
	@awk 'function total(name) { \
		printf "%6d %6d  %s\n", lines, code, name; \
		all += lines; all_code += code; lines = code = 0 } \
	    FNR == 1 { if (file != "") total(file); file = FILENAME; \
		comment = 0 } \
	    { lines++; gsub("/[*][^*]*[*]/", "") } \
	    /\/[*]/ { comment = 1 } \
	    !comment && /[^ \t]/ { code++ } \
	    /[*]\// { comment = 0 } \
	    END { total(file); lines = all; code = all_code; total("all") }' \
	    $(SOURCES)

install: all
	mkdir -p "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(MANDIR)"
	rm -f "$(DESTDIR)$(PREFIX)/bin/serv" "$(DESTDIR)$(PREFIX)/bin/cli"
	cp serv cli "$(DESTDIR)$(PREFIX)/bin"
	chmod 755 "$(DESTDIR)$(PREFIX)/bin/serv" "$(DESTDIR)$(PREFIX)/bin/cli"
	cp more/serv.1 more/cli.1 "$(DESTDIR)$(MANDIR)"
	chmod 644 "$(DESTDIR)$(MANDIR)/serv.1" "$(DESTDIR)$(MANDIR)/cli.1"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/serv" "$(DESTDIR)$(PREFIX)/bin/cli" \
	    "$(DESTDIR)$(MANDIR)/serv.1" "$(DESTDIR)$(MANDIR)/cli.1"

clean:
	rm -rf serv cli *.o more/*.[ao] .sanitize .tiny .mine lab/out lab/peer
