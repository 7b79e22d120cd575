#!/bin/sh
# mark.sh: is the answer of a student right? Licence: ISC, see README.
#
#	lab/mark.sh NUMBER ANSWER	the question of lab/4-go-back-n.sh
#	lab/mark.sh <FILE		lines of NUMBER ANSWER, or NUMBER,ANSWER
#
# Says right or wrong, and ends with 1 if any was wrong. Empty lines of a file
# and those that begin with # are passed over.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"

[ -x $cli ] || { echo "mark.sh: no cli: run make" >&2; exit 1; }

mark() {
	case $1 in
	'' | *[!0-9A-Za-z]*)
		printf '%s: not a student number\n' "$1" |
		    LC_ALL=C tr -c '\n[:print:]' '?'
		wrong=1
		return ;;
	esac
	question "$1"
	given=$(echo "$2" | sed 's/^ *0*//; s/ *$//')
	if [ "$given" = "$(answer)" ]; then
		echo "$1: right"
	else
		echo "$1: wrong"
		wrong=1
	fi
}

case $# in
2) mark "$1" "$2" ;;
0)
	while read -r line || [ -n "$line" ]; do
		line=$(printf '%s' "$line" | tr '\r,;\t' '    ' | sed 's/^ *//')
		case $line in
		'' | '#'*) ;;
		*) mark "${line%% *}" "${line#* }" ;;
		esac
	done ;;
*) echo "usage: lab/mark.sh NUMBER ANSWER" >&2; exit 2 ;;
esac
exit "$wrong"
