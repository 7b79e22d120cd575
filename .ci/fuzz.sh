#!/bin/sh
# fuzz.sh: feeds every parser with nonsense. Licence: ISC, see README.
#
#	.ci/fuzz.sh [SECONDS]		for each parser (60)
#
# Builds .ci/fuzz.c with the sanitizers, where there are any, and runs the
# parsers in two halves beside each other. Prints what was found and how to
# repeat it; ends with 1 if anything was. (clang's libFuzzer can drive the same
# file: see its head.)
# shellcheck disable=SC2086

cd "$(dirname "$0")/.." || exit 1
top=$(pwd)
seconds=${1:-60} seed=$$
tmp=$(mktemp -d "${TMPDIR:-/tmp}/fuzz.XXXXXX") || exit 1
halves=
# shellcheck disable=SC2086
trap '[ -z "$halves" ] || kill $halves 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
checks='-fsanitize=address,undefined -fno-sanitize-recover=all'
echo 'int main(void) { return 0; }' >"$tmp/x.c"
if ! ${CC:-cc} $checks -o "$tmp/x" "$tmp/x.c" 2>/dev/null; then
	echo "no sanitizers: fuzzing without them"
	checks=
fi
# shellcheck disable=SC2086
${CC:-cc} -g $checks -o "$tmp/fuzz" .ci/fuzz.c proto.c more/sr.c \
    more/congestion.c more/faults.c more/trace.c more/xfer.c more/peer.c more/talk.c more/chat.c more/room.c more/xfer_serv.c \
    more/capture.c more/stats.c || exit 1
mkdir "$tmp/empty"		# some parsers look into the directory
cd "$tmp/empty" || exit 1
half() { exec "$tmp/fuzz" -s "$seconds" -r "$seed" "$@" </dev/null; }
half frame command offer rdt room_rdt dir peer >"$tmp/1" 2>&1 & halves=$!
half base64 xfer pickle room faults chat room_talk >"$tmp/2" 2>&1 &
halves="$halves $!"
status=0
for pid in $halves; do
	wait "$pid" || status=1
done
halves=
cat "$tmp/1" "$tmp/2"
[ $status -eq 0 ] || echo "found with -r $seed"
cd "$top" && exit $status
