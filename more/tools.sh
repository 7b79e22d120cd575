# tools.sh: tests of what stands beside the programs, read by test.sh. Licence:
# ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# ---- the README's guided reading -----------------------------------------

# Each stop is a line `NUMBER FILE NAME()  ...': the file has that function; and
# whatever else is named so exists somewhere.
test_reading() {
	stops=$(awk '/^How to read/, /^Adding/' README |
	    sed -n 's/^  *[0-9][0-9]*  \([a-z_/]*\.c\)  *\([a-z_]*\)().*/\1 \2/p')
	is "stops" 25 "$(printf '%s\n' "$stops" | wc -l | tr -d ' ')"
	while read -r file name; do
		is "$name() is in $file" 1 "$(grep -c "^$name(" "$file")"
	done <<-END
		$stops
	END
	for name in $(awk '/^How to read/, /^Adding/' README | tr -c 'a-z_()' \
	    '\n' | sed -n 's/^\([a-z_]*\)()$/\1/p' | sort -u); do
		if grep -q "^$name(" ./*.c more/*.c; then
			pass
		else
			fail "the README names $name()"
		fi
	done
}

# The service that the README adds as an example. Its files are in it, indented.
test_adding() {
	new=$tmp/adding
	mkdir -p "$new"
	cp -R Makefile ./*.[ch] more "$new"
	rm -f "$new"/*.o "$new"/more/*.[ao]
	awk -v dir="$new/more/" '
	/^    \/[*] daytime_[a-z]*[.]c:/ {
		file = $2
		sub(/:.*/, "", file) }
	/^[^ ]/ { file = "" }
	file != "" { sub(/^    /, ""); print > (dir file) }' README
	sed 's/^	&room_service,/&\n	\&daytime_service,/
	    s/^\(extern const struct service \)xfer/\1daytime_service, xfer/' \
	    serv.c >"$new/serv.c"
	sed 's/^	&room_mode,/&\n	\&daytime_mode,/
	    s/^\(extern const struct mode \)xfer/\1daytime_mode, xfer/' \
	    cli.c >"$new/cli.c"
	sed 's|^	more/capture.o|	more/daytime_serv.o more/daytime_cli.o &|' \
	    Makefile >"$new/Makefile"
	(cd "$new" && make CC="${CC:-cc}") >"$tmp/out" 2>&1 ||
	    fail "the README's service does not compile" "$(cat "$tmp/out")"
	kept=$serv
	serv=$new/serv
	start adding daytime=0
	has "...tells the time" "[A-Z]??, ?? [A-Z]?? ???? ??:??:??" \
	    "$("$new/cli" -m daytime 127.0.0.1 "$port")"
	until_true grep -q 'INFO - Daytime told to 127.0.0.1:' "$log"
	is "...and logs it" 0 $?
	stop
	serv=$kept
	evil close
	is "...and a server that says nothing has failed" "daytime: \
connection closed by the other side 1" \
	    "$({ "$new/cli" -m daytime 127.0.0.1 "$port" 2>&1; echo $?; } |
	    words)"
	wait "$evil"
}

# ---- what can go wrong below the programs, and in the long run -------------

# ours: are these the programs of this directory, which the next tests take?
ours() {
	[ "$BIN" = "$top" ] || skip "needs the programs of this directory"
	[ "$BIN" = "$top" ]
}

test_fail() {
	ours || return 0
	n=0
	set -- "-s ftp open rename connect" "-s xfer realloc" "-s ftp odd" \
	    "-s xfer odd" "-s chat odd" "-s room odd" "-s dir odd"
	for calls in "$@"; do
		n=$((n + 1))
		# shellcheck disable=SC2086
		{ .ci/fail.sh $calls; echo "status $?"; } >"$tmp/out$n" 2>&1 &
	done
	wait
	n=0
	for calls in "$@"; do
		n=$((n + 1))
		if grep -q 'status 2' "$tmp/out$n"; then
			skip "$(cat "$tmp/out$n")"
		else
			is "system calls that fail: $calls" "status 0" \
			    "$(grep -v 'in the\|sessions$' "$tmp/out$n")"
		fi
	done
}

test_soak() {
	ours || return 0
	.ci/soak.sh 10 >"$tmp/out" 2>&1
	is "ten seconds under load" 0 $?
	grep -A 5 WRONG "$tmp/out"
}

# ---- labs: the short ones, and the marking of answers ---------------------

test_labs() {
	ours || return 0
	LAB_OUT=$tmp/labs
	export LAB_OUT
	for lab in 1 2 4 8 10; do
		sh lab/$lab-*.sh >"$tmp/out" 2>&1
		is "lab $lab" 0 $?
		grep WRONG "$tmp/out"
	done
	lab/4-go-back-n.sh 20231234 >"$tmp/out"
	has "a question" "Student 20231234: * lab/mark.sh 20231234 ANSWER" \
	    "$(words <"$tmp/out")"
	right=$(lab/4-go-back-n.sh -k 20231234 | sed -n 's/^answer: //p')
	is "the right answer" "20231234: right 0" \
	    "$(lab/mark.sh 20231234 "$right") $?"
	printf '7 99\n20231234 %s\n../x 1\n' "$right" | lab/mark.sh >"$tmp/out"
	is "answers from a file" "1 7: wrong 20231234: right \
../x: not a student number" "$? $(words <"$tmp/out")"
}

# What students may hand in, and what the checker says of it.
test_mine() {
	ours || return 0
	cp .ci/mine.c "$tmp/right.c"
	lab/check.sh "$tmp/right.c" >"$tmp/out" 2>&1
	is "a right solution" "0 16" "$? $(grep -c '^ok' "$tmp/out")"
	[ "$(grep -c '^ok' "$tmp/out")" -eq 16 ] || cat "$tmp/out"
	n=0
	while IFS='|' read -r step what; do
		n=$((n + 1))
		{ echo "#define WRONG $n"; cat .ci/mine.c; } >"$tmp/wrong$n.c"
		lab/check.sh "$tmp/wrong$n.c" >"$tmp/out" 2>&1
		has "wrong: $what" "1 FAILED $step *$what*" \
		    "$? $(sed -n '/^FAILED/,$p' "$tmp/out" | words |
		    tr -s ' ')"
	done <<-END
		slides over ten packets|the window of 3 ends with packet 3
		survives a lost DATA|sits still for ever
		receives|moves over a packet that is not here
		sends one packet|mine_next() does not return
		sends one packet|mine_next() crashes
		slides over ten packets|writes outside of its arrays
		receives|a packet comes a second time
		sends no more than is needed|transmissions are enough
		uses its window, and no more|is sent, but cwnd is
	END
	echo 'int x' >"$tmp/none.c"
	lab/check.sh "$tmp/none.c" >"$tmp/out" 2>&1
	has "what does not compile" "1 FAILED   compiles*" "$? $(cat "$tmp/out")"
	# A student's output is no step of the checker.
	sed -e 's/^#include <string.h>/#include <stdio.h>/' \
	    -e 's/	(void)t;/	for (int i = 0; i < 16; i++) puts("ok");/' \
	    lab/9-write-it/mine.c >"$tmp/ok.c"
	is "marks" "$tmp/wrong1.c 4/16 $tmp/none.c 0/16 $tmp/ok.c 1/16" \
	    "$(lab/check.sh -m -s secret "$tmp/wrong1.c" "$tmp/none.c" \
	    "$tmp/ok.c" | words)"
	lab/check.sh lab/9-write-it/mine.c >"$tmp/out" 2>&1
	has "the stub" "1 ok *FAILED   sends one packet*" "$? $(cat "$tmp/out")"
	# Another end that knows nothing of it.
	mkdir "$tmp/copy"
	cp -Rp Makefile ./*.[ch] ./*.o more lab "$tmp/copy"
	(cd "$tmp/copy" && make -s CC="${CC:-cc}" CFLAGS= \
	    MINE="$tmp/right.c" mine) >"$tmp/out" 2>&1
	is "make mine" 0 $?
	is "mode sim" "transmissions=16" "$("$tmp/copy/.mine/cli" -m sim \
	    -u mine -W 3 -C none -L drop=/5 9 2>&1 | tr ' ' '\n' |
	    grep transmissions)"
	start mine 0
	printf %s hello >"$dir/five"
	has "another end that knows nothing of it" "*mode=mine*" \
	    "$("$tmp/copy/.mine/cli" -d "$tmp/here" -u mine 127.0.0.1 \
	    "$port" get five 2>&1)"
	same "...the file" "$dir/five" "$tmp/here/five"
	stop
}

# ---- tools, where they are installed -------------------------------------

test_tools() {
	said=$(CC=${CC:-cc} .ci/posix.sh 2>&1)
	case $? in
	2) skip "$said" ;;
	*) has "the code asks for no more than POSIX" \
		"nothing beyond POSIX.1-2008,*" "$said" ;;
	esac
	for p in serv cli; do
		is "the man page of $p has the options of $p -h" \
		    "$("./$p" -h | sed -n 's/^  -\(.\) .*/\1/p' | sort | words)" \
		    "$(sed -n 's/^.It Fl \(.\).*/\1/p' more/$p.1 | sort | words)"
	done
	if command -v mandoc >/dev/null; then
		is "man pages" "" "$(mandoc -T lint -W warning more/*.1)"
	else
		skip "no mandoc"
	fi
	# (In a copy: what make builds anew here, others may be running.)
	mkdir "$tmp/copy"
	cp -R Makefile ./*.[ch] more "$tmp/copy"
	in_copy() { (cd "$tmp/copy" && make -s "CC=${CC:-cc}" CFLAGS= "$@" \
	    DESTDIR="$tmp/root" PREFIX=/p >"$tmp/out" 2>&1); }
	in_copy install
	is "make install" "/p/bin/cli /p/bin/serv /p/share/man/man1/cli.1 \
/p/share/man/man1/serv.1" "$(cd "$tmp/root" && find . -type f |
	    sed 's/^[.]//' | sort | words)"
	in_copy uninstall
	is "make uninstall" "" "$(find "$tmp/root" -type f)"
	is "the benchmark is built" "0" "$(in_copy all && cd "$tmp/copy" &&
	    mkdir -p .ci && cp "$top/.ci/bench.c" .ci && ${CC:-cc} -O2 \
	    -o bench .ci/bench.c proto.o more/more.a 2>"$tmp/out"; echo $?)"
	if command -v shellcheck >/dev/null; then
		is shellcheck "" \
		    "$(shellcheck -s sh test.sh more/*.sh lab/*.sh .ci/*.sh 2>&1)"
	else
		skip "no shellcheck"
	fi
}

test_valgrind() {
	ours || return 0
	if ! command -v valgrind >/dev/null; then
		skip "no valgrind"
		return
	fi
	mkdir -p "$tmp/vg"
	for p in serv cli; do
		cat >"$tmp/vg/$p" <<-END
			#!/bin/sh
			exec valgrind -q --leak-check=full --track-fds=no \\
			    --log-file=$tmp/vg/$p.%p "$top/$p" "\$@"
		END
		chmod +x "$tmp/vg/$p"
	done
	# shellcheck disable=SC2086
	BIN=$tmp/vg ./test.sh ${VALGRIND:-hostile} >"$tmp/out" 2>&1
	is "the tests under valgrind" 0 $?
	grep -A 4 FAILED "$tmp/out"
	is "what valgrind says" "" "$(cat "$tmp"/vg/*.[0-9]* | head -n 20)"
}

# ---- fuzz: every parser, fed with nonsense ---------------------------------

test_fuzz() {
	.ci/fuzz.sh 1 >"$tmp/out" 2>&1
	is "a second of nonsense for each parser" 0 $?
	grep -v ' runs$' "$tmp/out" | head -n 30
}
