"""Makes the inputs of bench-score from the example's rows.

Writes the requests of the last week, one body a line, for Millrace and for the
peer (the same transactions in the same order), and fills the peer's Redis with
the 37 days before, which is what its windows need.

    score_prepare.py ROWS_DIR OUT_DIR REDIS_PORT
"""
import json
import pathlib
import sys

import polars
import redis

DAY = 86_400


def main():
    rows_dir, out, port = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    rows = polars.read_parquet(rows_dir / "*.parquet").sort("tx_datetime", "transaction_id")
    rows = rows.with_columns(at=polars.col("tx_datetime").dt.epoch("us") / 1e6)
    start = rows["at"].max() // DAY * DAY - 6 * DAY
    week = rows.filter(polars.col("at") >= start)
    with open(out / "millrace.jsonl", "w") as ours, open(out / "peer.jsonl", "w") as theirs:
        for row in week.iter_rows(named=True):
            columns = [("transaction_id", "INT64", "@@ID@@"), ("tx_datetime", "INT64", round(row["at"] * 1e6)),
                       ("customer_id", "INT64", row["customer_id"]), ("terminal_id", "INT64", row["terminal_id"]),
                       ("tx_amount", "FP64", row["tx_amount"])]
            body = {"inputs": [{"name": n, "shape": [1], "datatype": t, "data": [v]} for n, t, v in columns]}
            ours.write(json.dumps(body).replace('"@@ID@@"', "@@ID@@") + "\n")
            body = {"transaction_id": "@@ID@@", "at": row["at"], "customer_id": row["customer_id"],
                    "terminal_id": row["terminal_id"], "tx_amount": row["tx_amount"]}
            theirs.write(json.dumps(body).replace('"@@ID@@"', "@@ID@@") + "\n")
    store = redis.Redis(port=port)
    before = rows.filter((polars.col("at") < start) & (polars.col("at") >= start - 37 * DAY))
    pipe = store.pipeline(transaction=False)
    for i, row in enumerate(before.iter_rows(named=True)):
        pipe.zadd(f"c:{row['customer_id']}", {f"{row['transaction_id']}:{row['tx_amount']}": row["at"]})
        pipe.zadd(f"t:{row['terminal_id']}", {f"{row['transaction_id']}:{row['tx_fraud']}": row["at"]})
        if i % 5000 == 4999:
            pipe.execute()
    pipe.execute()
    print(f"{week.height} requests, {before.height} transactions in Redis", file=sys.stderr)


if __name__ == "__main__":
    main()
