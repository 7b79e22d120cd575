#!/bin/sh
# demo.sh: the two programs at work. Licence: ISC, see README.
#
# Starts a server on a free port over an empty directory, and moves a file there
# and back. Run `make demo`; everything it makes is gone when it ends.

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/demo.XXXXXX") || exit 1
mkdir "$tmp/served" "$tmp/here"
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# Shows a command line and runs it; ends the demo if it fails.
run() {
	echo
	echo "\$ $*"
	"$@" || { echo "demo: this failed"; exit 1; }
}

exec 2>&1		# in the order in which things happen
echo "\$ ./serv -s $tmp/served 0 &"
: >"$tmp/out"
./serv -s "$tmp/served" 0 >"$tmp/out" 2>"$tmp/log" &
pid=$!
tries=0
until grep -q '^listening' "$tmp/out"; do
	tries=$((tries + 1))
	if [ $tries -eq 20 ] || ! kill -0 "$pid"; then
		cat "$tmp/log"
		exit 1
	fi
	sleep 0.1 2>/dev/null || sleep 1
done
cat "$tmp/out"
port=$(awk '{ print $5 }' "$tmp/out")

run ./cli localhost "$port" put proto.c
run ./cli localhost "$port" ls
run ./cli -d "$tmp/here" localhost "$port" get proto.c copy.c
run cmp proto.c "$tmp/here/copy.c"
echo "(the same, byte by byte)"

echo
echo "\$ kill $pid"
kill "$pid"
wait "$pid" || { echo "demo: the server failed"; exit 1; }
pid=
echo "This is what the server wrote, and what it counted:"
cat "$tmp/log"
sed 1d "$tmp/out"
