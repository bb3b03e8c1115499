"""From rows to a served score, a stop and a start: the same bits, and nothing computed twice."""

import json
import signal

from platform_under_test import (Failure, Folder, bits, check, feature, main, output, same, same_status, says,
                                 transaction, wait_for)


def score_by_keys_and_by_features(platform):
    status, keyed = platform.predict(transaction(1), id="request-1")
    same_status(status, keyed)
    same(keyed["id"], "request-1", "the request's id comes back")
    same(keyed["model_version"], "1", "version 1 answers")
    same(feature(keyed, "customer-spending__tx_count_1d"), 1, "the scored event counts itself")
    vector = output(keyed, "features")
    status, direct = platform.infer([("features", "FP64", [1, len(vector)], vector)], outputs=("score",))
    same_status(status, direct)
    same(bits(output(direct, "score")[0]), bits(output(keyed, "score")[0]),
         "by keys and by feature tensors the score has the same bits")
    return vector, bits(output(direct, "score")[0])


def learn_once(platform):
    def count():
        return platform.spending(7, "2018-10-01T13:00:00Z")["tx_count_1d"]

    wait_for(lambda: count() == 1, "the scored event is learned")
    for _ in range(3):
        _, again = platform.predict(transaction(1))
        same(feature(again, "customer-spending__tx_count_1d"), 1, "an event that came before counts once")
    _, second = platform.predict(transaction(2, at="2018-10-01T12:30:00Z"))
    same(feature(second, "customer-spending__tx_count_1d"), 2, "another event counts both")
    wait_for(lambda: count() == 2, "and is learned")


def commands(platform):
    same(platform.run("wait", "modelendpoint/fraud", "--for=condition=Ready", "--timeout=30s").returncode, 0,
         "wait ends with 0")
    says(platform.run("get", "all", expect=0).stdout, "transactions", "customer-spending", "terminal-risk",
         "fraud-input", "fraud", what="get all names every resource")
    one = json.loads(platform.run("get", "model/fraud", "-o", "json", expect=0).stdout)
    same(one["status"]["promotedVersion"], 1, "get -o json gives the status")
    says(platform.run("describe", "model/fraud", expect=0).stdout, "Conditions", "Ready True",
         what="describe shows the conditions")
    says(platform.run("explain", "model.spec.split.gap", expect=0).stdout, "knownAfter", what="explain")
    says(platform.run("models", "list", expect=0).stdout, "champion=1", what="models list shows the alias")
    says(platform.run("models", "versions", "fraud", expect=0).stdout, "all 2 gates passed",
         what="models versions says what was decided")
    says(platform.run("logs", "model/fraud", expect=0).stdout, "round 10 of 10", what="logs shows the training")
    says(platform.run("audit", "verify", expect=0).stdout, "records are intact", what="audit verify")
    says(platform.run("features", "get", "customer-spending", "customer_id=7", "--at", "2018-10-01T13:00:00Z",
                      expect=0).stdout, "tx_count_1d", what="features get")
    fields = [f"{name}={value}" for name, value in transaction(3, customer=8).items()]
    says(platform.run("predict", "fraud", *fields, "--features", "--no-learn", expect=0).stdout, "score",
         what="predict")
    same(platform.run("get", "model/fruad").returncode, 3, "a name that is not there ends with 3")
    same(platform.run("wait", "model/fraud", "--for=condition=Ready=False", "--timeout=1s").returncode, 6,
         "a wait whose time is over ends with 6")


def table_versions(platform):
    return {str(log.relative_to(platform.data_dir)): len(list(log.glob("*.json")))
            for log in platform.data_dir.glob("offline/**/_delta_log")}


def refuse_to_delete_what_is_needed(platform):
    done = platform.run("delete", "featureview/customer-spending")
    same(done.returncode, 7, "deleting what others need is refused with 7")
    says(done.stdout + done.stderr, "fraud-input", what="and names who needs it")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary).start()
        platform.wait_ready()
        vector, score = score_by_keys_and_by_features(platform)
        learn_once(platform)
        commands(platform)
        refuse_to_delete_what_is_needed(platform)
        before = table_versions(platform)
        if not before:
            raise Failure("no Delta tables below offline/")
        jobs = [job["metadata"]["name"] for job in platform.list("trainingjobs")]
        same(platform.stop(signal.SIGINT), 0, "Ctrl-C ends up with 0")
        same(platform.run("get", "all").returncode, 5, "then nothing answers: exit code 5")

        platform.start()
        platform.wait_ready()
        status, direct = platform.infer([("features", "FP64", [1, len(vector)], vector)], outputs=("score",))
        same_status(status, direct)
        same(bits(output(direct, "score")[0]), score, "after a restart the score has the same bits")
        _, again = platform.predict(transaction(1))
        same(output(again, "features"), vector, "and the event that came before has the same features")
        same(platform.spending(7, "2018-10-01T13:00:00Z")["tx_count_1d"], 2, "learned events are still there")
        same(table_versions(platform), before, "no table was written again")
        same([job["metadata"]["name"] for job in platform.list("trainingjobs")], jobs, "no training ran again")
        same(len(platform.versions()), 1, "there is one version")
        same(platform.stop(signal.SIGTERM), 0, "SIGTERM ends up with 0, too")

        platform.start(folder=False)
        platform.wait_ready()
        check(platform.is_ready(), "without a folder, what was applied before is served")
        same(platform.stop(), 0, "and it stops")


main(scenario)
