#!/bin/sh
# `frontdesk init`: the folder it makes passes the check, answers, and shows what else there is.
cd "$(dirname "$0")/../.." || exit 2
program=$PWD/${BUILD:-build}/frontdesk
dir=$(mktemp -d) || exit 2
pid=
trap 'kill -9 $pid 2> /dev/null; rm -rf "$dir"' EXIT
start=$PWD/examples/start
passed=0

# expect NAME STATUS COMMAND...: the streams are left in $dir/out and $dir/err.
expect() {
	name=$1 want=$2
	shift 2
	timeout 60 "$@" > "$dir/out" 2> "$dir/err"
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

expect 'the template has no mistake' 0 "$program" check --data "$dir/data" "$start"
empty err
expect 'a new folder' 0 "$program" init "$dir/agent"
empty err
says out "frontdesk chat --as demo-1 $dir/agent"
[ "$(wc -l < "$dir/out")" = 3 ] || fail 'not three lines of what to do next'
rm -rf "$start/data"
diff -r "$start" "$dir/agent" > "$dir/err" || fail 'it is not examples/start'
expect 'what was made has no mistake' 0 "$program" check "$dir/agent"
empty err

expect 'a folder that is not empty' 1 "$program" init "$dir/agent"
says err "$dir/agent is not empty: "
says err 'Nothing was written'
mkdir "$dir/taken" && : > "$dir/taken/notes.txt"
expect 'the file in the way is named' 1 "$program" init "$dir/taken"
says err 'notes.txt is in it'
[ "$(ls "$dir/taken")" = notes.txt ] || fail 'something was written'
expect 'a file of that name' 1 "$program" init "$dir/taken/notes.txt"
says err 'notes.txt'
mkdir "$dir/empty"
expect 'an empty folder will do' 0 "$program" init "$dir/empty"
expect 'the current folder, when it is empty' 0 sh -c "mkdir '$dir/here' && cd '$dir/here' && '$program' init . && '$program' check"
expect 'a folder without its parent' 1 "$program" init "$dir/no/such"
says err "making the folder $dir/no/such: No such file or directory"
expect 'a name that a shell would cut' 0 "$program" init "$dir/it's mine"
says out "frontdesk serve --demo '$dir/it'\\''s mine'"
# A disk that is full: nothing half is left behind.
expect 'no room' 1 sh -c "trap '' XFSZ; ulimit -f 2; '$program' init '$dir/full'"
says err "$dir/full/"
[ ! -e "$dir/full" ] || fail 'half a folder was left'

expect 'no folder' 2 "$program" init
says err 'give the folder to make'
expect 'two folders' 2 "$program" init a b
says err 'one folder at a time'
expect 'an option that is none' 2 "$program" init --force x
says err 'bad option --force'
expect 'help' 0 "$program" init --help
says out 'usage: frontdesk init DIR'

# Each section that is switched off, switched on: # without a blank behind it.
name='switched on'
cp -r "$start" "$dir/on"
sed -i '/^#providers: \.\.\.$/d; s/^#\([a-z]\|  \)/\1/' "$dir/on/agent.yaml"
grep -q '^providers:' "$dir/on/agent.yaml" || fail 'no section was switched on'
if "$program" check "$dir/on" 2>&1 | grep -q 'http: not available yet'; then
	echo 'skipped: e2e/init: http tools, which this program does not have yet'
	sed -i '/^  track_parcel:/,/^$/d; /^http:/d' "$dir/on/agent.yaml"
fi
expect 'all sections switched on, without a key' 0 env -u ANTHROPIC_API_KEY "$program" check "$dir/on"
says out 'local/qwen3'
expect 'all sections switched on, with a key' 0 env ANTHROPIC_API_KEY=x "$program" check "$dir/on"
says out 'claude/claude-sonnet-5-5'

# It answers, offline.
name='it answers'
unset FRONTDESK_API_KEY
: > "$dir/out"
"$program" serve --demo --listen 127.0.0.1:0 "$dir/agent" > "$dir/out" 2> "$dir/err" &
pid=$!
until grep -q '/v1' "$dir/out"; do
	kill -0 "$pid" 2> /dev/null || fail 'it did not start'
	read -r _ _ < /proc/loadavg # nothing to wait on: look again
done
base=$(sed -n 's/^.*\(http:.*\/v1\)$/\1/p' "$dir/out")

begin() { # begin BODY: $id and $token
	made=$(curl -s -m 20 -X POST "$base/conversations" -d "$1")
	id=$(echo "$made" | sed 's/.*"id":"\(c_[^"]*\)".*/\1/')
	token=$(echo "$made" | sed 's/.*"token":"\([^"]*\)".*/\1/')
}

asked() { # asked WORDS ANSWER
	name=$1
	curl -s -m 60 -H "Authorization: Bearer $token" "$base/conversations/$id/messages" \
		-d "{\"content\":\"$1\"}" > "$dir/out"
	says out "$2"
	passed=$((passed + 1))
}

begin ''
asked 'How long does delivery take?' 'three to five working days'
asked 'When are you open?' 'from Monday to Friday'
asked 'Where is my order?' 'Please sign in'
begin '{"customer":{"id":"demo-1"}}'
asked 'Hello!' 'Hello Ada Lindqvist'
asked 'Where is my order?' 'Order EG-1001 (enamel kettle) is being packed'
asked 'Please cancel it, I do not need my order any more' 'Shall I cancel order EG-1001?'
asked 'yes' 'I have cancelled order EG-1001.'
asked 'I want to talk to a person' '"owner":"waiting"'
begin '{"customer":{"id":"demo-2"}}'
asked 'Still waiting! Where is my order?' 'I am sorry about the trouble. Order EG-1002 (desk lamp)'
asked 'Please cancel my order' 'Shall I ask a colleague about it?'
asked 'no' 'All right, then I leave it.'
asked 'Where is EG-1001?' 'I cannot find order EG-1001 in your account'
kill "$pid"
wait "$pid" || fail 'it did not stop well'
echo "[  PASSED  ] $passed test(s)."
