"""The program under load on the demo shop, killed with -9 at random moments and started again.

What was acknowledged must be there, once, and be answered or handed over; a refund is made at
most once; who follows a conversation's events over all of it reads each event once, in order.
CRASH_SECONDS (15) and CRASH_SEED say how long and with which dice; FRONTDESK names the program.
"""

import collections
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = os.environ.get('FRONTDESK', os.environ.get('BUILD', 'build') + '/frontdesk')
SECONDS = float(os.environ.get('CRASH_SECONDS', '15'))
SEED = int(os.environ.get('CRASH_SEED', '1'))
KEY = 'crash-test'
SAYINGS = ['Can you refund my purchase and cancel my account?', 'where is my order?', 'yes',
           'I want to cancel', 'thanks', 'please refund my order', 'hello', 'the stove']
REFUSED = (OSError, http.client.HTTPException)


class Program:
    """The server; one port over all its lives, so that clients need not be told."""

    def __init__(self, data):
        self.data, self.port, self.kills = data, 0, 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, 'serve', '--demo', '--log', 'error', '--listen', f'127.0.0.1:{self.port}',
             '--data', self.data, 'examples/shop'],
            stdout=subprocess.PIPE, text=True, env={**os.environ, 'FRONTDESK_API_KEY': KEY})
        for line in self.process.stdout:
            at = re.search(r'127\.0\.0\.1:(\d+)/v1$', line)
            if at:
                self.port = int(at.group(1))
                return
        sys.exit(f'FAIL  the server did not start (exit status {self.process.wait()})')

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def call(self, method, path, key=None, body=None, headers=()):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        try:
            h = dict(headers)
            if key:
                h['Authorization'] = 'Bearer ' + key
            c.request(method, path, json.dumps(body) if body is not None else None, h)
            r = c.getresponse()
            return r.status, json.loads(r.read())
        finally:
            c.close()


class Customer(threading.Thread):
    """One who writes, conversation after conversation, and sends again what got no answer."""

    def __init__(self, rig, number):
        super().__init__()
        self.rig, self.dice = rig, random.Random(f'{SEED} {number}')
        self.acknowledged = []  # (conversation, seq, text)

    def run(self):
        while not self.rig.over:
            try:
                status, made = self.rig.program.call('POST', '/v1/conversations', body={
                    'customer': {'id': f'demo-{self.dice.randint(1, 4)}'}})
            except REFUSED:
                time.sleep(0.05)
                continue
            if status != 201:
                continue
            self.rig.conversations.append((made['id'], made['token']))
            for _ in range(self.dice.randint(1, 4)):
                self.say(made)

    def say(self, made):
        mark = ''.join(self.dice.choice('bcdfghjkmn') for _ in range(16))
        text = f'{self.dice.choice(SAYINGS)} ({mark})'
        while not self.rig.over:
            headers = {'Idempotency-Key': mark}
            if self.dice.random() < 0.5:
                headers['Prefer'] = 'respond-async'
            try:
                status, r = self.rig.program.call(
                    'POST', f'/v1/conversations/{made["id"]}/messages', made['token'],
                    {'content': text}, headers)
            except REFUSED:
                time.sleep(0.05)
                continue
            if status in (200, 202):
                self.acknowledged.append((made['id'], r['message']['seq'], text))
                return
            if status != 503:
                self.rig.wrong.append(f'{status} for a message: {r}')
                return


class Follower(threading.Thread):
    """One who reads a conversation's events live, from the last one read when it is cut off."""

    def __init__(self, rig, conversation, token):
        super().__init__()
        self.rig, self.id, self.token, self.seen = rig, conversation, token, []

    def run(self):
        while not self.rig.over:
            try:
                self.follow()
            except OSError:
                time.sleep(0.05)

    def follow(self):
        with socket.create_connection(('127.0.0.1', self.rig.program.port), timeout=1) as s:
            last = self.seen[-1] if self.seen else 0
            s.sendall(f'GET /v1/conversations/{self.id}/events HTTP/1.1\r\nHost: x\r\n'
                      f'Accept: text/event-stream\r\nAuthorization: Bearer {self.token}\r\n'
                      f'Last-Event-ID: {last}\r\n\r\n'.encode())
            text = b''
            while not self.rig.over:
                try:
                    got = s.recv(65536)
                except TimeoutError:
                    continue
                if not got:
                    return
                text += got
                *whole, text = text.split(b'\n\n')
                for event in whole:
                    seq = re.search(rb'^(?:id: )(\d+)$', event, re.M)
                    if seq:
                        self.seen.append(int(seq.group(1)))


class Rig:
    def __init__(self, program):
        self.program, self.over = program, False
        self.conversations, self.wrong = [], []

    def load(self):
        customers = [Customer(self, i) for i in range(8)]
        followed = self.program.call('POST', '/v1/conversations',
                                     body={'customer': {'id': 'demo-3'}})[1]
        followers = [Follower(self, followed['id'], followed['token']) for _ in range(4)]
        dice, end = random.Random(SEED), time.monotonic() + SECONDS
        for t in customers + followers:
            t.start()
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.05, 1))
            customers[0].say(followed)
            self.program.kill()
        self.settle()
        time.sleep(0.5)  # for the followers to read the last
        self.over = True
        for t in customers + followers:
            t.join()
        self.settle()
        self.conversations.append((followed['id'], followed['token']))
        return [a for c in customers for a in c.acknowledged], followers

    def settle(self):
        """Until the server has been left alone and has answered all that is open."""
        for _ in range(100):
            if self.program.call('GET', '/readyz')[0] == 200:
                break
            time.sleep(0.1)

    def events(self, conversation, key):
        end = time.monotonic() + 10
        while True:  # a turn may still be going on
            path = f'/v1/conversations/{conversation}/events?limit=1000'
            events = self.program.call('GET', path, key)[1]['items']
            said = [e['seq'] for e in events
                    if e['kind'] == 'message' and e['data']['role'] == 'customer']
            if not said or key != KEY or said[-1] <= answered(events) or time.monotonic() > end:
                return events
            time.sleep(0.05)


def answered(events):
    return max([e['data'].get('answered', 0) for e in events if e['kind'] == 'turn.ended'] + [0])


def check(rig, acknowledged, followers):
    lost = doubled = unanswered = 0
    by_conversation = collections.defaultdict(list)
    for conversation, seq, text in acknowledged:
        by_conversation[conversation].append((seq, text))
    for conversation, token in rig.conversations:
        events = rig.events(conversation, KEY)
        seqs = [e['seq'] for e in events]
        if seqs != list(range(1, len(seqs) + 1)):
            rig.wrong.append(f'{conversation}: its events are not numbered one by one: {seqs}')
        texts = collections.Counter(e['data']['content'] for e in events
                                    if e['kind'] == 'message' and e['data']['role'] == 'customer')
        replies = collections.Counter(e['turn'] for e in events
                                      if e['kind'] == 'message' and e['data']['role'] == 'ai')
        doubled += sum(n - 1 for n in texts.values()) + sum(n - 1 for n in replies.values())
        waiting = any(e['kind'] == 'escalated' and e['data']['kind'] == 'handoff' for e in events)
        for seq, text in by_conversation[conversation]:
            lost += text not in texts
            unanswered += seq > answered(events) and not waiting
    for f in followers:
        shown = [e['seq'] for e in rig.events(f.id, f.token)]
        if f.seen != shown:
            rig.wrong.append(f'a follower read {f.seen}, the log has {shown}')
    print(f'{lost} lost, {doubled} doubled, {unanswered} unanswered of {len(acknowledged)} '
          f'messages in {len(rig.conversations)} conversations, over {rig.program.kills} kills')
    return not lost and not doubled and not unanswered


def check_refunds(data):
    with sqlite3.connect(data + '/shop.db') as shop:
        made = shop.execute("SELECT order_id, count(*) FROM refunds WHERE made_on = date('now')"
                            ' GROUP BY 1').fetchall()
    print('refunds:', ', '.join(f'{order} {n}' for order, n in made))
    return bool(made) and all(n == 1 for _, n in made)


def main():
    data = tempfile.mkdtemp(prefix='frontdesk-crash-')
    program = Program(data)
    try:
        rig = Rig(program)
        acknowledged, followers = rig.load()
        good = [check(rig, acknowledged, followers), check_refunds(data), not rig.wrong,
                program.stop() == 0]
        for line in rig.wrong[:10]:
            print('FAIL ', line)
        if not all(good):
            sys.exit(f'FAIL  CRASH_SEED={SEED}')
        print(f'[  PASSED  ] {len(good)} test(s).')
    finally:
        program.process.kill()
        shutil.rmtree(data)


main()
