"""Prints the demo's last table from what `millrace replay -o json` and the version's provenance say."""
import json
import os
import sys

replay = json.load(open(sys.argv[1]))
provenance = json.load(open(sys.argv[2]))
rows = int(os.environ["ROWS"])
seconds = int(os.environ["UP_MS"]) / 1000
training = provenance["training"]


def line(name, text):
    print(f"  {name:<24}{text}")


print("\nCard fraud, from raw transactions to served scores\n")
line("transactions", f"{rows:,} to a promoted model in {seconds:.1f} s ({rows / seconds:,.0f} rows/s)")
line("training", f"{training['rows']:,} rows, {training['rounds']} rounds in {training['seconds']:.1f} s")
line("version", f"{replay['model']} {replay['version']}, served as {replay['endpoint']}")
print(f"\n  {'':<24}{'offline':>12}{'online':>12}")
for name, offline in sorted(replay["metrics"]["offline"].items()):
    online = replay["metrics"]["online"].get(name)
    print(f"  {name:<24}{offline:>12.6f}{'' if online is None else format(online, '12.6f')}")
print()
line("vectors compared", f"{replay['vectorsCompared']:,} of {replay['features']} features")
line("vectors different", f"{replay['vectorsDifferent']:,}")
line("scores different", f"{replay['scoresDifferent']:,}")
latency = replay["latencyMillis"]
line("latency (HTTP)", f"p50 {latency['p50']:.3f} ms   p99 {latency['p99']:.3f} ms   p99.9 {latency['p99.9']:.3f} ms")
line("requests", f"{replay['rowsPerSecond']:,.0f}/s on one connection, one after the other")
line("memory", f"{int(os.environ['RSS_KB']) / 1024:,.0f} MiB resident, the online state included")
line("the whole demo", f"{int(os.environ['SECONDS_ALL'])} s")
print("""
  How to go on:
    build/release/millrace sample fraud examples/fraud/data
    build/release/millrace up examples/fraud
""")
