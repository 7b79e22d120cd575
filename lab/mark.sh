#!/bin/sh
# mark.sh: is the answer of a student right? Licence: ISC, see README.
#
#	lab/mark.sh NUMBER ANSWER	the question of lab/4-go-back-n.sh
#	lab/mark.sh <FILE		lines of NUMBER ANSWER
#
# Says right or wrong, and ends with 1 if any was wrong.
# shellcheck source-path=SCRIPTDIR disable=SC1091
. "$(dirname "$0")/lab.sh"

[ -x $cli ] || { echo "mark.sh: no cli: run make" >&2; exit 1; }

mark() {
	case $1 in
	'' | *[!0-9A-Za-z]*)
		echo "$1: no student number"
		wrong=1
		return ;;
	esac
	question "$1"
	if [ "$2" = "$(answer)" ]; then
		echo "$1: right"
	else
		echo "$1: wrong"
		wrong=1
	fi
}

case $# in
2) mark "$1" "$2" ;;
0) while read -r number answer; do mark "$number" "$answer"; done ;;
*) echo "usage: lab/mark.sh NUMBER ANSWER" >&2; exit 2 ;;
esac
exit "$wrong"
