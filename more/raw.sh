# raw.sh: tests of mode raw, read by test.sh. Licence: ISC, see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

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
	evil "send answer" fin "skip 12000000" close
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
	is "raw has no commands" 2 $?
	printf 'x\n' | "$cli" -m raw -u sw 127.0.0.1 "$port" >"$tmp/out" 2>&1
	is "a datagram to nobody" 1 $?
	has "...is told" "raw: 127.0.0.1 $port: *refused*" "$(cat "$tmp/out")"
	stop
	start rawdir dir=0
	is "datagrams on lines of their own" \
	    '< \x02\x00\x00\x00\x00 < \x16 > \x01 > \x0c' \
	    "$(printf '\\x01\n\\x0c\n' | "$cli" -v -m raw -u sw \
	    127.0.0.1 "$port" 2>/dev/null | sort | words)"
	stop
}
