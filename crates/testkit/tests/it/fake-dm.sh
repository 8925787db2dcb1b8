#!/bin/sh
# Stands in for the program in the tests of the test kit: says what it was given.
case "$1" in
  say) shift; echo "$@" ;;
  where) pwd ;;
  home) echo "$HOME" ;;
  read) cat ;;
  variable) eval "echo \"\${$2-unset}\"" ;;
  names) env | sed 's/=.*//' | sort ;;
  fail) echo "out"; echo "err" >&2; exit "$2" ;;
  id) echo "patch 1a2b3c4d is new in 0.25 s" ;;
  serve)
    case "$3" in
      *:0) port=40123 ;;
      *:*) port=${3##*:} ;;
      *) exit 2 ;;
    esac
    echo "serving at http://127.0.0.1:$port"
    # Ends when it is killed, or when there is nothing more to read.
    exec tail -f /dev/null ;;
  silent) echo "could not" >&2; exit 3 ;;
  *) echo "unknown: $*" >&2; exit 2 ;;
esac
