#!/bin/sh
# 1-connections.sh: control and data. Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"
begin "1: control connection and data connections"

say "A client lists the files of a server, fetches one and stores one." \
    "Both ends capture their packets: client.pcapng and server.pcapng."
random_file "$out/served/song" 5000
random_file "$out/here/poem" 3000
serve server -v -w "$out/server.pcapng" 0
printf 'ls\nget song\nput poem\n' >"$out/commands.txt"
echo "\$ $cli -w $out/client.pcapng -d $out/here localhost $port <commands.txt"
$cli -w "$out/client.pcapng" -d "$out/here" localhost "$port" \
    <"$out/commands.txt" 2>&1
stop

say "The client's capture, as a list (client.txt):"
for who in client server; do
	lab/packets.sh "$out/$who.pcapng" >"$out/$who.txt" || wrong=1
done
cat "$out/client.txt"
sequence connections client "ls, get song, put poem, quit"

# by WHO PORT PATTERN: lines of packets from or to a port
by() { grep " $2 " "$out/$1.txt" | grep "$3"; }
opened() { grep 'SYN  ' "$out/client.txt" | awk '{ print $7 }'; }
get=$(opened | sed -n 2p)
put=$(opened | sed -n 3p)

say "Checking the results:"
check "the song arrived" same \
    "$(cmp -s "$out/served/song" "$out/here/song" && echo same)"
check "the poem is stored" same \
    "$(cmp -s "$out/here/poem" "$out/served/poem" && echo same)"
check "connections, all opened by the client" "3 out" \
    "$(grep 'SYN  ' "$out/client.txt" | awk '{ n++; way = $3 }
	END { print n, way }')"
check "the first goes to the port that was given" "$port" \
    "$(opened | sed 1q)"
check "bytes of the song's connection, with ten digits" 5010 \
    "$(by client "$get" ' in ' | sed 's/^[^,]*, \([0-9]*\) bytes.*/\1/' |
	awk '{ n += $1 } END { print n }')"
check "after the song, the server sends its FIN first" out \
    "$(by server "$get" FIN | awk 'NR == 1 { print $3 }')"
check "after the poem, the client sends its FIN first" out \
    "$(by client "$put" FIN | awk 'NR == 1 { print $3 }')"
check "the server says that the poem is stored" 1 \
    "$(by client "$put" ' in .*"0"' | wc -l | tr -d ' ')"
look client.pcapng "tcp.port==$port,ftp_frames"
finish
