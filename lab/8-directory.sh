#!/bin/sh
# 8-directory.sh: who has which file? Licence: ISC, see README.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"
begin "8: a directory and its peers, and a forged request"

say "A directory, and alice, who serves one file to others."
random_file "$out/served/song" 100000
serve directory -v -w "$out/directory.pcapng" dir=0
dir=$port
mkfifo "$out/alice.fifo" || exit 1
$cli -m dir -d "$out/served" -w "$out/alice.pcapng" localhost "$dir" \
    <"$out/alice.fifo" >"$out/alice.said" 2>&1 &
alice=$!
pids="$pids $alice"
exec 3>"$out/alice.fifo"
printf 'register alice\nserve\npublish\n' >&3
until_true grep -q '^publish:' "$out/alice.said"
cat "$out/alice.said"

say "Bob asks who has what, and fetches the song, which does not pass" \
    "through the directory."
hash=$(printf 'myfiles\n' | $cli -m dir -d "$out/served" localhost "$dir" |
    sed 's/ .*//')
printf 'register bob\nuserlist\nfilelist\ndownload %s song\n' "$hash" |
    $cli -m dir -d "$out/here" -w "$out/bob.pcapng" localhost "$dir" \
    >"$out/bob.said" 2>&1
cat "$out/bob.said"
check_same "bob has the song" "$out/served/song" "$out/here/song"

say "Mallory sends the Logout that alice would send: opcode 20, then the" \
    "name with its length. But it comes from Mallory's port."
printf '\\x14\\x00\\x00\\x00\\x05alice\n' >"$out/forged.txt"
echo "\$ $cli -m raw -u sw -w $out/mallory.pcapng localhost $dir <forged.txt"
{
	cat "$out/forged.txt"
	until_true grep -q 'Logout alice' "$out/directory.log"
} | $cli -m raw -u sw -w "$out/mallory.pcapng" localhost "$dir" \
    >"$out/forged.answer"
check "the answer, in hexadecimal: Fail" 16 \
    "$(od -An -tx1 "$out/forged.answer" | tr -d ' \n')"
echo 'lookup alice' | $cli -m dir localhost "$dir" >"$out/lookup.said" 2>&1
check "alice is still there" 1 "$(grep -c 127.0.0.1 "$out/lookup.said")"

say "Alice logs out."
echo quit >&3
exec 3>&-
wait "$alice"
echo 'lookup alice' | $cli -m dir localhost "$dir" >"$out/lookup.said" 2>&1
check "alice is gone" 1 "$(grep -c 'no such nick' "$out/lookup.said")"
stop
for who in directory alice bob mallory; do
	lab/packets.sh "$out/$who.pcapng" >"$out/$who.txt" || wrong=1
done
sequence bob bob "bob asks the directory, then alice"
check "packets of TCP at the directory" 0 "$(grep -c TCP "$out/directory.txt")"
check "bob took the song over TCP, in base 64: more than 133,000 bytes" yes \
    "$(grep 'in  TCP' "$out/bob.txt" | sed 's/^[^,]*, \([0-9]*\) bytes.*/\1/' |
	awk '{ n += $1 } END { print (n > 133000 ? "yes" : n) }')"
rm -f "$out/alice.fifo"
look bob.pcapng "udp.port==$dir,dir"
look directory.pcapng "udp.port==$dir,dir"
finish
