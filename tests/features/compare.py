"""Compares features with the oracle's, every value, to the last bit.

  compare.py ORACLE.parquet ACTUAL... [--prefix VIEW__] [--allow-missing-rows]

ACTUAL is a Parquet file, or a folder of them, with transaction_id and any of the
oracle's columns, named as there or without the prefix. Exits 1, with the first
differences, unless every row of both is in the other and all values are equal.
"""
import argparse
import glob
import json
import os
import sys

import polars


def read(paths):
    files = []
    for path in paths:
        files += sorted(glob.glob(os.path.join(path, "**", "*.parquet"), recursive=True)) if os.path.isdir(path) else [path]
    if not files:
        sys.exit(f"compare: there are no Parquet files in {', '.join(paths)}")
    return polars.concat([polars.read_parquet(file) for file in files])


def bits(column):
    """Doubles as their 64 bits, so that -0.0 is not 0.0; other types as they are."""
    if column.dtype == polars.Float64:
        return column.reinterpret(dtype=polars.Int64)
    return column.cast(polars.Int64) if column.dtype.is_integer() or column.dtype == polars.Boolean else column


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("oracle")
    parser.add_argument("actual", nargs="+")
    parser.add_argument("--prefix", default="", help="what the oracle's names have before those of ACTUAL")
    parser.add_argument("--allow-missing-rows", action="store_true", help="ACTUAL is a part of the oracle's rows")
    arguments = parser.parse_args()

    oracle = polars.read_parquet(arguments.oracle)
    actual = read(arguments.actual)
    names = {n: n if n in oracle.columns else arguments.prefix + n for n in actual.columns if n != "transaction_id"}
    names = {n: expected for n, expected in names.items() if expected in oracle.columns}
    if not names:
        sys.exit(f"compare: none of {', '.join(actual.columns)} is a feature of the oracle ({', '.join(oracle.columns)})")
    actual = actual.select("transaction_id", *(polars.col(n).alias(f"actual:{e}") for n, e in names.items()))
    joined = oracle.join(actual, on="transaction_id", how="inner")
    duplicates = actual.height - actual["transaction_id"].n_unique()
    missing = oracle.height - joined.height
    unknown = actual.height - joined.height

    different = {}
    for name in names.values():
        expected, given = joined[name], joined[f"actual:{name}"]
        unequal = ~bits(expected).eq_missing(bits(given))
        if unequal.any():
            different[name] = int(unequal.sum())
            first = joined.filter(unequal).head(3)
            for row in first.select("transaction_id", name, f"actual:{name}").iter_rows():
                print(f"compare: transaction {row[0]}: {name} is {row[2]!r}, the oracle has {row[1]!r}", file=sys.stderr)
    result = {"rows": joined.height, "features": len(names), "values": joined.height * len(names),
              "different": sum(different.values()), "by_feature": different, "missing_rows": missing,
              "unknown_rows": unknown, "duplicate_rows": duplicates}
    print(json.dumps(result))
    rows_differ = unknown or duplicates or (missing and not arguments.allow_missing_rows)
    sys.exit(1 if different or rows_differ or joined.height == 0 else 0)


if __name__ == "__main__":
    main()
