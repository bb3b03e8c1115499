"""Bad definitions through the command line and HTTP: every problem at once, with its place and the exit code for
input that is not valid, and nothing is stored. Argument: the binary."""
import json

from platform_under_test import APIS, Folder, check, main, same, says

MISTAKES = [
    ("of: tx_amount", "of: tx_amuont"),
    ("hour(tx_datetime) <= 6", "hour(tx_amount) <= 6"),
    ("max_depth: 3", "max_dept: 3"),
    ("average_precision >= 0.01", "average_precison >= 0.01"),
]
SENTENCES = [
    "there is no column tx_amuont; did you mean tx_amount?",
    "spec.trainer.xgboost.max_dept: is no parameter of XGBoost's tree boosters; did you mean 'max_depth'?",
    "there is no metric 'average_precison', did you mean 'average_precision'?",
    "hour takes timestamp, not double",
]


def lines_of(done):
    return [line for line in (done.stdout + done.stderr).splitlines() if "fraud.yaml:" in line]


def without_a_server(platform):
    platform.write_yaml(MISTAKES)
    done = platform.run("validate", str(platform.folder / "fraud.yaml"), expect=2)
    says(done.stdout + done.stderr, *SENTENCES, platform.place("max_dept"), what="validate tells all at once")
    same(len(lines_of(done)), len(MISTAKES), "each mistake once")
    same(platform.run("up", str(platform.folder), "--once").returncode, 2, "up refuses the folder")
    check(not platform.data_dir.exists(), "and makes nothing")


def with_a_server(platform):
    platform.write_yaml()
    platform.start()
    before = platform.resource("featureviews", "customer-spending")["spec"]
    platform.write_yaml(MISTAKES)
    done = platform.run("apply", "-f", str(platform.folder / "fraud.yaml"), expect=2)
    says(done.stdout + done.stderr, *SENTENCES, what="apply tells all at once")
    same(platform.resource("featureviews", "customer-spending")["spec"], before, "the view is as it was")


def over_http(platform):
    path = f"{APIS}/namespaces/default/models/fraud"
    patch = {"spec": {"gates": ["average_precison >= 0.5"], "trainer": {"xgboost": {"eta": 7}}}}
    status, answer = platform.http("PATCH", path, json.dumps(patch).encode(),
                                   headers={"Content-Type": "application/merge-patch+json"})
    same(status, 422, "a patch is refused")
    fields = sorted(cause["field"] for cause in answer["details"]["causes"])
    same(fields, ["spec.gates[0]", "spec.trainer.xgboost.eta"], "with a cause a problem")
    view = {"metadata": {"name": "other"},
            "spec": {"source": "transactions", "entities": ["customer"], "windows": ["1d"],
                     "features": [{"name": "n", "aggregate": "count"}]}}
    status, answer = platform.http("POST", f"{APIS}/namespaces/default/featureviews", view)
    same(status, 422, "a view over no column is refused")
    says(answer["message"], "spec.entities[0]: there is no column 'customer'", what="it says")
    same(platform.resource("featureviews", "other"), {}, "and is not stored")
    change = {"spec": {"files": {"sql": "SELECT * EXCLUDE (tx_amount) FROM files"}}}
    status, answer = platform.http("PATCH", f"{APIS}/namespaces/default/datasources/transactions",
                                   json.dumps(change).encode(),
                                   headers={"Content-Type": "application/merge-patch+json"})
    same(status, 422, "a source without a column that a view reads is refused")
    says(answer["message"], "FeatureView customer-spending (which exists)", "tx_amount", what="by the view's name")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary)
        without_a_server(platform)
        with_a_server(platform)
        over_http(platform)
        same(platform.stop(), 0, "it ends as it should")


main(scenario)
