#!/bin/sh
# `frontdesk doctor` as whoever types it sees it: a line for each thing, and what to do.
cd "$(dirname "$0")/../.." || exit 2
program=$PWD/${BUILD:-build}/frontdesk
dir=$(mktemp -d) || exit 2
pids=
trap 'kill -9 $pids 2> /dev/null; rm -rf "$dir"' EXIT
start=$PWD/examples/start
passed=0
unset ANTHROPIC_API_KEY

# expect NAME STATUS COMMAND...: the streams are left in $dir/out and $dir/err.
expect() {
	name=$1 want=$2
	shift 2
	timeout 120 "$@" > "$dir/out" 2> "$dir/err"
	got=$?
	[ "$got" = "$want" ] || fail "exit status $got, expected $want"
	passed=$((passed + 1))
}

fail() {
	echo "FAIL  $name: $1"
	cat "$dir/out" "$dir/err"
	exit 1
}

says() { grep -qE -- "$2" "$dir/$1" || fail "std$1 lacks: $2"; }
empty() { [ ! -s "$dir/$1" ] || fail "std$1 is not empty"; }

mkdir "$dir/home"
expect 'all is there' 0 "$program" doctor --data "$dir/home/data" "$start"
empty err
says out '^ok    configuration  Example Goods: no mistakes'
says out '^ok    environment    the files ask for no variable'
says out '^ok    database       company: .*/company.db is not there yet; the first start makes it'
says out "^ok    data folder    $dir/home/data is not there yet"
says out '^(ok|warn)  +disk  .*iB left'
says out '^(ok|warn)  +descriptors .* live readers'
says out '^ok    clock          20'
says out '^ok    model          builtin answered in [0-9]+ ms'
[ ! -e "$dir/home/data" ] || fail 'it made a data folder'

# A server that runs is named, and is not disturbed.
: > "$dir/serve"
"$program" serve --listen 127.0.0.1:0 --data "$dir/home/data" "$start" > "$dir/serve" 2>&1 &
pid=$! pids="$pids $!"
until grep -q '/v1' "$dir/serve"; do
	kill -0 "$pid" 2> /dev/null || fail 'it did not start'
	read -r _ _ < /proc/loadavg # nothing to wait on: look again
done
expect 'beside a server' 0 "$program" doctor --data "$dir/home/data" "$start"
says out "^ok    data folder    in use by process $pid, http://127.0.0.1:"
says out '^ok    database       the store .*/frontdesk.db opens'
says out '^ok    database       company: .* opens, .*frontdesk_calls'
kill "$pid"
wait "$pid"
expect 'after it' 0 "$program" doctor --data "$dir/home/data" "$start"
says out '^ok    data folder    nobody uses it now'
chmod 755 "$dir/home/data"
expect 'others may look in' 0 "$program" doctor --data "$dir/home/data" "$start"
says out '^warn  data folder    .*chmod 700'
says out '^It works, with the reservations above'
echo 'this is no database' > "$dir/home/data/frontdesk.db"
rm -f "$dir/home/data/frontdesk.db-"*
expect 'a store that is none' 1 "$program" doctor --data "$dir/home/data" "$start"
says out '^FAIL  database       the store '
says err '1 thing has to be seen to'
expect 'a data folder that cannot be' 1 "$program" doctor --data "$dir/serve/data" "$start"
says out '^FAIL  data folder '
expect 'few descriptors' 0 sh -c "ulimit -n 200; '$program' doctor --data '$dir/fresh' '$start'"
says out '^warn  descriptors    200: 120 live readers at a time; ulimit -n'

cp -r "$start" "$dir/wrong"
sed -i 's/^currency: USD/currency: DSU/; s/^name: .*/name: ${FRONTDESK_TEST_NAME}/' "$dir/wrong/agent.yaml"
expect 'mistakes and variables' 1 "$program" doctor "$dir/wrong"
says out '^FAIL  configuration  .*agent.yaml:[0-9]+:1: currency: there is no currency DSU'
says out '^FAIL  environment    FRONTDESK_TEST_NAME is not set'
says out '^ok    clock'
expect 'a variable that is set' 1 env FRONTDESK_TEST_NAME=x "$program" doctor "$dir/wrong"
says out '^ok    environment    FRONTDESK_TEST_NAME is set'
expect 'no agent' 1 "$program" doctor "$dir/nowhere"
says out 'nowhere/agent.yaml: cannot be read'

expect 'help' 0 "$program" doctor --help
says out '--offline'
expect 'an option that is none' 2 "$program" doctor --ofline
says err 'bad option --ofline'
expect 'two folders' 2 "$program" doctor a b

# Providers: one that answers, and what goes wrong with others.
if ! command -v python3 > /dev/null; then
	echo 'skipped: e2e/doctor: providers (python3 is absent)'
	echo "[  PASSED  ] $passed test(s)."
	exit 0
fi
cat > "$dir/provider.py" <<'END'
import http.server, json

class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        model = json.loads(self.rfile.read(int(self.headers['Content-Length'])))['model']
        status, body = {
            'good': (200, {'id': 'x', 'choices': [{'index': 0, 'finish_reason': 'stop',
                                                   'message': {'role': 'assistant', 'content': 'OK'}}]}),
            'key': (401, {'error': {'message': 'Incorrect \x1b[31mAPI key', 'code': 'invalid_api_key'}}),
            'gone': (404, {'error': {'message': 'no such model', 'code': 'model_not_found'}}),
            'busy': (429, {'error': {'message': 'slow down', 'type': 'rate_limit_error'}}),
        }[model]
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Provider)
print(server.server_port, flush=True)
server.serve_forever()
END
mkfifo "$dir/port"
python3 "$dir/provider.py" > "$dir/port" &
pids="$pids $!"
read -r port < "$dir/port"
cp -r "$start" "$dir/models"
sed -i 's|^    - builtin|    [local/good, local/key, local/gone, local/busy, dead/one, claude/two, builtin]|' "$dir/models/agent.yaml"
cat >> "$dir/models/agent.yaml" <<END
providers:
  local:  { api: openai, base_url: "http://127.0.0.1:$port/v1", stream: false }
  dead:   { api: openai, base_url: "http://127.0.0.1:1/v1" }
  claude: { api: anthropic, key: "\${ANTHROPIC_API_KEY}" }
END
expect 'providers' 1 "$program" doctor "$dir/models"
says out '^warn  environment    ANTHROPIC_API_KEY is not set: the provider claude is passed over'
says out '^ok    model          local/good answered in [0-9]+ ms'
says out '^FAIL  model          local/key: .*401.*look at its key'
says out '^FAIL  model          local/gone: .*404.*is there a model of that name'
says out '^warn  model          local/busy: .*429.*try again'
says out '^FAIL  model          dead/one: .*look at its base_url'
says out '^ok    model          builtin'
! grep -q "$(printf '\033')" "$dir/out" || fail 'a provider commands the terminal'
says err '3 things have to be seen to'
expect 'offline' 0 "$program" doctor --offline "$dir/models"
says out '^skip  model          local/good was not asked'
says out '^ok    model          builtin answered'

# Hosts of http tools.
cp -r "$start" "$dir/hosts"
sed -i "s|^#  track_parcel:|  track_parcel:|; /track_parcel/,/^\$/s|^#  |  |; s|https://api.carrier.example|http://127.0.0.1:$port|" "$dir/hosts/agent.yaml"
echo "http: { allow: [\"127.0.0.1:$port\", \"127.0.0.1:1\"] }" >> "$dir/hosts/agent.yaml"
if "$program" check "$dir/hosts" 2>&1 | grep -q 'not available yet'; then
	echo 'skipped: e2e/doctor: http tools, which this program does not have yet'
else
	expect 'a host that is there' 0 "$program" doctor "$dir/hosts"
	says out "^ok    host           127.0.0.1:$port can be reached"
	sed -i "s|http://127.0.0.1:$port|http://127.0.0.1:1|" "$dir/hosts/agent.yaml"
	expect 'one that is not' 1 "$program" doctor "$dir/hosts"
	says out '^FAIL  host           127.0.0.1:1, of the tool track_parcel: no connection: Connection refused'
	expect 'offline nobody is reached for' 0 "$program" doctor --offline "$dir/hosts"
	says out '^skip  host           127.0.0.1:1 was not reached for'
fi
echo "[  PASSED  ] $passed test(s)."
