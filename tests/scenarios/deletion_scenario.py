"""What is deleted takes along what it made, also when Millrace is killed while it does so; another of the same name
sees nothing of it."""

import contextlib
import http.client
import json
import signal
import time

from platform_under_test import Failure, Folder, check, main, same, same_status, says, transaction

CONFLICT = 7
KINDS = [("modelendpoints", "fraud"), ("models", "fraud"), ("featureservices", "fraud-input"),
         ("featureviews", "customer-spending"), ("featureviews", "terminal-risk"), ("datasources", "transactions")]
TABLES = ("sources/transactions", "pushed/transactions", "dead/transactions", "features/customer-spending",
          "features/terminal-risk")


def still_there(platform):
    """Names of resources that answer; everything while the platform does not."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return [name for plural, name in KINDS
                if platform.http("GET", f"/apis/millrace.dev/v1alpha1/namespaces/default/{plural}/{name}")[0] != 404]
    return ["everything"]


def made(platform):
    """What lies below the data directory for the project's tables, packages and runs."""
    roots = [platform.data_dir / "offline/default" / table for table in TABLES]
    roots += [platform.data_dir / "packages/default/fraud", *(platform.data_dir / "runs").glob("*")]
    return [str(root.relative_to(platform.data_dir)) for root in roots if root.exists()]


def state_bytes(platform):
    text = platform.http("GET", "/metrics")[1]
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("millrace_state_bytes"))


def refused_while_needed(platform):
    done = platform.run("delete", "model/fraud", expect=CONFLICT)
    says(done.stderr, "needed by", "ModelEndpoint", what="a model that an endpoint serves")


def a_job_leaves_its_run(platform):
    """The run is the registry's: it stays with its directory until it is deleted itself."""
    job = json.loads(platform.run("get", "trainingjobs", "-o", "json", expect=0).stdout)["items"][0]
    run = job["status"]["run"]
    directory = platform.data_dir / "runs" / run
    platform.run("delete", f"trainingjob/{job['metadata']['name']}", expect=0)
    check((directory / "train.log").exists(), "a TrainingJob that is deleted leaves its run's directory")
    runs = json.loads(platform.run("models", "runs", "fraud", "-o", "json", expect=0).stdout)["items"]
    check(run in [one["id"] for one in runs], "and the run in the registry")
    platform.run("models", "delete-run", run, expect=0)
    check(not directory.exists(), "the run's deletion takes its directory along")
    check(platform.is_ready(), "its version goes on serving")


def kept_by_a_replay(platform):
    """A replay keeps events: a start that wants to apply over a source that goes says so at once."""
    when = "2018-10-01T00:00:00Z"
    platform.stop()
    platform.start("--as-of", when).wait_ready()
    platform.run("delete", "-f", str(platform.folder / "fraud.yaml"), "--no-wait", expect=0)
    platform.wait(lambda: still_there(platform) == ["transactions"], "all but the source is gone")
    platform.stop()
    began = time.monotonic()
    done = platform.run(*platform.up("--as-of", when))
    check(done.returncode != 0, "up --as-of does not apply over a source that is being deleted")
    check(time.monotonic() - began < 50, "it does not wait for what stays")
    says(done.stderr, "DataSource transactions is being deleted", "a start without --as-of removes it", what="up --as-of")
    platform.start().wait_ready()
    same([one["version"] for one in platform.versions()], [1], "a start without --as-of removes it and makes it anew")


def push(platform, number):
    """An event that only the online log and the table of pushed rows know."""
    same_status(*platform.push(transaction(number)))


def nothing_is_left(platform, what):
    platform.wait(lambda: not still_there(platform), f"{what}: all resources are gone")
    same(made(platform), [], f"{what}: no table, package or run is left")
    same(state_bytes(platform), 0.0, f"{what}: no online state is left")
    versions = json.loads(platform.run("models", "list", "-o", "json", expect=0).stdout)
    same(versions["items"], [], f"{what}: no version is left")


def sees_nothing_of_it(platform, rows):
    """Applied again: the rows of the files alone, and the first version."""
    platform.run("apply", str(platform.folder / "fraud.yaml"), expect=0)
    platform.wait_ready()
    same(platform.resource("datasources", "transactions")["status"]["rows"], rows, "the events are those of the files")
    same([one["version"] for one in platform.versions()], [1], "versions begin at 1")
    same(platform.spending(7, "2018-10-01T13:00:00Z").get("tx_count_1d"), 0, "what was pushed before is not counted")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary)
        platform.start().wait_ready()
        rows = platform.resource("datasources", "transactions")["status"]["rows"]
        push(platform, 1)
        check(platform.spending(7, "2018-10-01T13:00:00Z")["tx_count_1d"] == 1, "a pushed event is counted")
        check(len(made(platform)) >= 5, f"there is something to remove: {made(platform)}")
        refused_while_needed(platform)
        a_job_leaves_its_run(platform)

        # Whole, in order, by the file that made it.
        platform.run("delete", "-f", str(platform.folder / "fraud.yaml"), expect=0)
        nothing_is_left(platform, "delete -f")
        sees_nothing_of_it(platform, rows)

        # Killed while it removes: the next start goes on, whatever was done by then.
        for delay in (0, 0.05, 0.2):
            push(platform, 2)
            platform.run("delete", "-f", str(platform.folder / "fraud.yaml"), "--no-wait", expect=0)
            time.sleep(delay)
            platform.stop(signal.SIGKILL)
            platform.start(folder=False)
            nothing_is_left(platform, f"killed {delay} s after the deletion")
            sees_nothing_of_it(platform, rows)

        # The folder is applied by `up` itself, which waits for what is still being deleted.
        platform.run("delete", "-f", str(platform.folder / "fraud.yaml"), "--no-wait", expect=0)
        platform.stop(signal.SIGKILL)
        platform.start().wait_ready()
        same([one["version"] for one in platform.versions()], [1], "up on the folder makes it anew")
        kept_by_a_replay(platform)

        same(platform.stop(), 0, "Ctrl-C ends it with 0")
        says(platform.run("audit", "verify", expect=0).stdout, "intact", what="the audit log")
        audit = (platform.data_dir / "audit.log").read_text()
        for what in ('"delete"', '"model.delete"', '"alias.delete"', '"run.delete"'):
            if what not in audit:
                raise Failure(f"the audit log holds no {what}")
        print("  every deletion is in the audit log", flush=True)


if __name__ == "__main__":
    main(scenario)
