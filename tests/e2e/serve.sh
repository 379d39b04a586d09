#!/bin/sh
# `frontdesk serve` as whoever starts it sees it: what a start that fails says and leaves behind.
cd "$(dirname "$0")/../.." || exit 2
program=$PWD/${BUILD:-build}/frontdesk
dir=$(mktemp -d) || exit 2
pids=
trap 'kill -9 $pids 2> /dev/null; rm -rf "$dir"' EXIT
passed=0

fail() {
	echo "FAIL  $name: $1"
	cat "$dir/out" "$dir/err"
	exit 1
}

# refused NAME STATUS ARGUMENTS...: a start that ends by itself; its streams are in $dir/out, err.
refused() {
	name=$1 want=$2
	shift 2
	timeout 20 "$program" serve "$@" > "$dir/out" 2> "$dir/err"
	got=$?
	[ "$got" = "$want" ] || fail "exit status $got, expected $want"
	passed=$((passed + 1))
}

# started NAME ARGUMENTS...: one that listens; $port and $pid.
started() {
	name=$1
	shift
	: > "$dir/out"
	"$program" serve --listen 127.0.0.1:0 "$@" > "$dir/out" 2> "$dir/err" &
	pid=$! pids="$pids $!"
	until grep -q '/v1' "$dir/out"; do
		kill -0 "$pid" 2> /dev/null || fail 'it did not start'
		read -r _ _ < /proc/loadavg # nothing to wait on: look again
	done
	port=$(sed -n 's/.*127.0.0.1:\([0-9]*\)\/v1$/\1/p' "$dir/out")
	passed=$((passed + 1))
}

stop() {
	kill "$pid"
	wait "$pid" || fail "it stopped with status $?"
}

says() { grep -qF -- "$2" "$dir/$1" || fail "std$1 lacks: $2"; }

mkdir "$dir/nothing"
refused 'a folder that is no agent' 1 "$dir/nothing"
says err "there is no $dir/nothing/agent.yaml"
[ ! -e "$dir/nothing/data" ] || fail 'a data folder was made in it'
refused 'no port' 2 --listen 127.0.0.1 examples/shop
says err 'expected HOST:PORT'
refused 'a port that is none' 2 --listen 127.0.0.1:99999 examples/shop
says err 'the port must be a number'
refused 'an option without its value' 2 --listen
says err '--listen needs a value'
refused 'a public address' 1 --data "$dir/public" --listen 0.0.0.0:0 examples/shop
says err 'say --insecure if you know why'
refused 'the demo on a public address' 1 --data "$dir/public" --demo --listen 0.0.0.0:0 examples/shop
says err 'loopback address only'

unset FRONTDESK_API_KEY
started 'the first start shows a key' --data "$dir/a" examples/shop
says out 'the admin API key, shown this once'
first=$port
refused 'a second one on the data folder' 1 --data "$dir/a" --listen 127.0.0.1:0 examples/shop
says err "another frontdesk (process $pid) uses the data folder"
refused 'a port that is taken' 1 --data "$dir/b" --listen "127.0.0.1:$first" examples/shop
says err 'another program has it'
stop
started 'a key that nobody was shown is made anew' --data "$dir/b" examples/shop
says out 'the admin API key, shown this once'
stop
started 'a key that was shown is kept' --data "$dir/b" examples/shop
! grep -q 'API key' "$dir/out" || fail 'a key is shown again'
stop
echo "[  PASSED  ] $passed test(s)."
