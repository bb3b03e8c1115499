"""A changed definition makes a new version, which takes over under load with no failed request; then a version whose
package has one byte changed is not served, and a changed audit log is found out."""

import http.client
import json
import re
import shutil
import threading

from platform_under_test import (Failure, Folder, bits, check, event_tensors, main, output, same, same_status, says,
                                 transaction)

DAMAGED = 8
ANY_PASSES = [("  - average_precision >= champion.average_precision - 0.01\n", "")]


class Load(threading.Thread):
    """Scores one event over and over on one connection; what each version has answered."""

    def __init__(self, platform, number):
        super().__init__()
        self.address, self.token = platform.port, platform.token()
        self.body = json.dumps({
            "inputs": [dict(zip(("name", "datatype", "shape", "data"), one))
                       for one in event_tensors(transaction(number))],
            "outputs": [{"name": "score"}],
        })
        self.stop, self.failures, self.scores, self.requests = threading.Event(), [], {}, 0

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.address, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        while not self.stop.is_set():
            try:
                connection.request("POST", "/v2/models/fraud/infer", self.body, headers)
                response = connection.getresponse()
                answer = json.loads(response.read())
                if response.status != 200:
                    raise Failure(f"{response.status}: {answer}")
                self.requests += 1
                self.scores.setdefault(answer["model_version"], set()).add(bits(output(answer, "score")[0]))
            except Exception as failure:  # of any kind: every one counts
                self.failures.append(repr(failure))
                return
            self.stop.wait(0.005)
        connection.close()


def serving(platform, version):
    return platform.resource("modelendpoints", "fraud").get("status", {}).get("version") == version


def swapped_under_load(platform):
    loads = [Load(platform, number) for number in (1, 2)]
    for load in loads:
        load.start()
    try:
        platform.write_yaml([*ANY_PASSES, ("num_boost_round: 10,", "num_boost_round: 12,")])
        platform.run("apply", "-f", str(platform.folder / "fraud.yaml"), expect=0)
        platform.wait(lambda: serving(platform, 2), "version 2 is trained and served")
        platform.run("models", "alias", "fraud", "champion", "--version", "1", expect=0)
        platform.wait(lambda: serving(platform, 1), "version 1 is served again")
        for turn in range(20):
            version = 2 - turn % 2
            move_alias(platform, version)
            platform.wait(lambda v=version: serving(platform, v), f"version {version} is served")
        move_alias(platform, 2)
        platform.wait(lambda: serving(platform, 2), "version 2 is served")
        platform.wait(lambda: all("2" in load.scores for load in loads), "both clients were answered by version 2")
    finally:
        for load in loads:
            load.stop.set()
        for load in loads:
            load.join()
    same([load.failures for load in loads], [[], []], f"{sum(load.requests for load in loads)} requests, none failed")
    for load in loads:
        same(sorted(load.scores), ["1", "2"], "a client saw both versions")
        check(all(len(scores) == 1 for scores in load.scores.values()), "each of which always gave the same bits")
    phases = lambda: [job.get("status", {}).get("phase") for job in platform.list("trainingjobs")]  # noqa: E731
    platform.wait(lambda: phases() == ["Succeeded"] * 2, "there were two trainings")


def move_alias(platform, version):
    status, answer = platform.http("PUT", "/apis/millrace.dev/v1alpha1/namespaces/default/models/fraud/aliases/champion",
                                   {"version": version})
    same_status(status, answer)


def package_with_one_byte_changed(platform):
    _, before = platform.predict(transaction(3))
    same(platform.stop(), 0, "Ctrl-C ends it with 0")
    package = platform.data_dir / "packages/default/fraud/2"
    model = max(package.rglob("*.ubj"))
    whole = model.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    model.chmod(0o600)
    model.write_bytes(bytes(changed))

    platform.start()
    condition = platform.wait_message("modelendpoints", "fraud", model.name, "2")
    same(condition["status"], "False", "a version with one byte changed is refused")
    status, answer = platform.predict(transaction(4))
    check(status >= 400, f"and nothing is answered from it (HTTP {status}: {answer})")
    move_alias(platform, 1)
    platform.wait(lambda: serving(platform, 1), "version 1 is served")
    platform.wait_ready()
    status, answer = platform.predict(transaction(5))
    same((status, answer["model_version"]), (200, "1"), "the version of before serves when the alias moves back")
    same(platform.stop(), 0, "Ctrl-C ends it with 0")

    model.write_bytes(whole)
    platform.start()
    platform.wait_ready()
    move_alias(platform, 2)
    platform.wait(lambda: serving(platform, 2), "version 2 is served")
    status, answer = platform.predict(transaction(3))
    same((status, answer["model_version"], bits(output(answer, "score")[0])),
         (200, "2", bits(output(before, "score")[0])), "with its bytes as they were it gives the bits of before")


def audit_log(platform):
    says(platform.run("audit", "verify", expect=0).stdout, "records are intact", what="audit verify")
    same(platform.stop(), 0, "Ctrl-C ends it with 0")
    log = platform.data_dir / "audit.log"
    lines = log.read_bytes().splitlines(keepends=True)
    check(len(lines) > 20, f"{len(lines)} changes are recorded")
    middle = len(lines) // 2  # the line's number is middle + 1

    def edited():
        line = lines[middle].replace(b'"who":"', b'"who":"x', 1)
        return [*lines[:middle], line, *lines[middle + 1:]]

    cases = [
        ("a changed record", edited(), middle + 1),
        ("a dropped record", [*lines[:middle], *lines[middle + 1:]], middle + 1),
        ("two records in each other's place", [*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2:]],
         middle + 1),
        ("a record twice", [*lines[:middle], lines[middle], *lines[middle:]], middle + 2),
        ("the last record dropped", lines[:-1], len(lines)),
        ("a record cut off", [*lines[:-1], lines[-1][:20]], len(lines)),
    ]
    copy = platform.folder / "copy"
    shutil.copytree(platform.data_dir, copy)
    for what, content, bad in cases:
        (copy / "audit.log").write_bytes(b"".join(content))
        done = platform.run("audit", "verify", "--data-dir", str(copy))
        same(done.returncode, DAMAGED, f"{what} is found")
        says(done.stdout + done.stderr, "record", what=what)
        if str(bad) not in re.findall(r"\d+", done.stdout + done.stderr):
            raise Failure(f"{what}: record {bad} should be named: {done.stdout}{done.stderr}")
    (copy / "audit.log").write_bytes(b"".join(lines))
    platform.run("audit", "verify", "--data-dir", str(copy), expect=0)


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary, changes=ANY_PASSES).start()
        platform.wait_ready()
        swapped_under_load(platform)
        package_with_one_byte_changed(platform)
        audit_log(platform)


main(scenario)
