# dir.sh: tests of the directory, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

hello_hash=aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d

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
	is "files by the op of ServeFiles, of one who does not serve" 070a15 \
	    "$(dgrams "$(tlv 6 ned)" "$publish9" "$(tlv 20 ned)")"
	has "...which the log says" "*INFO - ServeFiles from ned, *" "$(cat "$log")"
	is "golden, of one who owns no nick" "047f00000100004e20160b1616080813" \
	    "$(dgrams "$(tlv 3 alice)" '\x10\x00\x00\x00\x00' \
	    '\x09\x00\x00\x4e\x20' "$(tlv 18 alice)" "$(tlv 20 alice)" \
	    "$(tlv 6 alice)" "$(tlv 6 'a b')" "$(tlv 18 nobody)")"
	is "lists are for those who registered" "161607" \
	    "$(dgrams '\x0c' '\x0e' "$(tlv 6 carol)" | cut -c 1-8)"
	pages=08	# the port may be one that carol's client had
	for attempt in 1 2 3 4 5; do
		case $pages in
		08*) pages=$(dgrams "$(tlv 6 dave)" '\x0c\x00\x00\x00\x01' \
		    '\x0c\x00\x00\x00\x09' '\x0e\x00\x00\x00\x01' \
		    "$(tlv 20 dave)" | sed "s/$(hex 'dave\n')//; \
		    s/0d00000012/0d0000000d/") ;;
		esac
	done
	: "$attempt"
	is "pages" "070d0000000d$(hex 'skip 1\ncarol\n')0d00000007\
$(hex 'skip 9\n')0f00000007$(hex 'skip 1\n')15" "$pages"
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

	# The process dies: another one takes its place, on the same socket. It
	# knows no nick any more, and says so at once.
	mkfifo "$tmp/typed"
	"$cli" -m dir localhost "$port" <"$tmp/typed" >"$tmp/out" \
	    2>"$tmp/heard" & client=$!
	exec 5>"$tmp/typed"
	echo 'register ann' >&5
	until_true grep -q 'you are ann' "$tmp/heard"
	kill -9 "$(ps -A -o pid= -o ppid= | awk -v p="$pid" \
	    '$2 == p { print $1 }')"
	until_true grep -q 'dir: died, started again' "$log"
	is "a service that died is there again" 0200000000 "$(dgrams '\x01')"
	printf '%s\n' userlist userlist quit >&5
	exec 5>&-
	wait "$client"
	is "a nick that it has forgotten" "1 ann userlist: refused by the \
directory; if it has forgotten ann, try again" "$? $(words <"$tmp/out") $(sed -n '$p' "$tmp/heard")"
	rm "$tmp/typed"
	kill "$pid"
	wait "$pid"
	is "the server ends in order" 0 $?
	servers=${servers%" $pid"}

	# Expiry: a minute in a second, where a library can be loaded below a
	# program.
	if [ "$BIN" = "$top" ] && ${CC:-cc} -shared -fPIC -o "$tmp/fail.so" \
	    .ci/fail.c -ldl 2>"$tmp/out"; then
		FAIL_AS=fast LD_PRELOAD=$tmp/fail.so
		export FAIL_AS LD_PRELOAD
		start expire dir=0
		unset FAIL_AS LD_PRELOAD
		dgrams "$(tlv 6 alice)" '\x09\x00\x00\x4e\x20' >/dev/null
		until_true grep -q 'Nick alice expired' "$log"
		is "expired" 0200000000 "$(dgrams '\x01')"
		rm -f "$tmp/typed"
		mkfifo "$tmp/typed"
		FAIL_AS=fast LD_PRELOAD=$tmp/fail.so "$cli" -m dir localhost \
		    "$port" <"$tmp/typed" >"$tmp/out" 2>"$tmp/said" & client=$!
		exec 5>"$tmp/typed"
		echo 'register ann' >&5
		until_true grep -q 'you are ann' "$tmp/said"
		kill "$pid"
		wait "$pid"
		servers=${servers%" $pid"}
		until_true grep -q 'the directory does not answer' "$tmp/said"
		is "a client that notices that the directory is gone" 0 $?
		start expire "dir=$port"
		until_true grep -q 'the directory answers again' "$tmp/said"
		is "...and that it is back" 0 $?
		until_true grep -q 'Register ann' "$log"
		is "...and tells it who it is" 0 $?
		echo quit >&5
		exec 5>&-
		wait "$client"
		stop
	else
		skip "expiry: no library that makes the clock run fast"
	fi
	home=$port
	"$cli" -v -m dir -L drop=1 127.0.0.1 "$home" login >"$tmp/out" 2>&1
	has "-v shows what is lost, and asked again" "*fault: *dropped*no \
answer; asked again, try 2 of 4*" "$(cat "$tmp/out")"
	if ifconfig lo 2>/dev/null | grep -q inet6 ||
	    grep -q . /proc/net/if_inet6 2>/dev/null; then
		start six -H ::1 dir=0
		has "a directory on IPv6 alone" "*dir: speaks IPv4 alone*" \
		    "$(cat "$log")"
		sed '/speaks IPv4 alone/d' "$log" >"$log.1"
		mv "$log.1" "$log"
		stop
	else
		skip "no IPv6: a directory on it"
	fi
	"$cli" -m dir 127.0.0.1 "$home" login >"$tmp/out" 2>&1
	is "no directory" 1 $?
	has "...is said" "login: directory 127.0.0.1 $home: *" \
	    "$(cat "$tmp/out")"
	evil_directories
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
