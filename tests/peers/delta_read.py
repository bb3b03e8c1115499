"""Reads the Delta tables that delta_test.cc writes with deltalake, polars and duckdb, and checks every value.

usage: delta_read.py TABLE      # TABLE-cut is the one whose log begins at a checkpoint
"""

import datetime
import pathlib
import sys

import deltalake
import duckdb
import duckdb_extension_delta
import polars

# DuckDB reads Delta tables with its extension "delta", here the signed file from the package of that name.
DUCKDB_DELTA = (
    pathlib.Path(duckdb_extension_delta.__file__).parent
    / "extensions"
    / f"v{duckdb.__version__}"
    / "delta.duckdb_extension"
)
COLUMNS = ["id", "amount", "name", "flag", "at"]
AT = datetime.datetime(2018, 7, 25, 0, 0, 0, 1, tzinfo=datetime.timezone.utc)
NULLS = (None, None, None, None, None)
FIRST = (2**53 + 1, 0.1, "Zürich", True, AT)
SECOND = (-7, 0.1, "", True, AT)
THIRD = (42, 0.1, "after", True, AT)
VERSIONS = {0: [], 1: [FIRST, NULLS], 2: [FIRST, NULLS, SECOND, NULLS], 3: [THIRD, NULLS]}



def cut_at(version):
    """The rows of the table whose log begins at the checkpoint 64: it keeps its first three commits' rows."""
    return [row for n in (1, 2, 3, version) for row in ((n, 0.1, "", True, AT), NULLS)]


def by_polars(path, version, _):
    frame = polars.read_delta(path, version=version)
    assert frame.columns == COLUMNS, frame.columns
    assert frame.schema["at"] == polars.Datetime("us", "UTC"), frame.schema
    assert frame.schema["id"] == polars.Int64, frame.schema
    return frame.rows()


def by_deltalake(path, version, expected):
    table = deltalake.DeltaTable(path, version=version)
    assert table.protocol().min_reader_version == 1
    rows = sum(deltalake.DeltaTable(path, version=version).get_add_actions(flatten=True)["num_records"].to_pylist())
    assert rows == len(expected), rows
    types = [field.type.type for field in table.schema().fields]
    assert types == ["long", "double", "string", "boolean", "timestamp"], types
    return polars.DataFrame(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t").read_all()).rows()


def by_duckdb(path, version, _):
    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    connection.execute(f"LOAD '{DUCKDB_DELTA}'")
    connection.execute("SET TimeZone = 'UTC'")
    relation = connection.sql(
        f'SELECT id, amount, name, flag, epoch_us("at") FROM delta_scan(\'{path}\', version => {version})'
    )
    def instant(micros):
        return micros if micros is None else AT + datetime.timedelta(microseconds=micros - 1_532_476_800_000_001)
    return [(*row[:4], instant(row[4])) for row in relation.fetchall()]


def main():
    path = sys.argv[1]
    failures = 0
    cases = [(path, version, expected) for version, expected in VERSIONS.items()]
    cases += [(path + "-cut", version, cut_at(version)) for version in (64, 67, 70)]
    key = lambda row: tuple((value is None, str(value)) for value in row)
    for read in (by_deltalake, by_polars, by_duckdb):
        for table, version, expected in cases:
            rows = sorted(read(table, version, expected), key=key)
            right = rows == sorted(expected, key=key)
            failures += not right
            name = pathlib.Path(table).name
            print(f"{read.__name__} {name} version {version}: {'ok' if right else f'{rows} instead of {expected}'}")
    history = [entry["operation"] for entry in deltalake.DeltaTable(path).history()]
    assert history == ["WRITE", "WRITE", "WRITE", "CREATE TABLE"], history
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
