# modes.sh: tests of what the modes of cli share, read by test.sh. Licence: ISC,
# see README.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# Clients of one service at the port of another. Some wait for 10 s and more, so
# all do at once.
test_strangers() {
	asking=
	start strangers 0 xfer=0 chat=0 room=0
	pairs="ftp,xfer ftp,chat ftp,room xfer,chat xfer,room room,ftp \
room,xfer room,chat chat,ftp chat,room"
	for pair in $pairs; do
		mode=${pair%,*} service=${pair#*,}
		case $mode in
		ftp) command='ls' ;;
		xfer) command=list ;;
		chat) command=ann ;;
		room) command="join ann" ;;
		esac
		(
			# shellcheck disable=SC2086
			"$cli" -m "$mode" 127.0.0.1 "$(awk -v s="$service" \
			    '$2 == s { print $5 }' "$out")" $command \
			    >"$tmp/$pair" 2>&1 </dev/null
			echo $? >>"$tmp/$pair"
		) &
		asking="$asking $!"
	done
	# shellcheck disable=SC2086
	wait $asking
	for pair in $pairs; do
		has "${pair%,*} at the port of ${pair#*,}" \
		    "*: is this a* ${pair%,*} server[?]* 1" \
		    "$(words <"$tmp/$pair")"
	done
	stop
}

# What the client has beside get, put, ls, quit and help.
extended_client() {
	client -q 127.0.0.1 "$port" lls
	is "lls" "0 a b empty large text" "$status $(printf %s "$got" | words)"
	printf '?\nls -l\nbye\nls\n' | "$cli" localhost "$port" \
	    >"$tmp/out" 2>"$tmp/said"
	has "?, ls -l and bye" "1 *get *quit *leave ls: usage: ls" "$? $(cat "$tmp/out" "$tmp/said" | words)"
	# Control-C ends a transfer, and the next command is carried out. (A shell
	# lets what it puts into the background ignore it, or blocks it.)
	cat >"$tmp/x.c" <<-'END'
		#include <signal.h>
		#include <unistd.h>
		int main(int argc, char **argv) {
			sigset_t none;
			(void)argc;
			signal(SIGINT, SIG_DFL);
			sigemptyset(&none);
			sigprocmask(SIG_SETMASK, &none, NULL);
			execv(argv[1], argv + 1);
			return 1;
		}
	END
	${CC:-cc} -o "$tmp/x" "$tmp/x.c"
	dd if=/dev/zero of="$dir/long" bs=100000 count=300 2>/dev/null
	cp "$dir/long" "$tmp/here/long"
	for args in "tcp get" "gbn get" "sr get" "gbn put" "sr put"; do
		evil_get=
		if [ "$args" = "tcp get" ]; then
			home=$port
			evil frame offer "send 0000099999" "nap 30000"
			evil_get=$evil
		fi
		printf '%s\n' "mode ${args% *}" "${args#* } long" lls \
		    >"$tmp/typed"
		{ exec "$tmp/x" "$cli" -L delay=30 -d "$tmp/here" 127.0.0.1 \
		    "$port" <"$tmp/typed" >"$tmp/out" 2>"$tmp/said"; } &
		client=$!
		until_true half_written
		nap
		kill -INT $client
		wait $client
		has "$args, and Control-C" \
		    "1 ${args#* }: long: * of *, then: interrupted*" \
		    "$? $(cat "$tmp/said")"
		is "...the next command" long "$(grep '^long$' "$tmp/out")"
		if [ -n "$evil_get" ]; then
			kill "$evil_get"
			wait "$evil_get" 2>/dev/null
			port=$home
		fi
		until_true all_whole
		is "...nothing half-written" 0 $?
	done
	rm "$dir/long" "$tmp/here/long"
}
