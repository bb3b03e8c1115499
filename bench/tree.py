"""bench-tree: Millrace's tree engine beside XGBoost, ONNX Runtime, tl2cgen and lleaves.

The same two XGBoost models for all, on the same rows, one thread each, margins only:
  fraud   100 trees of depth 3 on the 15 features of examples/fraud (from the real transactions where they are there)
  deep    500 trees of depth 8 on 30 features
One row: a different row at each call, in turn over 4,096. A batch: the 4,096 rows in one call.

What runs in a compiled loop (bench/tree.cc, by dlopen): Millrace, XGBoost's C API
(XGBoosterPredictFromDense, in place), the C functions that tl2cgen and lleaves generate. ONNX Runtime is
called through its Python API with bound input and output. lleaves is compiled twice, as its documentation
says: without cache blocking for one row, with it for a batch; its best figure counts. It reads LightGBM's
format, to which the XGBoost model is rewritten here (x < t is x <= the float before t).
"""
import json
import math
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import xgboost as xgb

ROWS = 4096
WORK = pathlib.Path(".bench/tree/work")
GOALS = {"one_row": 2.0, "batch": 1.0}


def say(text):
    print(f"tree: {text}", file=sys.stderr, flush=True)


# ---- data and models

def fraud_rows(directory):
    """The features of examples/fraud over the published transactions, by DuckDB."""
    import duckdb
    windows = []
    for days in (1, 7, 30):
        w = f"range between interval {days} day preceding and current row"
        windows.append(f"count(*) over (partition by customer_id order by tx_datetime {w}) as c{days}")
        windows.append(f"avg(tx_amount) over (partition by customer_id order by tx_datetime {w}) as m{days}")
        d = f"range between interval {days + 7} day preceding and interval 7 day preceding"
        windows.append(f"count(*) over (partition by terminal_id order by tx_datetime {d}) as t{days}")
        windows.append(f"coalesce(avg(tx_fraud) over (partition by terminal_id order by tx_datetime {d}), 0) as s{days}")
    names = ["tx_amount", "weekend", "night"] + [f"{k}{d}" for k in "cm" for d in (1, 7, 30)] + \
            [f"{k}{d}" for k in "ts" for d in (1, 7, 30)]
    query = f"""select {", ".join(names)}, tx_fraud from (
        select *, (isodow(tx_datetime) > 5)::int as weekend, (hour(tx_datetime) <= 6)::int as night, {", ".join(windows)}
        from read_parquet('{directory}/*.parquet'))
        where tx_datetime between timestamp '2018-07-25' and timestamp '2018-08-08'"""
    columns = duckdb.sql(query).fetchnumpy()
    return np.stack([np.asarray(columns[n], dtype=np.float32) for n in names], axis=1), np.asarray(columns["tx_fraud"])


def made_rows(n, features, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, features)).astype(np.float32)
    score = rows[:, 0] * rows[:, 1] + np.sin(3 * rows[:, 2]) + 0.5 * rows[:, 3] ** 2 + rng.normal(size=n) * 0.3
    return rows, (score > np.median(score)).astype(np.int32)


def make_models(fraud_directory):
    """Trains once; kept in .bench/tree/work."""
    for name in ("fraud", "deep"):
        directory = WORK / name
        if (directory / "model.ubj").exists():
            continue
        say(f"{name}: training")
        directory.mkdir(parents=True, exist_ok=True)
        if name == "fraud" and fraud_directory:
            data, label = fraud_rows(fraud_directory)
        else:
            data, label = made_rows(30_000, 15 if name == "fraud" else 30, 7)
        trees, depth = (100, 3) if name == "fraud" else (500, 8)
        booster = xgb.train({"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "tree_method": "hist",
                             "nthread": 1}, xgb.DMatrix(data, label=label), num_boost_round=trees)
        rows = data[np.random.default_rng(3).permutation(len(data))[:ROWS]]
        rows.tofile(directory / "rows.f32")
        booster.save_model(directory / "model.json")
        booster.save_model(directory / "model.ubj")


class Trees:
    """What the JSON of a model says, for the rewriting below."""

    def __init__(self, path):
        learner = json.loads(path.read_text())["learner"]
        self.features = int(learner["learner_model_param"]["num_feature"])
        score = float(learner["learner_model_param"]["base_score"].strip("[]"))
        self.base = float(-np.log(np.float32(1) / np.float32(score) - np.float32(1)))
        self.trees = learner["gradient_booster"]["model"]["trees"]


def write_lightgbm(model, path):
    lines = ["tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0",
             f"max_feature_idx={model.features - 1}", "objective=regression",
             "feature_names=" + " ".join(f"f{i}" for i in range(model.features)),
             "feature_infos=" + " ".join(["[-1e300:1e300]"] * model.features),
             "tree_sizes=" + " ".join(["1"] * len(model.trees)), ""]
    for number, tree in enumerate(model.trees):
        left, right, value = tree["left_children"], tree["right_children"], tree["split_conditions"]
        inner = {n: i for i, n in enumerate(n for n in range(len(left)) if left[n] != -1)}
        leaf = {n: i for i, n in enumerate(n for n in range(len(left)) if left[n] == -1)}
        child = lambda n: str(inner[n]) if n in inner else str(-leaf[n] - 1)
        before = [repr(float(np.nextafter(np.float32(value[n]), np.float32(-np.inf)))) for n in inner]
        base = model.base if number == 0 else 0.0
        lines += [f"Tree={number}", f"num_leaves={len(leaf)}", "num_cat=0",
                  "split_feature=" + " ".join(str(tree["split_indices"][n]) for n in inner),
                  "threshold=" + " ".join(before),
                  "decision_type=" + " ".join("10" if tree["default_left"][n] else "8" for n in inner),
                  "left_child=" + " ".join(child(left[n]) for n in inner),
                  "right_child=" + " ".join(child(right[n]) for n in inner),
                  "leaf_value=" + " ".join(repr(value[n] + base) for n in leaf), ""]
    lines += ["end of trees", "", "pandas_categorical:null"]
    path.write_text("\n".join(lines))


def write_onnx(model, path):
    import onnx
    from onnx import helper, TensorProto
    a = {k: [] for k in ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes",
                         "nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true",
                         "target_treeids", "target_nodeids", "target_ids", "target_weights")}
    for number, tree in enumerate(model.trees):
        for n, left in enumerate(tree["left_children"]):
            is_leaf = left == -1
            a["nodes_treeids"].append(number)
            a["nodes_nodeids"].append(n)
            a["nodes_featureids"].append(0 if is_leaf else tree["split_indices"][n])
            a["nodes_values"].append(0.0 if is_leaf else tree["split_conditions"][n])
            a["nodes_modes"].append("LEAF" if is_leaf else "BRANCH_LT")
            a["nodes_truenodeids"].append(0 if is_leaf else left)
            a["nodes_falsenodeids"].append(0 if is_leaf else tree["right_children"][n])
            a["nodes_missing_value_tracks_true"].append(0 if is_leaf else int(tree["default_left"][n]))
            if is_leaf:
                a["target_treeids"].append(number)
                a["target_nodeids"].append(n)
                a["target_ids"].append(0)
                a["target_weights"].append(tree["split_conditions"][n])
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1,
                            base_values=[model.base], aggregate_function="SUM", post_transform="NONE", **a)
    graph = helper.make_graph([node], "trees",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, model.features])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3),
                                                      helper.make_opsetid("", 17)], ir_version=8), path)


def compile_peers():
    import lleaves
    import tl2cgen
    import treelite
    for name in ("fraud", "deep"):
        directory = WORK / name
        model = Trees(directory / "model.json")
        if not (directory / "model.onnx").exists():
            write_onnx(model, directory / "model.onnx")
        if not (directory / "tl2cgen.so").exists():
            say(f"{name}: tl2cgen compiles {len(model.trees)} trees")
            started = time.time()
            tl2cgen.export_lib(treelite.frontend.load_xgboost_model(str(directory / "model.json")), toolchain="gcc",
                               libpath=str(directory / "tl2cgen.so"), nthread=2, verbose=False,
                               params={"parallel_comp": 16 if name == "deep" else 0})
            say(f"{name}: {time.time() - started:.0f} s")
        write_lightgbm(model, directory / "lightgbm.txt")
        for variant, block in (("row", len(model.trees)), ("batch", 34)):
            library = directory / f"lleaves_{variant}.so"
            if library.exists():
                continue
            say(f"{name}: lleaves compiles ({variant})")
            started = time.time()
            cache = directory / f"lleaves_{variant}.o"
            cache.unlink(missing_ok=True)
            lleaves.Model(str(directory / "lightgbm.txt")).compile(cache=str(cache), raw_score=True, fblocksize=block,
                                                                   use_fp64=False, finline=name == "fraud")
            subprocess.run(["gcc", "-shared", "-o", library, cache], check=True)
            say(f"{name}: {time.time() - started:.0f} s")


# ---- measuring

def best_of(function, calls, repeats=7):
    """Nanoseconds a call: the median over repeats of the mean of `calls` calls."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter_ns()
        for _ in range(calls):
            function()
        taken.append((time.perf_counter_ns() - started) / calls)
    return sorted(taken)[repeats // 2]


def measure_onnxruntime(directory, rows):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"])
    singles = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(rows[i:i + 1])) for i in range(ROWS)]
    out = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 1), np.float32))
    bindings = []
    for value in singles:
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", value)
        binding.bind_ortvalue_output("y", out)
        bindings.append(binding)
    state = {"i": 0}

    def one():
        session.run_with_iobinding(bindings[state["i"]])
        state["i"] = (state["i"] + 1) % ROWS

    return {"one_row": best_of(one, 4096), "batch": best_of(lambda: session.run(["y"], {"x": rows}), 5)}, \
        session.run(["y"], {"x": rows})[0].ravel()


def measure_xgboost_python(booster, rows):
    singles = [np.ascontiguousarray(rows[i:i + 1]) for i in range(ROWS)]
    state = {"i": 0}

    def one():
        booster.inplace_predict(singles[state["i"]], predict_type="margin")
        state["i"] = (state["i"] + 1) % ROWS

    return {"one_row": best_of(one, 1000, 5), "batch": best_of(lambda: booster.inplace_predict(rows, predict_type="margin"), 5)}


def check(name, who, got, want, exact):
    if exact:
        bad = int((got.view(np.uint32) != want.view(np.uint32)).sum())
        if bad:
            raise SystemExit(f"tree: {name}: {who} differs from XGBoost on {bad} of {len(want)} rows")
        return
    worst = float(np.abs(got.astype(np.float64) - want).max())
    if worst > 1e-3 * max(1.0, float(np.abs(want).max())):
        raise SystemExit(f"tree: {name}: {who} is off by {worst}: it does not compute the same model")


def measure(name, program):
    directory = WORK / name
    model = Trees(directory / "model.json")
    rows = np.fromfile(directory / "rows.f32", dtype=np.float32).reshape(ROWS, model.features)
    booster = xgb.Booster({"nthread": 1}, model_file=str(directory / "model.ubj"))
    want = booster.inplace_predict(rows, predict_type="margin").astype(np.float32)
    say(f"{name}: measuring the compiled sides")
    library = next(pathlib.Path(xgb.__file__).parent.glob("lib/libxgboost.so"))
    compiled = json.loads(subprocess.run([program, directory, str(library)], check=True, capture_output=True, text=True).stdout)
    say(f"{name}: measuring the Python sides")
    results = {key: {k: v for k, v in side.items() if k != "margins"} for key, side in compiled.items()}
    for key, side in compiled.items():
        got = np.fromfile(directory / side["margins"], dtype=np.float32)
        check(name, key, got, want, exact=key in ("millrace", "xgboost_c"))
    results["onnxruntime"], got = measure_onnxruntime(directory, rows)
    check(name, "onnxruntime", got, want, exact=False)
    results["xgboost_python"] = measure_xgboost_python(booster, rows)
    return results


def report(results):
    import importlib.metadata as metadata
    line = {"benchmark": "tree", "what": "time of a prediction, margins, one thread: one row, and a batch of 4096 rows",
            "unit": "us", "models": {}, "goal": "one row: at most half of the best peer's time; a batch: no slower than the best"}
    met = True
    for name, sides in results.items():
        entry = {}
        for mode in ("one_row", "batch"):
            own = sides["millrace"][mode] / 1e3
            peers = {}
            for key, side in sides.items():
                who = {"xgboost_c": "xgboost", "lleaves_row": "lleaves", "lleaves_batch": "lleaves"}.get(key, key)
                if key != "millrace" and mode in side:
                    peers[who] = min(peers.get(who, math.inf), side[mode] / 1e3)
            best = min(peers.values())
            entry[mode] = {"millrace": round(own, 3), "peers": {k: round(v, 3) for k, v in sorted(peers.items())},
                           "ratio": round(best / own, 2), "met": best / own >= GOALS[mode]}
            met = met and entry[mode]["met"]
        line["models"][name] = entry
    # The headline: one row of the fraud model.
    headline = line["models"]["fraud"]["one_row"]
    line.update({"millrace": headline["millrace"], "peers": headline["peers"], "ratio": headline["ratio"], "met": met,
                 "versions": {p: metadata.version(p) for p in ("xgboost-cpu", "onnxruntime", "tl2cgen", "lleaves")}})
    print(json.dumps(line))


def main():
    program, fraud_directory = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    if shutil.which("gcc") is None:
        raise SystemExit("tree: gcc is missing; tl2cgen needs it")
    make_models(fraud_directory)
    compile_peers()
    report({name: measure(name, program) for name in ("fraud", "deep")})


if __name__ == "__main__":
    main()
