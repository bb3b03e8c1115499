"""Starts `millrace up` on a loaded data directory and measures it; used by bench/start.sh.

    start_measure.py WORK PORT VERSION
"""
import http.client
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

RUNS = 5


def get(port, path, token=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def wait_until_ready(port, token, start):
    while time.monotonic() - start < 60:
        try:
            if get(port, "/v2/models/fraud/ready", token)[0] == 200 and get(port, "/readyz")[0] == 200:
                return time.monotonic() - start
        except OSError:
            pass
        time.sleep(0.002)
    raise SystemExit("start: not ready within 60 s")


def resident_at_rest(pid):
    """Resident bytes once they have stopped changing for a second."""
    last, since = None, time.monotonic()
    while time.monotonic() - since < 1:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        now = int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024
        if last is None or abs(now - last) > 1 << 20:
            last, since = now, time.monotonic()
        time.sleep(0.05)
    return last


def main():
    work, port, version = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    token = (work / "state/token").read_text().strip()
    seconds, resident, state = [], [], []
    for _ in range(RUNS):
        begin = time.monotonic()
        process = subprocess.Popen(["build/release/millrace", "up", str(work / "app"), "--data-dir", str(work / "state"),
                                    "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            seconds.append(wait_until_ready(port, token, begin))
            resident.append(resident_at_rest(process.pid))
            metrics = get(port, "/metrics", token)[1]
            state.append(sum(float(v) for v in re.findall(r"^millrace_state_bytes\S* (\S+)$", metrics, re.M)))
        finally:
            process.terminate()
            process.wait(30)
        print(f"start: ready after {seconds[-1]:.3f} s, {resident[-1] / 1e6:.0f} MB", file=sys.stderr)
    beside = statistics.median(resident) - statistics.median(state)
    print(json.dumps({
        "benchmark": "start", "what": "the example loaded: start to ready", "unit": "s",
        "millrace": round(statistics.median(seconds), 4), "peers": {}, "ratio": None,
        "goal": "< 1 s; < 150 MB resident beside the state", "met": statistics.median(seconds) < 1 and beside < 150e6,
        "resident_bytes": statistics.median(resident), "state_bytes": statistics.median(state),
        "beside_state_bytes": beside, "runs": RUNS, "versions": {"millrace": version}}))


if __name__ == "__main__":
    main()
