/**
 * The program of the guard, for `sh`.
 *
 * @module
 */

/** The variable of a launched program, handed on to all that it starts, that the guard knows them by. */
export const MARK_VARIABLE = "SCOREBENCH_LAUNCH";

/**
 * What the guard runs, with the folder of the processes (`/proc`) and the seconds that ending may
 * take as its arguments.
 *
 * The first line that it reads is `VARIABLE=UUID`, each further line a command. At the end of its
 * input, which comes also when the writer was killed, it ends what is left of the launch.
 *
 * A process is of the launch if it is the leader, in the leader's group, below one of these or
 * marked by the variable; a process id counts only with the start time that it was seen with, as
 * ids are given again. Reading an environment can hang on a stuck process, so that what is known
 * without it is ended first.
 */
export const GUARD_SCRIPT: string = String.raw`
trap '' HUP INT QUIT TERM PIPE
export LC_ALL=C
proc=$1 seconds=$2
read -r mark || exit 0
# An empty mark would be in every environment.
case $mark in
  ${MARK_VARIABLE}=????????-????-????-????-????????????) ;;
  *) exit 0 ;;
esac
leader= born= known= left=

# Each process: id, parent, group, state, start. A dead leader of live threads is not gone.
processes() {
  if [ -r "$proc/self/stat" ]; then
    cat "$proc"/[0-9]*/stat | sed 's/(.*)//' |
      awk '{ print $1, $3, $4, ($2 == "Z" && $19 > 1 ? "R" : $2), $21 }'
  else
    ps -A -o pid= -o ppid= -o pgid= -o stat= -o lstart= |
      awk '{ print $1, $2, $3, $4, $5 $6 $7 $8 $9 }'
  fi
}

marked() {
  grep -lF -e "$mark" "$proc"/[0-9]*/environ |
    sed 's|.*/\([0-9]*\)/environ$|mark \1|'
}

# The live processes of the launch, as id:start; with an argument those with the mark too.
mine() {
  { [ -z "$1" ] || marked; processes; } |
    awk -v leader="$leader" -v born="$born" -v known=" $known " '
      $1 == "mark" { mark[$2]; next }
      $1 ~ /^[0-9]+$/ && $4 !~ /^Z/ { parent[$1] = $2; group[$1] = $3; start[$1] = $5 }
      END {
        if ((leader in start) && start[leader] != born) leader = "none"
        for (p in parent) {
          if (p == leader || group[p] == leader || (p in mark) ||
            index(known, " " p ":" start[p] " ")) own[p]
        }
        do {
          more = 0
          for (p in parent) {
            if (!(p in own) && (parent[p] in own)) { own[p]; more = 1 }
          }
        } while (more)
        for (p in own) printf "%s:%s ", p, start[p]
      }'
}

ids() {
  echo "$1" | sed 's/:[^ ]*//g'
}

# Ends all; what cannot be ended in time is left.
finish() {
  limit=$(($(date +%s) + seconds))
  # Where no process can be seen, the group is all that is known.
  [ -n "$(processes)" ] || [ -z "$leader" ] || kill -KILL -- "-$leader"
  left=$(mine)
  while :; do
    known="$known $left"
    for p in $(ids "$left"); do kill -KILL "$p"; done
    [ -z "$left" ] || sleep 0.1
    left=$(mine marked)
    [ -z "$left" ] || [ "$(date +%s)" -ge "$limit" ] && break
  done
}

# Who accepts connections to a port of 127.0.0.1.
listener() {
  inodes=$(cat "$proc/net/tcp" "$proc/net/tcp6" |
    awk -v port="$(printf %04X "$1")" '
      $4 == "0A" && split($2, part, ":") == 2 && part[2] == port &&
      part[1] ~ /^(0+|(0000000000000000FFFF0000)?(0100007F|00000000))$/ { print $10 }')
  [ -n "$inodes" ] || { echo none; return; }
  own=$(ids "$(mine marked)")
  blind=
  for p in $own; do
    [ ! -d "$proc/$p" ] || [ -r "$proc/$p/fd" ] || blind=1
  done
  held=$(for p in $own; do ls -ln "$proc/$p/fd"; done)
  for inode in $inodes; do
    case $held in *"socket:[$inode]"*) continue ;; esac
    holder=$(ls -ln "$proc"/[0-9]*/fd | awk -v socket="socket:[$inode]" '
      /\/fd:$/ { n = split($0, part, "/"); id = part[n - 1] }
      index($0, socket) { print id; exit }')
    if [ -z "$holder" ] && [ -n "$blind" ]; then echo unknown
    else echo "other $holder"; fi
    return
  done
  echo own
}

while read -r command value; do
  case $command in
    leader)
      leader=$value
      born=$(processes | awk -v id="$value" '$1 == id { print $5 }')
      echo done ;;
    signal)
      set -- $value
      kill -s "$1" -- "$2"
      echo done ;;
    walk)
      known=$(mine)
      ids "$known" ;;
    listener) listener "$value" ;;
    end)
      finish
      ids "$left" ;;
    quit) exit 0 ;;
  esac
done
finish
`;
