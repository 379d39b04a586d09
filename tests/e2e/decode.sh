#!/bin/sh
# `frontdesk decode` as whoever types it sees it.
cd "$(dirname "$0")/../.." || exit 2
program=$PWD/${BUILD:-build}/frontdesk
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
passed=0

# expect NAME STATUS COMMAND...: stdin is $dir/in; the streams are left in $dir/out and $dir/err.
expect() {
	name=$1 want=$2
	shift 2
	"$@" < "$dir/in" > "$dir/out" 2> "$dir/err"
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

cat > "$dir/in" <<'END'
event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[],"stop_reason":null,"usage":{"input_tokens":12,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"One moment."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"find_order","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"order\":18446744073709551616}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}

event: message_stop
data: {"type":"message_stop"}

END
expect 'a stream' 0 "$program" decode --dialect anthropic-messages
empty err
says out '"outcome": "message"'
says out '"http_status": 200'
says out '"id": "msg_1"'
says out '"stop_reason": "tool_use"'
says out '"text": "One moment."'
says out '"reasoning": ""'
says out '"name": "find_order"'
says out '"order": "18446744073709551616"'
says out '"input_uncached": 12'
says out '"cache_read": 0'
says out '"output": 9'
says out '"run": true'
cp "$dir/out" "$dir/whole"
for n in 1 2 3 7 64 4096; do
	expect "the same $n bytes at a time" 0 "$program" decode --dialect anthropic-messages --chunk "$n"
	cmp -s "$dir/out" "$dir/whole" || fail 'is another'
done
sed -n '1,17p' "$dir/in" > "$dir/part" && mv "$dir/part" "$dir/in"
expect 'a stream that was cut off' 0 "$program" decode --dialect anthropic-messages
says out '"outcome": "truncated"'
says out '"run": false'
says out '"unclosed_tool_blocks": ['
says out '"raw": "{\"order\":18446744073709551616}"'

echo '{"id":"c","choices":[{"message":{"content":"<think>Hm</think>Hi"},"finish_reason":"stop"}]}' > "$dir/in"
expect 'a document' 0 "$program" decode --dialect=openai-chat
says out '"text": "<think>Hm</think>Hi"'
says out '"shown": "Hi"'
says out '"reasoning": null'
says out '"usage": null'
says out '"run": false'
echo '{"error":{"message":"Slow","type":"t","code":429,"param":null}}' > "$dir/in"
expect 'an error' 0 "$program" decode --dialect openai-chat --status 429
says out '"outcome": "error"'
says out '"http_status": 429'
says out '"code": 429'
echo '<html>Bad gateway</html>' > "$dir/in"
expect 'HTML' 0 "$program" decode --dialect openai-chat --status 502
says out '"message": "<html>Bad gateway</html>"'
: > "$dir/in"
expect 'nothing' 0 "$program" decode --dialect openai-chat
says out '"outcome": "truncated"'

head -c 17000000 /dev/zero | tr '\0' x > "$dir/in"
expect 'a document without end' 1 "$program" decode --dialect openai-chat
says err 'longer than 16 MiB'
empty out
: > "$dir/in"
expect 'no dialect' 2 "$program" decode
says err '--dialect is missing: anthropic-messages or openai-chat'
expect 'a dialect that is none' 2 "$program" decode --dialect openai-responses
says err 'there is no dialect "openai-responses"'
expect 'a status that is none' 2 "$program" decode --dialect openai-chat --status ok
says err '"ok" is no HTTP status'
expect 'a chunk that is none' 2 "$program" decode --dialect openai-chat --chunk 0
says err '"0" is no number of bytes'
expect 'a file' 2 "$program" decode --dialect openai-chat body.json
says err 'the body comes on stdin'
expect 'an option without its value' 2 "$program" decode --dialect
says err '--dialect needs a value'
expect 'help' 0 "$program" decode --help
says out '--chunk N'
says out 'anthropic-messages or openai-chat'
expect 'it cannot read' 1 sh -c "\"$program\" decode --dialect openai-chat <&-"
says err 'stdin cannot be read'
echo "[  PASSED  ] $passed test(s)."
