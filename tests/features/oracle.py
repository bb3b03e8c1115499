"""The published features of the card transactions, worked out apart from Millrace.

Reads transactions (transaction_id, tx_datetime, customer_id, terminal_id,
tx_amount, tx_fraud) from a folder of Parquet files and writes, for each
transaction, the 14 features of examples/fraud by the rules of time in
docs/architecture.md:

  during_weekend, during_night
  customer-spending__{tx_count,tx_amount_mean}_{1d,7d,30d}
      over (t - w, t], up to and with the transaction's own place in the order of
      (tx_datetime, transaction_id)
  terminal-risk__{tx_count,fraud_share}_{1d,7d,30d}
      over (t - 7d - w, t - 7d], whole instants; the share of nothing is 0

Every value is exact: an amount is a Python integer over one power of two, a
window's sum a difference of prefix sums, and int / int rounds correctly; a mean
is that sum divided by the count. On a sample of windows math.fsum judges the
sums. It shares no code with Millrace; plain loops, so that it can be read.

  oracle.py --data DIR --out FILE [--from DATE] [--to DATE]

--from and --to (exclusive) choose the transactions that are written; windows
still see all. Progress goes to standard error.
"""
import argparse
import bisect
import datetime
import glob
import math
import os
import random
import sys
import time
from array import array
from collections import defaultdict

import polars

DAY = 86_400_000_000  # microseconds
WINDOWS = {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
LABEL_DELAY = 7 * DAY
EPOCH = datetime.datetime(1970, 1, 1)


def log(message):
    print(f"oracle: {message}", file=sys.stderr, flush=True)


def read(folder):
    paths = sorted(glob.glob(os.path.join(folder, "*.parquet")))
    if not paths:
        sys.exit(f"oracle: there are no Parquet files in {folder}")
    columns = ["transaction_id", "tx_datetime", "customer_id", "terminal_id", "tx_amount", "tx_fraud"]
    frame = polars.concat([polars.read_parquet(path, columns=columns) for path in paths])
    frame = frame.with_columns(polars.col("tx_datetime").dt.timestamp("us"))
    rows = {name: frame[name].to_list() for name in columns}
    if len(set(rows["transaction_id"])) != frame.height:
        sys.exit("oracle: transaction ids are not distinct")
    log(f"{frame.height:,} transactions in {len(paths)} files")
    return rows


def fixed_point(values):
    """Integers and the denominator 2^k that all values share."""
    ratios = [value.as_integer_ratio() for value in values]
    denominator = max((d for _, d in ratios), default=1)
    return [n * (denominator // d) for n, d in ratios], denominator


def by_key(keys, order):
    groups = defaultdict(list)
    for row in order:
        if keys[row] is not None:
            groups[keys[row]].append(row)
    return groups


def prefix_sums(values):
    sums = [0]
    for value in values:
        sums.append(sums[-1] + value)
    return sums


def spending(rows, order):
    """Counts and means of each customer's amounts, by window."""
    times, amounts = rows["tx_datetime"], rows["tx_amount"]
    units, denominator = fixed_point(amounts)
    sample = random.Random(1)
    counts = {w: array("q", bytes(8 * len(times))) for w in WINDOWS}
    means = {w: array("d", [math.nan]) * len(times) for w in WINDOWS}
    checked = 0
    for group in by_key(rows["customer_id"], order).values():
        sums = prefix_sums(units[row] for row in group)
        for window, length in WINDOWS.items():
            begin = 0
            for place, row in enumerate(group):
                while times[group[begin]] <= times[row] - length:
                    begin += 1
                count = place + 1 - begin
                total = (sums[place + 1] - sums[begin]) / denominator
                counts[window][row] = count
                means[window][row] = total / count
                if sample.random() < 0.005:
                    assert total == math.fsum(amounts[r] for r in group[begin : place + 1])
                    checked += 1
    log(f"customers: {checked:,} sums agree with math.fsum")
    return counts, means


def risk(rows, order):
    """Counts and shares of frauds of each terminal's transactions, by window, a week earlier."""
    times, frauds = rows["tx_datetime"], rows["tx_fraud"]
    counts = {w: array("q", bytes(8 * len(times))) for w in WINDOWS}
    shares = {w: array("d", bytes(8 * len(times))) for w in WINDOWS}
    for group in by_key(rows["terminal_id"], order).values():
        sums = prefix_sums(int(frauds[row]) for row in group)
        instants = [times[row] for row in group]
        for window, length in WINDOWS.items():
            for row in group:
                newest = times[row] - LABEL_DELAY
                end = bisect.bisect_right(instants, newest)
                begin = bisect.bisect_right(instants, newest - length)
                counts[window][row] = end - begin
                if end > begin:
                    shares[window][row] = (sums[end] - sums[begin]) / (end - begin)
    return counts, shares


def calendar(rows):
    weekend, night = [], []
    for micros in rows["tx_datetime"]:
        moment = EPOCH + datetime.timedelta(microseconds=micros)
        weekend.append(moment.weekday() >= 5)
        night.append(moment.hour <= 6)
    return weekend, night


def micros_of(date):
    return (datetime.datetime.fromisoformat(date) - EPOCH) // datetime.timedelta(microseconds=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a folder of Parquet files")
    parser.add_argument("--out", required=True, help="the Parquet file to write")
    parser.add_argument("--from", dest="begin", help="first day to write, such as 2018-07-25")
    parser.add_argument("--to", dest="end", help="the day after the last to write")
    arguments = parser.parse_args()

    started = time.monotonic()
    rows = read(arguments.data)
    times, ids = rows["tx_datetime"], rows["transaction_id"]
    order = sorted(range(len(times)), key=lambda row: (times[row], ids[row]))
    weekend, night = calendar(rows)
    customer_counts, means = spending(rows, order)
    log(f"customers are done after {time.monotonic() - started:.0f} s")
    terminal_counts, shares = risk(rows, order)
    log(f"terminals are done after {time.monotonic() - started:.0f} s")

    begin = micros_of(arguments.begin) if arguments.begin else -math.inf
    end = micros_of(arguments.end) if arguments.end else math.inf
    chosen = [row for row in order if begin <= times[row] < end]
    frame = {
        "transaction_id": [ids[row] for row in chosen],
        "during_weekend": [weekend[row] for row in chosen],
        "during_night": [night[row] for row in chosen],
    }
    features = {
        "customer-spending__tx_count": customer_counts,
        "customer-spending__tx_amount_mean": means,
        "terminal-risk__tx_count": terminal_counts,
        "terminal-risk__fraud_share": shares,
    }
    for name, windows in features.items():
        for window, values in windows.items():
            frame[f"{name}_{window}"] = [values[row] for row in chosen]
    # NaN stands for the mean of nothing: a transaction without a customer.
    result = polars.DataFrame(frame).with_columns(polars.selectors.float().fill_nan(None))
    result.write_parquet(arguments.out)
    log(f"{result.height:,} rows of {result.width - 1} features in {arguments.out} after "
        f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
