#!/bin/bash
# Runs a task's script inside a scheduler's job, and records its start and its end.
#
#   wrapper [-r VARIABLE] -j VARIABLES RECORD SCRIPT
#   wrapper -a VARIABLE -j VARIABLES LIST
#
# -j  the environment variables that hold the job's id, with commas; their values are joined by "_";
#     of variables with colons between them, the first that has a value is taken
# -r  the variable with this process's rank, where the scheduler starts several; only 0 records
# -a  the variable with the index of a member of an array: LIST holds, for each member, four texts
#     that end in NUL: record, script, directory, and output files without their endings
#
# RECORD.start is made exclusively: where it exists, the attempt has been started, or given up, and
# is not run. It holds the job, the host, the process and the time; RECORD.end the exit code, the
# last signal that arrived here (0: none) and the time. Times are seconds since the epoch.
#
# Records are their owner's alone; the script has the umask that the job has.
# BASH_ENV or SHELLOPTS may have set -e, -u or -C for the script, and so for this one. A process costs
# half as much as an empty script: there is none that bash can do without.

clock() {
    now=${EPOCHREALTIME:-}
    [ -n "$now" ] || printf -v now '%(%s)T' -1
    now=${now/,/.}
}

rank= array= names=
while getopts r:a:j: option; do
    case $option in
        r) rank=$OPTARG ;;
        a) array=$OPTARG ;;
        j) names=$OPTARG ;;
        *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))

if [ -n "$array" ]; then
    skip=$((4 * ${!array}))
    fields=()
    # A fifth text tells that the fourth is whole. For the last member, and by a bash before 4.4, they
    # are read one after the other, which takes some milliseconds for some hundreds.
    mapfile -t -d '' -s "$skip" -n 5 fields 2> /dev/null < "$1" || :
    if [ ${#fields[@]} != 5 ]; then
        { while ((skip-- > 0)); do IFS= read -r -d '' _; done
          for field in 0 1 2 3; do IFS= read -r -d '' "fields[$field]"; done
        } < "$1" || exit 66
    fi
    record=${fields[0]} script=${fields[1]} directory=${fields[2]} output=${fields[3]}
    exec >> "$output.out" 2>> "$output.err" || exit 73
    cd "$directory" || exit 66
else
    record=$1 script=$2
fi
job=
for name in ${names//,/ }; do
    value=
    for name in ${name//:/ }; do value=${value:-${!name:-}}; done
    job+=${job:+_}${value:--}
done

if [ -n "$rank" ] && [ "${!rank:-0}" != 0 ]; then
    for _ in {1..600}; do
        if [ -s "$record.start" ]; then
            read -r started _ < "$record.start"
            [ "$started" = "$job" ] && exec "$script"
            break
        fi
        sleep 0.1
    done
    exit 75
fi

clock
if ! (set -C; umask 077; printf '%s %s %s %s\n' "$job" "${HOSTNAME:--}" $$ "$now" > "$record.start") 2> /dev/null
then
    if [ -s "$record.start" ]; then
        echo "maestro: this attempt was started or given up before, and is not run again" >&2
        exit 75
    fi
    echo "maestro: $record.start cannot be written; the task is not run" >&2
    exit 73
fi

# What arrives here is passed on, and remembered: only the scheduler knows what it meant. When a
# signal and the end of a child meet, "wait" loses the status; so one shell waits that no signal
# reaches, and writes down the script's process id, and then its exit code.
all="HUP INT QUIT USR1 USR2 TERM XCPU"
notes=$record.end.new signal=0 interrupted=
pass() {
    signal=$2 interrupted=yes
    { read -r child < "$notes" && kill -s "$1" "$child"; } 2> /dev/null || :
}
for pair in HUP:1 INT:2 QUIT:3 USR1:10 USR2:12 TERM:15 XCPU:24; do
    trap "pass ${pair%:*} ${pair#*:}" "${pair%:*}"
done
(
    trap '' $all
    (trap - $all; exec "$script") <&0 &
    umask 077
    echo $! 2> /dev/null >| "$notes"
    code=0
    wait $! || code=$?
    echo $code 2> /dev/null >> "$notes"
    exit $code
) <&0 &
while
    wait $!
    code=$?
    [ -n "$interrupted" ]
do interrupted=; done
{ read -r _ && read -r noted && code=$noted; } 2> /dev/null < "$notes" || :
umask 077
clock
if printf '%s %s %s\n' "$code" "$signal" "$now" 2> /dev/null >| "$notes"; then
    mv -f "$notes" "$record.end"
fi
exit "$code"
