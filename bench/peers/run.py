#!/usr/bin/env python3
"""Measures systems side by side: same scripted model, same tools, same client, one machine.

    run.py short                frontdesk against the floor, some seconds each; prints ratios
    run.py inflight             thousands of turns at once, and their memory
    run.py peers FOLDER         frontdesk beside the systems of FOLDER/systems.json;
                                writes the tables of docs/performance.md

FRONTDESK is the program, TOOLS the folder of mockllm, loadgen and floor (`make bench` sets both).
A system is an entry as in peers.json: `start` and `env`, filled from $PORT, $LLM_URL, $TOOL_URL_0
to _2 and $DB, and in `client` how its API differs from the common one.  What counts is CPU time
per turn: of the system's whole process tree, nothing of the model, the tools or the client.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import string
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FRONTDESK = pathlib.Path(os.environ.get("FRONTDESK", ROOT / "build/frontdesk")).resolve()
TOOLS = pathlib.Path(os.environ.get("TOOLS", ROOT / "build/bench/peers")).resolve()
WORK = TOOLS / "work"
BASE = int(os.environ.get("BENCH_PORT", "21300"))
MODEL, BACKENDS, SYSTEM, FRONT = BASE, [BASE + 1, BASE + 2, BASE + 3], BASE + 10, BASE + 20
TICK = os.sysconf("SC_CLK_TCK")


# Processes.

def children(pid):
    """pid and all below it."""
    below = {}
    for d in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = pathlib.Path(f"/proc/{d}/stat").read_text()
        except OSError:
            continue
        below.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(d))
    out = [pid]
    for p in out:
        out += below.get(p, [])
    return out


def proc_cpu(pids):
    total = 0.0
    for p in pids:
        try:
            f = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += (int(f[11]) + int(f[12])) / TICK
    return total


def proc_mb(pids):
    pages = 0
    for p in pids:
        try:
            pages += int(pathlib.Path(f"/proc/{p}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def machine_cpu():
    f = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(f) - f[3] - f[4]) / TICK


def stop(proc, sig=signal.SIGTERM):
    """Ends what we started, by its ids."""
    pids = children(proc.pid)
    proc.send_signal(sig)
    try:
        proc.wait(5)
    except subprocess.TimeoutExpired:
        pass
    for p in pids:
        try:
            os.kill(p, signal.SIGKILL)
        except ProcessLookupError:
            pass
    proc.wait()


def must_be_free(port):
    with socket.socket() as s:
        if s.connect_ex(("127.0.0.1", port)) == 0:
            sys.exit(f"port {port} is served by somebody else: set BENCH_PORT")


def http(method, port, path, body=None, headers={}, timeout=30):
    data = None if body is None else json.dumps(body).encode()
    ask = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, method=method,
                                 headers={"content-type": "application/json", **headers})
    with urllib.request.urlopen(ask, timeout=timeout) as answer:
        return json.loads(answer.read() or b"null")


def wait_for(proc, name, ask):
    end = time.monotonic() + 60
    while True:
        if proc.poll() is not None:
            raise RuntimeError(f"{name} ended with {proc.returncode}")
        try:
            return ask()
        except urllib.error.HTTPError as e:
            raise RuntimeError(f"{name} answers {e.code}: {e.read()[:300]}")
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"{name} does not answer")
            time.sleep(0.002)


class Backends:
    """The scripted model and each tool: a process each, so that each has its own descriptors."""

    def __enter__(self):
        self.ports, self.procs = [MODEL, *BACKENDS], []
        for p in self.ports:
            must_be_free(p)
            self.procs.append(subprocess.Popen([TOOLS / "mockllm", "--port", str(p)]))
            wait_for(self.procs[-1], "mockllm", lambda: http("GET", p, "/_stats"))
        return self

    def __exit__(self, *_):
        for p in self.procs:
            stop(p)

    def set(self, model=0, token=0, tool=0):
        for p in self.ports:
            http("POST", p, f"/_config?ttft_ms={model}&tok_ms={token}&tool_ms={tool}")
            http("POST", p, "/_reset")

    def stats(self):
        all_of = [http("GET", p, "/_stats") for p in self.ports]
        return {k: sum(s[k] for s in all_of) for k in ("llm", "tool", "bad", "no_system", "body_bytes",
                                                       "accepted")}

    def cpu(self):
        return proc_cpu([p.pid for p in self.procs])


class Front:
    """nginx before the model and the tools: TLS and HTTP/2, as providers have it."""

    def __enter__(self):
        must_be_free(FRONT)
        d = WORK / "front"
        shutil.rmtree(d, ignore_errors=True)
        d.mkdir(parents=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", d / "key.pem",
                        "-out", d / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
        (d / "nginx.conf").write_text((HERE / "front.conf").read_text() % {
            "dir": d, "port": FRONT, "port_a": FRONT + 1, "port_b": FRONT + 2, "port_c": FRONT + 3,
            "model": MODEL, "a": BACKENDS[0], "b": BACKENDS[1], "c": BACKENDS[2]})
        self.proc = subprocess.Popen(["nginx", "-c", d / "nginx.conf", "-e", d / "error.log"])
        end = time.monotonic() + 5
        while socket.socket().connect_ex(("127.0.0.1", FRONT)):
            if time.monotonic() > end:
                raise RuntimeError(f"nginx does not listen: {d}/error.log")
            time.sleep(0.01)
        url = [f"https://localhost:{FRONT + i}" for i in range(4)]
        return {"LLM_URL": url[0] + "/v1", "TOOL_URL_0": url[1], "TOOL_URL_1": url[2],
                "TOOL_URL_2": url[3], "CURL_CA_BUNDLE": str(d / "cert.pem")}

    def __exit__(self, *_):
        stop(self.proc)


class System:
    def __init__(self, name, spec, cwd=HERE, keep=False, **env):
        self.name, self.spec, self.cwd, self.keep, self.env = name, spec, cwd, keep, env
        self.client = spec.get("client", {})
        self.db = WORK / f"{name}.db"

    def ask(self, method, path, body=None):
        return http(method, SYSTEM, path, body, self.client.get("headers", {}))

    def create(self):
        return self.ask("POST", "/v1/conversations", self.client.get("create", {"customer_id": "cust-7"}))

    def __enter__(self):
        WORK.mkdir(parents=True, exist_ok=True)
        if not self.keep:
            for f in WORK.glob(f"{self.name}.db*"):
                shutil.rmtree(f) if f.is_dir() else f.unlink()
        must_be_free(SYSTEM)
        tools = [f"http://127.0.0.1:{p}" for p in BACKENDS]
        env = {**os.environ, "PORT": str(SYSTEM), "LLM_URL": f"http://127.0.0.1:{MODEL}/v1",
               "TOOL_URLS": ",".join(tools), **{f"TOOL_URL_{i}": u for i, u in enumerate(tools)},
               "DB": str(self.db), **self.spec.get("env", {}), **self.env}
        own_node = self.cwd / "node/node_modules/.bin"
        if own_node.is_dir():  # what their modules were built for
            env["PATH"] = f"{own_node}:{env['PATH']}"
        start = [string.Template(w).safe_substitute(env) for w in self.spec["start"]]
        self.log = open(WORK / f"{self.name}.log", "a")
        began = time.monotonic()
        self.proc = subprocess.Popen(start, cwd=self.cwd, env=env, stdout=self.log, stderr=self.log)
        try:
            wait_for(self.proc, self.name, self.create)
        except BaseException:
            stop(self.proc)
            raise
        self.cold_ms = (time.monotonic() - began) * 1e3
        return self

    def __exit__(self, *_):
        stop(self.proc)
        self.log.close()

    def disk_mb(self):
        files = [f for f in WORK.rglob("*") if f.is_file() and f"{self.name}.db" in str(f)]
        return sum(f.stat().st_size for f in files) / 2**20

    def load(self, backends, *args):
        env = dict(os.environ)
        if "create" in self.client:
            env["PEERS_CREATE"] = json.dumps(self.client["create"])
        if "headers" in self.client:
            env["PEERS_HEADERS"] = "".join(f"{k}: {v}\r\n" for k, v in self.client["headers"].items())
        if self.client.get("stream") == "accept":
            env["PEERS_ACCEPT"] = "1"
        ours = lambda: proc_cpu(children(self.proc.pid)) + backends.cpu()
        busy, own, began = machine_cpu(), ours(), time.monotonic()
        out = subprocess.run([TOOLS / "loadgen", *map(str, args), "--port", str(SYSTEM), "--pid",
                              str(self.proc.pid)], stdout=subprocess.PIPE, env=env, check=True)
        r = json.loads(out.stdout)
        seconds = time.monotonic() - began
        own = ours() - own + r.get("loadgen_cpu_ms_per_turn", 0) * r.get("turns", 0) / 1e3
        r["neighbours"] = max(0, machine_cpu() - busy - own) / seconds
        r["mock"] = backends.stats()
        r["errors"] = r["err_http"] + r["err_conn"] + r["err_body"] + r["mock"]["bad"]
        return r


# What is measured.  Each gives rows of figures.

def warm(s, b):
    b.set()
    s.load(b, "closed", "--conc", 16, "--warmup", 0, "--duration", 2)


def check(new):
    """Two turns, kill -9 right after the reply, start again, read back."""
    with Backends() as b:
        with new() as s:
            b.set()
            path = "/v1/conversations/" + s.create()["id"]
            said = [s.ask("POST", path + "/messages", {"content": f"question {n}"})["reply"] for n in (1, 2)]
            said = [r["content"] if isinstance(r, dict) else r for r in said]
            stop(s.proc, signal.SIGKILL)
            did = b.stats()
        with new(keep=True) as s:
            got = "".join(json.dumps(s.ask("GET", path + part)) for part in s.client.get("read", [""]))
    kept = got.count("END-OF-REPLY")
    return [{"ok": did["llm"] == 4 and did["tool"] == 6 and did["bad"] + did["no_system"] == 0 and kept >= 2
             and all(r.endswith("END-OF-REPLY") for r in said) and "question 1" in got and "question 2" in got,
             "replies": min(kept, 2), "results": min(got.count("within refund window"), 2)}]


def footprint(new, runs=3):
    rows = []
    for _ in range(runs):
        with Backends(), new() as s:
            time.sleep(1.5)
            pids = children(s.proc.pid)
            rows.append({"cold_ms": s.cold_ms, "cpu_start_s": proc_cpu(pids), "idle_mb": proc_mb(pids)})
    return rows


def throughput(new, concs=(1, 64), runs=3, seconds=3):
    rows = []
    for conc in concs:
        with Backends() as b, new() as s:
            for i in range(runs):
                b.set()
                rows.append({"conc": conc, **s.load(b, "closed", "--conc", conc, "--warmup",
                                                    0.5 if i else 2, "--duration", seconds)})
    return rows


def tools(new, runs=1):
    rows = []
    with Backends() as b, new() as s:
        warm(s, b)
        for _ in range(runs):
            b.set(tool=1000)
            rows.append(s.load(b, "closed", "--conc", 4, "--warmup", 0, "--duration", 3.3))
    return rows


# 50 ms to the first token, 5 ms a token, tools of 50 ms.  The reply's first sentence ends with its
# 12th token; that it ends there is known with the next.
SENTENCE_MS = 50 + 50 + 50 + 11 * 5


def stream(new, concs=(64,), runs=1):
    rows = []
    for conc in concs:
        with Backends() as b, new(BENCH_MODEL="streamed/mock") as s:
            warm(s, b)
            for _ in range(runs):
                b.set(model=50, token=5, tool=50)
                rows.append({"conc": conc, **s.load(b, "closed", "--stream", "--conc", conc, "--warmup", 1,
                                                    "--duration", 4)})
    return rows


def history(new, turns=500):
    with Backends() as b, new() as s:
        warm(s, b)
        before = s.disk_mb()
        b.set()
        r = s.load(b, "history", "--turns", turns, "--timeout", 120)
        return [{**r, "disk_mb": s.disk_mb() - before}]


def inflight(new, turns, env={}, timeout=120):
    """Starts over 20 s, model 10 s, tools 1 s; then memory while all wait for the model, and while
    3,500 wait for their tools (each of which is a fiber, and of these a process has so many)."""
    with Backends() as b, new(**env) as s:
        warm(s, b)
        b.set(model=10000, tool=1000)
        r = s.load(b, "burst", "--conc", turns, "--ramp", 20, "--timeout", timeout)
    for phase, model, tool in ("model", 10000, 0), ("tools", 0, 9000):
        with Backends() as b, new(**env) as s:
            warm(s, b)
            b.set(model=model, tool=tool)
            some = min(turns, 3500) if tool else turns
            one = s.load(b, "burst", "--conc", some, "--ramp", 5, "--timeout", timeout, "--sample-at", 8)
            r[f"{phase}_kb"] = one["rss_at_kb_per_turn"]
            r["errors"] += one["errors"]
    return [{"turns": turns, **r}]


# Systems.

def systems(folder=None):
    """name -> how to make one.  Ours and the floor, and those of a folder."""
    floor = {"start": [str(TOOLS / "floor")]}
    table = {"floor-fsync": (HERE, {**floor, "env": {"SYNC": "FULL"}})}
    places = {"frontdesk": str(FRONTDESK), "root": str(ROOT)}
    ours = json.loads((HERE / "peers.json").read_text())
    for name, spec in ours.items():
        start = spec["start"]
        for place, path in places.items():
            start = [w.replace("{" + place + "}", path) for w in start]
        table[name] = (HERE, {**spec, "start": start})
    if folder:
        for name, spec in json.loads((folder / "systems.json").read_text()).items():
            if not name.startswith(("floor", "null")):
                table[name] = (folder, spec)
    return {name: lambda keep=False, n=name, c=cwd, s=spec, **env: System(n, s, c, keep, **env)
            for name, (cwd, spec) in table.items()}


def missing(folder):
    """What must be installed before the systems of the folder can run."""
    if not (folder / "systems.json").exists():
        return f"there is no {folder}/systems.json: give the folder with make bench PEERS=1 PEERS_DIR=..."
    if not shutil.which("node"):
        return "node is not installed"
    specs = json.loads((folder / "systems.json").read_text())
    lacking = sorted({str(folder / s["modules"]) for s in specs.values()
                      if "modules" in s and not (folder / s["modules"]).exists()})
    if lacking:
        return "these are not installed (npm install beside each; README there):\n  " + "\n  ".join(lacking)
    return None


# Saying it.

def median(rows, key, digits=1):
    """Of several runs, with the smallest and the largest."""
    v = [r[key] for r in rows if r.get(key) is not None]
    if not v:
        return "-"
    s = f"{statistics.median(v):.{digits}f}"
    return s if len(v) == 1 else f"{s} ({min(v):.{digits}f}-{max(v):.{digits}f})"


def ratio(ours, floor, key):
    of = lambda rows: statistics.median(r[key] for r in rows)
    return f"{of(ours) / of(floor):.2f} x" if of(floor) else "-"


def short():
    made = systems()
    ours, floor = made["frontdesk"], made["floor-fsync"]
    c = check(ours)[0]
    print(f"kill -9 after the reply: {c['replies']} of 2 replies and {c['results']} of 2 results are there"
          + ("" if c["ok"] else "  FAILED"))
    f = footprint(ours)
    print(f"start {median(f, 'cold_ms', 0)} ms, idle {median(f, 'idle_mb')} MB")
    print(f"\n{'':34}{'frontdesk':>24}{'floor-fsync':>24}   ratio")
    both = throughput(ours), throughput(floor)
    for conc in 1, 64:
        a, b = ([r for r in rows if r["conc"] == conc] for rows in both)
        for key, words, digits in (("cpu_ms_per_turn", "ms CPU a turn", 3), ("turns_per_s", "turns/s", 0),
                                   ("p99_ms", "ms at the 99th percentile", 2)):
            print(f"{conc:3} conversations, {words:30}".ljust(48)[:48]
                  + f"{median(a, key, digits):>22}{median(b, key, digits):>22}   {ratio(a, b, key)}")
    print(f"three tools of 1 s: {median(tools(ours), 'p50_ms')} ms")
    st = stream(ours)
    late = st[0]["first_p50_ms"] - SENTENCE_MS
    print(f"streamed, 64 conversations: the first sentence {late:.1f} ms after its last token, "
          f"{median(st, 'cpu_ms_per_turn', 2)} ms CPU a turn")
    h = history(ours, 200), history(floor, 200)
    at = [{p["turn"]: p["cpu_ms"] for p in rows[0]["at"]} for rows in h]
    for n in 10, 100, 200:
        print(f"turn {n:3} of one conversation: {at[0][n]:.3f} ms CPU, floor {at[1][n]:.3f} ms")
    errors = sum(r["errors"] for rows in (*both, st, *h) for r in rows)
    noise = max(r["neighbours"] for rows in both for r in rows)
    print(f"errors: {errors}; others used up to {noise:.1f} of {os.cpu_count()} cores meanwhile")
    return 0 if c["ok"] and not errors else 1


def say_inflight():
    new = systems()["frontdesk"]
    rows = inflight(new, 3500)
    say_rows(rows)
    if shutil.which("nginx"):
        with Front() as env:
            rows.append(inflight(new, 10000, env)[0])
            say_rows(rows[1:])
    else:
        print("nginx is not installed: 10,000 turns over TLS and HTTP/2 are left out")
    return 0 if not sum(r["errors"] for r in rows) else 1


def say_rows(rows):
    for r in rows:
        print(f"{r['turns']} turns: {r['done']} done, {r['p50_ms'] - 21000:.0f} ms over the ideal 21 s "
              f"(99th percentile {r['p99_ms'] - 21000:.0f}), {r['cpu_ms_per_turn']:.2f} ms CPU a turn, "
              f"{r['model_kb']:.0f} KiB a turn waiting for the model, {r['tools_kb']:.0f} KiB for its tools, "
              f"peak {r['rss_peak_mb']:.0f} MB, errors {r['errors']}", flush=True)


def table(title, head, rows):
    lines = [f"\n### {title}\n", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(str(c) for c in r)} |" for r in rows]) + "\n"


def tables(folder):
    made, results = systems(folder), {}
    for name, new in made.items():
        print(name, file=sys.stderr)
        r = results[name] = {"check": check(new), "footprint": footprint(new), "throughput": throughput(new),
                             "tools": tools(new)}
        r["stream"] = [] if name.startswith("floor") else stream(new)
        r["history"] = history(new)
    out = table("Turns of no waiting", ["system", "conversations", "ms CPU a turn", "turns/s", "p50 ms", "p99 ms",
                                        "errors", "other work (cores)"],
                [[n, conc, median(rows, "cpu_ms_per_turn", 3), median(rows, "turns_per_s", 0),
                  median(rows, "p50_ms", 2), median(rows, "p99_ms", 2), sum(x["errors"] for x in rows),
                  median(rows, "neighbours", 1)]
                 for n, r in results.items() for conc in (1, 64)
                 for rows in [[x for x in r["throughput"] if x["conc"] == conc]]])
    out += table("What survives kill -9, start and memory",
                 ["system", "as it should be", "replies", "results", "start ms", "idle MB"],
                 [[n, r["check"][0]["ok"], r["check"][0]["replies"], r["check"][0]["results"],
                   median(r["footprint"], "cold_ms", 0), median(r["footprint"], "idle_mb", 0)]
                  for n, r in results.items()])
    out += table("Three tools of 1 s; a streamed reply at 64 conversations",
                 ["system", "three tools, ms", "first text ms", "ms CPU a streamed turn"],
                 [[n, median(r["tools"], "p50_ms", 0), median(r["stream"], "first_p50_ms", 0),
                   median(r["stream"], "cpu_ms_per_turn", 2)] for n, r in results.items()])
    at = lambda r, turn: median([p for p in r["history"][0]["at"] if p["turn"] == turn], "cpu_ms", 2)
    return out + table("One long conversation, ms CPU",
                       ["system", "turn 10", "turn 100", "turn 500", "file MB"],
                       [[n, at(r, 10), at(r, 100), at(r, 500), median(r["history"], "disk_mb")]
                        for n, r in results.items()])


MARK = "<!-- below: written by make bench PEERS=1 -->"


def peers(folder):
    lacking = missing(folder)
    if lacking:
        sys.exit(f"The peers cannot run: {lacking}")
    text = tables(folder)
    doc = ROOT / "docs/performance.md"
    kept = doc.read_text().split(MARK)[0]
    when = time.strftime("%Y-%m-%d", time.gmtime())
    doc.write_text(f"{kept}{MARK}\n\n{when}, {os.cpu_count()} cores, Linux {os.uname().release}; median "
                   f"(smallest-largest) of three runs.\n{text}")
    print(f"{doc} is written")
    return 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "short":
        return short()
    if what == "inflight":
        return say_inflight()
    if what == "peers" and len(sys.argv) == 3:
        return peers(pathlib.Path(sys.argv[2]).resolve())
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
