"""`frontdesk chat` as whoever sits there sees it: from a pipe, on a terminal of our own (a pty), with
the server in its own process, with one that runs, and with a language model that is as slow and as
hostile as we like."""

import contextlib
import http.server
import json
import os
import pty
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import termios
import threading
import urllib.request

PROGRAM = os.path.abspath(os.path.join(os.environ.get('BUILD', 'build'), 'frontdesk'))
START = os.path.abspath('examples/start')
PATIENCE = 60
passed = 0
work = tempfile.mkdtemp()
os.environ.pop('FRONTDESK_API_KEY', None)
os.environ.pop('NO_COLOR', None)


def check(name, found, *facts):
    global passed
    for fact in facts:
        if not fact:
            sys.exit(f'FAIL  {name}:\n{found}')
    passed += 1


# --- From a pipe

def piped(words, *arguments, **environment):
    done = subprocess.run([PROGRAM, 'chat', *arguments], input=words.encode(), capture_output=True,
                          timeout=PATIENCE, env={**os.environ, **environment})
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    return done


def from_a_pipe():
    data = ['--data', work + '/piped']
    r = piped('Where is my order?\n\nPlease cancel my order\nyes\n/new\nhello', '--as', 'demo-1', *data, START)
    check('a conversation', r, r.returncode == 0, r.err == '', '* You are demo-1.' in r.out,
          'you> Where is my order?\n  … Looking up your orders\nAI> Order EG-1001' in r.out,
          'Shall I cancel order EG-1001?\n* A colleague will look this over afterwards.\nyou> yes' in r.out,
          'AI> I have cancelled order EG-1001.' in r.out,
          r.out.endswith('* This is a new conversation.\nyou> hello\nAI> Hello Ada Lindqvist. '
                         'What can I do for you?\n'))
    r = piped('When are you open?\nWhere is my order?\n/quit\nnever said\n', *data, START)
    check('a visitor', r, r.returncode == 0, 'from Monday to Friday' in r.out, 'Please sign in' in r.out,
          'never said' not in r.out, '* You are a visitor' in r.out)
    r = piped('/help\n/hlep\n4111 1111 1111 1111\nI want to talk to a person\n', *data, START)
    check('commands and notes', r, r.returncode == 0, '/new begins another conversation' in r.out,
          'There is no command /hlep.' in r.out, 'card number was masked' in r.out,
          '* A colleague will take over and answer you here.' in r.out)
    r = piped('hello\n' + 'x' * 20001 + '\n', *data, START)
    check('a message that is too long', r, r.returncode == 1, 'AI> Hello' in r.out,
          '* That was not sent: content' in r.out)
    with open(work + '/words', 'w') as f:
        f.write('hello\n')
    with open(work + '/words') as f:
        done = subprocess.run([PROGRAM, 'chat', *data, START], stdin=f, capture_output=True, timeout=PATIENCE)
    check('a file instead of a pipe', done, done.returncode == 0, b'AI> Hello' in done.stdout)

    r = piped('hello\n', '--as', 'stranger', *data, START)
    check('nobody of the demo', r, r.returncode == 1, 'you cannot be stranger: name one of those under demo:' in r.err)
    r = piped('hello\n', '--as', 'stranger', *data, START, FRONTDESK_API_KEY='k' * 40)
    check('with the key anybody', r, r.returncode == 0, '* You are stranger.' in r.out, 'AI> Hello' in r.out)
    r = piped('', work + '/nowhere')
    check('no agent', r, r.returncode == 1, 'there is no ' + work + '/nowhere/agent.yaml' in r.err,
          not os.path.exists(work + '/nowhere'))
    os.mkdir(work + '/wrong')
    with open(work + '/wrong/agent.yaml', 'w') as f:
        f.write('name: x\n')
    r = piped('', work + '/wrong')
    check('a folder with mistakes', r, r.returncode == 1, 'nothing was started' in r.err)
    r = piped('', '--url', 'http://127.0.0.1:1')
    check('a server that is not there', r, r.returncode == 1, '127.0.0.1:1' in r.err)

    for arguments, words in ((['a', 'b'], 'one agent folder'), (['--as'], '--as needs a value'),
                             (['--as', ''], 'the id of a customer'), (['--usr', 'x'], 'bad option'),
                             (['--url', 'http://127.0.0.1:1', 'a'], 'no folder and no --data'),
                             (['--url', 'localhost'], 'expected http://HOST:PORT')):
        r = piped('', *arguments)
        check(f'usage {arguments}', r, r.returncode == 2, words in r.err, r.out == '')
    r = piped('', '--help')
    check('help', r, r.returncode == 0, '--as CUSTOMER' in r.out)


# --- With a server that runs

@contextlib.contextmanager
def serving(*arguments):
    server = subprocess.Popen([PROGRAM, 'serve', '--listen', '127.0.0.1:0', *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    try:
        out = ''
        while '/v1\n' not in out:
            line = server.stdout.readline().decode()
            if not line:
                sys.exit('FAIL  the server did not start')
            out += line
        yield out.split('API   ')[1].split('/v1\n')[0]
    finally:
        server.terminate()
        server.wait(PATIENCE)


def beside_a_server():
    data = ['--data', work + '/served']
    with serving(*data, START) as address:
        r = piped('hello\n', *data, START)
        check('the one that runs is used', r, r.returncode == 0, f'* The server is {address}.' in r.out,
              'AI> Hello' in r.out)
        r = piped('hello\n', '--as', 'demo-1', *data, START)
        check('which has no demo', r, r.returncode == 1, 'start that server with --demo' in r.err)
        r = piped('hello\n', '--as', 'demo-1', *data, START, FRONTDESK_API_KEY='wrong')
        check('a wrong key', r, r.returncode == 1, 'FRONTDESK_API_KEY' in r.err)
        r = piped('hello\n', '--url', address + '/v1/')
        check('by its address', r, r.returncode == 0, 'AI> Hello' in r.out)
    with serving('--demo', *data, START):
        r = piped('hello\n', '--as', 'demo-2', *data, START)
        check('which has the demo', r, r.returncode == 0, 'Hello Bruno Okafor' in r.out)
    r = piped('hello\n', *data, START)
    check('it has stopped', r, r.returncode == 0, 'runs in this program' in r.out)


# --- A language model

class Model(http.server.BaseHTTPRequestHandler):
    """Says the pieces that are put in, as they are put in; None ends.  Whoever listens when they are
    dropped hears no more."""
    said = []
    drops = 0
    more = threading.Condition()

    @classmethod
    def say(cls, *pieces):
        with cls.more:
            cls.said.extend(pieces)
            cls.more.notify()

    @classmethod
    def drop(cls):
        with cls.more:
            cls.said.clear()
            cls.drops += 1
            cls.more.notify_all()

    def do_POST(self):
        drops = self.drops
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.end_headers()
        while True:
            with self.more:
                self.more.wait_for(lambda: self.said or Model.drops != drops, PATIENCE)
                if Model.drops != drops:
                    return
                piece = self.said.pop(0) if self.said else None
            end = None if piece else 'stop'
            chunk = {'id': 'x', 'object': 'chat.completion.chunk', 'choices': [
                {'index': 0, 'delta': {'content': piece} if piece else {}, 'finish_reason': end}]}
            self.wfile.write(f'data: {json.dumps(chunk)}\n\n'.encode())
            self.wfile.flush()
            if end:
                self.wfile.write(b'data: [DONE]\n\n')
                return

    def log_message(self, *_):
        pass


def agent_with_a_model():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = work + '/slow'
    shutil.copytree(START, folder, ignore=shutil.ignore_patterns('data'))
    with open(folder + '/agent.yaml') as f:
        text = f.read().replace('    - builtin\n', '    - slow/one\n')
    with open(folder + '/agent.yaml', 'w') as f:
        f.write(text + f'\nproviders:\n  slow: {{ api: openai, base_url: "http://127.0.0.1:{server.server_port}/v1" }}\n')
    return folder


# --- On a terminal

class Terminal:
    def __init__(self, *arguments):
        self.seen = self.all = ''
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ['TERM'] = 'xterm'
            os.execv(PROGRAM, [PROGRAM, 'chat', *arguments])
        self.before = termios.tcgetattr(self.fd)

    def read(self):
        if not select.select([self.fd], [], [], PATIENCE)[0]:
            sys.exit(f'FAIL  nothing came any more after:\n{self.all!r}')
        try:
            more = os.read(self.fd, 4096).decode(errors='replace')
        except OSError:
            more = ''  # the other end is closed
        self.all += more
        return more

    def until(self, words):
        """What came up to these words, and with them."""
        out, self.seen = self.seen, ''
        while words not in out:
            more = self.read()
            if not more:
                sys.exit(f'FAIL  it ended without {words!r}:\n{out!r}')
            out += more
            self.seen = out
        end = out.index(words) + len(words)
        self.seen = out[end:]
        return out[:end]

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def end(self):
        out, more = self.seen, 'x'
        while more:
            more = self.read()
            out += more
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return out, status

    def is_as_before(self):
        return termios.tcgetattr(self.fd)[3] == self.before[3]


def on_a_terminal():
    t = Terminal('--as', 'demo-1', '--data', work + '/terminal', START)
    t.until('you> ')
    t.type('Where is my ordr\x7fer?\r')
    out = t.until('you> ')
    check('a look-up is ticked', out, '… Looking up your orders' in out, '✓ Looking up your orders' in out,
          'Order EG-1001' in out)
    t.type('\x1b[A')  # up
    check('the line before comes back', '', t.until('order?'))
    t.type('\x15grüß dich 日本')
    t.until('日本')
    t.type('\x01hello \r')  # to the beginning
    out = t.until('you> ')
    check('letters of any width', out, 'Hello Ada' in out or 'not sure' in out)
    t.type('\x04')
    out, status = t.end()
    check('Ctrl-D', out, status == 0)

    t = Terminal('--data', work + '/terminal', START)
    t.until('you> ')
    t.type('half a li')
    t.until('half a li')
    t.type('\x03')
    out, status = t.end()
    check('Ctrl-C at the prompt', out, status == 0)

    t = Terminal('--data', work + '/terminal', START)
    t.until('you> ')
    check('while a line is edited the terminal is raw', '', not t.is_as_before())
    os.kill(t.pid, signal.SIGTERM)
    while not t.is_as_before():  # the terminal outlives the program, since we hold it
        t.seen += t.read()
    out, status = t.end()
    check('told to end', out, status == 0)


def said_elsewhere(data, seen, words):
    """The same customer writes on another page."""
    address = seen.split('at http://')[1].split('. /help')[0]
    with contextlib.closing(sqlite3.connect(f'file:{data}/frontdesk.db?mode=ro', uri=True)) as db:
        [conversation] = db.execute('SELECT id FROM conversations').fetchone()
    urllib.request.urlopen(urllib.request.Request(
        f'http://{address}/v1/conversations/{conversation}/messages', json.dumps({'content': words}).encode(),
        {'Authorization': 'Bearer other-page', 'Prefer': 'respond-async'}), timeout=PATIENCE).close()


def with_a_model():
    os.environ['FRONTDESK_API_KEY'] = 'other-page'
    t = Terminal('--data', work + '/slow-data', agent_with_a_model())
    t.until('you> ')
    t.type('how are you\r')
    Model.say('I am looking at it. ', 'One mo')
    out = t.until('looking at it.')
    check('a sentence comes as it is said', out, 'One mo' not in out)
    Model.say('ment more.', None)
    out = t.until('you> ')
    check('and the rest of it, once', out, 'One moment more.' in out, 'looking' not in out)

    t.type('and now?\r')
    Model.say('This \x1b]0;owned\x07is \x9b31mharmless\u202e. ', None)
    out = t.until('you> ')
    check('a reply cannot command the terminal', repr(out), '\x1b]' not in out, '\x07' not in out,
          '\x9b' not in out, '\u202e' not in out, '\ufffd]0;owned\ufffdis' in out)

    t.type('are you there?\r')
    Model.say('I am. ', 'It ')
    t.until('I am.')
    t.type('\x03')
    out = t.until('you> ')
    check('Ctrl-C cancels the turn, and what was shown is shown once', repr(out),
          'Canceled.' in out and 'AI>' not in out)
    Model.drop()
    t.type('half a li')
    t.until('half a li')
    said_elsewhere(work + '/slow-data', t.all, 'Is it late?')
    Model.say('It is late.', None)
    out = t.until('you> half a li')
    check('an answer comes when it is there, and the line comes back', repr(out), 'AI>' in out,
          out.count('It is late.\r\n') == 1)
    t.type('ne\r')
    Model.say('Good.', None)
    out = t.until('you> ')
    check('and is sent', out, 'Good.' in out)
    t.type('\x04')
    out, status = t.end()
    check('the end', out, status == 0)


try:
    from_a_pipe()
    beside_a_server()
    on_a_terminal()
    with_a_model()
finally:
    shutil.rmtree(work, ignore_errors=True)
print(f'[  PASSED  ] {passed} test(s).')
