"""A Millrace of its own for a scenario: a folder, its YAML and data, and `millrace up` on it.

    with Folder() as folder:
        platform = folder.platform(binary)
        platform.start()
        platform.wait_ready()
        status, answer = platform.predict(EVENT)
        same(platform.stop(), 0, "Ctrl-C ends it with 0")

Everything lies in one temporary folder, which goes with the block, as does every process that was started in it.
A wait has a deadline and fails with what the platform had printed. Standard library only.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
APIS = "/apis/millrace.dev/v1alpha1"
DEADLINE = 120  # seconds, for one wait: a sanitizer build on two busy cores is slow
ROWS, DAYS, START = 12_000, 80, "2018-06-20"
SKIPPED = 77

# What small data needs: fewer rounds, longer ranges that hold frauds, a gate that such a model passes.
SMALL = [
    (r"num_boost_round: \d+", "num_boost_round: 10"),
    (r"train: \d+d, gap: 7d, test: \d+d", "train: 14d, gap: 7d, test: 14d"),
    (r"average_precision >= 0\.\d+", "average_precision >= 0.01"),
]


class Failure(Exception):
    """What was expected, and what came instead."""


def check(holds, sentence):
    if not holds:
        raise Failure(sentence)
    print(f"  {sentence.splitlines()[0]}", flush=True)


def same(got, expected, what):
    if got != expected:
        raise Failure(f"{what}: expected {expected!r}, got {got!r}")
    print(f"  {what}", flush=True)


def says(text, *parts, what=""):
    """Every part stands in the text, whatever its case."""
    missing = [part for part in parts if part.lower() not in text.lower()]
    if missing:
        raise Failure(f"{what}: {missing} should stand in:\n{text}")
    print(f"  {what}: {' '.join(text.split())[:220]}", flush=True)


def wait_for(condition, what, deadline=DEADLINE):
    """The first true value of condition()."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {deadline} s")
        time.sleep(0.05)


def bits(number):
    """The bytes of a float32: what 'equal to the last bit' compares."""
    return struct.pack("<f", number).hex()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(pid):
    """Pids of the direct children whose command line is `millrace train …`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError):
            if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) != pid:
                continue
            if b"train" in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Folder:
    """A temporary folder and the processes that belong to it."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="millrace-scenario-"))
        self.processes = []
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.path, ignore_errors=True)

    def platform(self, binary, name="project", data=True, changes=()):
        return Platform(binary, self, self.path / name, data, changes)


class Platform:
    """One folder of YAML and data, and at most one `up` on it."""

    def __init__(self, binary, owner, folder, data, changes):
        self.binary, self.owner, self.folder = binary, owner, folder
        self.port = free_port()
        self.process = None
        self.log_path = owner.path / f"{folder.name}.log"
        self.data_dir = folder / ".millrace"
        folder.mkdir()
        self.write_yaml(changes)
        if data:
            self.make_data()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self):
        return {
            **os.environ,
            "XDG_STATE_HOME": str(self.owner.path / "state"),
            "MILLRACE_SERVER": self.url,
            "MILLRACE_DATA_DIR": str(self.data_dir),
        }

    def write_yaml(self, changes=()):
        """examples/fraud/fraud.yaml, made small, with these (old, new) texts replaced."""
        text = (REPOSITORY / "examples/fraud/fraud.yaml").read_text()
        for old, new in SMALL:
            text, count = re.subn(old, new, text)
            if count != 1:
                raise Failure(f"examples/fraud/fraud.yaml holds {old!r} {count} times: mend the scenario")
        for old, new in changes:
            if old not in text:
                raise Failure(f"examples/fraud/fraud.yaml no longer holds {old!r}: mend the scenario")
            text = text.replace(old, new)
        (self.folder / "fraud.yaml").write_text(text)

    def place(self, text):
        """"fraud.yaml:LINE:" of the first line that holds the text."""
        lines = (self.folder / "fraud.yaml").read_text().splitlines()
        return f"fraud.yaml:{next(i for i, line in enumerate(lines, 1) if text in line)}:"

    def make_data(self, rows=ROWS, seed=1, where="data"):
        directory = self.folder / where
        shutil.rmtree(directory, ignore_errors=True)
        done = self.run("sample", "fraud", str(directory), "--rows", str(rows), "--days", str(DAYS), "--start",
                        START, "--seed", str(seed))
        same(done.returncode, 0, f"{rows} sample rows are made")
        return sorted(directory.glob("*.parquet"))

    def run(self, *arguments, expect=None, deadline=DEADLINE):
        """A subcommand, to its end; with expect, its exit code must be that."""
        done = subprocess.run([self.binary, *arguments], env=self.environment, cwd=self.folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline,
                              check=False)
        if expect is not None and done.returncode != expect:
            raise Failure(f"millrace {' '.join(arguments)}: expected exit code {expect}, got {done.returncode}\n"
                          f"{done.stdout}{done.stderr}")
        return done

    def up(self, *options, folder=True):
        return ["up", *([str(self.folder)] if folder else []), "--listen", f"127.0.0.1:{self.port}", *options]

    def once(self, expect):
        """`millrace up --once` on the folder, to its end."""
        return self.run(*self.up("--once"), expect=expect)

    def start(self, *options, folder=True, answers=True):
        """`millrace up` on the folder; returns when it answers, or without answers at once."""
        arguments = [self.binary, *self.up(*options, folder=folder)]
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(arguments, env=self.environment, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.owner.processes.append(self.process)
        if answers:
            self.wait(self.answers, "millrace up answers")
        return self

    def wait(self, condition, what, deadline=DEADLINE):
        """wait_for, which also ends when `up` has ended, and shows what it had printed."""

        def look():
            value = condition()
            if not value and self.process is not None and self.process.poll() is not None:
                raise Failure(f"{what}: up has ended with {self.process.returncode}\n{self.log()}")
            return value

        try:
            return wait_for(look, what, deadline)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log()[-4000:]}") from None

    def answers(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.http("GET", "/healthz")[0] == 200
        return False

    def is_ready(self, endpoint="fraud"):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return (self.http("GET", "/readyz")[0] == 200
                    and self.http("GET", f"/v2/models/{endpoint}/ready")[0] == 200)
        return False

    def wait_ready(self):
        self.wait(self.is_ready, "the endpoint is ready")

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self, how=signal.SIGINT):
        """Ends `up` and returns its exit code; negative: the signal that ended it."""
        self.process.send_signal(how)
        code = self.process.wait(DEADLINE)
        if "Sanitizer" in self.log():
            raise Failure(f"a sanitizer has found something:\n{self.log()}")
        return code

    def token(self):
        return (self.data_dir / "token").read_text().strip()

    def http(self, method, path, body=None, token="", headers=None):
        """(status, the answer's JSON or text); body: bytes, or anything that JSON holds."""
        sent = {} if token is None else {"Authorization": f"Bearer {token or self.token()}"}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text

    def resource(self, plural, name):
        status, answer = self.http("GET", f"{APIS}/namespaces/default/{plural}/{name}")
        return answer if status == 200 else {}

    def condition(self, plural, name, kind="Ready"):
        """{"status": …, "reason": …, "message": …}, or {}."""
        for one in self.resource(plural, name).get("status", {}).get("conditions", []):
            if one["type"] == kind:
                return one
        return {}

    def wait_message(self, plural, name, *parts, deadline=DEADLINE):
        """Until the Ready condition's message holds all the parts; returns the condition."""

        def look():
            found = self.condition(plural, name)
            text = found.get("message", "").lower()
            return found if text and all(part.lower() in text for part in parts) else None

        try:
            found = self.wait(look, f"{plural}/{name} says {parts}", deadline)
        except Failure as failure:
            raise Failure(f"{failure}\nit says: {self.condition(plural, name)}") from None
        print(f"  {plural}/{name}: {found['message'][:220]}", flush=True)
        return found

    def list(self, plural):
        return self.http("GET", f"{APIS}/namespaces/default/{plural}")[1]["items"]

    def versions(self, model="fraud"):
        """Rows of `models versions`, newest first, as dictionaries."""
        done = self.run("models", "versions", model, "-o", "json", expect=0)
        found = json.loads(done.stdout)
        return found if isinstance(found, list) else found[next(k for k in found if isinstance(found[k], list))]

    def infer(self, tensors, endpoint="fraud", outputs=("score", "features"), **more):
        """tensors: (name, datatype, shape, data), …"""
        body = {"inputs": [dict(zip(("name", "datatype", "shape", "data"), one)) for one in tensors], **more}
        if outputs:
            body["outputs"] = [{"name": name} for name in outputs]
        return self.http("POST", f"/v2/models/{endpoint}/infer", body)

    def predict(self, event, **more):
        """Scores one transaction by its keys: (status, answer)."""
        return self.infer(event_tensors(event), **more)

    def push(self, events):
        return self.http("POST", f"{APIS}/namespaces/default/datasources/transactions/push", events)

    def spending(self, customer, at):
        """Features of a customer at a time, by name."""
        status, answer = self.http("POST", f"{APIS}/namespaces/default/featureviews/customer-spending/get",
                                   {"keys": {"customer_id": customer}, "time": at})
        same_status(status, answer)
        return dict(zip(answer["names"], answer["rows"][0]["values"]))


def same_status(status, answer, expected=200):
    if status != expected:
        raise Failure(f"HTTP {status} instead of {expected}: {answer}")


TYPES = {"transaction_id": "INT64", "tx_datetime": "BYTES", "customer_id": "INT64", "terminal_id": "INT64",
         "tx_amount": "FP64"}


def event_tensors(event):
    return [(name, TYPES[name], [1], [value]) for name, value in event.items()]


def transaction(number, customer=7, terminal=42, at="2018-10-01T12:00:00Z", amount=57.2):
    """An event after all sample rows."""
    return {"transaction_id": 9_000_000 + number, "tx_datetime": at, "customer_id": customer,
            "terminal_id": terminal, "tx_amount": amount}


def output(answer, name):
    return next(one["data"] for one in answer["outputs"] if one["name"] == name)


def feature(answer, name):
    """One value of the first row; name as in parameters.feature_names."""
    return output(answer, "features")[answer["parameters"]["feature_names"].split(",").index(name)]


def main(scenario):
    """Runs scenario(binary) with the first argument; the exit code that scripts/scenarios.sh reads."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # cleanup runs, too
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} MILLRACE")
    try:
        scenario(os.path.realpath(sys.argv[1]))
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")
