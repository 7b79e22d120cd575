#!/bin/sh
# test.sh: the regression test. Licence: ISC, see README.
#
#	./test.sh		everything
#	./test.sh ftp raw	these sections
#	BIN=dir ./test.sh	with the programs in dir
#	KEEP=1 ./test.sh	leaves its directory, and says where
#
# POSIX sh and the two programs; what is tested is played by mode raw, and where
# one end must misbehave by lab/peer.c. Each server is started on port 0 and
# tells its port; nothing waits for a time to pass, but for something to happen.
# Sections are functions, test_NAME. A check prints a line only if it fails.

cd "$(dirname "$0")" || exit 1
top=$(pwd)
BIN=$(cd "${BIN:-.}" && pwd) || exit 1
serv=$BIN/serv
cli=$BIN/cli
LC_ALL=C
export LC_ALL
unset POSIXLY_CORRECT

tmp=$(mktemp -d "${TMPDIR:-/tmp}/serv.XXXXXX") || exit 1
evil_out=$tmp/evil.out
passed=0 failed=0 skipped=0
section=
servers=
orders=/dev/null	# standard input of the next server

# ---- the harness ---------------------------------------------------------

pass() { passed=$((passed + 1)); }

# fail WHAT [EXPLANATION ...]
fail() {
	failed=$((failed + 1))
	printf 'FAILED %s: %s\n' "$section" "$1"
	shift
	[ $# -eq 0 ] || printf '    %s\n' "$@"
}

# skip WHY
skip() {
	skipped=$((skipped + 1))
	printf 'skipped %s: %s\n' "$section" "$1"
}

# is WHAT EXPECTED ACTUAL
is() {
	if [ "$2" = "$3" ]; then
		pass
	else
		fail "$1" "expected: $2" "     got: $3"
	fi
}

# has WHAT PATTERN TEXT: a shell pattern that the whole text must match
has() {
	# shellcheck disable=SC2254
	case $3 in
	$2) pass ;;
	*) fail "$1" "expected: $2" "     got: $3" ;;
	esac
}

# same WHAT FILE FILE
same() {
	if cmp -s "$2" "$3"; then
		pass
	else
		fail "$1" "$2 and $3 differ"
	fi
}

nap() { sleep 0.1 2>/dev/null || sleep 1; }

# until_true COMMAND ...: runs it until it succeeds; fails after 20 s or so
until_true() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		nap
	done
}

# start NAME ARGUMENT ...: a server over the new directory $tmp/NAME; sets $dir,
# $log, $pid and $port
start() {
	dir=$tmp/$1 log=$tmp/$1.log out=$tmp/$1.out
	shift
	mkdir -p "$dir"
	: >"$out"
	{ exec "$serv" -v -s "$dir" "$@" >"$out" 2>"$log" <"$orders"; } &
	pid=$!
	servers="$servers $pid"
	until_true grep -q '^listening' "$out" ||
	    fail "serv $* does not listen" "$(cat "$log")"
	port=$(awk 'NR == 1 { print $5 }' "$out")
}

# stop: ends the server that was started last, and looks at what it leaves
stop() {
	kill "$pid"
	wait "$pid"
	is "exit status of the server" 0 $?
	servers=${servers%" $pid"}
	is "nothing half-written is left" "" \
	    "$(find "$dir" -name '.part*' -print)"
	is "no crash is in the log" "" \
	    "$(grep -E 'Sanitizer|runtime error|by signal' "$log")"
}

# raw TEXT: what the server answers to these bytes (escapes as of printf %b)
raw() { printf %b "$1" | "$cli" -m raw 127.0.0.1 "$port" 2>&1; }

# frame TEXT: TEXT as a frame
frame() { printf '%010d%s' ${#1} "$1"; }

# peer STEP ...: lab/peer.c as a client, its lines joined by blanks
peer() { "$tmp/peer" "connect $port" "$@" 2>&1 | words; }

# evil STEP ...: lab/peer.c as a server in the background; sets $port and $evil;
# what it prints goes to $evil_out
evil() {
	: >"$evil_out"
	"$tmp/peer" listen "$@" >"$evil_out" 2>&1 &
	evil=$!
	until_true grep -q '^listening' "$evil_out"
	port=$(awk 'NR == 1 { print $2 }' "$evil_out")
}

# words: standard input with blanks for newlines
words() { tr '\n' ' ' | sed 's/ $//'; }

# client ARGUMENT ...: the client in $tmp/here; sets $status, $said (standard
# error) and $got (standard output)
client() {
	got=$("$cli" -d "$tmp/here" "$@" 2>"$tmp/said" </dev/null)
	status=$?
	said=$(cat "$tmp/said")
}

# children: how many processes the server has, zombies included
children() { ps -A -o ppid= | awk -v pid="$pid" '$1 == pid' | wc -l; }
children_are() { [ "$(children)" -eq "$1" ]; }

# parts DIR: how many temporary files are in it
parts() { find "$1" -name '.part*' | wc -l; }
parts_are() { [ "$(parts "$1")" -eq "$2" ]; }

# field NAME: of the rdt: line that the client said
field() { printf '%s\n' "$said" | tr ' ' '\n' | sed -n "s/^$1=//p"; }

cleanup() {
	for s in $servers; do
		kill "$s" 2>/dev/null
	done
	if [ -n "$KEEP" ]; then
		echo "kept: $tmp"
	else
		rm -rf "$tmp"
	fi
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# ---- command lines -------------------------------------------------------

test_usage() {
	"$serv" -h >"$tmp/out" 2>&1
	is "serv -h" 0 $?
	has "serv -h tells usage" "usage: serv *" "$(cat "$tmp/out")"
	"$cli" -h >"$tmp/out" 2>&1
	is "cli -h" 0 $?
	has "cli -h tells usage" "usage: cli *" "$(cat "$tmp/out")"
	for args in -Z 70000 -1 5x nosuch ftp=x ftp=65536 "-p 1 2" "-p x" \
	    "-P 5" "-P 9-8" "-P 0-9" "-P 1-65536" "-P -" "-n 0" "-n x" \
	    "-T 0" "-T" "1 2" "-L drop" "-L x=1" \
	    "-L ackdrop=1"; do
		# shellcheck disable=SC2086
		"$serv" $args >"$tmp/out" 2>&1
		is "serv $args is wrong usage" 2 $?
		is "serv $args is silent on standard output" "" \
		    "$(grep listening "$tmp/out")"
	done
	for args in "" -Z "-m nosuch localhost" "localhost 0" \
	    "localhost 65536" "-m raw localhost" "-u tcp localhost" \
	    "-u xx localhost" \
	    "-m raw -u gbn localhost 9" "-W 1025 localhost" \
	    "-b 60001 localhost" "-L delay=60001 localhost" \
	    "-L ackdrop=1 localhost"; do
		# shellcheck disable=SC2086
		"$cli" $args >"$tmp/out" 2>&1
		is "cli $args is wrong usage" 2 $?
	done
	"$serv" -s "$tmp/nosuch" 0 >"$tmp/out" 2>&1
	is "serv on no directory" 1 $?
	has "...says which" "*$tmp/nosuch: No such file or directory" \
	    "$(cat "$tmp/out")"
	"$cli" -L drop=0.1,dup=1.5 localhost >"$tmp/out" 2>&1
	is "a wrong fault is named" "cli: dup=1.5: -L has no such fault (cli \
-h shows the options)" "$(cat "$tmp/out")"
	for args in "$cli -t $tmp/nosuch/x localhost" \
	    "$serv -t $tmp/nosuch/x 0"; do
		$args >"$tmp/out" 2>&1
		is "$args" "1 $args" "$? $args"
		has "...says which" "*: -t $tmp/nosuch/x: No such file*" \
		    "$(cat "$tmp/out")"
	done
	"$cli" -d "$tmp/nosuch" localhost 1 ls >"$tmp/out" 2>&1
	is "cli in no directory" 1 $?
	start usage 0
	"$serv" -s "$tmp" "$port" >"$tmp/out" 2>&1
	is "serv on a port that is taken" 1 $?
	has "...says which" "*cannot listen on 127.0.0.1 $port: *" \
	    "$(cat "$tmp/out")"
	is "the line that a script waits for" \
	    "listening ftp tcp 127.0.0.1 $port" "$(cat "$out")"
	stop
	client localhost "$port" ls
	is "no server: exit status" 1 $status
	has "no server: message" "cli: localhost $port: *" "$said"
	client no.such.host.invalid 50000 ls
	is "no host: exit status" 1 $status
	for args in "-p 0" ftp=0 "-x ftp=0" "-H localhost ftp=0"; do
		# shellcheck disable=SC2086
		start usage $args
		client localhost "$port" ls
		is "serv $args serves" 0 $status
		stop
	done
	if "$cli" ::1 1 ls 2>&1 | grep -q refused; then
		for host in ::1 ::; do
			start usage -H $host 0
			is "IPv6: the line" "listening ftp tcp $host $port" \
			    "$(cat "$out")"
			printf %s six >"$dir/six"
			client ::1 "$port" get six "from$host"
			same "IPv6: a get" "$dir/six" "$tmp/here/from$host"
			[ $host = ::1 ] || client 127.0.0.1 "$port" get six
			stop
		done
		if [ "$status" -eq 0 ]; then
			is "IPv4 by an IPv6 socket is shown as IPv4" 1 \
			    "$(grep -c 'downloaded from 127.0.0.1:' "$log")"
		else
			skip "this system keeps IPv4 and IPv6 apart"
		fi
	else
		skip "no IPv6"
	fi
	start usage 0
	kill -INT "$pid"
	wait "$pid"
	is "SIGINT ends in order" 0 $?
	servers=
}

# ---- the ftp service -----------------------------------------------------

# A put on both channels, step by step; prints the confirmation.
put_bytes() {
	peer "send $(frame "put $1")" dial "send $2" fin frame
}

test_ftp() {
	start ftp 0

	# The 23 bytes of the document's capture, and an answer of 15.
	got=$(peer "send 0000000013put teste.txt" "take 10" "take 5" \
	    "send 0000000004quit" end)
	has "golden put" "0000000005 [1-9][0-9][0-9][0-9][0-9] EOF" "$got"
	until_true children_are 0
	is "put without data leaves nothing" "" "$(ls -A "$dir")"

	is "empty directory" 0000000000 "$(raw "$(frame ls)")"
	is "put" 0 "$(put_bytes teste.txt 0000000005hello)"
	is "put stored" hello "$(cat "$dir/teste.txt")"
	is "ls" 0000000009teste.txt "$(raw "$(frame ls)")"
	is "get" 0000000005hello "$(peer "send $(frame "get teste.txt")" dial \
	    "take 15" end | sed 's/ EOF$//')"
	is "put of nothing" 0 "$(put_bytes empty 0000000000)"
	is "get of nothing" "0000000000 EOF" \
	    "$(peer "send $(frame "get empty")" dial "take 10" end)"
	is "put replaces" 0 "$(put_bytes teste.txt 0000000002yo)"
	is "put replaced" yo "$(cat "$dir/teste.txt")"
	is "verbs in any case" 0000000015empty\\nteste.txt \
	    "$(raw "$(frame Ls)" | sed -e :a -e '$!N; s/\n/\\n/; ta')"
	is "GET in capitals" "0000000002yo EOF" \
	    "$(peer "send $(frame "GeT teste.txt")" dial "take 12" end)"
	is "names with spaces" 0 "$(put_bytes "a b  c" 0000000001x)"
	is "...are kept as they are" x "$(cat "$dir/a b  c")"
	long=$(printf '%0255d' 7)
	is "a name of 255 bytes" 0 "$(put_bytes "$long" 0000000001y)"
	is "...is stored" y "$(cat "$dir/$long")"
	rm "$dir/$long" "$dir/a b  c"

	# Each code, and that the conversation goes on after it.
	mkdir "$dir/sub"
	mkfifo "$dir/fifo"
	ln -s teste.txt "$dir/link"
	ln -s /etc "$dir/etc"
	"$tmp/peer" "unix $dir/socket"
	while read -r code command; do
		is "$command" "$(frame "$code")0000000015empty" \
		    "$(raw "$(frame "$command")$(frame ls)" | head -n 1)"
	done <<-END
		-1 get nosuch
		-1 get sub
		-1 get fifo
		-1 get socket
		-1 get link
		-1 get etc
		-2 get ../ftp.log
		-2 get /etc/passwd
		-2 get sub/x
		-2 get .
		-2 get ..
		-2 get .hidden
		-2 get a/
		-2 put ../x
		-2 put .x
		-2 get ${long}8
		-2 put ${long}8
		-3 put sub
		-3 put fifo
		-3 put link
		-5 get
		-5 put
		-5 LIST
		-5 lsx
		-5 l
		-5 ls x
		-5 quit now
	END
	for name in 'a\x00b' '\x1b[2J' 'a\x0ab' '\x7f' ''; do
		is "name $name" -2 "$(peer "send $(printf '%010d' \
		    $((4 + $(printf '%s' "$name" | sed 's/\\x../x/g' |
		    wc -c))))get $name" frame)"
	done
	is "empty command" 0000000002-5 "$(raw 0000000000 | cut -c 1-12)"
	is "what is refused stores nothing" "" "$(find "$dir" -newer \
	    "$dir/empty" -type f ! -name teste.txt -print)"
	is "what ls shows can be fetched" "empty teste.txt" \
	    "$(peer "send $(frame ls)" frame)"
	: >"$dir/.dot"
	: >"$dir/$(printf 'new\nline')"
	is "...and what cannot is not shown" "empty teste.txt" \
	    "$(peer "send $(frame ls)" frame)"

	# Headers.
	is "a header cut short" "" "$(raw 00)"
	for head in 00000x0002 -000000002 ' 000000002' 0000004097 9999999999 \
	    18446744073709551615 '\n\n\n\n\n\n\n\n\n\n' \
	    '\0377\0377\0377\0377\0377\0377\0377\0377\0377\0377'; do
		is "header $head" 0000000002-5 "$(raw "$head")"
	done
	is "bytes after a bad header do not lose the answer" "-5 EOF" \
	    "$(peer "send x000000002" "zeros 60000" fin frame end)"
	is "the longest command" 0000000002-2 \
	    "$(raw "$(frame "get $(printf '%04092d' 1)")")"

	# Frames split and joined in every way.
	is "a byte a segment" "15 empty teste.txt EOF" "$(peer \
	    "drip $(frame ls)$(frame quit)" "take 10" "take 15" end |
	    sed 's/^0*//')"
	is "all in one" 0000000002-10000000002-2 \
	    "$(raw "$(frame 'get no')$(frame 'get .')$(frame quit)$(frame ls)")"
	is "contents a byte a segment" 0 "$(peer "drip $(frame 'put drip')" \
	    dial "drip 0000000007dripped" fin frame)"
	is "...are whole" dripped "$(cat "$dir/drip")"

	# As the original: no half-close, no look at the confirmation; and more
	# bytes sent than announced, as in the document's capture.
	peer "send $(frame 'put orig')" dial "send 0000000003abc" close \
	    control "send $(frame quit)" end >/dev/null
	is "put by the original client" abc "$(cat "$dir/orig")"
	is "more bytes than announced" 0 \
	    "$(peer "send $(frame 'put more')" dial "send 0000000003abcdef" \
	    frame)"
	is "...are not stored" abc "$(cat "$dir/more")"

	# What a client sends too much does not cost it the answer.
	mkdir "$dir/away"
	mv "$dir"/[!a]* "$dir/away"
	dd if=/dev/zero of="$dir/large" bs=1024 count=4096 2>/dev/null
	is "a stray byte during a get" "0004194304 EOF" "$(peer \
	    "send $(frame 'get large')" dial "send x" "nap 200" "take 10" end)"
	is "bytes after quit" "large EOF" \
	    "$(peer "send $(frame ls)$(frame quit)xyz" "nap 200" frame end)"
	rm "$dir/large"
	mv "$dir"/away/* "$dir"

	# Cut at each step: nothing is stored, the old file stays.
	for text in '' 000 0000000005 0000000005he 0000000005hell; do
		for how in close reset fin; do
			peer "send $(frame 'put teste.txt')" dial \
			    "send $text" $how control \
			    "send $(frame quit)" end >/dev/null
		done
	done
	is "a put that is cut leaves the old file" yo "$(cat "$dir/teste.txt")"
	is "a put that is cut is told" -5 "$(put_bytes x 0000000005he)"
	is "a put with a bad header is told" -5 "$(put_bytes x 00000x0005hello)"
	peer "send 00000" reset >/dev/null
	peer "send $(frame 'get teste.txt')" reset >/dev/null
	peer "send $(frame 'get teste.txt')" dial reset >/dev/null
	is "after all that" "0000000002yo EOF" \
	    "$(peer "send $(frame 'get teste.txt')" dial "take 12" end)"

	# A transfer outlives the control connection.
	is "control closed in the middle of a put" 0 "$(peer \
	    "send $(frame 'put late')" dial "send 0000000005he" control close \
	    data "nap 100" "send llo" fin frame)"
	is "...which is stored" hello "$(cat "$dir/late")"
	stop
}

# ---- safety, limits, processes -------------------------------------------

# put_half: a put in the background that stands still in the middle; sets $half
put_half() {
	: >"$tmp/half"
	"$tmp/peer" "connect $port" "send $(frame 'put half')" dial \
	    "send 0000000009abc" "take 0" end control end >"$tmp/half" 2>&1 &
	half=$!
	until_true test -s "$tmp/half"
}

test_limits() {
	base=$((56000 + $$ % 900 * 10))
	start limits -n 2 -T 2 -P $base-$((base + 9)) 0
	printf %s old >"$dir/f"

	# The data connection is taken from the client's address alone.
	mkfifo "$tmp/in"
	"$cli" -m raw 127.0.0.1 "$port" <"$tmp/in" >"$tmp/held" &
	holder=$!
	exec 3>"$tmp/in"
	frame 'put stranger' >&3
	until_true test -s "$tmp/held"
	data=$(cut -c 11-15 "$tmp/held")
	is "a port of -P" $((base / 10)) $((data / 10))
	until_true parts_are "$dir" 1
	is "an upload in flight is not listed" f "$(peer \
	    "send $(frame ls)" frame)"
	is "a stranger's connection is closed" "EOF" "$("$tmp/peer" \
	    "from 127.0.0.2" "connect $data" end 2>&1)"
	is "the client's own is taken" 0 "$("$tmp/peer" "connect $data" \
	    "send 0000000002hi" fin frame)"
	is "...and stored" hi "$(cat "$dir/stranger")"

	# -n 2: the third is told, and only he.
	peer "send $(frame ls)" frame "nap 3000" >/dev/null &
	second=$!
	until_true children_are 2
	is "one too many" "-4 EOF" "$(peer frame end)"
	client 127.0.0.1 "$port" ls
	is "the client says so" "1 ls: server is full" "$status $said"
	client 127.0.0.1 "$port" get f
	is "...of a get" "1 get: f: server is full" "$status $said"
	wait $second

	# -T 2: an idle connection ends; so does one that never speaks.
	wait $holder
	is "the idle connection was closed" 0 $?
	exec 3>&-
	is "a silent connection is closed" EOF "$(peer end)"
	is "half a command is no sign of life" EOF "$(peer "send 00000" end)"

	# A client that takes them slowly is, even if poll() sees nothing of it.
	# (A large receive buffer opens its window again only after seconds.)
	dd if=/dev/zero of="$dir/slow" bs=1024 count=8192 2>/dev/null
	set -- "send $(frame 'get slow')" small dial
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		set -- "$@" "take 60000" "nap 250"
	done
	peer "$@" end >/dev/null
	until_true grep -q 'File slow downloaded' "$log"
	is "a slow get" 0 $?

	# A client that does not take its data is not waited for.
	until_true children_are 0
	dd if=/dev/zero of="$dir/big" bs=1024 count=16384 2>/dev/null
	peer "send $(frame 'get big')" dial "nap 4000" >/dev/null &
	until_true grep -q 'get big from .*: timed out' "$log"
	is "a stalled get ends" 0 $?
	wait $!
	until_true children_are 0
	children_are 0
	is "no zombies" 0 $?
	stop

	# All data ports taken: the put is told.
	evil end
	start ports -P "$port-$port" 0
	is "no data port" -4 "$(peer "send $(frame 'put c')" frame)"
	is "...is in the log" 1 "$(grep -c 'no data port in' "$log")"
	port=$(awk 'NR == 1 { print $2 }' "$tmp/evil.out")
	peer close >/dev/null
	wait "$evil"

	# Clients within the limit are never told that the server is full.
	stop
	start one -n 1 0
	i=0
	while [ $i -lt 50 ]; do
		"$tmp/peer" "connect $port" "send $(frame quit)" end
		i=$((i + 1))
	done | sort -u >"$tmp/out"
	is "one after the other with -n 1" EOF "$(cat "$tmp/out")"

	# 40 at once, each with a file of its own.
	stop
	start many -n 50 0
	i=0
	jobs=
	mkdir -p "$tmp/here"
	while [ $i -lt 40 ]; do
		printf '%s\n' $i $i $i >"$tmp/here/in$i"
		(
			"$cli" -q -d "$tmp/here" 127.0.0.1 "$port" put in$i &&
			"$cli" -q -d "$tmp/here" 127.0.0.1 "$port" get in$i \
			    out$i
		) &
		jobs="$jobs $!"
		i=$((i + 1))
	done
	# shellcheck disable=SC2086
	wait $jobs
	i=0
	while [ $i -lt 40 ]; do
		same "client $i of 40" "$tmp/here/in$i" "$tmp/here/out$i"
		i=$((i + 1))
	done
	until_true children_are 0
	children_are 0
	is "no zombies after 40" 0 $?

	# The end, with children in the middle of something.
	put_half
	stop
	wait $half
	has "a put when the server ends" "* EOF" "$(words <"$tmp/half")"
	start killed 0
	put_half
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	servers=
	wait $half
	has "a put when the parent is killed" "* EOF" "$(words <"$tmp/half")"
	until_true parts_are "$dir" 0
	is "...its child cleans up" "" "$(ls -A "$dir")"
}

# What a server cannot do with its files is told by a code.
test_files() {
	start files 0
	printf '%s' data >"$dir/locked"
	chmod 0 "$dir/locked"
	if [ "$(id -u)" -eq 0 ]; then
		skip "permissions: root may do everything"
	else
		is "a file that may not be read" -3 \
		    "$(peer "send $(frame 'get locked')" frame)"
		is "...is not listed" "" "$(peer "send $(frame ls)" frame)"
		is "a file that may not be written" -3 \
		    "$(peer "send $(frame 'put locked')" frame)"
		chmod 500 "$dir"
		is "a directory that may not be written" -3 \
		    "$(peer "send $(frame 'put new')" frame)"
		chmod 700 "$dir"
	fi

	umask 022
	: >"$dir/shared"
	chmod 664 "$dir/shared"
	is "put over a file" 0 \
	    "$(peer "send $(frame 'put shared')" dial "send 0000000000" frame)"
	has "...keeps its permissions" "-rw-rw-r--*" "$(ls -l "$dir/shared")"
	rm "$dir/shared"

	# A file that shrinks while it is sent: an early end, no wrong bytes.
	dd if=/dev/zero of="$dir/shrinks" bs=1024 count=16384 2>/dev/null
	mkfifo "$tmp/gate"
	"$tmp/peer" "connect $port" "send $(frame 'get shrinks')" dial \
	    "take 10" "nap 500" end >"$tmp/gate" 2>&1 &
	read -r size <"$tmp/gate"
	: >"$dir/shrinks"
	wait $!
	is "the size that was announced" 0016777216 "$size"
	until_true grep -q 'the file became shorter' "$log"
	is "a file that shrinks" 0 $?

	# More than ten digits can say: a hole of 10 GB.
	if dd if=/dev/zero of="$dir/huge" bs=1 count=1 seek=9999999999 \
	    2>/dev/null; then
		is "a file too large for a frame" -3 \
		    "$(peer "send $(frame 'get huge')" frame)"
		is "...is not listed" 0 \
		    "$(peer "send $(frame ls)" frame | grep -c huge)"
		client 127.0.0.1 "$port" put "$dir/huge"
		is "...and not sent" 1 $status
		rm "$dir/huge"
	else
		skip "this file system has no files of 10 GB"
	fi
	stop

	# Disk full, as a limit on the size of files plays it: 64 KiB or so.
	cat >"$tmp/limited" <<-END
		#!/bin/sh
		ulimit -f 64
		exec "$serv" "\$@"
	END
	chmod +x "$tmp/limited"
	unlimited=$serv serv=$tmp/limited
	start full 0
	serv=$unlimited
	dd if=/dev/zero of="$tmp/here/large" bs=1024 count=4096 2>/dev/null
	client 127.0.0.1 "$port" put large
	is "disk full is told" \
	    "1 put: large: the server cannot store or read it" "$status $said"
	is "...and leaves nothing" "" "$(ls -A "$dir")"
	stop
}

# ---- the client ----------------------------------------------------------

# reply WHAT STATUS MESSAGE ARGUMENT ...: what the client, with the options
# $by, makes of `evil`
by=
reply() {
	what=$1 expect=$2
	shift 2
	# shellcheck disable=SC2086
	client -q $by 127.0.0.1 "$port" "$@"
	wait "$evil"
	# shellcheck disable=SC2254
	case "$status $said" in
	$expect) pass ;;
	*) fail "$what" "expected: $expect" "     got: $status $said" ;;
	esac
	is "$what: nothing is left" "" "$(find "$tmp/here" -name '.part*' \
	    -o -name got)"
}

test_client() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here/sub"
	start client 0
	i=0
	while [ $i -lt 3000 ]; do
		echo "line $i of a file that is longer than one chunk is not"
		i=$((i + 1))
	done >"$tmp/here/text"
	cat "$tmp/here/text" "$tmp/here/text" "$tmp/here/text" "$cli" \
	    >"$tmp/here/large"
	: >"$tmp/here/empty"
	for f in text large empty; do
		client 127.0.0.1 "$port" put $f
		size=$(wc -c <"$tmp/here/$f")
		is "put $f" "0 put: $f: $((size)) bytes stored" "$status $said"
		client 127.0.0.1 "$port" get $f sub/back
		is "get $f" "0 get: $f: $((size)) bytes stored as back" \
		    "$status $said"
		same "get $f" "$tmp/here/$f" "$tmp/here/sub/back"
	done
	client -q 127.0.0.1 "$port" ls
	is "ls" "0 empty large text" "$status $(printf %s "$got" | words)"
	client -q 127.0.0.1 "$port" lls
	is "lls" "0 empty large text" "$status $(printf %s "$got" | words)"
	client 127.0.0.1 "$port" put sub/back
	is "put under its last name" "0 back" "$status $(cd "$dir" && ls back)"
	client 127.0.0.1 "$port" put text "a b"
	client 127.0.0.1 "$port" get "a b"
	same "names with spaces" "$tmp/here/text" "$tmp/here/a b"
	client localhost "$port" quit
	is "quit" "0 " "$status $said"
	client localhost "$port" help
	has "help" "*get *put *quit*" "$got"

	# Keep.
	for i in 1 2 3; do
		client -k 127.0.0.1 "$port" get text k.tar.gz
	done
	has "keep says the name" "*stored as k.tar?2?.gz" "$said"
	same "keep" "$tmp/here/text" "$tmp/here/k.tar(1).gz"
	same "keep" "$tmp/here/text" "$tmp/here/k.tar.gz"
	client -k 127.0.0.1 "$port" get text sub
	has "keep beside a directory" "*stored as sub?1?" "$said"

	# What fails: exit status 1, and what, on what, why.
	while IFS='|' read -r args expect; do
		# shellcheck disable=SC2086
		client 127.0.0.1 "$port" $args
		is "$args" "1 $expect" "$status $said"
	done <<-END
		get nosuch|get: nosuch: no such file on the server
		get ../x|get: ../x: name refused by the server
		get x/|get: x/: not the name of a file; say under which to \
store it: get NAME LOCAL
		get text nosuch/x|get: nosuch/: no such directory
		get text sub|get: sub: Is a directory
		get text sub/|get: sub/: Is a directory
		get text nosuch/|get: nosuch/: no such directory
		put nosuch|put: nosuch: No such file or directory
		put sub|put: sub: Is a directory
		put text .x|put: .x: name refused by the server
		put text a/b|put: a/b: name refused by the server
		put|put: usage: put LOCAL [NAME]
		get a b c|get: usage: get NAME [LOCAL] (quote a name with \
spaces)
		ls x|ls: usage: ls
		dir|dir: no such command; help lists them
	END
	mkfifo "$tmp/here/fifo"
	client 127.0.0.1 "$port" put fifo
	is "put of a FIFO" "1 put: fifo: not a regular file" "$status $said"
	client 127.0.0.1 "$port" get text fifo
	is "get over a FIFO" "1 get: fifo: not a regular file" "$status $said"
	rm "$tmp/here/fifo"

	# From standard input: no prompt, quotes, all commands run, status 1 if
	# one failed.
	printf '%s\n' 'put text "q u"' "get 'q u' q\\ v" '' '  ls  ' |
	    "$cli" -q -d "$tmp/here" localhost "$port" >"$tmp/out" 2>&1
	is "commands from standard input" 0 $?
	is "...print what they must" "a b back empty large q u text" \
	    "$(words <"$tmp/out")"
	same "...and do it" "$tmp/here/text" "$tmp/here/q v"
	printf '%s\n' 'get nosuch' 'get text again' 'put "x' |
	    "$cli" -q -d "$tmp/here" localhost "$port" >"$tmp/out" 2>&1
	is "one fails: status" 1 $?
	same "one fails: the others run" "$tmp/here/text" "$tmp/here/again"
	printf 'quit\nget text after\n' |
	    "$cli" -q -d "$tmp/here" localhost "$port" >"$tmp/out" 2>&1
	is "nothing runs after quit" "0 " "$? $(cat "$tmp/out")"
	[ ! -f "$tmp/here/after" ]
	is "...at all" 0 $?
	"$cli" localhost "$port" <"$tmp/here" >"$tmp/out" 2>&1
	is "standard input that cannot be read" 1 $?
	client localhost "$port" get -k
	is "options end with the host" \
	    "1 get: -k: no such file on the server" "$status $said"
	"$cli" -d "$tmp/here" localhost "$port" get nosuch >"$tmp/out" \
	    <&- 2>&-
	is "descriptors that are closed" 1 $?
	is "...are not mistaken for sockets" 0 \
	    "$(grep -c malformed "$log")"
	if [ -w /dev/full ]; then
		"$cli" localhost "$port" ls >/dev/full 2>/dev/null
		is "standard output is full" 1 $?
		printf 'ls\nget nosuch\n' |
		    "$cli" localhost "$port" 2>"$tmp/said" >/dev/full
		is "...and is said" \
		    "cli: standard output: No space left on device" \
		    "$(cat "$tmp/said")"
	else
		skip "no /dev/full"
	fi

	# A signal in the middle leaves nothing.
	evil frame offer "send 0000009999x" end
	{ exec "$cli" -d "$tmp/here" 127.0.0.1 "$port" get got; } &
	interrupted=$!
	until_true parts_are "$tmp/here" 1
	kill -TERM $interrupted
	wait $interrupted 2>/dev/null
	[ $? -gt 128 ]
	is "it ends by the signal" 0 $?
	wait "$evil"
	is "a signal leaves nothing" "" "$(find "$tmp/here" -name '.part*')"
	stop
}

# Servers that behave as the original, badly, or worse.
test_hostile() {
	mkdir -p "$tmp/here"
	rm -rf "$tmp/here/got"
	printf %s hello >"$tmp/here/five"
	evil frame offer "take 15" close control frame end
	client 127.0.0.1 "$port" put five
	is "a server that does not confirm" \
	    "0 put: five: 5 bytes sent, not confirmed" "$status $said"
	wait "$evil"
	is "...saw this" "put five 0000000005hello quit EOF" \
	    "$(sed 1d "$tmp/evil.out" | words)"
	evil frame offer "take 15" reset
	reply "a server that resets instead" "1 put: five: 5 of 5 bytes sent, \
then: *" put five
	evil frame offer "drip 0000000005hello" close
	client 127.0.0.1 "$port" get got "got one"
	is "a byte a segment" hello "$(cat "$tmp/here/got one")"
	wait "$evil"
	evil frame "drip 0000000005a\\x0ab\\x1bc"
	client 127.0.0.1 "$port" ls
	is "ls is made printable" "a b\\x1bc" "$(printf %s "$got" | words)"
	wait "$evil"

	evil frame offer close
	reply "no contents" "1 get: got: connection closed*" get got
	evil frame offer "send 00000" close
	reply "half a header" "1 get: got: connection closed*" get got
	evil frame offer "send 0000000005hell" close
	reply "fewer bytes" "1 get: got: 4 of 5 bytes came, then: *" get got
	evil frame offer "send 0000000005hell" reset
	reply "a reset" "1 get: got: *" get got
	evil frame offer "send 00000x0005hello" close
	reply "no digits" "1 get: got: malformed message" get got
	evil frame offer "send -000000005hello" close
	reply "a negative length" "1 get: got: malformed message" get got
	for text in 00000000010 0000000002-6 000000000565536 0000000000 \
	    00000000041e99 '0000000003 80' '000000000380 ' 0000000002-- \
	    '000000000580\x0000' 000000000600080x '0000000008-0000001'; do
		evil frame "send $text" close
		reply "port $text" "1 get: got: the server's answer makes no*" \
		    get got
	done
	evil frame "send 0000000002-1" close
	reply "code -1" "1 get: got: no such file on the server" get got
	evil frame "send 9999999999" close
	reply "an endless answer" "1 get: got: message too long" get got
	evil frame "send 9999999999" close
	reply "an endless list" "1 ls: message too long" ls
	evil frame close
	reply "no answer" "1 get: got: connection closed*" get got
	evil frame "send 00000" close
	reply "half an answer" "1 get: got: connection closed*" get got
	evil close
	reply "a server that leaves" "1 ls: *" ls
	evil frame offer "take 15" "send 0000000002-3" close
	reply "not stored" "1 put: five: the server cannot store*" put five
	evil frame offer "take 15" "send 0000000002xx" close
	reply "nonsense" "1 put: five: the server's answer makes no*" put five
	evil frame offer close
	reply "a put that is cut" "? *" put five
	evil frame "send 00000000011"
	reply "nobody at the port" "1 get: got: data connection to port 1: *" \
	    get got

	# An answer while the contents are still on their way: the client stops.
	dd if=/dev/zero of="$tmp/here/large" bs=1024 count=65536 2>/dev/null
	evil frame offer "take 10" "send 0000000002-3" fin "nap 200" reset
	reply "an answer in the middle" "1 put: large: the server cannot*" \
	    put large
	rm "$tmp/here/large"
}

# ---- mode raw ------------------------------------------------------------

test_raw() {
	start raw 0
	is "raw speaks and listens" 0000000002-5 "$(raw 0000000001x)"
	printf '\1\2\377\0end' >"$tmp/want"
	evil 'send \x01\x02\xff\x00end' close
	"$cli" -m raw 127.0.0.1 "$port" </dev/null >"$tmp/out"
	is "raw ends when the server does" 0 $?
	same "raw changes no byte" "$tmp/want" "$tmp/out"
	wait "$evil"
	evil "send x" "nap 100" reset
	"$cli" -m raw 127.0.0.1 "$port" </dev/null >"$tmp/out" 2>&1
	is "raw tells a reset from an end" 1 $?
	wait "$evil"
	dd if=/dev/zero of="$tmp/want" bs=1024 count=16384 2>/dev/null
	evil "send answer" fin "nap 300" close
	"$cli" -m raw 127.0.0.1 "$port" <"$tmp/want" >"$tmp/out" 2>&1
	is "raw says if not all was sent" 1 $?
	has "...after what the server said" "answer*" "$(cat "$tmp/out")"
	wait "$evil"
	evil end
	"$cli" -m raw 127.0.0.1 "$port" <"$tmp" >"$tmp/out" 2>&1
	is "raw from what cannot be read" 1 $?
	has "...says so" "*: Is a directory" "$(cat "$tmp/out")"
	wait "$evil"
	evil "zeros 99999999999"
	"$cli" -m raw 127.0.0.1 "$port" </dev/null 2>"$tmp/said" |
	    dd bs=1 count=9 of="$tmp/out" 2>/dev/null
	wait "$evil"
	has "raw ends with its reader" "cli: standard output: *" \
	    "$(cat "$tmp/said")"
	evil "take 5" end
	printf 'a\\x\nb' | "$cli" -m raw 127.0.0.1 "$port" >"$tmp/out"
	wait "$evil"
	is "raw sends as it is, and its end" "a\\x b EOF" \
	    "$(sed 1d "$tmp/evil.out" | words)"
	port=$(awk 'NR == 1 { print $5 }' "$out")
	"$cli" -m raw 127.0.0.1 "$port" ls </dev/null >"$tmp/out" 2>&1
	is "raw has no commands" 1 $?
	printf 'x\n' | "$cli" -m raw -u sw 127.0.0.1 "$port" >"$tmp/out" 2>&1
	is "a datagram to nobody" 1 $?
	has "...is told" "raw: 127.0.0.1 $port: *refused*" "$(cat "$tmp/out")"
	stop
}

# ---- the engine, in mode sim ----------------------------------------------

# sim ARGUMENT ...: sets $status, $got (the ladder) and $said (the rdt: line)
sim() { client -m sim "$@"; }

# The numbers in the order of their transmission, with an x behind what is lost.
order() {
	printf '%s\n' "$got" | awk '$2 ~ /send$/ {
		printf "%s%s%s", sep, $3, /lost/ ? "x" : ""; sep = " " }'
}

# 20000 packets, a window of 16, one in 20 lost: within 5 % of the theory.
theory() {
	sim -u "$1" -W 16 -C none -L drop=0.05,seed="$2" 20000
	is "$1 under random loss" ok "$(field transmissions | awk -v t="$3" '
		{ x = $1 / 20000 / t
		print (x > 0.95 && x < 1.05 ? "ok" : x) }')"
}

test_sim() {
	sim -u gbn -W 3 -C none -L drop=/5 9
	is "9 packets, window 3, every 5th lost" \
	    "1 2 3 4 5x 6 7 5 6 7x 8 9 7 8 9x 9" "$(order)"
	is "...transmissions, timeouts" "16 3" \
	    "$(field transmissions) $(field timeouts)"
	first=$got
	sim -u gbn -W 3 -C none -L drop=/5 9
	is "the same again" "$first" "$got"
	is "no line is too long" "" "$(printf '%s\n' "$got" | grep '.\{81\}')"
	sim -u gbn -W 4 -C none -L drop=/6 10
	is "10 packets, window 4, every 6th lost" \
	    "1 2 3 4 5 6x 7 8 9 6 7 8x 9 10 8 9 10" "$(order)"
	is "...transmissions" 17 "$(field transmissions)"
	sim -u sw -L drop=2:3 3
	is "stop-and-wait" "1 2x 2x 2 3" "$(order)"
	sim -u sr -W 8 -C none -L drop=2 8
	is "selective repeat sends again what is missing" \
	    "1 2x 3 4 5 6 7 8 2" "$(order)"
	is "...before the timer runs out" "0 1" \
	    "$(field timeouts) $(field fast)"
	sim -u gbn -W 8 -C none -L drop=2 8
	is "without congestion control gbn waits for its timer" "1 0" \
	    "$(field timeouts) $(field fast)"
	sim -u gbn -W 8 -C reno -L drop=12 30
	is "reno does not" "0 1" "$(field timeouts) $(field fast)"
	sim -u gbn -W 5 -C none -L drop=/5 20
	is "a livelock" 1 $status
	has "...is given its name" "*drop=/k hits the same packet*" "$said"
	theory gbn 1 "$(awk 'BEGIN { print (0.95 + 16 * 0.05) / 0.95 }')"
	theory sr 2 "$(awk 'BEGIN { print 1 / 0.95 }')"
	bad=0
	for u in sw gbn sr; do
		for c in none half reno; do
			for l in drop=0.2 dup=0.3 reorder=0.3 corrupt=0.2 \
			    ackdrop=0.3 drop=0.1,dup=0.1,reorder=0.1,seed=5; do
				sim -u $u -W 7 -C $c -L $l 50
				[ "$status" -eq 0 ] || bad=$((bad + 1))
			done
		done
	done
	is "all modes under all faults" 0 $bad

	sim -u gbn -W 3 -C none -L drop=/5 -t "$tmp/trace" 9
	is "trace: the header" \
	    "seconds side event seq window cwnd ssthresh srtt rto" \
	    "$(head -n 1 "$tmp/trace" | tr '\t' ' ')"
	is "trace: transmissions" 16 \
	    $(($(grep -c '	resend	' "$tmp/trace") +
	    $(grep -c '	send	' "$tmp/trace")))
	is "trace: nine columns" "" "$(awk -F '\t' 'NF != 9' "$tmp/trace")"
	is "trace: the first RTT" "0.020000 snd ack 2 3 3 3 0.020000 0.200000" \
	    "$(grep '	ack	' "$tmp/trace" | head -n 1 | tr '\t' ' ')"

	for l in drop=2.0 drop=x drop= dorp=1 drop=/0 drop=0 drop=1:x dup; do
		sim -L $l 9
		is "-L $l is wrong usage" 2 $status
	done
	for args in "" 0 x "1 2" "-W 0 9" "-W 1025 9" "-b 0 9" "-C tahoe 9"; do
		# shellcheck disable=SC2086
		sim $args
		is "-m sim $args is wrong usage" 2 $status
	done
	${CC:-cc} -O2 -o "$tmp/engine" lab/engine.c proto.c more/xfer.c more/peer.c \
	    more/talk.c more/chat.c more/room.c
	is "the engine, where its numbers wrap" "" "$("$tmp/engine" ||
	    echo failed)"
}

# ---- get and put by UDP ---------------------------------------------------

# transmissions FILE: what a trace says of them, counted from 1, as in order()
transmissions() {
	awk '$3 == "drop" && $2 == "snd" { printf "x"; next }
		$3 ~ /send$/ { printf "%s%d", sep, $4 + 1; sep = " " }' "$1"
}

# both_ways WHAT OPTION ...: a put and a get of $tmp/here/some by the options
both_ways() {
	what=$1
	shift
	client "$@" 127.0.0.1 "$port" put some
	is "$what: put" 0 $status
	same "$what: put" "$tmp/here/some" "$dir/some"
	client "$@" 127.0.0.1 "$port" get some back
	is "$what: get" 0 $status
	same "$what: get" "$tmp/here/some" "$tmp/here/back"
	rm -f "$dir/some" "$tmp/here/back"
}

hello='rdt 1 0 0 \x02\x00\x00\x20\x05\x78'	# gbn, window 32, block 1400

# Sessions in which one side falls silent; they take up to half a minute, so
# they run beside all the others. Each prints what became of it.
start_silences() {
	peer "send $(frame 'uget five')" "nap 11000" "send $(frame ls)" \
	    udial frame >"$tmp/silent1" &
	silent=$!
	peer "send $(frame 'uput silent 5')" udial "$hello" heard control \
	    frame >"$tmp/silent2" &
	silent="$silent $!"
	peer "send $(frame 'uget six')" udial "$hello" heard "nap 26000" \
	    "send $(frame ls)" frame >"$tmp/silent3" &
	silent="$silent $!"
	(
		evil_out=$tmp/evil4
		evil frame "uoffer 5" control end
		"$cli" -d "$tmp/here" -u gbn localhost "$port" get s4 2>&1
	) >"$tmp/silent4" &
	silent="$silent $!"
	(
		evil_out=$tmp/evil5
		evil frame "uoffer 5" heard "$hello" control end
		"$cli" -d "$tmp/here" -u gbn localhost "$port" get s5 2>&1
	) >"$tmp/silent5" &
	silent="$silent $!"
	(
		evil_out=$tmp/evil6
		evil frame uoffer heard "$hello" control end
		"$cli" -d "$tmp/here" -u gbn -L drop=/1 localhost "$port" \
		    put five 2>&1 | grep -v '^rdt'
	) >"$tmp/silent6" &
	silent="$silent $!"
}

end_silences() {
	# shellcheck disable=SC2086
	wait $silent
	has "no HELLO: the server waits no more" "*five*" \
	    "$(cat "$tmp/silent1")"
	has "...and says so" "*uget five from *: timed out*" "$(cat "$log")"
	is "no DATA: the server gives up and says a code" " $hello_back -5" \
	    "$(cat "$tmp/silent2")"
	has "no ACK: the server gives up" "*uget six from *: timed out*" \
	    "$(cat "$log")"
	is "no answer to HELLO" \
	    "get: s4: 0 of 5 bytes came, then: timed out" \
	    "$(cat "$tmp/silent4")"
	has "no DATA" "get: s5: 0 of 5 bytes came, then: timed out*" \
	    "$(cat "$tmp/silent5")"
	is "all DATA lost" "put: five: 0 of 5 bytes acknowledged, then: \
given up after 12 timeouts in a row: perhaps a livelock, in which drop=/k \
hits the same packet again and again" "$(cat "$tmp/silent6")"
}

test_udp() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here"
	start udp -t "$tmp/served.trace" 0
	printf %s hello >"$tmp/here/five"
	printf %s hello >"$dir/five"
	printf %s sixsix >"$dir/six"
	hello_back='1 0 0 \x02\x00\x00\x20\x05x'
	home=$port main=$pid
	start_silences

	# The exam, over the network of this machine.
	dd if=/dev/urandom of="$tmp/here/nine" bs=850 count=10 2>/dev/null
	client -u gbn -W 3 -b 1000 -C none -L drop=/5 -t "$tmp/nine.trace" \
	    127.0.0.1 "$port" put nine
	has "9 packets, window 3, every 5th lost" "put: nine: 8500 bytes \
stored*rdt: mode=gbn window=3 block=1000 packets=9 transmissions=16 \
timeouts=3 fast=0 duplicates=* corrupt=0 bytes=8500 seconds=*" "$said"
	is "...in order" "1 2 3 4 5x 6 7 5 6 7x 8 9 7 8 9x 9" \
	    "$(transmissions "$tmp/nine.trace")"
	same "...stored" "$tmp/here/nine" "$dir/nine"
	is "the server's trace has what came" 9 \
	    "$(grep -c 'rcv	recv	' "$tmp/served.trace")"
	is "nine columns" "" "$(awk -F '\t' 'NF != 9' "$tmp"/*.trace)"
	dd if=/dev/urandom of="$tmp/here/ten" bs=1000 count=10 2>/dev/null
	client -u gbn -W 4 -b 1000 -C none -L drop=/6 127.0.0.1 "$port" put ten
	is "10 packets, window 4, every 6th lost" "0 17" \
	    "$status $(field transmissions)"
	client -u sr -W 8 -b 1000 -C none -L drop=2 127.0.0.1 "$port" put ten
	is "sr sends again what is missing, at once" "0 11 0 1" "$status \
$(field transmissions) $(field timeouts) $(field fast)"
	client -u sw -b 1000 -L drop=2:3 127.0.0.1 "$port" put ten
	is "sw" "0 12 1" "$status $(field transmissions) $(field window)"

	# Sizes at the borders of blocks.
	for size in 0 1 99 100 101 200 799 800 801; do
		dd if=/dev/urandom of="$tmp/here/some" bs=$((size > 0 ? size : \
		    1)) count=$((size > 0)) 2>/dev/null
		for u in sw gbn sr; do
			both_ways "$u, $size bytes" -u $u -b 100 -W 4
		done
	done
	dd if=/dev/urandom of="$tmp/here/some" bs=1024 count=3000 2>/dev/null
	both_ways "blocks of 60000" -u sr -b 60000 -W 1024
	both_ways "a window of 1024" -u gbn -W 1024
	printf 'mode\nmode sr 5\nmode\nget five\nmode tcp\nget five\nmode x\n' |
	    "$cli" -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out" 2>&1
	is "mode at the prompt" "tcp|sr, \
window 5, block 1400, reno|get: five: 5 bytes stored as five|get: five: 5 \
bytes stored as five|mode: x: not tcp, sw, gbn or sr" \
	    "$(grep -v rdt "$tmp/out" | tr '\n' '|' | sed 's/|$//')"
	is "...changes how files travel" 1 "$(grep -c 'mode=sr window=5' \
	    "$tmp/out")"

	# Codes.
	while IFS='|' read -r args expect; do
		# shellcheck disable=SC2086
		client -u gbn 127.0.0.1 "$port" $args
		is "$args" "1 $expect" "$status $said"
	done <<-END
		get nosuch|get: nosuch: no such file on the server
		get ../x y|get: ../x: name refused by the server
		put five .x|put: .x: name refused by the server
		put nosuch|put: nosuch: No such file or directory
	END
	for command in 'uput a' 'uput a ' 'uput a x' 'uput a -1' \
	    'uput a 18446744073709551615' 'uput a 1x' uget uput; do
		is "$command" -5 "$(peer "send $(frame "$command")" frame)"
	done
	is "a name with spaces and a digit" "0 " \
	    "$(client -q -u sr 127.0.0.1 "$port" put five "a 5"
	    echo "$status $said")"
	same "...is stored" "$tmp/here/five" "$dir/a 5"

	# Faults, each alone and all together, on both sides.
	dd if=/dev/urandom of="$tmp/here/some" bs=100 count=23 2>/dev/null
	all=drop=3,dup=/7,reorder=9,corrupt=5:20,delay=1
	for u in sw gbn sr; do
		for l in drop=3:11:12 dup=/3 reorder=4:13 corrupt=4:9 delay=3 \
		    dup=/1 $all; do
			both_ways "$u, -L $l" -u $u -W 7 -b 100 -L "$l"
		done
	done
	start lossy -L $all 0
	for u in sw gbn sr; do
		both_ways "$u, -L of the server" -u $u -W 7 -b 100
		both_ways "$u, -L of both" -u $u -W 7 -b 100 -L $all
	done
	client -u sw -b 100 -L drop=0.2,seed=5 127.0.0.1 "$port" put some
	is "probabilities" 0 $status
	stop

	# The last ACK is lost: of three packets by sw, the third ACK.
	start ack -L drop=3 0
	dd if=/dev/urandom of="$tmp/here/some" bs=100 count=3 2>/dev/null
	both_ways "the last ACK lost" -u sw -b 100 -L drop=3
	until_true grep -q 'File some downloaded' "$log"
	is "...and the server got it in the end" 0 $?
	stop

	pid=$main port=$home
	dir=$tmp/udp log=$tmp/udp.log
	hostile_server
	hostile_client
	port=$home
	end_silences
	is "the server serves" "five" "$(peer "send $(frame ls)" frame |
	    tr ' ' '\n' | grep -x five)"
	stop
}

# Clients that lie, each in another way. Nothing but the right HELLO begins.
hostile_server() {
	is "HELLOs out of range, or damaged" \
	    " 5 $hello_back 2 0 1 hello 4 0 0" \
	    "$(peer "send $(frame 'uget five')" udial \
	    'rdt 1 0 0 \x00\x00\x00\x20\x05\x78' \
	    'rdt 1 0 0 \x04\x00\x00\x20\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x00\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x04\x01\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x00\x00' \
	    'rdt 1 0 0 \x02\x00\x00\x20\xea\x61' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05\x78\x00' "rdt 2 0 1 hello" \
	    "rdt 3 1 0" "rdt 4 0 0" "spoil 0" "$hello" "spoil 7" "$hello" \
	    "spoil 15" "$hello" "spoil 20" "$hello" "spoil -1" "$hello" \
	    "$hello" heard heard "rdt 3 1 0" heard)"
	has "...are counted" "*corrupt=16 *" "$(grep rdt: "$log" | tail -n 1)"
	is "HELLO again resets nothing" \
	    "$hello_back 2 0 0 he $hello_back 2 1 0 ll 2 2 1 o 4 0 0" \
	    "$(peer "send $(frame 'uget five')" udial \
	    'rdt 1 0 0 \x02\x00\x00\x01\x00\x02' heard heard "$hello" heard \
	    "rdt 3 1 0" heard "rdt 3 2 0" heard "rdt 3 3 0" heard |
	    sed -e 's/^ 5 //' -e 's/\\x00\\x01\\x00\\x02/\\x00\\x20\\x05x/g')"
	is "ACKs of what was not sent" " 5 $hello_back 2 0 1 hello 4 0 0" \
	    "$(peer "send $(frame 'uget five')" udial "$hello" heard heard \
	    "rdt 3 2 0" "rdt 3 4294967295 0" "rdt 3 2147483648 0" \
	    "rdt 3 0 0 \xff\xff\xff" "rdt 9 0 0" "rdt 3 1 0" "await 4")"
	is "a stranger's HELLO" " 5 SILENCE" "$(peer \
	    "send $(frame 'uget five')" "from 127.0.0.2" udial "$hello" heard)"
	is "a command ends the session" " 5 $hello_back 2 0 1 hello -5" \
	    "$(peer "send $(frame 'uget five')" udial "$hello" heard heard \
	    control "send $(frame x)" frame)"
	is "...and one before HELLO" " 5 -5" "$(peer \
	    "send $(frame 'uget five')" udial "send $(frame x)" frame)"
	is "what a put must not believe" " $hello_back 3 1 0 3 2 0 0 hello" \
	    "$(peer "send $(frame 'uput liar 1405')" udial "$hello" heard \
	    "rdt 2 0 0 short" "rdt 2 0 1 short" "rdt 2 1 0 hello" \
	    "rdt 2 1 1 hell" "rdt 2 1 1 hello!" "rdt 2 2 1 hello" \
	    "rdt 2 4294967295 1 hello" "rdt 4 0 0" \
	    "rdt 2 0 0 $(printf '%01400d' 0)" heard "rdt 2 1 1 hello" heard \
	    frame | words) $(cut -c 1401- "$dir/liar")"
	is "...is counted" 1 "$(grep -c 'mode=gbn.*corrupt=7 bytes=1405' \
	    "$log")"
	is "a put broken off" " $hello_back -5" "$(peer \
	    "send $(frame 'uput half 5')" udial "$hello" heard \
	    "send $(frame ls)" frame)"
	peer "send $(frame 'uput gone 5')" udial "$hello" heard reset >/dev/null
	peer "send $(frame 'uget five')" udial reset >/dev/null
	is "repeated DATA after the end" " $hello_back 3 1 0 0 3 1 0" "$(peer \
	    "send $(frame 'uput again 5')" udial "$hello" heard \
	    "rdt 2 0 1 hello" heard frame "rdt 2 0 1 hello" heard "rdt 4 0 0")"
	is "...the other bytes are not stored" hello "$(cat "$dir/again")"
}

# Servers that do.
hostile_client() {
	by="-u gbn"
	evil frame "uoffer 5" heard heard "rdt 2 0 1 early" "$hello" \
	    "rdt 2 0 1 hello" heard "rdt 2 0 1 hello" heard "rdt 4 0 0" \
	    control frame end
	client -u gbn 127.0.0.1 "$port" get five five.x
	wait "$evil"
	is "lost HELLO, early DATA, DATA again" \
	    "0 uget five $hello_back $hello_back 3 1 0 3 1 0 quit EOF" \
	    "$status $(sed 1d "$tmp/evil.out" | words)"
	has "...counted" "*transmissions=2 *duplicates=1 corrupt=0*" "$said"
	is "...stored" hello "$(cat "$tmp/here/five.x")"
	evil frame "uoffer 5" heard 'rdt 1 0 0 \x02\x00\x00\x00\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x21\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05\x79' \
	    'rdt 1 0 0 \x02\x00\x00\x20\x00\x00' \
	    'rdt 1 0 0 \x03\x00\x00\x20\x05\x78' \
	    'rdt 1 0 0 \x02\x00\x00\x10\x00\x03' "rdt 2 0 0 hel" heard \
	    "rdt 2 1 1 lo" heard "rdt 4 0 0" control end
	client -u gbn 127.0.0.1 "$port" get five five.x
	wait "$evil"
	is "answers that ask for more, then one for less" "0 16 3" \
	    "$status $(field window) $(field block)"
	evil frame "uoffer 5" heard "$hello" udp close control end
	reply "nobody there any more" "1 get: got: 0 of 5 bytes came, then: *" \
	    get got
	evil frame "uoffer 5" udp close control end
	reply "nobody there at all" "1 get: got: 0 of 5 bytes came, then: *" \
	    get got
	evil frame "uoffer 5" heard "$hello" control close
	reply "control closed" "1 get: got: 0 of 5 bytes came, then: *" get got
	for offer in "1" "1 89abcdef" "0 89abcdef 5" "65536 89abcdef 5" \
	    "9 89ABCDEF 5" "9 89abcde 5" "9 89abcdef 05" "9 89abcdef -5" \
	    "9 89abcdef 5 " "9 89abcdef 18446744073709551615" \
	    "9  89abcdef 5" "-1 89abcdef 5" "9 189abcdef 5"; do
		evil frame "send $(frame "$offer")" close
		reply "an answer '$offer'" \
		    "1 get: got: the server's answer makes no*" get got
	done
	evil frame uoffer heard "$hello" heard "send $(frame -3)" control end
	reply "refused in the middle" "1 put: five: the server cannot*" \
	    put five
	evil frame uoffer heard "$hello" heard "send $(frame 0)" control end
	reply "stored, whatever ACKs are missing" "0 " put five
	evil frame uoffer heard 'rdt 1 0 0 \x02\x00\x00\x01\x00\x01' heard \
	    "send $(frame 0)" control end
	reply "stored, before it was sent" \
	    "1 put: five: the server's answer *" put five
	evil frame uoffer heard "$hello" heard "rdt 3 1 0" heard control close
	reply "no answer after the last ACK" "1 put: five: 5 of 5 bytes \
acknowledged, then: connection closed*" put five
	evil frame uoffer heard "$hello" heard udp close control frame \
	    "send $(frame -3)$(frame '')" frame end
	printf 'put five\nls\n' | "$cli" -d "$tmp/here" -u gbn 127.0.0.1 \
	    "$port" >"$tmp/out" 2>&1
	wait "$evil"
	is "an answer that is owed is not taken for the next one" \
	    "0 put five 5 ls quit EOF" "$(grep -c '^ls' "$tmp/out") $(sed -n \
	    's/^u//p; /^ls/p; /^quit/p; /^EOF/p' "$tmp/evil.out" | words)"
	by=
}

# ---- the directory and its peers ------------------------------------------

# dgrams LINE ...: sends each as a datagram, all from one address, and prints
# what is answered in hexadecimal
dgrams() {
	printf '%s\n' "$@" | "$cli" -m raw -u sw 127.0.0.1 "$port" |
	    od -An -v -tx1 | tr -d ' \n'
}

# hex TEXT: its bytes in hexadecimal
hex() { printf %b "$1" | od -An -v -tx1 | tr -d ' \n'; }

# tlv OP TEXT: such a message, as a line for mode raw
tlv() { printf '\\x%02x\\x00\\x00\\x%02x\\x%02x%s' "$1" $((${#2} / 256)) \
    $((${#2} % 256)) "$2"; }

# message TEXT: a message of the peers for lab/peer.c; | stands for a newline
message() {
	printf '\\x%02x\\x%02x%s' $((${#1} / 256)) $((${#1} % 256)) \
	    "$(printf %s "$1" | sed 's/|/\\x0a/g')"
}

# says TEXT: what a peer answers to that message
says() {
	"$tmp/peer" "connect $port" "send $(message "$1")" fin "take 60000" |
	    tr -d '\000' | sed '/^$/d'
}

# dir_client NAME: a client in mode dir over $tmp/NAME, in the background; what
# is written to descriptor 5 are its commands; sets $client
dir_client() {
	mkdir -p "$tmp/$1"
	rm -f "$tmp/$1.in"
	mkfifo "$tmp/$1.in"
	"$cli" -m dir -d "$tmp/$1" 127.0.0.1 "$home" <"$tmp/$1.in" \
	    >"$tmp/$1.said" 2>&1 &
	client=$!
	exec 5>"$tmp/$1.in"
}

# dir_does COMMAND ...: commands for a client that is run for them, in mode dir
# (The port that the system gives it may be that of a nick of some test before,
# whom nobody logged out: then once more.)
dir_does() {
	for attempt in 1 2 3; do
		dir_said=$(printf '%s\n' "$@" | "$cli" -m dir -d "$tmp/here" \
		    127.0.0.1 "$home" 2>&1 | words)
		case $dir_said in
		*"or you have another one"*) ;;
		*) break ;;
		esac
	done
	printf '%s\n' "$dir_said"
	: "$attempt"
}

# evil_peer STEP ...: lab/peer.c as a peer, with a nick of its own, of which
# the directory says that it has `five'
hello_hash=aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d
evils=0
evil_peer() {
	evil "$@"
	at=$port port=$home
	evils=$((evils + 1))
	is "an evil peer is known" 070a11 "$(dgrams "$(tlv 6 "evil$evils")" \
	    "$(printf '\\x09\\x00\\x00\\x%02x\\x%02x' $((at / 256)) \
	    $((at % 256)))" "\\x10\\x00\\x00\\x00\\x30$hello_hash 5 five\\n")"
}

test_dir() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here"
	start dir dir=0
	home=$port
	is "the line that a script waits for" \
	    "listening dir udp 127.0.0.1 $port" "$(cat "$out")"

	# The bytes of each message: alice, then someone else.
	other=0123456789abcdef0123456789abcdef01234567
	line="$other 5 a file"
	listed=$(hex "$other 5 alice a file\n")
	publish="\\x10\\x00\\x00\\x00\\x32$line\\n"
	publish9="\\x09\\x00\\x00\\x00\\x32$line\\n"
	users=$(hex 'alice 127.0.0.1:20000\n')
	is "golden, of one who owns a nick" "0200000000070a02000000010d0000\
0016${users}11110000000311110000000a0f00000038${listed}0a080b0704\
7f00000100004e2005" "$(dgrams '\x01' '\x06\x00\x00\x00\x05alice' \
	    '\x09\x00\x00\x4e\x20' '\x01' '\x0c' "$publish" \
	    '\x10\x00\x00\x00\x05at 3\n' '\x10\x00\x00\x00\x00' \
	    '\x10\x00\x00\x00\x06at 10\n' '\x0e' "$publish9" \
	    "$(tlv 6 other)" '\x09\x00\x00\x00\x00' \
	    "$(tlv 6 alice)" "$(tlv 3 alice)" "$(tlv 3 nobody)")"
	is "...of one who does not" "047f00000100004e20160b1616080813" \
	    "$(dgrams "$(tlv 3 alice)" '\x10\x00\x00\x00\x00' \
	    '\x09\x00\x00\x4e\x20' "$(tlv 18 alice)" "$(tlv 20 alice)" \
	    "$(tlv 6 alice)" "$(tlv 6 'a b')" "$(tlv 18 nobody)")"
	is "lists are for those who registered" "07" \
	    "$(dgrams '\x0c' '\x0e' "$(tlv 6 carol)" | cut -c 1-8)"
	is "pages" "070d0000000d$(hex 'skip 1\ncarol\n')0d00000007\
$(hex 'skip 9\n')0f00000007$(hex 'skip 1\n')15" \
	    "$(dgrams "$(tlv 6 dave)" '\x0c\x00\x00\x00\x01' \
	    '\x0c\x00\x00\x00\x09' '\x0e\x00\x00\x00\x01' \
	    "$(tlv 20 dave)" | sed "s/$(hex 'dave\n')//; \
	    s/0d00000012/0d0000000d/")"
	is "what is malformed is not answered" 0200000001 "$(dgrams '' '\x00' \
	    '\x17' '\xff' '\x01\x00' '\x06' '\x06\x00\x00\x00\x09alice' \
	    '\x06\x00\x00\x00\x04alice' '\x06\xff\xff\xff\xffalice' \
	    '\x09\x00\x00\x4e' '\x0c\x00' '\x03' '\x02\x00\x00\x00\x05' '\x07' \
	    '\x04\x7f\x00\x00\x01\x00\x00\x4e\x20' '\x01')"
	is "nicks" "08080808070807" "$(dgrams "$(tlv 6 '')" "$(tlv 6 'a/b')" \
	    '\x06\x00\x00\x00\x03a\x00b' "$(tlv 6 "$(printf '%033d' 0)")" \
	    "$(tlv 6 "$(printf '%032d' 0)")" "$(tlv 6 erin)" \
	    "$(tlv 6 "$(printf '%032d' 0)")")"
	got=$(dgrams "$(tlv 6 frank)" \
	    "\\x10\\x00\\x00\\x00\\x2a$hello_hash 5" \
	    "\\x10\\x00\\x00\\x00\\x30$hello_hash 5 ../x\\n" \
	    "\\x10\\x00\\x00\\x00\\x2f$hello_hash -5 xx\\n" \
	    "\\x10\\x00\\x00\\x00\\x2c${hello_hash}x 5\\n" \
	    "\\x10\\x00\\x00\\x00\\x2e$hello_hash 5 a\\x1b\\n" \
	    "\\x10\\x00\\x00\\x00\\x2d$hello_hash 5 x\\n$hello_hash 5 .x\\n" \
	    "$(tlv 20 frank)")
	is "...of at, too, and where it is no Publish by name" "07160a15" \
	    "$(dgrams "$(tlv 6 gina)" '\x10\x00\x00\x00\x05at x\n' \
	    '\x09\x00\x00\x00\x05at 0\n' "$(tlv 20 gina)")"
	is "lines that are none are refused, and all with them" \
	    071616161616 "$(printf %s "$got" | sed 's/15$//')"

	# Two clients, a directory, and files.
	mkdir -p "$tmp/ann"
	: >"$tmp/ann/empty"
	printf %s hello >"$tmp/ann/five"
	dd if=/dev/urandom of="$tmp/ann/part" bs=48000 count=1 2>/dev/null
	{ cat "$tmp/ann/part"; printf x; } >"$tmp/ann/more"
	dd if=/dev/urandom of="$tmp/ann/large" bs=48000 count=70 2>/dev/null
	: >"$tmp/ann/.hidden"
	dir_client ann
	printf '%s\n' 'register ann' serve publish myfiles 'lookup ann' >&5
	until_true grep -q '^127' "$tmp/ann.said"
	has "myfiles" "*$hello_hash 5 five*" "$(words <"$tmp/ann.said")"
	is "no dot files" 0 "$(grep -c hidden "$tmp/ann.said")"
	for f in empty five part more large; do
		hash=$(awk -v f=$f 'NF == 3 && $3 == f { print $1 }' \
		    "$tmp/ann.said")
		dir_does 'register bob' "download $hash" >"$tmp/out"
		same "download of $f" "$tmp/ann/$f" "$tmp/here/$f"
	done
	dir_does 'register bob' 'download ann aaf4c61d x' \
	    'download aaf4c61dd y' \
	    "download $hello_hash z" 'browse ann' queryfiles \
	    'download aaf4c61d w' close 'lookup bob' >"$tmp/out"
	for f in x y z w; do
		same "download as $f" "$tmp/ann/five" "$tmp/here/$f"
	done
	has "browse lists" "*$hello_hash 5 five*$hello_hash 5 five*" \
	    "$(cat "$tmp/out") $hello_hash 5 five"
	has "...and close goes back" "*lookup: bob: no such nick*" \
	    "$(cat "$tmp/out")"
	has "a nick that is much too long" "lookup: 00*: not a nick" \
	    "$(dir_does "lookup $(printf '%09000d' 0)")"
	dir_does 'register bob' "download $hello_hash" \
	    "download $hello_hash" >"$tmp/out"
	has "a name that others chose replaces nothing" \
	    "*stored as five(1)*stored as five(2)*" "$(cat "$tmp/out")"
	is "what goes wrong is said" "filelist: register first register: you \
are bob download: ann: not a hash: 8 to 40 hexadecimal digits download: \
bbbbbbbb: no such file lookup: x: no such nick, or it serves no files \
serve: 70000: not a port (0 to 65535) stop: you serve no files register: a/b: \
not a nick: 1 to 32 letters, digits, _ - . register: ann: refused: it is \
taken, or you have another one" "$(dir_does filelist 'register bob' \
	    'download ann' 'download bbbbbbbb' 'lookup x' 'serve 70000' stop \
	    'register a/b' 'register ann')"
	where=$(grep '^127' "$tmp/ann.said" | cut -d : -f 2)
	port=$where
	is "queryfiles and its answer" "?operation:servedfiles 5" \
	    "$(says 'operation:queryfiles||' |
	    sed '1s/^.*operation/?operation/' | awk '
	    NR == 1 { first = $0 } /^files:/ { n++ }
	    END { print first, n }')"
	is "sizes of the document's capture" "24 72 38 19" "$(for m in \
	    'operation:queryfiles||' \
	    "operation:download|filehash:$hello_hash||" \
	    'operation:filelength|filelength:76||' 'operation:close||'; do
		echo $((${#m} + 2))
	done | words)"
	has "a blank after the colon, unknown keys, a prefix" "*operation:\
filelength filelength:1 *operation:downloaded file:aGVsbG8=*" "$(says \
	    'operation: download|x:y|filehash: aaf4c61d||' | words)"
	for m in 'operation:download|filehash:aaf4c61||' \
	    'operation:download||' 'operation:download|filehash:ffffffff||' \
	    'operation:download|filehash:../../etc||'; do
		has "$m" "*operation:notfound*" "$(says "$m" | words)"
	done
	for m in 'operation:close||' 'operation:none||' x 'x:y||' \
	    'operation:queryfiles|' 'operation:queryfiles|x||'; do
		is "$m ends it" "" "$(says "$m")"
	done
	is "half a message" "" "$(peer 'send \x00\x16operation' fin 'take 9')"
	printf %s HELLO >"$tmp/ann/five"
	has "a file that changed is not served" "*operation:notfound*" \
	    "$(says "operation:download|filehash:$hello_hash||" | words)"
	port=$home
	printf '%s\n' publish 'lookup bob' >&5
	until_true grep -q 'lookup: bob' "$tmp/ann.said"
	is "published anew, the old hash is gone" 0 "$(dir_does 'register bob' \
	    filelist | grep -c $hello_hash)"
	printf '%s\n' stop 'lookup ann' serve 'lookup nobody' >&5
	until_true grep -q 'lookup: nobody' "$tmp/ann.said"
	is "stop, and serve again" 1 "$(grep -c 'lookup: ann: no such nick' \
	    "$tmp/ann.said")"
	is "...with nothing published" 0 \
	    "$(dir_does 'register bob' filelist | grep -c ' ann ')"
	exec 5>&-
	wait "$client"
	is "its exit status: a command had failed" 1 $?
	is "who leaves logs out" 1 "$(grep -c 'Logout ann from ann, 127' "$log")"

	# A thousand files.
	mkdir "$tmp/thousand"
	i=0
	while [ $i -lt 1000 ]; do
		echo $i >"$tmp/thousand/file number $i"
		i=$((i + 1))
	done
	dir_client thousand
	printf '%s\n' 'register many' serve publish filelist 'lookup many' >&5
	until_true grep -q '^127' "$tmp/thousand.said"
	is "a thousand files, page by page" 1000 "$(grep 'file number' \
	    "$tmp/thousand.said" | sort -u | wc -l | tr -d ' ')"
	exec 5>&-
	wait "$client"
	is "...and no error" 0 $?

	# Peers that are evil; a good one has the file too.
	printf %s hello >"$tmp/ann/five"
	dir_client ann
	printf '%s\n' 'register ann' serve publish 'lookup ann' >&5
	until_true grep -q '^127' "$tmp/ann.said"
	evil_peers
	exec 5>&-
	wait "$client"

	# The process dies: another one takes its place, on the same socket.
	kill -9 "$(ps -A -o pid= -o ppid= | awk -v p="$pid" \
	    '$2 == p { print $1 }')"
	until_true grep -q 'dir: died, started again' "$log"
	is "a service that died is there again" 0200000000 "$(dgrams '\x01')"
	kill "$pid"
	wait "$pid"
	is "the server ends in order" 0 $?
	servers=${servers%" $pid"}

	# Expiry, and a network that loses and doubles.
	start expire -T 1 dir=0
	dgrams "$(tlv 6 alice)" '\x09\x00\x00\x4e\x20' >/dev/null
	until_true grep -q 'Nick alice expired' "$log"
	is "expired" 0200000000 "$(dgrams '\x01')"
	stop
	start badnet -L drop=0.2,dup=0.3,seed=3 dir=0
	home=$port
	mkdir -p "$tmp/few"
	i=0
	while [ $i -lt 100 ]; do
		echo $i >"$tmp/few/$i"
		i=$((i + 1))
	done
	printf '%s\n' 'register bad' serve publish filelist userlist login |
	    "$cli" -m dir -L drop=0.2,dup=0.3,seed=4 -d "$tmp/few" 127.0.0.1 \
	    "$port" >"$tmp/out" 2>&1
	is "lost and doubled datagrams" 0 $?
	is "...leave the list whole" 100 "$(grep -c ' bad ' "$tmp/out")"
	stop
	"$cli" -m dir 127.0.0.1 "$home" login >"$tmp/out" 2>&1
	is "no directory" 1 $?
	has "...is said" "login: directory 127.0.0.1 $home: *" \
	    "$(cat "$tmp/out")"
	evil_directories
}

# bad_peer WHAT WHY STEP ...: nothing is kept of what an evil peer sends, and
# the next one is tried, who has the file
bad_peer() {
	what=$1 why=$2
	shift 2
	evil_peer "take 72" "$@"
	rm -f "$tmp/here/x"
	got=$(dir_does 'register bob' 'download aaf4c61d x')
	wait "$evil"
	has "$what" "*download: aaf4c61d from evil$evils: $why *stored as x" \
	    "$got"
	same "$what: the next one" "$tmp/ann/five" "$tmp/here/x"
	is "$what: nothing is left" "" "$(find "$tmp/here" -name '.part*')"
}

evil_peers() {
	one="send $(message 'operation:filelength|filelength:1||')"
	two="send $(message 'operation:filelength|filelength:2||')"
	hello="send $(message 'operation:downloaded|file:aGVsbG8=||')"
	evil_out=$tmp/stalled.out	# half a minute, beside the others
	evil_peer "take 72" "take 1"
	evil_out=$tmp/evil.out
	mkdir -p "$tmp/patient"
	printf '%s\n' 'register patient' 'download aaf4c61d stalled' |
	    "$cli" -m dir -d "$tmp/patient" 127.0.0.1 "$home" \
	    >"$tmp/stalled" 2>&1 &
	stalled=$!
	until_true grep -q filehash "$tmp/stalled.out"
	bad_peer "other contents" "the contents are not*" "$one" \
	    "send $(message 'operation:downloaded|file:SEVMTE8=||')" close
	bad_peer "more than there is" "more than the list says" "$one" \
	    "send $(message 'operation:downloaded|file:aGVsbG8h||')" close
	bad_peer "more messages" "more than the list says" "$two" \
	    "$hello" "$hello" close
	bad_peer "fewer messages" "connection closed*" "$two" "$hello" close
	bad_peer "fewer bytes" "less than the list says" "$one" \
	    "send $(message 'operation:downloaded|file:aGVs||')" close
	bad_peer "empty parts" "a part with nothing in it" "$two" \
	    "send $(message 'operation:downloaded|file:||')" close
	bad_peer "bad base64" "bad base64" "$one" \
	    "send $(message 'operation:downloaded|file:aGVsbG8||')" close
	bad_peer "a length that lies" "connection closed*" "$one" \
	    'send \xff\xffoperation:downloaded\x0afile:aGVs' close
	for count in 0 -1 7 99999999999999999999 x ''; do
		bad_peer "'$count' parts" "a number of parts that*" "send \
$(message "operation:filelength|filelength:$count||")" close
	done
	bad_peer "nonsense" "malformed message" "send $(message 'x||')" close
	bad_peer "another answer" "malformed message" "$hello" close
	bad_peer "an empty message" "malformed message" 'send \x00\x00' close
	bad_peer "a reset" "*" "$two" "$hello" reset
	bad_peer "not there" "it has no such file*" \
	    "send $(message 'operation:notfound||')" close
	evil_peer "take 24" "send $(message \
	    "operation:servedfiles|files:$hello_hash 5 ../x||")" close
	has "a path in a list" "*evil$evils: malformed message" \
	    "$(dir_does 'register bob' "download evil$evils aaf4c61d x")"
	wait "$evil"
	evil_peer "take 24" "send $(message \
	    "operation:servedfiles|files:$hello_hash 5 five|more:1||")" close
	has "a list without an end" "*evil$evils: connection closed*" \
	    "$(dir_does 'register bob' "download evil$evils aaf4c61d x")"
	wait "$evil"
	evil_peer "take 24" reset
	is "a peer that is lost leaves browse where it is" "1 1" \
	    "$(dir_does 'register bob' "browse evil$evils" queryfiles \
	    "download $hello_hash lost" close 'lookup nobody' >"$tmp/out"
	    echo "$(grep -c 'no connection any more' "$tmp/out")" \
	    "$(grep -c 'lookup: nobody' "$tmp/out")")"
	wait "$evil"
	wait $stalled
	has "a peer that stalls" "*from evil1: timed out *stored as stalled" \
	    "$(words <"$tmp/stalled")"
}

# evil_dir STEP ...: lab/peer.c as a directory; sets $port and $evil
evil_dir() {
	: >"$tmp/evil.out"
	"$tmp/peer" ulisten "$@" >"$tmp/evil.out" 2>&1 &
	evil=$!
	until_true grep -q '^listening' "$tmp/evil.out"
	home=$(awk 'NR == 1 { print $2 }' "$tmp/evil.out")
}

evil_directories() {
	evil_dir uheard 'usend ' 'usend \x63' 'usend \x07' \
	    'usend \x02\x00\x00\x00' 'usend \x02\x00\x00\x00\x07' \
	    'usend \x02\x00\x00\x00\x08' uheard 'usend \x02\x00\x00\x00\x09' \
	    'usend \x07' uheard 'usend \x0d\x00\x00\x00\x09skip 5\x0ax\x0a' \
	    'usend \x0d\x00\x00\x00\x0bskip 0\x0abob\x0a' uheard \
	    'usend \x0d\x00\x00\x00\x0bskip 1\x0abob\x0a' uheard 'usend \x15'
	is "late, doubled and wrong answers" \
	    "7 file servers register: you are bob bob" \
	    "$(dir_does login 'register bob' userlist | sed 's/  */ /g')"
	wait "$evil"
	is "...to these requests" "01 0600000003626f62 0c00000000 0c00000001 \
1400000003626f62" "$(sed 1d "$tmp/evil.out" | words)"
	for line in "$hello_hash 5 eve ../x" "$hello_hash 5 eve \\x1bx" \
	    "$hello_hash 5 e/e x" "$hello_hash -5 eve x" "x 5 eve x" \
	    "$hello_hash 5 x"; do
		n=$(printf %s "$line" | sed 's/\\x../x/g' | wc -c)
		evil_dir uheard 'usend \x07' uheard "usend $(printf \
		    '\\x0f\\x00\\x00\\x00\\x%02x' $((n + 8)))skip 0\\x0a$line\
\\x0a" uheard 'usend \x15'
		is "a line '$line'" "register: you are bob filelist: \
directory 127.0.0.1 $home: malformed message" \
		    "$(dir_does 'register bob' filelist)"
		wait "$evil"
	done
	evil_dir uheard 'usend \x04\x7f\x00\x00\x01\x00\x00\x00\x00' uheard \
	    'usend \x04\x7f\x00\x00\x01\x00\x01\x00\x00'
	has "ports that are none" "*a: the directory's answer makes no*" \
	    "$(dir_does 'lookup a' 'lookup a')"
	wait "$evil"
}

# ---- xfer ----------------------------------------------------------------

# len8 TEXT: TEXT behind its length, for the peer
len8() { printf '\\x00\\x00\\x00\\x00\\x00\\x00\\x%02x\\x%02x%s' \
    $((${#1} / 256)) $((${#1} % 256)) "$1"; }

# upload NAME CONTENTS: step by step; the statuses
upload() { peer 'send \x00' "hex 1" "send $(len8 "$1")$(len8 "$2")" "hex 1" \
    end; }

# xfer ARGUMENT ...: the client in mode xfer
xfer() { client -m xfer 127.0.0.1 "$port" "$@"; }

ff='\xff\xff\xff\xff\xff\xff\xff\xff'

test_xfer() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here/sub"
	start xfer -T 3 xfer=0
	is "the line that a script waits for" \
	    "listening xfer tcp 127.0.0.1 $port" "$(cat "$out")"

	# Byte by byte.
	is "golden: upload" "00 00 EOF" "$(upload lorem.txt hello)"
	is "...stored" hello "$(cat "$dir/lorem.txt")"
	is "golden: download" "00 000000000000000005 hello EOF" "$(peer \
	    'send \x01' "hex 1" "send $(len8 lorem.txt)" "hex 9" "take 5" end)"
	TZ=UTC0 touch -t 202105132022.29 "$dir/lorem.txt"
	: >"$dir/it's"
	TZ=UTC0 touch -t 200101010000 "$dir/it's"
	is "golden: list" "000000000000000038 ('it\\'s', 0, 978307200.0) \
('lorem.txt', 5, 1620937349.0) EOF" "$(peer 'send \x02' "hex 9" "take 56" end)"
	rm "$dir/it's"
	is "an upload of nothing" "00 00 EOF" "$(upload empty '')"
	is "...and its download" "00 000000000000000000 EOF" "$(peer \
	    'send \x01' "hex 1" "send $(len8 empty)" "hex 9" end)"
	rm "$dir/empty"
	is "an upload replaces" "00 00 EOF" "$(upload lorem.txt yo)"
	is "...the whole file" yo "$(cat "$dir/lorem.txt")"
	is "all at once" "0000 EOF" "$(peer \
	    "send \\x00$(len8 once)$(len8 once)" "hex 2" end)"
	is "a byte at a time" "0000 EOF" "$(peer \
	    "drip \\x00$(len8 drip)$(len8 dripped)" "hex 2" end)"
	is "...are whole" "once dripped" \
	    "$(cat "$dir/once") $(cat "$dir/drip")"
	rm "$dir/once" "$dir/drip"
	is "more than was announced" "0000 EOF" "$(peer \
	    "send \\x00$(len8 more)$(len8 hello)xyz" fin "hex 2" end)"
	is "...is not stored" hello "$(cat "$dir/more")"
	is "one request a connection" "00000000000000000005 hello EOF" "$(peer \
	    "send \\x01$(len8 more)\\x02\\x02" "hex 10" "take 5" end)"
	peer 'send \x00' "hex 1" "send $(len8 orig)$(len8 x)" close >/dev/null
	until_true grep -q 'File orig uploaded' "$log"
	is "the original client, which takes no last status" x \
	    "$(cat "$dir/orig")"
	rm "$dir/more" "$dir/orig"

	# Each status.
	mkdir "$dir/sub"
	mkfifo "$dir/fifo"
	ln -s lorem.txt "$dir/link"
	for op in 03 ff 30; do
		is "opcode $op" "01 EOF" "$(peer "send \\x$op" "hex 1" end)"
	done
	for name in nosuch sub fifo link; do
		is "download of $name" "0002 EOF" \
		    "$(peer "send \\x01$(len8 $name)" "hex 2" end)"
	done
	long=$(printf '%0255d' 7)
	for name in '' . .. .x ../xfer.log /etc/passwd sub/x "${long}8"; do
		is "download of $name" "0003 EOF" \
		    "$(peer "send \\x01$(len8 "$name")" "hex 2" end)"
		is "upload of $name" "0003 EOF" \
		    "$(peer "send \\x00$(len8 "$name")$(len8 x)" "hex 2" end)"
	done
	for name in 'a\x00b' 'a\x0ab' 'a\x1bb' 'a\x7fb'; do
		is "upload of $name" "0003 EOF" "$(peer \
		    "send \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03$name" \
		    "hex 2" end)"
	done
	for name in sub fifo link; do
		is "upload over $name" "0003 EOF" \
		    "$(peer "send \\x00$(len8 $name)$(len8 x)" "hex 2" end)"
	done
	is "a name of 255 bytes" "00 00 EOF" "$(upload "$long" y)"
	rm "$dir/$long"
	for n in "$ff" '\x80\x00\x00\x00\x00\x00\x00\x00' \
	    '\x00\x00\x00\x00\x00\x00\x01\x00'; do
		is "a name of $n bytes" "0003 EOF" \
		    "$(peer "send \\x00${n}x" fin "hex 2" end)"
	done
	for n in "$ff" '\x80\x00\x00\x00\x00\x00\x00\x00'; do
		is "contents of $n bytes" "0003 EOF" "$(peer \
		    "send \\x00$(len8 lorem.txt)${n}x" "hex 2" end)"
	done
	is "contents that never came" "0003 EOF" "$(peer "send \\x00$(len8 \
	    lorem.txt)\\x7f$(printf %s "$ff" | cut -c 5-)x" fin "hex 2" end)"

	# Cut at each step, in each way.
	for text in '' '\x00' '\x00\x00' "\\x00$(len8 lorem.txt)" \
	    "\\x00$(len8 lorem.txt)\\x00" \
	    "\\x00$(len8 lorem.txt)\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x05he" \
	    '\x01' '\x01\x00' "\\x01$(len8 lorem.txt)" '\x02'; do
		for how in close reset fin; do
			peer "send $text" $how end >/dev/null
		done
		peer "send $text" end >/dev/null &
	done
	wait $! 2>/dev/null
	is "the old file stays" yo "$(cat "$dir/lorem.txt")"
	until_true children_are 0
	is "silent clients are left" 0 "$(children)"
	is "all that is there" "fifo link lorem.txt sub" \
	    "$(cd "$dir" && echo *)"
	is "nothing half-written" 0 "$(parts "$dir")"

	# The client, both ways.
	for size in 0 1 262135 262136 262144 3000000; do
		dd if=/dev/urandom of="$tmp/here/some" bs=$((size > 0 ? size : \
		    1)) count=$((size > 0)) 2>/dev/null
		xfer upload some "so me"
		is "upload of $size bytes" \
		    "0 upload: so me: $size bytes stored" "$status $said"
		xfer download "so me" sub/back
		is "download of $size bytes" \
		    "0 download: so me: $size bytes stored as back" \
		    "$status $said"
		same "...both ways" "$tmp/here/some" "$tmp/here/sub/back"
	done
	xfer download "so me"
	same "under its own name" "$tmp/here/some" "$tmp/here/so me"
	client -k -m xfer 127.0.0.1 "$port" download "so me"
	has "keep" "*stored as so me?1?" "$said"
	while IFS='|' read -r args expect; do
		# shellcheck disable=SC2086
		xfer $args
		is "$args" "1 $expect" "$status $said"
	done <<-END
		download nosuch|download: nosuch: no such file on the server
		download lorem.txt no/x|download: no/: no such directory
		download lorem.txt sub|download: sub: Is a directory
		download ..|download: ..: not the name of a file; say under \
which to store it: download NAME LOCAL
		download ../x y|download: ../x: refused by the server, or \
failed, or it is full
		upload nosuch|upload: nosuch: No such file or directory
		upload sub|upload: sub: Is a directory
		upload some .x|upload: .x: refused by the server, or failed, \
or it is full
		upload some ${long}8|upload: ${long}8: the name is too long
		list -x|list: usage: list [-n|-s|-d] [-a]
		list x|list: usage: list [-n|-s|-d] [-a]
		get x|get: no such command; help lists them
	END
	dd if=/dev/zero of="$tmp/here/large" bs=1024 count=65536 2>/dev/null
	xfer upload large .large
	is "a large file that is refused" "1 upload: .large: refused by the \
server, or failed, or it is full" "$status $said"
	printf 'upload some a\nlist\ndownload a b\nquit\nlist\n' |
	    "$cli" -q -m xfer -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out"
	is "a connection for each command" "0 1" \
	    "$? $(grep -c Available "$tmp/out")"
	same "...each works" "$tmp/here/some" "$tmp/here/b"

	# The list.
	rm -rf "${dir:?}"/*
	TZ=UTC0
	export TZ
	put_dated() {		# NAME BYTES DATE
		dd if=/dev/null of="$dir/$1" bs=1 seek="$2" 2>/dev/null
		touch -t "$3" "$dir/$1"
	}
	xfer list
	is "an empty list" "0 Available files (0):" "$status $got"
	put_dated audio.mp3 15980432 202105130048.00
	put_dated lorem_ipsum.txt 100321 202105132022.29
	put_dated text.txt 0 202105131906.01
	put_dated "q'u\"o\\te" 1023 200002291200.00
	put_dated no-utf 1024 199912312359.59
	a="> [13-May-2021 (00:48:00)] audio.mp3 - 15.24 MB"
	l="> [13-May-2021 (20:22:29)] lorem_ipsum.txt - 97.97 KB"
	t="> [13-May-2021 (19:06:01)] text.txt - 0.00 B"
	q="> [29-Feb-2000 (12:00:00)] q'u\"o\\te - 1023.00 B"
	n="> [31-Dec-1999 (23:59:59)] no-utf - 1.00 KB"
	in_order() {		# ARGUMENTS LINE ...
		args=$1
		shift
		# shellcheck disable=SC2086
		xfer list $args
		is "list $args" "$(printf '%s\n' "Available files (5):" "$@")" \
		    "$got"
	}
	in_order "" "$t" "$q" "$n" "$l" "$a"
	in_order "-n -a" "$a" "$l" "$n" "$q" "$t"
	in_order -s "$a" "$l" "$n" "$q" "$t"
	in_order -as "$t" "$q" "$n" "$l" "$a"
	in_order -d "$l" "$t" "$a" "$q" "$n"
	in_order "-a -d" "$n" "$q" "$a" "$t" "$l"
	unset TZ
	# Not every shell can hold such a name.
	printf 'mv no-utf no\377utf\303\261\n' >"$tmp/name"
	(cd "$dir" && sh "$tmp/name")
	is "a name that is not UTF-8" 1 "$("$cli" -m xfer 127.0.0.1 "$port" \
	    list | od -An -v -tx1 | tr -d ' \n' | grep -c 206e6fff757466c3b120)"
	xfer download "q'u\"o\\te" quoted
	same "what is listed can be fetched" "$dir/q'u\"o\\te" \
	    "$tmp/here/quoted"
	rm "$tmp/here/quoted" "$dir"/*
	stop
	start full -n 1 xfer=0
	peer "send \\x00" "hex 1" "nap 1500" >/dev/null &
	until_true children_are 1
	is "one too many" "03 EOF" "$(peer "hex 1" end)"
	xfer list
	is "...is told" "1 list: 127.0.0.1: refused by the server, or failed, \
or it is full" "$status $said"
	wait $!
	stop

	# The original server, and worse ones.
	printf %s hello >"$tmp/here/five"
	by="-m xfer"
	evil "hex 1" 'send \x00' "hex 8" "take 4" "hex 8" "take 5" close
	client -m xfer 127.0.0.1 "$port" upload five
	is "a server that does not confirm" \
	    "0 upload: five: 5 bytes sent, not confirmed" "$status $said"
	wait "$evil"
	is "...saw this" "00 0000000000000004 five 0000000000000005 hello" \
	    "$(sed 1d "$evil_out" | words)"
	evil "hex 1" 'send \x00' "hex 8" "take 3" 'drip \x00' \
	    'drip \x00\x00\x00\x00\x00\x00\x00\x05hello' close
	client -m xfer 127.0.0.1 "$port" download got
	is "a byte a segment" hello "$(cat "$tmp/here/got")"
	wait "$evil"
	is "...saw this" "01 0000000000000003 got" \
	    "$(sed 1d "$evil_out" | words)"
	rm "$tmp/here/got"
	for end in 01:"the server knows no such request" \
	    02:"no such file on the server" 03:"refused by the server*" \
	    4d:"a status that does not exist"; do
		evil "send \\x${end%%:*}" close
		reply "status ${end%%:*} at once" "1 download: got: ${end#*:}" \
		    download got
		evil "hex 1" 'send \x00' "hex 11" "send \\x${end%%:*}" close
		reply "status ${end%%:*} then" "1 download: got: ${end#*:}" \
		    download got
		evil "hex 1" 'send \x00' "hex 25" "send \\x${end%%:*}" close
		reply "status ${end%%:*} at last" "1 upload: five: ${end#*:}" \
		    upload five
	done
	five='\x00\x00\x00\x00\x00\x00\x00\x05'
	for steps in "hex 1" "hex 1|send \\x00" "hex 1|send \\x00|hex 11" \
	    "hex 1|send \\x00|hex 11|send \\x00" \
	    "hex 1|send \\x00|hex 11|send \\x00\\x00\\x00" \
	    "hex 1|send \\x00|hex 11|send \\x00${five}hell"; do
		for how in close reset; do
			IFS='|'
			# shellcheck disable=SC2086
			evil $steps $how
			unset IFS
			reply "$how behind $steps" "1 download: got: *" \
			    download got
		done
	done
	evil "hex 1" 'send \x00' "hex 11" "send \\x00${ff}x" close
	reply "2^64-1 bytes" "1 download: got: 0 of 18446744073709551615 bytes \
came, then: File too large" download got
	evil "hex 1" 'send \x00' "hex 12" "send \\x03" fin "nap 200" reset
	reply "an answer in the middle" "1 upload: large: refused by*" \
	    upload large
	evil "hex 1" 'send \x00\x00' "take 1" close
	reply "stored too early" "1 upload: five: the server's answer makes*" \
	    upload five
	evil "hex 1" 'send \x00' close
	reply "an end too early" "1 upload: large: * of 67108864 bytes *" \
	    upload large
	evil "hex 1" 'send \x00' "nap 200" reset
	reply "a reset at the end" "1 upload: five: 5 of 5 bytes sent, *" \
	    upload five
	evil "hex 1" "send \\x00$ff" close
	reply "a list of 2^64-1 bytes" \
	    "1 list: 127.0.0.1: message too long" list
	evil "hex 1" "send \\x00$five('a'" close
	reply "a list that is cut" "1 list: 127.0.0.1: connection*" list
	evil "hex 1" "send \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x16('a', \
1, 2.0)\\x0a('b', 1)" close
	reply "a line that is none" "1 list: line 2 of the server's list is \
not *" list
	evil "hex 1" "send \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x29(\"it's\
\\x5cn\\x5cx1b[2J\", 1, 0.5)\\x0a(\"\\x5cx9bx\", 2, 1)" close
	TZ=UTC0 client -m xfer 127.0.0.1 "$port" list -s -a
	wait "$evil"
	has "what others write, made printable" "Available files ?2?: \
> ?01-Jan-1970 ?00:00:00?? it's?x0a?x1b?2J - 1.00 B \
> ?01-Jan-1970 ?00:00:01?? ?x9bx - 2.00 B" "$(printf %s "$got" | words)"
	by=
	rm "$tmp/here/large"
}

# ---- statistics, standard input, signals ---------------------------------

# printed: how many statistics the server has printed
printed() { grep -c STATS "$out"; }
printed_are() { [ "$(printed)" -eq "$1" ]; }

# ask: has the server print statistics, by SIGUSR1; sets $stats to the last
ask() {
	times=$(printed)
	kill -USR1 "$pid"
	until_true printed_are $((times + 1)) || fail "no statistics"
	stats=$(sed '1,/STATS/d' "$out")
	while [ "$times" -gt 0 ]; do
		stats=$(printf '%s\n' "$stats" | sed '1,/STATS/d')
		times=$((times - 1))
	done
}

# counts NAME NUMBER ...: these are the numbers of $stats; 0 is all others
counts() {
	is "$1" "$2" "$(printf '%s\n' "$stats" | awk '
		/^  \* .*: [0-9]+$|^> .* connections: [0-9]+$/ {
			n = $NF
			sub(/: [0-9]+$/, "")
			sub(/^(  \*|>) /, "")
			if (n != 0)
				printf "%s%s %d", sep, $0, n
			sep = ", "
		}' | sed 's/^, //')"
}

# number_of NAME: such a number in $stats
number_of() { printf '%s\n' "$stats" | sed -n "s/^  \* $1: //p"; }

# Has the server sent more than the head of a file, and told so?
sent_some() {
	ask
	[ "$(number_of Sent)" -gt 1000 ]
}

# A terminal, as script(1) plays one: the hint, s and q; and in the background of
# a shell, where the server must neither stop nor take what others shall read.
on_terminal() {
	if ! script -qc tty /dev/null </dev/null 2>&1 | grep -q /dev; then
		skip "no script(1), or another one"
		return
	fi
	mkdir -p "$tmp/empty"
	printf 's\nq\n' | script -qc "$serv -s $tmp/empty xfer=0" /dev/null |
	    tr -d '\r' >"$tmp/out"
	is "the hint" 1 "$(grep -c '^Enter s to print statistics, or q to exit.$' \
	    "$tmp/out")"
	is "s and q on a terminal" 2 "$(grep -c STATS "$tmp/out")"
	cat >"$tmp/job" <<-END
		set -m
		$serv -s $tmp/empty 0 >$tmp/job.out 2>$tmp/job.log &
		until grep -q listening $tmp/job.out; do sleep 1; done
		sleep 1
		$cli localhost \$(awk '{ print \$5 }' $tmp/job.out) ls &&
		    echo alive
		read -r line
		echo "shell: \$line"
		fg >/dev/null
		echo "exit \$?"
	END
	printf 'one\nq\n' | script -qc "sh $tmp/job" /dev/null | tr -d '\r' |
	    grep -E '^(alive|shell|exit)' >"$tmp/out"
	is "in the background of a terminal, then in the foreground" \
	    "alive shell: one exit 0" "$(words <"$tmp/out")"
}

test_stats() {
	mkfifo "$tmp/gate4"
	exec 4<>"$tmp/gate4"
	orders=$tmp/gate4
	start stats -L drop=1 -T 2 -n 3 ftp=0 xfer=0 dir=0
	ftp=$port
	orders=/dev/null
	xfer=$(awk '$2 == "xfer" { print $5 }' "$out")

	ask
	counts "nothing has happened" ""
	has "as the document has it" "*=
=                               STATS                               =
=*=

> Run time: 0:00:0?.??????
> Established connections: 0
> Refused connections: 0
> Requests:
  ? ftp get: 0
*
  ? xfer upload: 0
  ? xfer download: 0
  ? xfer list: 0
*
> Bytes transferred:
  ? Sent: 0
  ? Received: 0
> Files:
  ? Uploads: 0
  ? Downloads: 0
*" "$(cat "$out")"

	# 1 + 8 + 1 + 8 + 5 bytes up, two statuses down; and so on.
	port=$xfer
	upload a hello >/dev/null
	upload .a hello >/dev/null
	peer "send \\x01$(len8 a)" end >/dev/null
	peer "send \\x01$(len8 b)" end >/dev/null
	peer 'send \x02' end >/dev/null
	peer 'send \x09' end >/dev/null
	ask
	list="('a', 5, 1234567890.0)"
	counts "what was sent by xfer" "Established connections 6, xfer upload \
2, xfer download 2, xfer list 1, unknown or malformed 1, Sent \
$((2 + 2 + 15 + 2 + 9 + ${#list} + 1)), Received \
$((23 + 24 + 10 + 10 + 1 + 1)), Uploads 1, Downloads 1"
	stop_bytes=$((2 + 2 + 15 + 2 + 9 + ${#list} + 1))

	# Half a file, of one that is cut and of one that stands still.
	peer "send \\x00$(len8 a)\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00" \
	    "zeros 1000" fin end >/dev/null
	peer "send \\x00$(len8 a)\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00" \
	    "zeros 3000" end >/dev/null
	ask
	counts "half a file" "Established connections 8, xfer upload 4, xfer \
download 2, xfer list 1, unknown or malformed 1, Sent $((stop_bytes + 4)), \
Received $((69 + 1018 + 3018)), Uploads 1, Downloads 1"

	# ftp by TCP, on both its connections.
	port=$ftp
	start_bytes=$stop_bytes
	peer "send $(frame 'put f')" dial "send 0000000003abc" fin frame \
	    control "send $(frame 'get f')" dial "take 13" end control \
	    "send $(frame 'get nosuch')$(frame LS)$(frame nosuch)" frame \
	    frame frame "send $(frame quit)" end >/dev/null
	ask
	counts "what was sent by ftp" "Established connections 9, ftp get 2, \
ftp ls 1, ftp put 1, ftp quit 1, xfer upload 4, xfer download 2, xfer list 1, \
unknown or malformed 2, Sent $((start_bytes + 4 + 15 + 11 + 15 + 13 + 12 + 13 \
+ 12)), Received $((4105 + 15 + 13 + 15 + 20 + 12 + 16 + 14)), Uploads 2, \
Downloads 2"
	stop

	# UDP. -L drops the first DATA, which is thus sent once, by the timer.
	start stats2 -L drop=1 -T 2 ftp=0 dir=0
	printf %s hello >"$dir/five"
	peer "send $(frame 'uget five')" udial \
	    'rdt 1 0 0 \x02\x00\x00\x20\x05\x78' heard 'await 2' 'key 1' \
	    'rdt 3 1 0' "nap 300" >/dev/null
	until_true children_are 1
	ask
	has "what was sent by UDP" "*Packets sent: [2-9]
*Packets received: 2
*Retransmissions: [1-9]
*Malformed: 1
*" "$stats"
	port=$(awk '$2 == "dir" { print $5 }' "$out")
	dgrams '\x01' '\x01x' '\x02' "$(tlv 6 ann)" >/dev/null
	ask
	has "the directory" "*dir Login: 1
*dir Register: 1
*Malformed: 3
*" "$stats"
	is "each request is logged" 1 \
	    "$(grep -c ' - INFO - Register ann from 127.0.0.1:' "$log")"

	# A client that is silent has been counted too.
	port=$(awk 'NR == 1 { print $5 }' "$out")
	before=$(number_of Received)
	peer "send $(frame 'put x')" "take 10" "nap 1500" >/dev/null &
	until_true children_are 2
	ask
	is "a silent client" "1 $((before + 15))" \
	    "$(number_of "ftp put") $(number_of Received)"

	# A long transfer is counted while it lasts; and if its child is killed.
	stop
	start long xfer=0
	dd if=/dev/zero of="$dir/large" bs=1048576 count=64 2>/dev/null
	peer "send \\x01$(len8 large)" small "hex 1" "nap 3000" >/dev/null &
	until_true sent_some
	is "a transfer that lasts" 0 $?
	is "...is no download yet" 0 "$(number_of Downloads)"
	kill -9 "$(ps -A -o pid= -o ppid= | awk -v p="$pid" '$2 == p {
		print $1 }')"
	until_true grep -q 'ended by signal 9' "$log"
	before=$(number_of Sent)
	ask
	[ "$(number_of Sent)" -ge "$before" ]
	is "what a child did before it was killed" 0 $?
	kill "$pid"
	wait "$pid"
	servers=${servers%" $pid"}
	wait

	# A standard output that nobody reads.
	mkfifo "$tmp/stuck"
	exec 5<>"$tmp/stuck"
	{ exec "$serv" -s "$dir" xfer=0 >&5 2>"$tmp/stuck.log" 5<&-; } &
	pid=$!
	read -r line <&5
	port=${line##* }
	yes >&5 2>/dev/null &
	nap
	nap
	kill $!
	wait $! 2>/dev/null
	kill -USR1 "$pid"
	until_true grep -q 'nobody reads it' "$tmp/stuck.log"
	is "is said" 0 $?
	is "...and holds up nobody" 00 "$(peer 'send \x02' "hex 1")"
	kill "$pid"
	wait "$pid"
	is "...not even the end" 0 $?
	exec 5<&-

	# Standard input.
	orders=$tmp/gate4
	start orders xfer=0
	echo s >&4
	until_true printed_are 1
	is "s prints statistics" 1 "$(printed)"
	printf '\n\nx\nqq\nss\n\377\nq s\r\n' >&4
	printf '%05000d\n s \r\n' 0 >&4
	until_true printed_are 2
	is "...and nothing else does" 2 "$(printed)"
	until_true grep -q 'neither s nor q' "$log"
	is "...which is said" 0 $?
	echo q >&4
	wait "$pid"
	is "q ends in order" "0 3" "$? $(printed)"
	servers=${servers%" $pid"}
	exec 4>&-
	for text in q 's\nq\n' 's\nx\nq'; do
		printf %b "$text" >"$tmp/text"
		orders=$tmp/text
		start orders xfer=0
		wait "$pid"
		is "a file of orders" 0 $?
		servers=${servers%" $pid"}
	done
	is "s and q at once" 2 "$(printed)"
	printf s >"$tmp/text"
	start orders -q xfer=0
	until_true printed_are 1
	kill -TERM "$pid"
	wait "$pid"
	is "the end of the input is no order; -q is silent at the end" "0 1" \
	    "$? $(printed)"
	servers=${servers%" $pid"}
	{ exec "$serv" -s "$dir" 0 >"$tmp/out" 2>"$tmp/err" <&-; } &
	pid=$!
	until_true grep -q listening "$tmp/out"
	kill "$pid"
	wait "$pid"
	is "no standard input" 0 $?
	orders=/dev/null
	start orders -n 1 xfer=0
	port=$(awk '{ print $5 }' "$out")
	peer 'send \x00' "hex 1" "nap 1500" >/dev/null &
	until_true children_are 1
	peer end >/dev/null
	peer end >/dev/null
	wait $!
	ask
	counts "refused" "Established connections 1, Refused connections 2, \
xfer upload 1, Sent 4, Received 1"
	i=0
	while [ $i -lt 200 ]; do
		kill -USR1 "$pid"
		i=$((i + 1))
	done
	is "a hail of signals" "00" "$(peer 'send \x00' "hex 1")"
	stop
	on_terminal
	has "the log at DEBUG" "* - DEBUG - xfer: child [0-9]* started*\
 - DEBUG - xfer: 127.0.0.1:[0-9]* connected*\
 - INFO - *refused: server is full*\
 - DEBUG - child [0-9]* ended*" "$(cat "$log")"
}

# ---- chat ----------------------------------------------------------------

# speaker FD NAME ARGUMENT ...: the client in the background, with these options
# and operands; what is written to FD is typed, and $tmp/NAME.got is what it says
speaker() {
	fd=$1 who=$2
	shift 2
	rm -f "$tmp/$who.in" "$tmp/$who.said"
	mkfifo "$tmp/$who.in"
	: >"$tmp/$who.got"
	{ exec "$cli" -d "$tmp/here" "$@" <"$tmp/$who.in" >"$tmp/$who.got" \
	    2>"$tmp/$who.said" 6>&- 7>&-; } &
	speaker=$!
	eval "exec $fd>\$tmp/$who.in"
}

# heard WHO TEXT: waits until that is a line of what he got
heard() {
	until_true grep -qxF -e "$2" "$tmp/$1.got" ||
	    fail "$1 does not hear: $2" "$(cat "$tmp/$1.got")"
}

# service_child NAME: the process of a service
service_child() { sed -n "s/.* $1: child \([0-9]*\) started/\1/p" "$log" |
    tail -n 1; }

test_chat() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here"
	start chat -n 4 chat=0
	is "the line that a script waits for" \
	    "listening chat tcp 127.0.0.1 $port" "$(cat "$out")"
	printf %s hello >"$dir/bob.jpg"
	dd if=/dev/urandom of="$dir/alice.jpg" bs=1000 count=7 2>/dev/null
	: >"$dir/empty"

	# The conversation of the document's test.
	speaker 6 bob -m raw 127.0.0.1 "$port"
	echo Bob >&6
	heard bob "ALL "
	bob=$speaker
	speaker 7 alice -m raw 127.0.0.1 "$port"
	printf 'Alice\r\n' >&7
	heard bob "ALL Alice "
	echo hello >&6
	heard alice "Bob: hello"
	echo hello >&7
	heard bob "Alice: hello"
	echo 'whats up' >&6
	heard alice "Bob: whats up"
	echo 'Nothing much' >&7
	heard bob "Alice: Nothing much"
	echo '~Alice Hello Alice' >&6
	heard alice "Bob: (PRIVATE)  Hello Alice"
	echo show >&7
	heard alice "ALL Bob "
	echo get_list_file >&7
	heard alice "CHOOSE_FILE alice.jpg bob.jpg empty "
	printf 'download_file bob.jpg\nCHANGENAME Alice Carol\n' >&7
	heard bob "ALL Carol "
	udp=$(sed -n 's/^UDP \([0-9]*\) 5 bob.jpg$/\1/p' "$tmp/alice.got")
	is "golden: a part" 8003430568656c6c6f71004b058671012e \
	    "$(printf 'part 1\npart x\npart 0\nfinished\n' |
	    "$cli" -m raw -u sw 127.0.0.1 "$udp" | od -An -v -tx1 |
	    tr -d ' \n')"
	echo '{quit}' >&6
	heard alice "Bob left the chat..."
	exec 6>&-
	is "what Bob heard" "Bob has joined the chat!|ALL |Alice has joined \
the chat!|ALL Alice |Bob: hello|Alice: hello|Bob: whats up|Alice: Nothing \
much|from you to Alice: (PRIVATE)  Hello Alice|Alice changed his name to \
Carol!|ALL Carol " "$(paste -s -d '|' "$tmp/bob.got")"
	is "what Alice heard" "Alice has joined the chat!|ALL Bob |Bob: hello|\
Alice: hello|Bob: whats up|Alice: Nothing much|Bob: (PRIVATE)  Hello Alice|\
ALL Bob |CHOOSE_FILE alice.jpg bob.jpg empty |UDP $udp 5 bob.jpg|Alice \
changed his name to Carol!|ALL Bob |Bob left the chat...|ALL " \
	    "$(paste -s -d '|' "$tmp/alice.got")"
	exec 7>&-
	wait "$bob" "$speaker"

	# In segments, as the original; and what a newline there may not do.
	is "segments" "Seg has joined the chat! ALL  Seg: hi you ERROR this \
name is reserved EOF" "$(peer "send Seg" "take 24" "take 4" \
	    'send hi\x0ayou' "take 11" "send CHANGENAME Seg UDP" "take 27" \
	    'send {quit}' end)"
	is "PuTTY, which sends the end of a line by itself" "Put has joined the \
chat!ALL|Put: a|Put: b EOF" "$(peer "send Put" "take 28" 'send \x0d\x0a' \
	    "nap 100" 'send a\x0d\x0ab\x0d\x0a' "take 14" 'send {quit}\x0a' \
	    end | sed 's/  */ /g; s/ Put/|Put/g; s/! /!/')"
	is "a byte at a time" "d has joined the chat!ALL EOF" \
	    "$(peer "drip d" "take 26" 'drip \x0a{quit}\x0a' end | words |
	    sed 's/! /!/; s/  */ /g')"

	# Errors, in lines.
	long=$(printf '%01000d' 7)
	raw 'joe\n~eve x\nCHANGENAME eve x\nCHANGENAME joe a b\n~joe\ndownload_file nosuch\ndownload_file ../x\n\nCHANGENAME joe joe\n'"$long"'\n'"${long}8"'\nshowx\n{quit}\nafter\n' \
	    >"$tmp/out"
	is "errors" "joe has joined the chat!|ALL |ERROR no user eve|ERROR the \
old name is not yours|ERROR a name is 1 to 32 letters, digits, _ - .|joe: \
(PRIVATE) |from you to joe: (PRIVATE) |ERROR no file nosuch|ERROR no file \
../x|ERROR this name is in use|joe: $long|ERROR message too long|joe: showx" \
	    "$(paste -s -d '|' "$tmp/out")"
	for name in ALL UDP ERROR CHOOSE_FILE 'a b' ../x '\0033[2J' \
	    "$(printf '%033d' 0)" "${long}8" '\0377'; do
		has "the name $name" "ERROR *" "$(raw "$name\n")"
	done
	is "a name of 32" "$(printf '%032d' 0) has joined the chat!" \
	    "$(raw "$(printf '%032d' 0)\n{quit}\n" | head -n 1)"

	# The client: files come while one talks, all at once, under faults.
	printf 'show\ndownload_file bob.jpg\ndownload_file alice.jpg\nhi\n' |
	    "$cli" -m chat -L drop=0.1,dup=0.1,reorder=0.1,seed=3 \
	    -t "$tmp/pull.trace" -d "$tmp/here" 127.0.0.1 "$port" joe \
	    >"$tmp/out" 2>"$tmp/said"
	is "the client" "0 joe has joined the chat!|ALL |ALL |UDP N 5 bob.jpg|\
UDP N 7000 alice.jpg|joe: hi" "$? $(sed 's/UDP [0-9]*/UDP N/' "$tmp/out" |
	    paste -s -d '|')"
	same "a file of 5 bytes" "$dir/bob.jpg" "$tmp/here/bob.jpg"
	same "a file of 7 parts and an empty one" "$dir/alice.jpg" \
	    "$tmp/here/alice.jpg"
	has "it shows the commands" "*~NAME TEXT*" "$(cat "$tmp/said")"
	has "it says how it went" "*rdt: mode=pull window=1 block=1000 \
packets=8 transmissions=* bytes=7000 *" "$(cat "$tmp/said")"
	is "a trace" 9 "$(grep -c 'snd	ack	' "$tmp/pull.trace")"
	printf 'joe\ndownload_file empty\ndownload_file nosuch\n{quit}\n' |
	    "$cli" -q -S -m chat -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out"
	is "in segments, and a file that is none" 1 $?
	same "an empty file" "$dir/empty" "$tmp/here/empty"
	client -q -m chat 127.0.0.1 "$port" 'no name'
	is "a name that is refused" "1 ERROR a name is 1 to 32 letters, digits\
, _ - ." "$status $got"

	# One too many; a reader that stops; a service that dies.
	: >"$tmp/out"
	peer "small" 'send stopped\x0a' "nap 20000" >/dev/null &
	stopped=$!
	until_true grep -q 'stopped joined' "$log"
	i=0
	while [ $i -lt 3 ]; do
		peer "send s$i\\x0a" "take 5" "nap 1500" >/dev/null &
		i=$((i + 1))
	done
	until_true grep -q 's2 joined' "$log"
	until_true grep -q 's1 joined' "$log"
	until_true grep -q 's0 joined' "$log"
	is "one too many is told" "ERROR server is full" "$(raw 'x\n')"
	until_true grep -q 's2, .* lost' "$log"
	until_true grep -q 's0, .* lost' "$log"
	{ echo talker; yes "$(printf '%080d' 0)" 2>/dev/null | head -n 100000;
	    echo '{quit}'; } | "$cli" -m raw 127.0.0.1 "$port" >"$tmp/out"
	is "a talker hears all of it" 100000 \
	    "$(grep -c '^talker: 0*$' "$tmp/out")"
	is "who does not read is dropped" 1 \
	    "$(grep -c 'stopped, .* does not read' "$log")"
	kill $stopped
	wait $stopped 2>/dev/null
	kill -9 "$(service_child chat)"
	until_true grep -q 'chat: died, started again' "$log"
	is "killed, and started again" "new has joined the chat!" \
	    "$(raw 'new\n{quit}\n' | head -n 1)"
	sed '/by signal 9/d' "$log" >"$log.1"
	mv "$log.1" "$log"
	stop

	# Servers that lie. No file is fetched that was not asked for.
	evil "take 4" 'send UDP 9 5 evil\x0aERROR no\x1b[2J\x0a' close
	client -q -m chat 127.0.0.1 "$port" bob
	is "what comes is made visible" "1 UDP 9 5 evil|ERROR no\\x1b[2J" \
	    "$status $(printf '%s\n' "$got" | paste -s -d '|')"
	wait "$evil"
	is "nothing is fetched" "" "$(find "$tmp/here" -name 'evil*')"
	printf %s old >"$tmp/here/file"
	for offer in "UDP 9 4294967295999 file" "UDP 9 -1 file" \
	    "UDP 65536 5 file" "UDP 9 99999999999999999999 file" \
	    "UDP 9 5 other" "ERROR no file file" ""; do
		evil "take 22" "send $offer\\x0a" "nap 100" close
		printf 'bob\ndownload_file file\n' | "$cli" -q -m chat -d \
		    "$tmp/here" 127.0.0.1 "$port" >"$tmp/out" 2>&1
		is "a false offer: $offer" "1 old" "$? $(cat "$tmp/here/file")"
		wait "$evil"
	done
	evil "take 4" 'send ERROR server is full' close
	client -q -m chat 127.0.0.1 "$port" bob
	is "an answer without a newline" "ERROR server is full" "$got"
}

# ---- room ----------------------------------------------------------------

test_room() {
	rm -rf "$tmp/here"
	mkdir -p "$tmp/here"
	start room room=0
	is "the line that a script waits for" \
	    "listening room tcp 127.0.0.1 $port" "$(cat "$out")"
	printf %s hello >"$dir/five"
	dd if=/dev/urandom of="$dir/large" bs=1000 count=150 2>/dev/null
	: >"$dir/$(printf '%0100d' 0)"

	# The transcript of the document, Alice's side.
	speaker 6 bob -m room 127.0.0.1 "$port" join BOB
	until_true grep -q 'you are BOB' "$tmp/bob.said"
	peer "send 10005ALICE" "take 10" five control "send 102" "take 10" \
	    "send 10303BOB19hey Bob, I'm Alice!" "take 3" data "take 42" \
	    "take 8" control "send 101" "take 3" end >"$tmp/alice" &
	alice=$!
	heard bob "ALICE (private): hey Bob, I'm Alice!"
	echo 'to ALICE Too bad, I was waiting for Eve..' >&6
	until_true grep -q 'to: sent' "$tmp/bob.said"
	echo leave >&6
	wait $alice
	is "golden" "20005ALICE 2021103BOB 203 30303BOB32Too bad, I was \
waiting for Eve.. 30103BOB 201 EOF" "$(cat "$tmp/alice")"
	exec 6>&-
	wait $speaker
	is "Bob's client" "0 ALICE joined|ALICE (private): hey Bob, I'm \
Alice!" "$? $(paste -s -d '|' "$tmp/bob.got")"

	# Split and joined, CR and LF between; who is there; each error.
	is "a byte at a time" "20003TOM 2020 204020510204five05large EOF" \
	    "$(peer 'drip \x0d\x0a10003TOM\x0d\x0a' "take 8" five control \
	    'drip 102\x0a' "take 4" 'send 10402hi105\x0d\x0a' "take 23" fin \
	    end)"
	speaker 6 bob -m room 127.0.0.1 "$port" join BOB
	until_true grep -q 'you are BOB' "$tmp/bob.said"
	is "errors" "4001 4001 4001 4002 20003TOM 4002 4031 4061 4061 4990 EOF" \
	    "$(peer "send 10001A" "take 4" 'send 10003a b' "take 4" \
	    "send 10033$(printf '%033d' 0)" "take 4" "send 10003BOB" "take 4" \
	    "send 10003TOM" "take 8" five control "send 10003TIM" "take 4" \
	    "send 10303EVE01x" "take 4" "send 106TCP06nosuch" "take 4" \
	    "send 106UDP04../x" "take 4" "send 106XXX04five" "take 4" end)"
	for text in 099 20003abc12345 1000x 10x 102 10405hello 105 106TCP04five 4003 \
	    10003EVE102 'GET / HTTP/1.0' "$(printf '%0300d' 1)"; do
		has "malformed, or not yet: $text" "*4990 EOF" \
		    "$(peer "send $text" "nap 50" fin "take 19" end |
		    sed 's/ EOF$//; s/$/ EOF/')"
	done
	heard bob "TOM joined"
	heard bob "TOM left"
	is "who never came is never seen" 0 "$(grep -c EVE "$tmp/bob.got")"

	# He who has left cannot come in by the door that was open for him.
	has "a ghost" "20003EVE *refused" \
	    "$(peer "send 10003EVE101" "take 8" "nap 100" five)"

	# The second connection from elsewhere; nobody else is let in.
	is "a stranger at the door" "20003EVE EOF" "$(peer "send 10003EVE" \
	    "take 8" "from 127.0.0.2" five end)"

	# Files: by TCP and UDP, under loss and doubles, several at once.
	printf '%s\n' 'join JOE' files 'get tcp large one' 'get large two' \
	    'get udp five' 'all while it comes' 'get nosuch' |
	    "$cli" -m room -W 7 -L drop=0.05,dup=0.05,seed=2 -t \
	    "$tmp/room.trace" -d "$tmp/here" 127.0.0.1 "$port" >"$tmp/out" \
	    2>"$tmp/said"
	is "the client" "1 five large" "$? $(words <"$tmp/out")"
	same "by TCP" "$dir/large" "$tmp/here/one"
	same "by UDP" "$dir/large" "$tmp/here/two"
	same "a small one" "$dir/five" "$tmp/here/five"
	has "it says how it went" "*rdt: mode=gbn window=7 block=1000 \
packets=150 * bytes=150000 *" "$(cat "$tmp/said")"
	has "...and what did not go" "*get: no such file on the server*" \
	    "$(cat "$tmp/said")"
	is "a trace" 0 "$(grep -q 'rcv	recv	149' "$tmp/room.trace"; echo $?)"
	heard bob "JOE: while it comes"
	echo 'get ../x' >&6
	echo 'to' >&6
	printf 'all %0100d\n' 0 >&6
	echo 'join BOB' >&6
	until_true grep -q 'join: the name is taken' "$tmp/bob.said"
	is "what cannot be said" "get: ../x: not the name of a file|to: usage: \
to NAME TEXT|all: more than 99 bytes|join: the name is taken" \
	    "$(sed 1d "$tmp/bob.said" | paste -s -d '|')"
	exec 6>&-
	wait $speaker
	is "the end of the input is leaving" 1 $?
	until_true grep -q 'BOB left' "$log"

	# Ten, and the eleventh; who does not come to the door is forgotten.
	i=0
	jobs=
	while [ $i -lt 10 ]; do
		peer "send 10004USR$i" "take 9" five "nap 2500" >/dev/null &
		jobs="$jobs $!"
		i=$((i + 1))
	done
	until_true sh -c "[ \$(grep -c 'USR. joined' '$log') = 10 ]"
	is "the eleventh" "4003" "$(peer "send 10004MORE" "take 4")"
	# shellcheck disable=SC2086
	wait $jobs
	is "...may come later" "20004MORE" "$(peer "send 10004MORE" "take 9")"
	kill -9 "$(service_child room)"
	until_true grep -q 'room: died, started again' "$log"
	is "killed, and started again" 20003NEW \
	    "$(peer "send 10003NEW" "take 8")"
	sed '/by signal 9/d' "$log" >"$log.1"
	mv "$log.1" "$log"
	stop

	# Files of both chats at once, while two talk, through faults of both ends.
	start lossy -L drop=0.1,dup=0.1,seed=5 chat=0 room=0
	dd if=/dev/urandom of="$dir/a" bs=1000 count=15 2>/dev/null
	dd if=/dev/urandom of="$dir/b" bs=999 count=15 2>/dev/null
	mkdir -p "$tmp/here/1" "$tmp/here/2"
	chat=$port port=$(awk '$2 == "room" { print $5 }' "$out")
	printf '%s\n' 'download_file a' 'download_file b' hi there |
	    "$cli" -q -m chat -L drop=0.1,dup=0.1,seed=6 -d "$tmp/here/1" \
	    127.0.0.1 "$chat" joe >"$tmp/joe.got" 2>&1 &
	joe=$!
	printf '%s\n' 'get a' 'get b' 'get tcp a c' 'all hi' |
	    "$cli" -q -m room -L drop=0.1,dup=0.1,seed=7 -d "$tmp/here/2" \
	    127.0.0.1 "$port" join JOE 2>"$tmp/said" &
	wait $!
	is "room through faults" "0 " "$? $(cat "$tmp/said")"
	wait $joe
	is "chat through faults" "0 1" "$? $(grep -c 'joe: there' \
	    "$tmp/joe.got")"
	for f in 1/a 2/a 2/c; do
		same "...$f" "$dir/a" "$tmp/here/$f"
	done
	same "...1/b" "$dir/b" "$tmp/here/1/b"
	same "...2/b" "$dir/b" "$tmp/here/2/b"
	until_true sh -c "[ \$(grep -c 'File . downloaded' '$log') -ge 4 ]"
	stop

	# Servers that lie.
	evil "take 8" "send 4003" close
	client -q -m room 127.0.0.1 "$port" join BOB
	has "a room that is full" "1 join: the room is full*" "$status $said"
	for text in 20003BOB00000 20003BOB70000 9999 2021x 20003BO 203 2020 \
	    2060210; do
		evil "take 8" "send $text" close
		client -q -m room 127.0.0.1 "$port" join BOB
		is "an answer $text" 1 $status
		wait "$evil"
	done
}

# ---- tools, where they are installed -------------------------------------

test_tools() {
	if command -v shellcheck >/dev/null; then
		is shellcheck "" \
		    "$(shellcheck -s sh test.sh lab/*.sh 2>&1)"
	else
		skip "no shellcheck"
	fi
	if [ "$BIN" != "$top" ]; then
		skip "valgrind: these programs have checks of their own"
		return
	elif ! command -v valgrind >/dev/null; then
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
	BIN=$tmp/vg ./test.sh ftp hostile raw >"$tmp/out" 2>&1
	is "the tests under valgrind" 0 $?
	grep FAILED "$tmp/out"
	is "what valgrind says" "" "$(cat "$tmp"/vg/*.[0-9]* | head -n 20)"
}

# ---- main ----------------------------------------------------------------

${CC:-cc} -O2 -o "$tmp/peer" lab/peer.c || exit 1
mkdir -p "$tmp/here"
[ $# -gt 0 ] || set -- usage ftp limits files client hostile raw \
    sim udp dir xfer stats chat room tools
for section in "$@"; do
	if ! command -v "test_$section" >/dev/null; then
		echo "test.sh: no section $section" >&2
		exit 2
	fi
	echo "== $section"
	"test_$section"
done
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
