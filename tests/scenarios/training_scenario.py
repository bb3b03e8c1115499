"""Trainings that are killed, out of memory, endless, told nonsense, or below their gate: what the status says, and
that the platform goes on."""

import os
import re
import signal

from platform_under_test import Failure, Folder, check, children_of, main, same, same_status, says, transaction

ROUNDS = "num_boost_round: 10,"
SPLIT = "  split: {start"


def apply(platform, *changes):
    platform.write_yaml(changes)
    return platform.run("apply", "-f", str(platform.folder / "fraud.yaml"))


def job_of(platform):
    return platform.resource("models", "fraud").get("status", {}).get("job", "")


def wait_failed(platform, before, *parts):
    """The newest job, which is another than before, has failed with these words."""

    def look():
        name = job_of(platform)
        if not name or name == before:
            return None
        job = platform.resource("trainingjobs", name)
        return job if job.get("status", {}).get("phase") == "Failed" else None  # a new job has no status yet

    job = platform.wait(look, "a training has failed")
    message = next(one for one in job["status"]["conditions"] if one["type"] == "Ready")["message"]
    says(message, *parts, what=f"TrainingJob {job['metadata']['name']}")
    platform.wait_message("models", "fraud", job["metadata"]["name"], *parts)
    return job["metadata"]["name"]


def killed(platform):
    """What ended it may have been the machine, so it is tried again; after the third time it is left."""
    seen = set()
    for attempt in range(3):
        child = platform.wait(lambda: set(children_of(platform.process.pid)) - seen, "a training's child runs").pop()
        seen.add(child)
        os.kill(child, signal.SIGKILL)
        print(f"  the child of attempt {attempt + 1} is killed", flush=True)
    job = wait_failed(platform, "", "killed by signal 9 (SIGKILL) from outside")
    check(platform.answers(), "the platform goes on")
    says(platform.run("describe", f"trainingjob/{job}", expect=0).stdout, "SIGKILL", what="describe says it")
    same(platform.run("delete", f"trainingjob/{job}").returncode, 0, "the job is deleted, as the status says")
    platform.wait(lambda: set(children_of(platform.process.pid)) - seen, "then it is trained again")


def limits(platform):
    before = job_of(platform)
    same(apply(platform, (ROUNDS, "num_boost_round: 5000, "), (SPLIT, "  limits: {memory: 8Mi}\n" + SPLIT)).returncode,
         0, "a limit of memory is applied")
    before = wait_failed(platform, before, "killed: over its memory limit of 8 MiB")
    same(apply(platform, (ROUNDS, "num_boost_round: 100000, "), (SPLIT, "  limits: {time: 3s}\n" + SPLIT)).returncode,
         0, "a limit of time is applied")
    wait_failed(platform, before, "over its time limit of 3s")
    same(children_of(platform.process.pid), [], "nothing of them is left running")


def unknown_parameter(platform):
    jobs = len(platform.list("trainingjobs"))
    before = platform.resource("models", "fraud")["spec"]
    refused = apply(platform, ("max_depth: 3", "max_deph: 3"))
    same(refused.returncode, 2, "an unknown parameter of XGBoost is refused")
    says(refused.stderr, "spec.trainer.xgboost.max_deph", "did you mean 'max_depth'", what="with its place")
    same(platform.resource("models", "fraud")["spec"], before, "the model is as it was")
    same(len(platform.list("trainingjobs")), jobs, "and nothing is trained with it")


def works(platform):
    same(apply(platform).returncode, 0, "the definition is mended")
    platform.wait_message("models", "fraud", "is champion")
    platform.wait_ready()
    status, answer = platform.predict(transaction(1))
    same_status(status, answer)
    log = platform.run("logs", "model/fraud", expect=0).stdout
    rounds = {int(number) for number in re.findall(r"round (\d+) of 10\b.*logloss", log)}
    same(rounds, set(range(1, 11)), "its log has a line a round")
    return answer["model_version"]


def failed_gate(platform, champion):
    before = job_of(platform)
    same(apply(platform, ("average_precision >= 0.01", "average_precision >= 0.999")).returncode, 0,
         "a gate that nothing passes is applied")

    def look():
        name = job_of(platform)
        status = platform.resource("trainingjobs", name).get("status", {}) if name != before else {}
        return status if status.get("phase") == "Succeeded" else None

    job = platform.wait(look, "a training has ended")
    same(job["promoted"], False, "its version is not promoted")
    ready = next(one for one in job["conditions"] if one["type"] == "Ready")
    says(ready["message"], "not promoted", "average_precision", "0.999", what="the job says why")
    rows = {str(row["version"]): row for row in platform.versions()}
    newest = rows[str(job["version"])]
    same(newest["status"], "READY", "the version is registered")
    says(newest["reason"], "average_precision", "0.999", what="the registry says why")
    if newest.get("aliases"):
        raise Failure(f"the version has an alias: {newest}")
    platform.wait_message("models", "fraud", "average_precision", "0.999")
    _, answer = platform.predict(transaction(2))
    same(answer["model_version"], champion, "the champion of before goes on answering")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary, changes=[(ROUNDS, "num_boost_round: 100000,")]).start()
        killed(platform)
        limits(platform)
        unknown_parameter(platform)
        champion = works(platform)
        failed_gate(platform, champion)
        says(platform.run("audit", "verify", expect=0).stdout, "intact", what="audit verify")
        same(platform.stop(), 0, "Ctrl-C ends it with 0")


main(scenario)
