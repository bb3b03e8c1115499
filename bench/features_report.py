"""The result of bench-features from the runs' JSON lines: features_report.py FOLDER VERSION."""
import json
import pathlib
import sys

folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
runs = {path.name: [json.loads(line) for line in path.read_text().splitlines()] for path in folder.iterdir() if path.is_file()}
best = {name: min(run["seconds"] for run in side) for name, side in runs.items()}
peak = {name: max(run["peak_bytes"] for run in side) for name, side in runs.items()}
own = best.pop("millrace")
# The goal for pandas is for the published way; vectorised windows are shown beside it.
goals = {"polars": 3, "duckdb": 8, "pandas_by_group": 100}
times = {name: seconds / own for name, seconds in best.items()}
print(json.dumps({
    "benchmark": "features",
    "what": "Parquet to the 12 window features of all rows, best of the rounds",
    "unit": "s",
    "millrace": own,
    "peers": best,
    "ratio": min(times.values()),
    "times": times,
    "goal": 3,
    "goals": goals,
    "peak_bytes": peak,
    "goal_peak_bytes": 500_000_000,
    "met": all(times[name] >= goal for name, goal in goals.items()) and peak["millrace"] < 500_000_000,
    "rows": runs["millrace"][0]["rows"],
    "rounds": {name: len(side) for name, side in runs.items()},
    "versions": {"millrace": version} | {name: side[0]["version"] for name, side in runs.items() if name != "millrace"},
}))
