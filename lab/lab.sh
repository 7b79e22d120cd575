# lab.sh: what the labs share, read by each of them. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2119,SC2120
#
# A lab works in a directory of its own, below lab/out or $LAB_OUT, with servers
# on free ports: many can run on one machine at the same time. It
# looks at its own results, and ends with 1 if they are not what they should be.

case ${LAB_OUT:-/} in
/*) ;;
*) LAB_OUT=$(pwd)/$LAB_OUT ;;
esac
cd "$(dirname "$0")/.." || exit 1
cli=./cli serv=./serv
LC_ALL=C
export LC_ALL
wrong=0 status=0 pids=

# begin TITLE: an empty directory $out, with served/ and here/ in it
begin() {
	if [ ! -x $serv ] || [ ! -x $cli ]; then
		echo "$0: no serv or cli: run make" >&2
		exit 1
	fi
	lab=$(basename "$0" .sh)
	out=${LAB_OUT:-lab/out}/$lab
	if ! rm -rf "$out" 2>/dev/null ||
	    ! mkdir -p "$out/served" "$out/here"; then
		echo "$0: $out cannot be written; set LAB_OUT" >&2
		exit 1
	fi
	exec 5>&1
	trap 'status=$?; end_servers; exit $status' EXIT
	trap 'exit 1' HUP INT TERM
	echo "Lab $1"
	echo "$1" | tr -c '\n' = | sed 's/^/====/'
}

# say TEXT ...: a paragraph
say() {
	echo
	echo "$*" | fold -s -w 78 | sed 's/ *$//'
}

# run COMMAND ...: shows a command line, wherever its output goes; then runs it
run() {
	echo "\$ $*" >&5
	"$@"
}

nap() { sleep 0.1 2>/dev/null || sleep 1; }

# until_true COMMAND ...: waits until it succeeds, for 10 s or so
until_true() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		nap
	done
}

# serve NAME ARGUMENT ...: a server in the background, with its log in NAME.log
# and its output in NAME.out; sets $port, that of its first service, and $pid
serve() {
	name=$1
	shift
	echo "\$ $serv $* &"
	: >"$out/$name.out"
	$serv -s "$out/served" "$@" >"$out/$name.out" 2>"$out/$name.log" \
	    </dev/null &
	pid=$!
	pids="$pids $pid"
	if ! until_true grep -q '^listening' "$out/$name.out"; then
		cat "$out/$name.log"
		exit 1
	fi
	port=$(port_of "$name" '[a-z]*')
}

# port_of NAME SERVICE
port_of() { sed -n "s/^listening $2 .* //p" "$out/$1.out" | sed 1q; }

# stop: ends the server that was started last, so that its files are whole
stop() {
	kill "$pid" 2>/dev/null
	wait "$pid"
	pids=${pids%" $pid"}
}

# shellcheck disable=SC2086
end_servers() { [ -z "$pids" ] || kill $pids 2>/dev/null; }

# random_file FILE BYTES
random_file() {
	dd if=/dev/urandom bs=1024 count=$((($2 + 1023) / 1024)) 2>/dev/null |
	    dd of="$1" bs=1 count="$2" 2>/dev/null
}

# check WHAT EXPECTED ACTUAL
check() {
	if [ "$2" = "$3" ]; then
		echo "  ok: $1: $3"
	else
		echo "  WRONG: $1: expected $2, got $3"
		wrong=1
	fi
}

# check_same WHAT FILE FILE; check_differ likewise
check_same() {
	check "$1" same "$(cmp -s "$2" "$3" && echo same || echo different)"
}
check_differ() {
	check "$1" different "$(cmp -s "$2" "$3" && echo same || echo different)"
}

# count FILE FIELD: of its last rdt: line
count() {
	sed -n "s/.*rdt: .*[ ]$2=\([^ ]*\).*/\1/p" "$1" | tail -n 1
}

# ladder NAME TRACE ...; plot NAME OPTION ... TRACE ...: pictures
ladder() {
	name=$1
	shift
	awk -f lab/ladder.awk "$@" >"$out/$name.txt" &&
	    awk -v svg=1 -f lab/ladder.awk "$@" >"$out/$name.svg" || wrong=1
}
plot() {
	name=$1
	shift
	awk -f lab/plot.awk "$@" >"$out/$name.svg" || wrong=1
}

# sequence NAME CAPTURE TITLE: a picture of a capture
sequence() {
	lab/packets.sh "$out/$2.pcapng" |
	    awk -v "title=$3" -f lab/sequence.awk >"$out/$1.svg" || wrong=1
}

# look CAPTURE [PORT,PROTOCOL]: notes the command that opens a capture; Wireshark
# may not guess the protocol of this port, so the command names it
looks=
look() {
	looks="$looks
  wireshark -X lua_script:lab/proto.lua ${2:+-d $2 }'$out/$1'"
}

# finish: what is there now, and the verdict
finish() {
	say "Files in $out:"
	for f in "$out"/*.*; do
		case $f in
		*.out | *.said) ;;
		*) echo "  ${f##*/}" ;;
		esac
	done
	if [ -n "$looks" ]; then
		say "To look at a capture:"
		echo "${looks#?}"
	fi
	echo
	if [ "$wrong" -eq 0 ]; then
		echo "All is as it should be."
	else
		echo "Something is not as it should be: see above."
	fi
	exit "$wrong"
}

# ---- the exam question, by a student number -------------------------------

# question NUMBER: sets packets, window and every, the question of a student.
# One that never ends, or has fewer than two losses, is passed over.
question() {
	hash=$(echo "$1" | awk '{
		for (i = 1; i <= length($0); i++)
			h = ((h + index("0123456789abcdefghijklmnopqrstuvwxyz",
			    tolower(substr($0, i, 1)))) * 7919 + 1) % 99991
		print h * h % 99991 }')
	while :; do
		packets=$((8 + hash % 7))
		window=$((3 + hash / 7 % 4))
		every=$((4 + hash / 28 % 5))
		[ "$(exam 2>/dev/null | grep -c ' lost ')" -lt 2 ] ||
		    ! exam >/dev/null 2>&1 || break
		hash=$(((hash * 7919 + 1) % 99991))
	done
}

# exam: plays the question, on a channel that is simulated
exam() {
	$cli -m sim -u gbn -W "$window" -C none -L "drop=/$every" "$@" \
	    "$packets"
}

# answer: how many transmissions it takes
answer() {
	exam 2>&1 | sed -n 's/.* transmissions=\([0-9]*\).*/\1/p'
}
