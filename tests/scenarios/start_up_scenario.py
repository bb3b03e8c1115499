"""What stops `millrace up` before it starts: a sentence that says why, a code of docs/cli.md, and nothing changed."""

import os
import socket
import subprocess

from platform_under_test import Failure, Folder, check, main, same, says

USAGE, UNAVAILABLE, CONFLICT, DAMAGED = 2, 5, 7, 8

# (what, changes to fraud.yaml, what must be said; "@text" is the place of that text)
WRONG_YAML = [
    ("an unknown field", [("eventTime: tx_datetime", "eventTyme: tx_datetime")],
     ["@eventTyme", "spec.eventTyme", "did you mean 'eventTime'"]),
    ("a reference to what is not there", [("{view: terminal-risk}", "{view: terminal-rusk}")],
     ["@terminal-rusk", "'terminal-rusk' does not exist", "did you mean 'terminal-risk'"]),
    ("a length of time that is none", [("delay: 7d  ", "delay: week")],
     ["@delay: week", "spec.delay", "not a length of time"]),
    ("a window that sees a label too early", [("delay: 7d  ", "delay: 3d  ")],
     ["@name: fraud_share", "leakage", "tx_fraud", "known only 7d after", "at least 7d"]),
    ("a split that sees a label too early", [("gap: 7d", "gap: 2d")],
     ["@gap: 2d", "spec.split.gap", "leakage", "at least 7d"]),
    ("the label among the inputs", [("{request: tx_amount}", "{request: tx_fraud}")],
     ["@label: tx_fraud", "spec.label", "leakage", "'tx_fraud' is among the inputs of FeatureService fraud-input"]),
    ("the label inside an expression", [("weekday(tx_datetime) >= 5", "tx_fraud >= 1")],
     ["@tx_fraud >= 1", "leakage", "tx_fraud"]),
]


def refused(platform, code, *parts, what, options=(), listen=None):
    """`up` ends by itself with the code and a sentence, and a message of millrace, not of a library."""
    done = platform.run("up", str(platform.folder), "--listen", listen or f"127.0.0.1:{platform.port}", *options)
    if done.returncode != code:
        raise Failure(f"{what}: expected exit code {code}, got {done.returncode}:\n{done.stdout}{done.stderr}")
    says(done.stderr, "millrace: ", *parts, what=what)


def wrong_yaml(platform):
    for what, changes, parts in WRONG_YAML:
        platform.write_yaml(changes)
        parts = [platform.place(part[1:]) if part.startswith("@") else part for part in parts]
        refused(platform, USAGE, *parts, what=what)
        checked = platform.run("validate", str(platform.folder / "fraud.yaml"), expect=USAGE)
        says(checked.stderr, *parts, what="validate says the same")
    platform.write_yaml([(old, new) for _, changes, _ in (WRONG_YAML[0], WRONG_YAML[1]) for old, new in changes])
    refused(platform, USAGE, "eventTyme", "terminal-rusk", what="two mistakes are told at once")
    with open(platform.folder / "fraud.yaml", "a", encoding="utf-8") as file:
        file.write("---\nspec: {files: {path: [\n")
    refused(platform, USAGE, "fraud.yaml:", "not valid YAML", what="text that is no YAML")
    check(not platform.data_dir.exists(), "nothing was made, not even the data directory")
    platform.write_yaml()


def wrong_arguments(platform):
    refused(platform, USAGE, "0.0.0.0", "TLS", "--tls-cert", what="an address that others reach, without TLS",
            listen=f"0.0.0.0:{platform.port}")
    refused(platform, USAGE, "65535", what="a port that is none", listen="127.0.0.1:99999")
    refused(platform, USAGE, "loopback", what="anonymous access on such an address",
            listen=f"0.0.0.0:{platform.port}", options=("--anonymous", "viewer"))
    done = platform.run("up", str(platform.folder / "nowhere"))
    same(done.returncode, 3, "a folder that is not there ends with 3")
    says(done.stderr, "nowhere", what="and is named")


def port_in_use(platform):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused(platform, UNAVAILABLE, f"127.0.0.1:{port} is in use by", f"process {os.getpid()}", "--listen",
                what="a port in use", listen=f"127.0.0.1:{port}")


def damaged_directories(platform):
    other = platform.folder / "other"
    other.mkdir()
    (other / "FORMAT").write_text("99\n")
    (other / "resources.db").write_text("of the future")
    refused(platform, CONFLICT, str(other), "newer Millrace", "layout 99", what="a data directory of a newer version",
            options=("--data-dir", str(other)))
    same((other / "resources.db").read_text(), "of the future", "its files are as they were")
    (other / "FORMAT").write_text("\x00garbage")
    refused(platform, DAMAGED, "FORMAT", what="a data directory whose FORMAT is damaged",
            options=("--data-dir", str(other)))
    (other / "FORMAT").write_text("1\n")
    refused(platform, DAMAGED, "resources.db", what="a database that is none", options=("--data-dir", str(other)))


def two_on_one_directory(platform, binary):
    platform.start()
    done = subprocess.run([binary, "up", str(platform.folder), "--listen", "127.0.0.1:0"], capture_output=True,
                          text=True, env=platform.environment, stdin=subprocess.DEVNULL, timeout=60, check=False)
    same(done.returncode, UNAVAILABLE, "a second up on one data directory ends with 5")
    says(done.stderr, "another millrace runs in", str(platform.data_dir), what="it says where")
    check(platform.answers(), "the first goes on")


def apply_is_all_or_none(platform):
    before = platform.http("GET", "/apis/millrace.dev/v1alpha1/namespaces/default/featureviews")[1]["items"]
    platform.write_yaml([("windows: [1d, 7d, 30d]                  #", "windows: [2d] #"),
                         ("{view: terminal-risk}", "{view: terminal-rusk}")])
    done = platform.run("apply", "-f", str(platform.folder / "fraud.yaml"), expect=USAGE)
    says(done.stderr, platform.place("terminal-rusk"), "terminal-rusk", what="apply of a folder with one mistake")
    after = platform.http("GET", "/apis/millrace.dev/v1alpha1/namespaces/default/featureviews")[1]["items"]
    same([view["spec"] for view in after], [view["spec"] for view in before], "changes nothing of it")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary, data=False)
        wrong_yaml(platform)
        wrong_arguments(platform)
        port_in_use(platform)
        damaged_directories(platform)
        two_on_one_directory(platform, binary)
        apply_is_all_or_none(platform)
        same(platform.stop(), 0, "Ctrl-C ends it with 0")


main(scenario)
