"""kill -9 of `up` at any moment: after a start it gets ready, and nothing acknowledged is lost."""

import signal
import threading
import time

from platform_under_test import (Failure, Folder, alive, bits, check, children_of, feature, main, output, same,
                                 same_status, says, transaction)

CUSTOMER = 900_001  # of no sample row
AFTER = "2018-10-01T23:00:00Z"
EVENTS = 400


def kill(platform):
    same(platform.stop(signal.SIGKILL), -signal.SIGKILL, "kill -9")


def one_version(platform):
    # A number that was taken when the kill came is not given again: it stays as FAILED, with the reason.
    versions = platform.versions()
    ready = [row for row in versions if row["status"] == "READY"]
    same(len(ready), 1, "one version is registered for the one definition")
    for row in versions:
        if row["status"] != "READY":
            same((row["status"], row["reason"]), ("FAILED", "The run was cut short."),
                 f"version {row['version']}, which the kill cut short, says so")
    same(platform.resource("models", "fraud")["status"]["promotedVersion"], int(ready[0]["version"]),
         "it is the champion")
    says(platform.run("audit", "verify", expect=0).stdout, "records are intact", what="audit verify")


def while_it_works_up_to_ready(platform):
    # The steps take moments on this data, so delays reach every one of them; each start goes on from where the
    # last was killed.
    for delay in (0.0, 0.15, 0.3, 0.5, 0.7, 1.0):
        platform.start()
        time.sleep(delay)
        print(f"  killed {delay} s after it answered", flush=True)
        kill(platform)
    platform.start()
    platform.wait_ready()
    one_version(platform)


def while_training(platform):
    platform.start()
    child = platform.wait(lambda: children_of(platform.process.pid), "the training's child process runs")[0]
    kill(platform)
    end = time.monotonic() + 10
    while alive(child) and time.monotonic() < end:
        time.sleep(0.02)
    check(not alive(child), "the training's child process goes with its parent")
    platform.start()
    platform.wait_ready()
    one_version(platform)


def event(number):
    return transaction(number, customer=CUSTOMER, at=f"2018-10-01T{8 + number // 60:02}:{number % 60:02}:00Z")


class Pusher(threading.Thread):
    """Pushes events one by one until the connection breaks; counts those that were acknowledged."""

    def __init__(self, platform):
        super().__init__()
        self.platform, self.acknowledged, self.refusal = platform, 0, None

    def run(self):
        for number in range(EVENTS):
            try:
                status, answer = self.platform.push(event(number))
            except (OSError, ValueError):
                return
            except Exception as error:  # http.client: the answer was cut off
                self.refusal = error if "http.client" not in type(error).__module__ else None
                return
            if status != 200 or answer["accepted"] != 1:
                self.refusal = (status, answer)
                return
            self.acknowledged += 1


def while_events_are_acknowledged(platform):
    pusher = Pusher(platform)
    pusher.start()
    platform.wait(lambda: pusher.acknowledged >= 100 or pusher.refusal, "100 events are acknowledged")
    kill(platform)
    pusher.join()
    if pusher.refusal:
        raise Failure(f"a push was refused: {pusher.refusal}")
    platform.start()
    platform.wait_ready()
    count = platform.spending(CUSTOMER, AFTER)["tx_count_1d"]
    check(pusher.acknowledged <= count <= pusher.acknowledged + 1,
          f"{pusher.acknowledged} events were acknowledged, {count} are counted after kill -9 and a start")
    _, answer = platform.push({"events": [event(number) for number in range(EVENTS)]})
    same((answer["accepted"], answer["duplicates"]), (EVENTS - count, count),
         "sent again, the known ones are duplicates and the others new")
    same(platform.spending(CUSTOMER, AFTER)["tx_count_1d"], EVENTS, "and each counts once")


def after_ready(platform):
    scored = transaction(EVENTS + 1, customer=7)
    _, before = platform.predict(scored)
    vector, score = output(before, "features"), bits(output(before, "score")[0])
    kill(platform)
    platform.start()
    platform.wait_ready()
    status, again = platform.predict(scored)
    same_status(status, again)
    same((output(again, "features"), bits(output(again, "score")[0])), (vector, score),
         "after kill -9 and a start the same event has the same features and score")
    same(platform.spending(CUSTOMER, AFTER)["tx_count_1d"], EVENTS, "pushed events are still counted")
    same(feature(again, "customer-spending__tx_count_1d"), 1, "the scored one once")
    one_version(platform)


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary)
        while_it_works_up_to_ready(platform)
        while_events_are_acknowledged(platform)
        after_ready(platform)
        same(platform.stop(), 0, "Ctrl-C ends it with 0")
        while_training(folder.platform(binary, name="training", changes=[("num_boost_round: 10,",
                                                                          "num_boost_round: 300,")]))


main(scenario)
