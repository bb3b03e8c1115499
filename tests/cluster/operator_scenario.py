"""`millrace operator` on a real API server, from `kubectl apply` of a folder to a score, with its faults.

Argument: the binary. The cluster is that of MILLRACE_TEST_KUBECONFIG, kubectl is in PATH; scripts/test_cluster.sh
sees to both. What is asserted is what `kubectl get -o json` says. Everything lies in one namespace, which goes.
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))
from platform_under_test import (DEADLINE, REPOSITORY, SKIPPED, Failure, Folder, Platform, bits, check, free_port, main,
                                 output, same, same_status, says, transaction, wait_for)

LEASE_SECONDS, PATIENT_SECONDS = 3, 30
KILLS = int(os.environ.get("MILLRACE_KILLS", "8"))
KINDS = "projects datasources featureviews featureservices models trainingjobs modelendpoints computepools".split()


class Cluster:
    """kubectl in one namespace."""

    def __init__(self, kubeconfig, namespace):
        self.kubeconfig, self.namespace = kubeconfig, namespace

    def kubectl(self, *arguments, stdin=None, expect=0):
        done = subprocess.run(["kubectl", "--kubeconfig", self.kubeconfig, "-n", self.namespace, *arguments],
                              input=stdin, capture_output=True, text=True, timeout=DEADLINE, check=False)
        if expect is not None and done.returncode != expect:
            raise Failure(f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def get(self, kind, name):
        done = self.kubectl("get", kind, name, "-o", "json", expect=None)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def condition(self, kind, name):
        for one in self.get(kind, name).get("status", {}).get("conditions", []):
            if one["type"] == "Ready":
                return one
        return {}

    def patch(self, kind, name, change, *options):
        return self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change), *options)

    def apply(self, text):
        return self.kubectl("apply", "-f", "-", stdin=text)

    def wait_condition(self, kind, name, status, *parts):
        """Until Ready has the status and its message holds the parts."""

        def look():
            found = self.condition(kind, name)
            holds = found.get("status") == status and all(
                part.lower() in found["message"].lower() for part in parts)
            return found if holds else None

        try:
            found = wait_for(look, f"{kind}/{name} is Ready={status} {parts}", 2 * DEADLINE)
        except Failure as failure:
            raise Failure(f"{failure}\nit says: {self.condition(kind, name)}") from None
        print(f"  {kind}/{name} Ready={status} {found['reason']}: {found['message'][:200]}", flush=True)
        return found


class Operator:
    """One process of `millrace operator`; several may share a data directory, and take turns."""

    def __init__(self, platform, cluster, name, lease=LEASE_SECONDS):
        self.platform, self.cluster, self.lease = platform, cluster, lease
        self.port, self.health_port = free_port(), free_port()
        self.log_path = platform.owner.path / f"operator-{name}.log"
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command(), env=platform.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        platform.owner.processes.append(self.process)

    def command(self):
        return [self.platform.binary, "operator", "--kubeconfig", str(self.platform.owner.path / "operator.yaml"),
                "--namespace", self.cluster.namespace, "--lease-namespace", self.cluster.namespace,
                "--lease-duration", str(self.lease), "--data-dir", str(self.platform.data_dir), "--files-dir",
                str(self.platform.folder), "--listen", f"127.0.0.1:{self.port}", "--health-listen",
                f"127.0.0.1:{self.health_port}", "--log-format", "text"]

    def probe(self, path):
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=10)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        return 0, ""

    def leads(self):
        return self.process.poll() is None and "controllers: ready" in self.probe("/readyz")[1]

    def wait(self, condition, what):
        try:
            return wait_for(lambda: condition() or self.ended(what), what)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log()[-4000:]}") from None

    def ended(self, what):
        if self.process.poll() is not None:
            raise Failure(f"{what}: the operator has ended with {self.process.returncode}")

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(DEADLINE)
        if "Sanitizer" in self.log():
            raise Failure(f"a sanitizer has found something:\n{self.log()}")
        return code

    def score(self):
        """Of one transaction that is not learned, through this process."""
        self.platform.port = self.port
        url = self.cluster.get("modelendpoint", "fraud")["status"]["url"]
        model = url.removeprefix("/v2/models/")
        wait_for(lambda: self.platform.http("GET", f"{url}/ready")[0] == 200,
                 f"{url} answers that it is ready")
        status, answer = self.platform.infer(
            [(name, kind, [1], [value]) for name, kind, value in EVENT], endpoint=model,
            parameters={"learn": False})
        same_status(status, answer)
        return bits(output(answer, "score")[0])


EVENT = [(name, "INT64" if name.endswith("_id") else "BYTES" if name == "tx_datetime" else "FP64", value)
         for name, value in transaction(1).items()]


def rights(platform, cluster):
    """deploy/operator-rbac.yaml under names of this test's own, and a kubeconfig of that identity."""
    text = (REPOSITORY / "deploy/operator-rbac.yaml").read_text()
    for old, new in (("name: millrace-operator", f"name: {cluster.namespace}"),
                     ("namespace: millrace", f"namespace: {cluster.namespace}"),
                     ("name: millrace\n", f"name: {cluster.namespace}\n")):
        text = text.replace(old, new)
    cluster.apply(text)
    config = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json").stdout)
    token = cluster.kubectl("create", "token", cluster.namespace, "--duration=1h").stdout.strip()
    config["users"] = [{"name": one["name"], "user": {"token": token}} for one in config["users"]]
    (platform.owner.path / "operator.yaml").write_text(json.dumps(config))


def install(platform, cluster):
    """The kinds, and before them what an operator says that misses them. Returns whether they were missing."""
    missing = cluster.kubectl("get", "crd", "models.millrace.dev", expect=None).returncode != 0
    if missing:
        lost = Operator(platform, cluster, "too-early")
        code = lost.process.wait(DEADLINE)
        check(code != 0, "an operator without its kinds ends")
        says(lost.log(), "millrace crds | kubectl apply", what="and says what to do")
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=platform.run("crds", expect=0).stdout)
    cluster.kubectl("wait", "--for=condition=Established", *(f"crd/{kind}.millrace.dev" for kind in KINDS))
    return missing


def nothing_without_a_project(platform, cluster):
    operator = Operator(platform, cluster, "without-a-project")
    operator.wait(operator.leads, "the only operator leads")
    cluster.apply((platform.folder / "fraud.yaml").read_text())
    says(cluster.wait_condition("datasource", "transactions", "False", "does not exist")["reason"], "Invalid",
         what="resources of a Project that is missing wait, and say so")
    same(operator.end(), 0, "it ends")
    cluster.apply(f"apiVersion: millrace.dev/v1alpha1\nkind: Project\nmetadata: {{name: {cluster.namespace}}}\n"
                  "spec: {}\n")


def killed_at_random_moments(platform, cluster):
    """Each one goes on where the one before was killed."""
    seed = secrets.randbelow(1_000_000)
    moments = random.Random(seed)
    print(f"  {KILLS} kills, seed {seed}", flush=True)
    for number in range(KILLS):
        operator = Operator(platform, cluster, f"killed-{number}")
        operator.wait(lambda op=operator: "leads from now on" in op.log(), f"operator {number} leads")
        time.sleep(moments.uniform(0, 1.5))
        operator.ended("it works until it is killed")
        same(operator.end(signal.SIGKILL), -signal.SIGKILL, f"operator {number} is killed")


def to_a_score(cluster, operator):
    operator.wait(operator.leads, "one that is left alone leads")
    for kind, name in (("datasource", "transactions"), ("featureview", "customer-spending"),
                       ("featureview", "terminal-risk"), ("featureservice", "fraud-input"), ("model", "fraud"),
                       ("modelendpoint", "fraud")):
        cluster.wait_condition(kind, name, "True")
    cluster.kubectl("wait", "--for=condition=Ready", "modelendpoint/fraud", "--timeout=10s")
    same(cluster.get("datasource", "transactions")["status"]["rows"], 12_000, "the rows are in the status")
    model = cluster.get("model", "fraud")["status"]
    same(model["promotedVersion"], model["latestVersion"], "the newest version is promoted")
    (job,) = json.loads(cluster.kubectl("get", "trainingjobs", "-o", "json").stdout)["items"]
    same(job["status"]["phase"], "Succeeded", "the one training job has succeeded")
    same(job["metadata"]["ownerReferences"][0]["kind"], "Model", "and belongs to its model")
    says(cluster.kubectl("get", "millrace").stdout, "transactions", "customer-spending", "fraud-input",
         what="kubectl get millrace")
    score = operator.score()
    check(score, "and a transaction is scored")
    return score


def edits_by_hand(cluster):
    """Whatever kubectl writes is checked; what is wrong is said, and a status is what the controllers find."""
    source = cluster.get("featureview", "terminal-risk")["spec"]["source"]
    cluster.patch("featureview", "terminal-risk", {"spec": {"source": "transaction"}})
    cluster.wait_condition("featureview", "terminal-risk", "False", "DataSource 'transaction' does not exist",
                           "did you mean 'transactions'?")
    cluster.patch("featureview", "terminal-risk", {"spec": {"source": source}})
    cluster.wait_condition("featureview", "terminal-risk", "True")
    lie = {"type": "Ready", "status": "False", "reason": "Lie", "message": "It is not.",
           "lastTransitionTime": "2026-01-01T00:00:00Z"}
    cluster.patch("modelendpoint", "fraud", {"status": {"conditions": [lie]}}, "--subresource=status")
    cluster.wait_condition("modelendpoint", "fraud", "True")
    cluster.kubectl("annotate", "model", "fraud", "example.com/note=mine")
    done = cluster.kubectl("patch", "modelendpoint", "fraud", "--type=merge", "-p",
                           '{"spec": {"scaling": {"minReplicas": 3, "maxReplicas": 2}}}', expect=1)
    says(done.stderr, "3 is more than maxReplicas, 2", what="the API server refuses by itself what it can")


def one_leader_of_two(platform, cluster, first, score):
    """The second waits; the first is killed; the second goes on from what is stored."""
    second = Operator(platform, cluster, "second")
    second.wait(lambda: second.probe("/readyz")[0] == 200, "the one that waits is ready")
    check(not second.leads(), "but does not lead")
    held = cluster.get("lease", "millrace-operator")["spec"]
    same(first.end(signal.SIGKILL), -signal.SIGKILL, "the leader is killed")
    second.wait(second.leads, "the other takes over")
    now = cluster.get("lease", "millrace-operator")["spec"]
    check(now["holderIdentity"] != held["holderIdentity"], "the lease has its name")
    same(now["leaseTransitions"], held.get("leaseTransitions", 0) + 1, "after one change of hands")
    cluster.wait_condition("modelendpoint", "fraud", "True")
    same(second.score(), score, "the score has the same bits")
    same(len(json.loads(cluster.kubectl("get", "trainingjobs", "-o", "json").stdout)["items"]), 1,
         "nothing was trained again")
    return second


def a_lease_that_is_taken_away(platform, cluster, leader, score):
    cluster.patch("lease", "millrace-operator", {"spec": {"holderIdentity": "somebody"}})
    check(leader.process.wait(DEADLINE) not in (0, -signal.SIGKILL), "a leader that is one no more ends")
    says(leader.log(), "the lease millrace-operator was lost", what="and says why")
    third = Operator(platform, cluster, "third")
    third.wait(third.leads, "the next one leads once the lease has run out")
    cluster.wait_condition("modelendpoint", "fraud", "True")
    same(third.score(), score, "and answers the same")
    same(cluster.get("model", "fraud")["metadata"]["annotations"]["example.com/note"], "mine",
         "a note of others is still there")
    return third


def api_server_restarted(cluster, operator, score):
    command = os.environ.get("MILLRACE_TEST_RESTART_APISERVER", "")
    if not command:
        print("  MILLRACE_TEST_RESTART_APISERVER says no way to restart the API server: left out", flush=True)
        return
    subprocess.run(shlex.split(command), check=True, timeout=DEADLINE, stdout=subprocess.DEVNULL)
    same(operator.score(), score, "an operator whose API server was gone goes on serving")
    wait_for(lambda: operator.probe("/readyz")[0] == 200, "it is ready again")
    cluster.patch("featureview", "terminal-risk", {"spec": {"source": "transaction"}})
    cluster.wait_condition("featureview", "terminal-risk", "False", "does not exist")
    cluster.patch("featureview", "terminal-risk", {"spec": {"source": "transactions"}})
    cluster.wait_condition("featureview", "terminal-risk", "True")
    operator.ended("it is the same process")


def deletion(platform, cluster):
    """What is needed stays until nothing needs it; then everything goes, with what was made for it."""
    tables = platform.data_dir / "offline" / cluster.namespace
    cluster.kubectl("delete", "datasource", "transactions", "--wait=false")
    kept = cluster.wait_condition("datasource", "transactions", "False", "once nothing needs it any more",
                                  "customer-spending", "Model")
    same(kept["reason"], "InUse", "a source that is needed is kept")
    check((tables / "sources/transactions").is_dir(), "with its table")
    cluster.kubectl("delete", "-f", str(platform.folder / "fraud.yaml"), "--timeout=120s")
    cluster.kubectl("delete", "project", cluster.namespace, "--timeout=60s")
    wait_for(lambda: not cluster.kubectl("get", "trainingjobs", "-o", "name").stdout, "the jobs go with their model")
    check(not tables.exists(), "no table is left")


def clean_up(cluster, kinds_were_missing):
    """Whatever a failure left: without an operator nobody takes finalizers away."""
    for kind in KINDS[1:]:
        for name in cluster.kubectl("get", kind, "-o", "name", expect=None).stdout.split():
            cluster.kubectl("patch", name, "--type=merge", "-p", '{"metadata": {"finalizers": null}}', expect=None)
    cluster.kubectl("patch", "project", cluster.namespace, "--type=merge", "-p",
                    '{"metadata": {"finalizers": null}}', expect=None)
    cluster.kubectl("delete", f"project/{cluster.namespace}", f"clusterrole/{cluster.namespace}",
                    f"clusterrolebinding/{cluster.namespace}", f"namespace/{cluster.namespace}", "--wait=false",
                    "--ignore-not-found", expect=None)
    if kinds_were_missing:
        cluster.kubectl("delete", "crd", "-l", "app.kubernetes.io/part-of=millrace", "--wait=false", expect=None)


def scenario(binary):
    kubeconfig = os.environ.get("MILLRACE_TEST_KUBECONFIG", "")
    if not kubeconfig:
        print("MILLRACE_TEST_KUBECONFIG names no cluster; scripts/test_cluster.sh starts one")
        sys.exit(SKIPPED)
    with Folder() as folder:
        platform = Platform(binary, folder, folder.path / "project", True, ())
        cluster = Cluster(kubeconfig, f"operator-test-{secrets.token_hex(3)}")
        missing = False
        try:
            rights(platform, cluster)
            missing = install(platform, cluster)
            nothing_without_a_project(platform, cluster)
            killed_at_random_moments(platform, cluster)
            first = Operator(platform, cluster, "first")
            score = to_a_score(cluster, first)
            edits_by_hand(cluster)
            second = one_leader_of_two(platform, cluster, first, score)
            third = a_lease_that_is_taken_away(platform, cluster, second, score)
            same(third.end(), 0, "an operator that is asked to ends well")
            same(cluster.get("lease", "millrace-operator")["spec"].get("holderIdentity", ""), "",
                 "and gives the lease back")
            patient = Operator(platform, cluster, "patient", PATIENT_SECONDS)
            patient.wait(patient.leads, "the next one need not wait for it")
            api_server_restarted(cluster, patient, score)
            deletion(platform, cluster)
            same(patient.end(), 0, "the last one ends")
        except Failure:
            for log in sorted(folder.path.glob("operator-*.log")):
                print(f"--- {log.name}\n{re.sub(r'(?m)^.*listing again.*$', '', log.read_text())[-3000:]}")
            raise
        finally:
            clean_up(cluster, missing)


main(scenario)
