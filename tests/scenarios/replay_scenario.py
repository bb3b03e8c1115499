"""A replay after kills at random moments: one version, and not one feature or score differs from the offline ones.

SEED (default 7) draws the moments, KILLS (default 6) says how many.
"""

import json
import os
import random
import time

from platform_under_test import Folder, check, main, same, says

SEED, KILLS = int(os.environ.get("SEED", "7")), int(os.environ.get("KILLS", "6"))
CONFLICT = 7


def kills_at_random_moments(platform):
    moments = random.Random(SEED)
    for _ in range(KILLS):
        platform.start(answers=False)
        time.sleep(moments.uniform(0.05, 4.0))
        platform.process.kill()
        platform.process.wait()
    platform.once(expect=0)
    check(True, f"after {KILLS} kills, up --once gets everything ready")
    says(platform.run("audit", "verify", expect=0).stdout, "records are intact", what="audit verify")
    same([str(path) for path in platform.data_dir.glob("offline/**/*.tmp")], [], "no half-written file stays")


def replay(platform):
    platform.start("--as-of", "fraud@champion")
    platform.wait_ready()
    report = json.loads(platform.run("replay", "fraud", "-o", "json", expect=0).stdout)
    check(report["vectorsCompared"] > 100, f"{report['vectorsCompared']} vectors are compared")
    same((report["vectorsDifferent"], report["scoresDifferent"]), (0, 0), "no feature and no score differs in a bit")
    same(report["metrics"]["online"], {name: report["metrics"]["offline"][name] for name in report["metrics"]["online"]},
         "the metrics are those of the offline test")
    statuses = [version["status"] for version in platform.versions()]
    same((statuses.count("READY"), statuses.count("PENDING")), (1, 0), "one definition makes one version")
    same(platform.stop(), 0, "Ctrl-C ends it with 0")
    same(list(platform.data_dir.glob("online-as-of-*")), [], "the replay's state goes with it")


def changed_package(platform):
    model = next(platform.data_dir.glob("packages/**/model.ubj"))
    model.chmod(0o644)
    kept = model.read_bytes()
    changed = bytearray(kept)
    changed[len(changed) // 2] ^= 1
    model.write_bytes(changed)
    says(platform.once(expect=CONFLICT).stderr, "model.ubj", what="up --once with a changed model ends with 7")
    model.write_bytes(kept)
    platform.once(expect=0)
    check(True, "with the model as it was it ends with 0")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary)
        kills_at_random_moments(platform)
        replay(platform)
        changed_package(platform)


main(scenario)
