"""One peer's run of bench-features: python features_peers.py PEER FOLDER [OUTPUT].

Reads the Parquet files and computes the 12 window features of every row, in the
order of the input, the quickest way that the library offers; prints JSON with
seconds and peak memory. With OUTPUT the features are written as Parquet.
"""
import glob
import json
import resource
import sys
import time

COLUMNS = ["transaction_id", "tx_datetime", "customer_id", "terminal_id", "tx_amount", "tx_fraud"]
WINDOWS = [1, 7, 30]
DELAY = 7


def with_polars(paths):
    import polars as pl

    frame = pl.read_parquet(paths, columns=COLUMNS).with_columns(one=pl.lit(1))
    customer, terminal = [], []
    for days in WINDOWS:
        period = f"{days}d"
        customer.append(pl.col("one").rolling_sum_by("tx_datetime", period).over("customer_id").alias(f"customer_tx_count_{period}"))
        customer.append(pl.col("tx_amount").rolling_mean_by("tx_datetime", period).over("customer_id").alias(f"customer_tx_amount_mean_{period}"))
    for days in [DELAY] + [DELAY + w for w in WINDOWS]:
        terminal.append(pl.col("one").rolling_sum_by("tx_datetime", f"{days}d").over("terminal_id").alias(f"count_{days}"))
        terminal.append(pl.col("tx_fraud").rolling_sum_by("tx_datetime", f"{days}d").over("terminal_id").alias(f"fraud_{days}"))
    frame = frame.with_columns(customer + terminal)
    results = [pl.col(f"customer_{name}_{w}d") for w in WINDOWS for name in ("tx_count", "tx_amount_mean")]
    for w in WINDOWS:
        count = pl.col(f"count_{DELAY + w}") - pl.col(f"count_{DELAY}")
        fraud = pl.col(f"fraud_{DELAY + w}") - pl.col(f"fraud_{DELAY}")
        results.append(count.alias(f"terminal_tx_count_{w}d"))
        results.append(pl.when(count > 0).then(fraud / count).otherwise(0.0).alias(f"terminal_fraud_share_{w}d"))
    return frame.select(results), pl.__version__


def with_duckdb(paths):
    import duckdb

    columns = []
    for w in WINDOWS:
        frame = f"(PARTITION BY customer_id ORDER BY tx_datetime RANGE BETWEEN INTERVAL '{w * 86400 * 1000000 - 1} microseconds' PRECEDING AND CURRENT ROW)"
        columns.append(f"count(*) OVER {frame} AS customer_tx_count_{w}d")
        columns.append(f"avg(tx_amount) OVER {frame} AS customer_tx_amount_mean_{w}d")
    for w in WINDOWS:
        frame = f"(PARTITION BY terminal_id ORDER BY tx_datetime RANGE BETWEEN INTERVAL '{(DELAY + w) * 86400 * 1000000 - 1} microseconds' PRECEDING AND INTERVAL '{DELAY} days' PRECEDING)"
        columns.append(f"count(*) OVER {frame} AS terminal_tx_count_{w}d")
        columns.append(f"coalesce(avg(tx_fraud) OVER {frame}, 0) AS terminal_fraud_share_{w}d")
    query = f"SELECT {', '.join(columns)} FROM read_parquet({paths!r}) ORDER BY tx_datetime, transaction_id"
    return duckdb.sql(query).to_arrow_table(), duckdb.__version__


def with_pandas(paths):
    import pandas as pd

    frame = pd.concat([pd.read_parquet(path, columns=COLUMNS) for path in paths], ignore_index=True)
    results = {}
    frame["one"] = 1
    indexed = frame.reset_index().set_index("tx_datetime")
    customers = indexed.groupby("customer_id")[["one", "tx_amount"]]
    order = indexed.sort_values(["customer_id", "index"], kind="stable")["index"].to_numpy()
    for w in WINDOWS:
        rolled = customers.rolling(f"{w}D").sum().to_numpy()
        results[f"customer_tx_count_{w}d"] = pd.Series(rolled[:, 0], index=order)
        results[f"customer_tx_amount_mean_{w}d"] = pd.Series(rolled[:, 1] / rolled[:, 0], index=order)
    terminals = indexed.groupby("terminal_id")[["one", "tx_fraud"]]
    order = indexed.sort_values(["terminal_id", "index"], kind="stable")["index"].to_numpy()
    rolled = {days: terminals.rolling(f"{days}D").sum().to_numpy() for days in [DELAY] + [DELAY + w for w in WINDOWS]}
    for w in WINDOWS:
        count = rolled[DELAY + w][:, 0] - rolled[DELAY][:, 0]
        fraud = rolled[DELAY + w][:, 1] - rolled[DELAY][:, 1]
        results[f"terminal_tx_count_{w}d"] = pd.Series(count, index=order)
        results[f"terminal_fraud_share_{w}d"] = pd.Series(fraud / count, index=order).fillna(0)
    return pd.DataFrame(results).sort_index(), pd.__version__


def with_pandas_by_group(paths):
    """One customer and one terminal after another, as the published notebook does it."""
    import pandas as pd

    frame = pd.concat([pd.read_parquet(path, columns=COLUMNS) for path in paths], ignore_index=True)
    frame["row"] = frame.index

    def of_customer(group):
        group = group.sort_values("tx_datetime").set_index("tx_datetime")
        for w in WINDOWS:
            amounts = group["tx_amount"].rolling(f"{w}D")
            count = amounts.count()
            group[f"customer_tx_count_{w}d"] = count
            group[f"customer_tx_amount_mean_{w}d"] = amounts.sum() / count
        return group.set_index("row").drop(columns=COLUMNS[:1] + COLUMNS[2:])

    def of_terminal(group):
        group = group.sort_values("tx_datetime").set_index("tx_datetime")
        sums = {}
        for days in [DELAY] + [DELAY + w for w in WINDOWS]:
            frauds = group["tx_fraud"].rolling(f"{days}D")
            sums[days] = (frauds.count(), frauds.sum())
        for w in WINDOWS:
            count = sums[DELAY + w][0] - sums[DELAY][0]
            group[f"terminal_tx_count_{w}d"] = count
            group[f"terminal_fraud_share_{w}d"] = ((sums[DELAY + w][1] - sums[DELAY][1]) / count).fillna(0)
        return group.set_index("row").drop(columns=COLUMNS[:1] + COLUMNS[2:])

    customers = pd.concat([of_customer(group) for _, group in frame.groupby("customer_id")])
    terminals = pd.concat([of_terminal(group) for _, group in frame.groupby("terminal_id")])
    return customers.join(terminals).sort_index(), pd.__version__


def main():
    peer, folder = sys.argv[1], sys.argv[2]
    paths = sorted(glob.glob(f"{folder}/*.parquet"))
    compute = {"polars": with_polars, "duckdb": with_duckdb, "pandas": with_pandas, "pandas_by_group": with_pandas_by_group}[peer]
    __import__(peer.partition("_")[0])  # importing is no part of the work
    start = time.perf_counter()
    features, version = compute(paths)
    seconds = time.perf_counter() - start
    if len(sys.argv) > 3:
        import pyarrow.parquet

        if peer == "polars":
            features.write_parquet(sys.argv[3])
        elif peer == "duckdb":
            pyarrow.parquet.write_table(features, sys.argv[3])
        else:
            features.to_parquet(sys.argv[3])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "version": version}))


main()
