"""Makes the inputs of bench-score from the example's rows.

Writes requests, one body a line, for Millrace and for the peer (the cards,
terminals and amounts of the last week's transactions, in their order, to be sent
as the time after the last row), and fills the peer's Redis with the last 37 days,
which is what its windows need. Prints the first request's time in microseconds.

    score_prepare.py ROWS_DIR OUT_DIR REDIS_PORT
"""
import json
import pathlib
import sys

import polars
import redis

DAY = 86_400


def unquoted(body):
    """JSON in which the load generator's placeholders stand for numbers."""
    return json.dumps(body).replace('"@@ID@@"', "@@ID@@").replace('"@@TIME@@"', "@@TIME@@")


def main():
    rows_dir, out, port = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    rows = polars.read_parquet(rows_dir / "*.parquet").sort("tx_datetime", "transaction_id")
    rows = rows.with_columns(at=polars.col("tx_datetime").dt.epoch("us") / 1e6)
    end = rows["at"].max() // DAY * DAY + DAY
    week = rows.filter(polars.col("at") >= end - 7 * DAY)
    with open(out / "millrace.jsonl", "w") as ours, open(out / "peer.jsonl", "w") as theirs:
        for row in week.iter_rows(named=True):
            columns = [("transaction_id", "INT64", "@@ID@@"), ("tx_datetime", "INT64", "@@TIME@@"),
                       ("customer_id", "INT64", row["customer_id"]), ("terminal_id", "INT64", row["terminal_id"]),
                       ("tx_amount", "FP64", row["tx_amount"])]
            body = {"inputs": [{"name": n, "shape": [1], "datatype": t, "data": [v]} for n, t, v in columns]}
            ours.write(unquoted(body) + "\n")
            body = {"transaction_id": "@@ID@@", "at_us": "@@TIME@@", "customer_id": row["customer_id"],
                    "terminal_id": row["terminal_id"], "tx_amount": row["tx_amount"]}
            theirs.write(unquoted(body) + "\n")
    store = redis.Redis(port=port)
    before = rows.filter(polars.col("at") >= end - 37 * DAY)
    pipe = store.pipeline(transaction=False)
    for i, row in enumerate(before.iter_rows(named=True)):
        pipe.zadd(f"c:{row['customer_id']}", {f"{row['transaction_id']}:{row['tx_amount']}": row["at"]})
        pipe.zadd(f"t:{row['terminal_id']}", {f"{row['transaction_id']}:{row['tx_fraud']}": row["at"]})
        if i % 5000 == 4999:
            pipe.execute()
    pipe.execute()
    print(f"score: {week.height} requests, {before.height} transactions in Redis", file=sys.stderr)
    print(round(end * 1e6))


if __name__ == "__main__":
    main()
