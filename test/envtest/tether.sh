# Runs a program until SIGTERM, which is passed on, a second time as SIGKILL. Standard input is the tether: when it ends, because whoever holds its
# other end let go or died however suddenly, the program is killed and its directory removed.
# Usage: tether.sh DIRECTORY PROGRAM [ARGUMENT ...]
directory=$1
shift
exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
signal=TERM
trap 'kill -"$signal" "$program" 2>/dev/null; signal=KILL' TERM
(
  read -r _ <&3
  trap '' TERM
  kill -KILL "$program"
  rm -rf "$directory"
) 2>/dev/null &
watcher=$!
wait "$program"
code=$?
# A signal ends the wait, too, and then the program is still there.
while kill -0 "$program" 2>/dev/null; do
  wait "$program"
  code=$?
done
kill -TERM "$watcher" 2>/dev/null
wait "$watcher"
exit "$code"
