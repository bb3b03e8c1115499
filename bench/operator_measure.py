"""Measures `millrace operator` at rest and on changes; see operator.sh. Arguments: the binary, a kubeconfig of an
administrator; kubectl is in PATH."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

JOBS, ENDPOINTS, CHANGES, REST = 2_000, 200, 200, 30
GROUP = "/apis/millrace.dev/v1alpha1"
DEADLINE = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def say(text):
    print(f"operator: {text}", file=sys.stderr, flush=True)


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            sys.exit(f"operator: {what}: not within {DEADLINE} s")
        time.sleep(0.001)


class Api:
    """The API server through `kubectl proxy`, one connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method, path, body=None, kind="application/json"):
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                {"Content-Type": kind} if body is not None else {})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"operator: {method} {path}: {answer.status} {text[:500]}")
        return json.loads(text)

    def merge(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")


def resource(kind, name, spec):
    return {"apiVersion": "millrace.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def fill(api, namespace):
    base = f"{GROUP}/namespaces/{namespace}"
    api.call("POST", f"{GROUP}/projects", resource("Project", namespace, {}))
    columns = [{"name": n, "type": t} for n, t in (("t", "timestamp"), ("k", "string"), ("label", "int64"))]
    columns[2]["knownAfter"] = "1d"
    api.call("POST", f"{base}/datasources",
             resource("DataSource", "rows", {"eventTime": "t", "eventId": "k", "push": {}, "columns": columns}))
    view = {"source": "rows", "entities": ["k"], "windows": ["1d"],
            "features": [{"name": "n", "aggregate": "count"}]}
    api.call("POST", f"{base}/featureviews", resource("FeatureView", "view", view))
    api.call("POST", f"{base}/featureservices", resource("FeatureService", "input", {"features": [{"view": "view"}]}))
    model = {"input": "input", "examples": "rows", "label": "label", "trainer": {"xgboost": {}},
             "split": {"train": "7d", "gap": "1d", "test": "7d"}}
    api.call("POST", f"{base}/models", resource("Model", "model", model))
    for number in range(JOBS):
        name = f"job-{number}"
        api.call("POST", f"{base}/trainingjobs", resource("TrainingJob", name, {"model": "model"}))
        ready = {"type": "Ready", "status": "True", "reason": "Registered", "message": "Version 1 was registered.",
                 "observedGeneration": 1, "lastTransitionTime": "2026-11-24T00:00:00Z"}
        api.merge(f"{base}/trainingjobs/{name}/status",
                  {"status": {"phase": "Succeeded", "conditions": [ready], "round": 100, "rounds": 100,
                              "metrics": {"average_precision": 0.61, "auc_roc": 0.87, "log_loss": 0.02}}})
    for number in range(ENDPOINTS):
        api.call("POST", f"{base}/modelendpoints",
                 resource("ModelEndpoint", f"endpoint-{number}", {"model": "model@champion"}))


def seconds_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


def quiet(pid):
    """Waits until the process has worked less than a hundredth of a second within half a second."""
    began = time.monotonic()

    def look():
        before = seconds_of(pid)
        time.sleep(0.5)
        return seconds_of(pid) - before < 0.01

    wait_for(look, "the operator comes to rest")
    return time.monotonic() - began


def change_latency(api, path):
    """Milliseconds from the answer to a change to the status that has seen it."""
    took = []
    for number in range(CHANGES):
        changed = api.merge(path, {"spec": {"source": "none" if number % 2 == 0 else "rows"}})
        generation, began = changed["metadata"]["generation"], time.perf_counter()
        wait_for(lambda g=generation: api.call("GET", path).get("status", {}).get("observedGeneration") == g,
                 "the condition tells of the change")
        took.append((time.perf_counter() - began) * 1000)
    return took


def measure(binary, kubeconfig, work):
    def kubectl(*arguments, **more):
        subprocess.run(["kubectl", "--kubeconfig", kubeconfig, *arguments], check=True, stdout=subprocess.DEVNULL,
                       **more)

    crds = subprocess.run([binary, "crds"], check=True, capture_output=True, text=True).stdout
    kubectl("apply", "--server-side", "-f", "-", input=crds, text=True)
    kubectl("wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=millrace")
    namespace = f"bench-{os.getpid()}"
    kubectl("create", "namespace", namespace)
    port, health = free_port(), free_port()
    proxy = subprocess.Popen(["kubectl", "--kubeconfig", kubeconfig, "proxy", f"--port={port}"],
                             stdout=subprocess.PIPE, text=True)
    operator = None
    try:
        proxy.stdout.readline()
        api = Api(port)
        say(f"{JOBS} finished jobs, {ENDPOINTS} endpoints")
        fill(api, namespace)
        with open(f"{work}/log", "w", encoding="utf-8") as log:
            operator = subprocess.Popen(
                [binary, "operator", "--kubeconfig", kubeconfig, "--namespace", namespace, "--lease-namespace",
                 namespace, "--data-dir", f"{work}/data", "--listen", f"127.0.0.1:{free_port()}", "--health-listen",
                 f"127.0.0.1:{health}", "--log-level", "warning"], stdout=log, stderr=log)
        path = f"{GROUP}/namespaces/{namespace}/modelendpoints/endpoint-{ENDPOINTS - 1}"
        wait_for(lambda: api.call("GET", path).get("status", {}).get("observedGeneration"), "the last endpoint is seen")
        rest_after = quiet(operator.pid)
        say("at rest")
        before = seconds_of(operator.pid)
        time.sleep(REST)
        core = (seconds_of(operator.pid) - before) / REST
        resident = resident_of(operator.pid)
        say(f"{CHANGES} changes")
        took = sorted(change_latency(api, f"{GROUP}/namespaces/{namespace}/featureviews/view"))
        return {"benchmark": "operator", "jobs": JOBS, "endpoints": ENDPOINTS,
                "resident_mb": round(resident / 1e6, 1), "core_at_rest": round(core, 4),
                "start_to_rest_seconds": round(rest_after, 2), "changes": CHANGES,
                "change_to_condition_ms": {"p50": round(statistics.median(took), 2),
                                           "p99": round(took[int(len(took) * 0.99)], 2)}}
    finally:
        if operator is not None:
            operator.terminate()
            operator.wait()
        for plural in ("modelendpoints", "trainingjobs", "models", "featureservices", "featureviews", "datasources"):
            kubectl("delete", plural, "--all", "-n", namespace, "--wait=false")
            if plural in ("models", "featureviews", "datasources"):
                name = {"models": "model", "featureviews": "view", "datasources": "rows"}[plural]
                subprocess.run(["kubectl", "--kubeconfig", kubeconfig, "patch", plural, name, "-n", namespace,
                                "--type=merge", "-p", '{"metadata":{"finalizers":null}}'], check=False,
                               capture_output=True)
        subprocess.run(["kubectl", "--kubeconfig", kubeconfig, "patch", "project", namespace, "--type=merge", "-p",
                        '{"metadata":{"finalizers":null}}'], check=False, capture_output=True)
        kubectl("delete", f"project/{namespace}", f"namespace/{namespace}", "--wait=false")
        proxy.terminate()
        proxy.wait()


def main():
    work = tempfile.mkdtemp(prefix="millrace-bench-")
    try:
        print(json.dumps(measure(os.path.realpath(sys.argv[1]), sys.argv[2], work)))
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
