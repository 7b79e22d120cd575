#!/bin/sh
# 2-framing.sh: messages in a stream of bytes. Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091,SC2094
. "$(dirname "$0")/lab.sh"
begin "2: framing, and a stream of bytes"
echo hello >"$out/served/one"
serve server -v -w "$out/server.pcapng" ftp=0 chat=0
chat=$(port_of server chat)

# dribble TEXT: byte by byte, each on its own
dribble() {
	text=$1
	while [ -n "$text" ]; do
		rest=${text#?}
		printf %s "${text%"$rest"}"
		nap
		text=$rest
	done
}

say "One message of ftp, a length in ten digits and ls, sent as twelve" \
    "single bytes."
echo "\$ dribble 0000000002ls | $cli -m raw localhost $port"
dribble 0000000002ls | $cli -m raw localhost "$port" >"$out/pieces.txt"
cat "$out/pieces.txt"
echo
check "the answer" 0000000003one "$(cat "$out/pieces.txt")"

say "Three messages, in one piece."
echo "\$ printf 0000000002ls0000000002ls0000000004quit | $cli -m raw ..."
printf 0000000002ls0000000002ls0000000004quit |
    $cli -m raw -w "$out/client.pcapng" localhost "$port" >"$out/joined.txt"
cat "$out/joined.txt"
echo
check "the answers" 0000000003one0000000003one "$(cat "$out/joined.txt")"

say "A wrong length: the server takes the next two bytes as part of this" \
    "message, and the rest as a length."
echo "\$ printf 0000000004ls0000000002ls | $cli -m raw localhost $port"
printf 0000000004ls0000000002ls |
    $cli -m raw localhost "$port" >"$out/wrong.txt"
cat "$out/wrong.txt"
echo
check "the answers: unknown command, bad length" 0000000002-50000000002-5 \
    "$(cat "$out/wrong.txt")"

say "The original chat has no frames: the bytes of one read are one" \
    "message. First a name; after the answer, a greeting."
: >"$out/apart.txt"
{
	printf ann
	until_true grep -q joined "$out/apart.txt"
	printf hello
	until_true grep -q hello "$out/apart.txt"
} | $cli -m raw localhost "$chat" >"$out/apart.txt"
cat "$out/apart.txt"
echo
check "two reads, two messages" "ann has joined the chat!ALL ann: hello" \
    "$(cat "$out/apart.txt")"

say "The same bytes, with one send:"
echo "\$ printf annhello | $cli -m raw localhost $chat"
printf annhello | $cli -m raw localhost "$chat" >"$out/together.txt"
cat "$out/together.txt"
echo
check "one read, one message" "annhello has joined the chat!ALL " \
    "$(cat "$out/together.txt")"
stop

lab/packets.sh "$out/server.pcapng" >"$out/packets.txt" || wrong=1
sequence reads server "what the server reads"
sequence sent client "what the client sent: three messages in one segment"
check "segments with three messages, as the client sent them" 1 \
    "$(lab/packets.sh "$out/client.pcapng" | grep -c ', 38 bytes')"
check "segments of one byte, at the server" yes \
    "$([ "$(grep -c ' in .* 1 bytes' "$out/packets.txt")" -ge 6 ] && echo yes)"
look client.pcapng "tcp.port==$port,ftp_frames"
look server.pcapng "tcp.port==$port,ftp_frames -d tcp.port==$chat,chat"
finish
