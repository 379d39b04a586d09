#!/bin/sh
# `frontdesk check` as whoever types it sees it: lines, streams, exit statuses.
cd "$(dirname "$0")/../.." || exit 2
program=$PWD/${BUILD:-build}/frontdesk
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
shop=$PWD/examples/shop
passed=0

# expect NAME STATUS COMMAND...: the streams are left in $dir/out and $dir/err.
expect() {
	name=$1 want=$2
	shift 2
	"$@" > "$dir/out" 2> "$dir/err"
	got=$?
	[ "$got" = "$want" ] || fail "exit status $got, expected $want"
	passed=$((passed + 1))
}

fail() {
	echo "FAIL  $name: $1"
	cat "$dir/out" "$dir/err"
	exit 1
}

says() { grep -qF -- "$2" "$dir/$1" || fail "std$1 lacks: $2"; }
empty() { [ ! -s "$dir/$1" ] || fail "std$1 is not empty"; }

expect 'the shop has no mistake' 0 "$program" check --data "$dir/data" examples/shop
empty err
says out 'no mistakes'
says out 'initiate_refund              writes verified customers'
[ ! -e "$dir/data" ] || fail 'check made a data folder'

cp -r examples/shop "$dir/agent"
sed -i 's/^currency: USD/currency: DSU/; s/effect: write/effect: wirte/' "$dir/agent/agent.yaml"
expect 'a broken copy is refused' 1 "$program" check "$dir/agent"
empty out
says err "$dir/agent/agent.yaml:6:1: currency: there is no currency DSU"
says err 'tools.initiate_refund.effect: expected one of "read", "write"; did you mean "write"?'
says err '3 mistakes'

cd "$dir/agent" || exit 2
expect 'the current folder is the default' 1 "$program" check
says err 'agent.yaml:6:1: currency'
grep -qF "$dir" "$dir/err" && fail 'the folder is named although it is the current one'
expect 'there is no such folder' 1 "$program" check nowhere
says err 'nowhere/agent.yaml: cannot be read: No such file or directory'

mkdir "$dir/own" && sqlite3 "$dir/own/shop.db" 'CREATE TABLE other (a)' || exit 2
expect 'a file of the folder' 1 "$program" check "$shop/agent.yaml"
says err 'agent.yaml: is a file: give the folder that it is in'

expect "a company's own database lacks the table of writes" 1 "$program" check --data "$dir/own" "$shop"
says err 'make it with: CREATE TABLE frontdesk_calls ('

expect 'help' 0 "$program" --help
says out 'check'
empty err
expect 'help of a verb' 0 "$program" check --help
says out '--data DIR'
expect 'version' 0 "$program" --version
says out 'frontdesk '
expect 'no verb' 2 "$program"
says err 'usage: frontdesk'
expect 'a verb that is none' 2 "$program" chekc
says err 'did you mean "check"?'
expect 'an option that is none' 2 "$program" check --dta x
says err 'bad option --dta'
expect 'an option without its value' 2 "$program" check --data
says err '--data needs a value'
expect 'two folders' 2 "$program" check a b
says err 'one agent folder at a time'
empty out
if [ -w /dev/full ]; then
	expect 'a disk that is full' 1 sh -c "\"$program\" --help > /dev/full"
fi
echo "[  PASSED  ] $passed test(s)."
