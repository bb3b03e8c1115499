"""Files that are missing, empty, cut off, of another schema, or replaced while they are read: the status says which
and why, what was read before stays in use, and the platform goes on by itself once they are mended."""

import os
import random
import re
import shutil
import threading

from platform_under_test import Folder, check, main, same, same_status, transaction


def missing(platform):
    away = platform.folder / "away"
    (platform.folder / "data").rename(away)
    platform.start()
    platform.wait_message("datasources", "transactions", "no file matches", "data/*.parquet")
    platform.wait_message("models", "fraud", "DataSource transactions", "no events")
    away.rename(platform.folder / "data")
    platform.wait_ready()
    check(True, "with the files there it gets ready by itself")


def wait_settled(platform):
    """The 12,000 rows of the files, and the events of the few requests that were learned until then."""
    def settled():
        found = platform.condition("datasources", "transactions")
        return found.get("reason") == "UpToDate" and re.match(r"12,0\d\d events", found["message"])

    check(platform.wait(settled, "the source is read again"), "once the files are mended, the source is as they are")


def still_serves(platform, number):
    status, answer = platform.predict(transaction(number))
    same_status(status, answer)


def damaged(platform):
    last = sorted((platform.folder / "data").glob("*.parquet"))[-1]
    whole = last.read_bytes()
    middle = bytearray(whole)
    for position in range(4, len(whole) // 2):
        middle[position] ^= 0x5A
    cases = [("empty", b"", ["is empty"]), ("cut off", whole[: len(whole) // 2], ["damaged"]),
             ("no Parquet", b"tx_amount,tx_fraud\n" * 100, ["damaged or no Parquet"]),
             ("changed in the middle", bytes(middle), [])]
    for number, (what, content, parts) in enumerate(cases):
        last.write_bytes(content)
        condition = platform.wait_message("datasources", "transactions", last.name, *parts,
                                          "what was read before stays in use")
        same(condition["status"], "False", f"a file that is {what} makes the source not ready")
        still_serves(platform, number)
        check(platform.is_ready(), "the endpoint goes on with what was read before")
        last.write_bytes(whole)
        wait_settled(platform)


def other_schema(platform):
    odd = platform.folder / "data" / "odd.parquet"
    # Features of a view: another table altogether, in the same form.
    shutil.copy(next(platform.data_dir.glob("offline/default/features/customer-spending/*.parquet")), odd)
    condition = platform.wait_message("datasources", "transactions", "odd.parquet", "schema")
    same(condition["status"], "False", "files whose schemas disagree are not read")
    still_serves(platform, 10)
    odd.unlink()
    wait_settled(platform)


def replaced_while_read(platform):
    """Two contents in turn, in place and by rename, as fast as it goes; then the first one stays."""
    first = sorted((platform.folder / "data").glob("*.parquet"))
    one = {path.name: path.read_bytes() for path in first}
    other = {path.name: path.read_bytes() for path in platform.make_data(rows=9_000, seed=2, where="other")}
    same(sorted(one), sorted(other), "the two data sets have the same file names")
    stop = threading.Event()

    def replace():
        turn = 0
        choose = random.Random(1)
        while not stop.is_set():
            turn += 1
            content = (one, other)[turn % 2]
            for name in content:
                path = platform.folder / "data" / name
                if choose.random() < 0.5:
                    path.write_bytes(content[name])
                else:
                    beside = path.with_suffix(".new")
                    beside.write_bytes(content[name])
                    os.replace(beside, path)
            stop.wait(0.02)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for number in range(20, 60):
            still_serves(platform, number)
            stop.wait(0.2)
    finally:
        stop.set()
        writer.join()
    for name, content in one.items():
        (platform.folder / "data" / name).write_bytes(content)
    wait_settled(platform)
    still_serves(platform, 61)


def one_class(platform):
    """A `where` that leaves out every fraud."""
    platform.write_yaml([("  label: tx_fraud", "  label: tx_fraud\n  where: tx_fraud == 0")])
    platform.run("apply", "-f", str(platform.folder / "fraud.yaml"), expect=0)
    platform.wait_message("models", "fraud", "TrainingJob", "class")
    check(platform.is_ready(), "the version of before goes on")
    platform.write_yaml()
    platform.run("apply", "-f", str(platform.folder / "fraud.yaml"), expect=0)
    platform.wait_message("models", "fraud", "is champion")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary)
        missing(platform)
        damaged(platform)
        other_schema(platform)
        one_class(platform)
        replaced_while_read(platform)
        same(platform.stop(), 0, "Ctrl-C ends it with 0")


main(scenario)
