# reports.sh: tests of what users, bug reports and the original programs found,
# read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# One put takes one file.
test_reports_put() {
	start reports ftp=0 xfer=0
	xfer=$(awk 'NR == 2 { print $5 }' "$out")
	mkdir -p "$tmp/here"
	printf %s one >"$tmp/here/a.txt"
	printf %s two >"$tmp/here/b.txt"
	client 127.0.0.1 "$port" put a.txt b.txt
	has "put f*.txt" "2 put: sends one file, but a.txt and b.txt both exist \
here (to store a.txt as b.txt, type this at the prompt)" "$status $said"
	client -u gbn 127.0.0.1 "$port" put a.txt b.txt
	is "...by UDP" 2 $status
	client -m xfer 127.0.0.1 "$xfer" upload a.txt b.txt
	has "upload f*.txt" "2 upload: sends one file, but a.txt and*" "$status $said"
	is "nothing is stored" "" "$(ls "$dir")"
	client 127.0.0.1 "$port" put a.txt c.txt
	is "a name that is no file here" "0 one" "$status $(cat "$dir/c.txt")"
	is "a line of commands" "0 one" "$(echo 'put a.txt b.txt' |
	    "$cli" -q -d "$tmp/here" 127.0.0.1 "$port" >/dev/null
	    echo "$? $(cat "$dir/b.txt")")"
	stop
}

# A served directory that was removed, and made again, is no empty one.
test_reports_gone() {
	mkdir -p "$tmp/here/own"
	printf %s hello >"$tmp/here/five"
	start gone ftp=0 xfer=0 chat=0 room=0
	# shellcheck disable=SC2046
	set -- $(awk '{ print $5 }' "$out")
	ftp=$1 xfer=$2 chat=$3 room=$4
	rm -r "$dir"
	mkdir "$dir"
	for command in ls "get five" "put five" "-u gbn get five" \
	    "-u gbn put five"; do
		case $command in -u*) mode="-u gbn" ;; *) mode= ;; esac
		client $mode 127.0.0.1 "$ftp" ${command#-u gbn }
		has "$command" "1 *: the server cannot store or read it*" \
		    "$status $said"
	done
	for command in list "download five" "upload five"; do
		client -m xfer 127.0.0.1 "$xfer" $command
		has "xfer: $command" "1 *: refused by the server, or failed*" \
		    "$status $said"
	done
	for command in get_list_file "download_file five"; do
		has "chat: $command" "*ERROR*" \
		    "$(printf '%s\n' "$command" "{quit}" | "$cli" -m chat \
			-d "$tmp/here/own" 127.0.0.1 "$chat" ann 2>&1)"
	done
	for command in files "get five"; do
		has "room: $command" "*${command% *}: no such file on *" \
		    "$(printf '%s\n' "join ann" "$command" leave | "$cli" \
			-m room -d "$tmp/here/own" 127.0.0.1 "$room" 2>&1)"
	done
	has "the log says why" "*directory cannot be read*" "$(cat "$log")"
	stop

	# A peer that shares files, and whose directory goes.
	start registry dir=0
	home=$port
	dir_client ann
	printf '%s\n' 'register ann' serve publish >&5
	until_true grep -q published "$tmp/ann.said"
	rm -r "$tmp/ann"
	printf '%s\n' myfiles publish >&5
	until_true grep -q '^publish: .*No such' "$tmp/ann.said"
	has "a peer says so" "*myfiles: *No such file*publish: *No such file*" \
	    "$(cat "$tmp/ann.said")"
	exec 5>&-
	wait "$client"
	stop
}

# What other directories and peers say.
test_reports_dir() {
	mkdir -p "$tmp/here"
	start asked dir=0
	home=$port

	# A file that was replaced by another of the same size and time.
	mkdir -p "$tmp/ann"
	printf %s hello >"$tmp/ann/five"
	touch -t 202001010000 "$tmp/ann/five"
	printf %s HELLO >"$tmp/new"
	touch -t 202001010000 "$tmp/new"
	dir_client ann
	printf '%s\n' 'register ann' serve publish myfiles >&5
	until_true grep -q "^$hello_hash" "$tmp/ann.said"
	cp -p "$tmp/new" "$tmp/ann/five"
	printf '%s\n' publish myfiles >&5
	other=c65f99f8c5376adadddc46d5cbcf5762f9e55eb7	# of HELLO
	until_true grep -q "^$other" "$tmp/ann.said"
	is "a file replaced, size and time the same, has a new hash" 0 $?
	has "who serves on this machine alone is told" \
	    "*others on the network cannot reach you at 127.0.0.1*" \
	    "$(cat "$tmp/ann.said")"
	exec 5>&-
	wait "$client"
	stop

	# An answer from another address than that which was asked.
	if "$cli" -q -m dir 127.0.0.2 9 login 2>&1 | grep -q 'assign'; then
		skip "no address 127.0.0.2"
	else
		start all -H 0.0.0.0 dir=0
		client -m dir 127.0.0.2 "$port" login
		has "the address that did answer" "1 login: directory \
127.0.0.2 $port: it answers as 127.0.0.1:$port: ask there" "$status $said"
		stop
	fi
	if start six -H :: dir=0 2>/dev/null && grep -q listening "$out"; then
		is "a directory on :: answers IPv4" "0 0 file servers" \
		    "$("$cli" -m dir 127.0.0.1 "$port" login >"$tmp/out" 2>&1
		    echo "$? $(cat "$tmp/out")")"
		is "...and does not say that nobody can ask it" 0 \
		    "$(grep -c 'nobody can ask' "$log")"
		stop
	fi

	# A directory that knows no pages, and sends bytes behind an answer.
	list="$hello_hash 5 ann five\\x0athe rest as it likes\\x1b[2J\\x0a"
	"$tmp/peer" ulisten uheard 'usend \x07\x00\x00' uheard \
	    "usend \\x0f\\x00\\x00\\x00\\x4d$list" uheard \
	    'usend \x15and more' >"$evil_out" 2>&1 &
	evil=$!
	until_true grep -q '^listening' "$evil_out"
	printf 'register bob\nfilelist\nlogout\n' | "$cli" -m dir 127.0.0.1 \
	    "$(awk 'NR == 1 { print $2 }' "$evil_out")" >"$tmp/out" 2>&1
	is "a list without pages, and bytes behind an answer" "0 register: \
you are bob $hello_hash 5 ann five the rest as it likes\\x1b[2J" \
	    "$? $(grep -v logout "$tmp/out" | words)"
	wait "$evil"
}

# Lists of files as other teams write them.
test_reports_peer() {
	mkdir -p "$tmp/here"
	start teams dir=0
	home=$port
	evil_peer "take 24" "send $(message "operation:servedfiles|file:\
$hello_hash;a;b.txt;5|files:nonsense|files:$hello_hash 5 two||")" "take 19"
	has "HASH;NAME;SIZE, and a line that is none" \
	    "*$hello_hash 5 two $hello_hash 5 a;b.txt*" \
	    "$(dir_does 'register bob' "browse evil$evils" queryfiles close)"
	wait "$evil"
	evil_peer "take 24" "send $(message "operation:servedfiles|\
files:nonsense|files:more||")"
	has "a list of which no line is understood" "*malformed message*" \
	    "$(dir_does 'register bob' "browse evil$evils" queryfiles)"
	wait "$evil"
	stop
}

# narrow NAME SETTING: a terminal of 40 columns, which the client learns by that
narrow() {
	long=$(printf '%060d' 7)
	{ echo "$1"; until_true grep -q "$1 has joined" "$tmp/bob.got"
	  printf '\033\033[Dhi\033OC\n'
	  until_true grep -q "$1: hi" "$tmp/bob.got"
	  printf %s "$long"; i=0
	  while [ $i -lt 10 ]; do
		echo "$i $1" >&6
		until_true grep -q "bob: $i $1" "$tmp/bob.got"
		i=$((i + 1))
	  done
	  printf '\n{quit}\n'; until_true grep -q "$1 left" "$tmp/bob.got"
	} | script -qc "$2 $cli -m chat -d $tmp/here 127.0.0.1 $port" \
	    /dev/null >"$tmp/screen" 2>&1
	heard bob "$1: hi"
	heard bob "$1: $long"
	is "$2 no half-typed line is wider; then the whole is shown once" 1 \
	    "$(tr '\r' '\n' <"$tmp/screen" | grep '^ *0*7$' |
	    awk 'length($0) >= 40' | grep -c .)"
}

# A terminal: keys that edit nothing, and one of 40 columns.
test_reports_terminal() {
	if ! script -qc tty /dev/null </dev/null 2>&1 | grep -q /dev; then
		skip "no script(1) that makes a terminal"
		return
	fi
	start keys chat=0
	speaker 6 bob -m raw 127.0.0.1 "$port"
	echo bob >&6
	heard bob "ALL "
	narrow ann COLUMNS=40
	narrow amy "unset COLUMNS; stty cols 40;"

	# What is too long stays so, however much of it is erased. What was pasted
	# after the end of a chat is not left to the shell.
	{ until_true grep -q 'eve has joined' "$tmp/bob.got"
	  awk 'BEGIN { for (i = 0; i < 1300; i++)
		printf "%s", (i < 1100 ? "N" : "\177"); print "" }'
	  printf 'end\n'; until_true grep -q 'eve: end' "$tmp/bob.got"
	  printf '{quit}\nPASTED\n'; until_true grep -q 'eve left' "$tmp/bob.got"
	} | script -qc "$cli -m chat -d $tmp/here 127.0.0.1 $port eve; \
	    read -r rest; echo \"GOT:\$rest\"" /dev/null >"$tmp/screen" 2>&1
	has "a line too long, and erased" "*a line of more than 1000 bytes*" \
	    "$(cat "$tmp/screen")"
	is "...is not sent" 0 "$(grep -c NNN "$tmp/bob.got")"
	is "a paste after the end" "GOT:" "$(tr -d '\r' <"$tmp/screen" |
	    sed -n 's/.*\(GOT:.*\)/\1/p')"
	exec 6>&-
	stop
}

# Dates, locales, and what a machine can do.
test_reports_here() {
	mkdir -p "$tmp/here"
	evil "hex 1" 'send \x00\x00\x00\x00\x00\x00\x00\x00\x1d' \
	    "send ('a', 5, 1e300)\\x0a('b', 5, 0.0)" close
	has "one date that does not exist" "*\\[01-Jan-1970*\\[?\\] a -*" \
	    "$(TZ=UTC0 "$cli" -m xfer 127.0.0.1 "$port" list 2>&1 |
	    words)"
	wait "$evil"

	# A connection of a client with itself.
	if unshare -n true 2>/dev/null && command -v ip >/dev/null; then
		# shellcheck disable=SC2016 # for the inner shell
		has "nobody listens, and both ports are one" "*refused*" \
		    "$(unshare -n sh -c 'ip link set lo up
		    echo "40000 40001" >/proc/sys/net/ipv4/ip_local_port_range
		    i=0
		    while [ $i -lt 20 ]; do
			'"$cli"' 127.0.0.1 40000 ls && echo CONNECTED
			'"$cli"' 127.0.0.1 40001 ls && echo CONNECTED
			i=$((i + 1))
		    done' 2>&1 | sort | uniq | grep -v 'again' | words)"
	else
		skip "no network of its own"
	fi
	if unshare -fp true 2>/dev/null; then
		evil frame offer "send 0000000009abc" "nap 20000"
		unshare -fp --kill-child "$cli" -d "$tmp/here" 127.0.0.1 \
		    "$port" get one >/dev/null 2>&1 &
		shell=$!
		until_true sh -c "ls -A '$tmp/here' | grep -q part"
		first=$(tree "$shell" | tail -n 1)
		for first in $(tree "$shell"); do
			[ "$first" = "$shell" ] || kill -TERM "$first"
		done
		wait "$shell"
		is "process 1 ends by SIGTERM, too" "" \
		    "$(find "$tmp/here" -name '.part*')"
		kill "$evil"
		wait "$evil" 2>/dev/null
	else
		skip "no processes of its own"
	fi

	# Numbers with a comma.
	if command -v localedef >/dev/null && localedef -i de_DE -f UTF-8 \
	    "$tmp/de_DE.UTF-8" >/dev/null 2>&1; then
		"$cli" -m sim -t "$tmp/trace" 9 >/dev/null 2>&1
		for awk in mawk "gawk --posix" awk; do
			command -v ${awk%% *} >/dev/null || continue
			in_german() { LOCPATH=$tmp LC_ALL=de_DE.UTF-8 "$@"; }
			case $(in_german $awk 'BEGIN { printf "%.1f", 0.5 }') in
			0.5) in_german $awk -f lab/plot.awk "$tmp/trace" |
			    grep -q '</svg>'
			    is "$awk, which knows no comma: a plot" 0 $? ;;
			*) for f in plot ladder sequence; do
				said=$(in_german $awk -f lab/$f.awk \
				    "$tmp/trace" 2>&1)
				has "$awk with a comma: $f" "1 *LC_ALL=C*" \
				    "$? $said"
			    done ;;
			esac
		done
		is "theory.sh sets its locale" "$(lab/theory.sh 100)" \
		    "$(LOCPATH=$tmp LC_ALL=de_DE.UTF-8 lab/theory.sh 100)"
		"$cli" -m sim -w "$tmp/x.pcapng" 3 >/dev/null 2>&1
		is "packets.sh, too" "$(lab/packets.sh "$tmp/x.pcapng")" \
		    "$(LOCPATH=$tmp LC_ALL=de_DE.UTF-8 lab/packets.sh \
		    "$tmp/x.pcapng")"
	else
		skip "no locale with a comma can be made"
	fi

	# In a capture, what is dropped and what is delayed stand in order.
	start order 0
	dd if=/dev/zero of="$tmp/here/some" bs=1000 count=50 2>/dev/null
	client -u sr -L drop=/3,delay=20 -w "$tmp/order.pcapng" 127.0.0.1 \
	    "$port" put some
	is "frames are in the order of their times" "0 0" "$status $(
	    lab/packets.sh "$tmp/order.pcapng" | awk '
	    $2 < last { n++ } { last = $2 } END { print n + 0 }')"
	stop
}
