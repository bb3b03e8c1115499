"""Random XGBoost models and what XGBoost itself predicts with them, to judge Millrace's tree engine.

    xgboost_margins.py DIRECTORY [--cases N] [--seed S] [--small]

Writes for each case NAME.json or NAME.ubj (the model, as XGBoost saves it) and NAME.expected.json:
    {"rows": [[1.5, null, ...], ...],        null is a missing value
     "margins": [[bits, ...], ...],          float32 as the integers that have their bits
     "predictions": [[bits, ...], ...]}
Rows are float32 values written as doubles, so they are exact.
"""
import argparse
import json
import pathlib
import sys

import numpy as np
import xgboost as xgb

OBJECTIVES = [
    "binary:logistic", "binary:logitraw", "binary:hinge", "reg:squarederror", "reg:squaredlogerror", "reg:logistic",
    "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror", "reg:gamma", "reg:tweedie", "count:poisson",
    "survival:cox", "survival:aft", "rank:ndcg", "rank:pairwise", "rank:map", "multi:softprob", "multi:softmax",
]


def labels(rng, objective, n, parameters):
    if objective.startswith("multi:"):
        parameters["num_class"] = int(rng.integers(2, 6))
        return rng.integers(0, parameters["num_class"], n)
    if objective.startswith("binary:") or objective in ("reg:logistic", "rank:map"):
        return rng.integers(0, 2, n)
    if objective.startswith("rank:"):
        return rng.integers(0, 4, n)
    if objective.startswith("count:"):
        return rng.poisson(2.0, n)
    return rng.gamma(2.0, 1.0, n) + 0.1


def matrix(rng, n, features, missing, categories):
    """Values of every scale, ties with thresholds (few distinct values in some columns), and whole numbers."""
    data = rng.normal(size=(n, features)) * np.exp(rng.normal(size=features) * 2)
    for column in range(0, features, 3):
        data[:, column] = rng.integers(-3, 4, n)
    for column in categories:
        data[:, column] = rng.integers(0, 40, n)
    data = data.astype(np.float32)
    if missing:
        data[rng.random(data.shape) < 0.15] = np.nan
    return data


def make_case(rng, index, small):
    objective = OBJECTIVES[index % len(OBJECTIVES)] if index < len(OBJECTIVES) else str(rng.choice(OBJECTIVES))
    n = 120 if small else int(rng.integers(200, 1500))
    features = int(rng.integers(2, 6)) if small else int(rng.choice([1, 3, 7, 8, 9, 15, 16, 17, 31, 40, 90, 300]))
    depth = int(rng.integers(1, 4)) if small else int(rng.choice([1, 2, 3, 4, 5, 8, 12]))
    categorical = features > 1 and rng.random() < 0.25
    columns = list(range(1, features, 2)) if categorical else []
    missing = bool(rng.random() < 0.6)
    parameters = {
        "objective": objective, "max_depth": depth, "eta": float(rng.choice([0.1, 0.3, 1.0])), "seed": index,
        "nthread": 1, "tree_method": "hist", "min_child_weight": 0, "lambda": float(rng.choice([0.0, 1.0])),
        "num_parallel_tree": int(rng.choice([1, 1, 1, 3])), "subsample": 0.8,
    }
    if categorical:
        parameters["max_cat_to_onehot"] = int(rng.choice([1, 4, 100]))
    if objective == "reg:quantileerror":
        parameters["quantile_alpha"] = [0.25, 0.5, 0.9]
    if objective == "survival:aft":
        parameters["aft_loss_distribution"] = "normal"
    if rng.random() < 0.3 and objective not in ("reg:quantileerror",):
        parameters["base_score"] = 0.3
    if rng.random() < 0.15:
        parameters.update({"booster": "dart", "rate_drop": 0.3, "skip_drop": 0.2})
    if rng.random() < 0.2:
        parameters.update({"grow_policy": "lossguide", "max_leaves": 6 if small else 24, "max_depth": 0})

    train = matrix(rng, n, features, missing, columns)
    target = labels(rng, objective, n, parameters)
    if objective == "reg:squarederror" and rng.random() < 0.4:
        target = np.stack([target, -target, target * target], axis=1)
    types = ["c" if i in columns else "float" for i in range(features)]
    names = [f"f {i}" for i in range(features)] if rng.random() < 0.5 else None
    dtrain = xgb.DMatrix(train, label=None if objective == "survival:aft" else target, feature_types=types,
                         feature_names=names, enable_categorical=True)
    if objective.startswith("rank:"):
        dtrain.set_group([n // 4] * 3 + [n - 3 * (n // 4)])
    if objective == "survival:aft":
        dtrain.set_float_info("label_lower_bound", target)
        dtrain.set_float_info("label_upper_bound", target + 1)
    rounds = int(rng.integers(1, 3)) if small else int(rng.choice([1, 7, 16, 33, 100]))
    booster = xgb.train(parameters, dtrain, num_boost_round=rounds)

    rows = matrix(rng, 8 if small else 150, features, missing or rng.random() < 0.5, [])
    for column in columns:  # known, unknown, negative and fractional categories
        rows[:, column] = rng.choice(np.array([0, 1, 5, 17, 39, 40, 900, -1, 2.5, np.nan], dtype=np.float32), len(rows))
    dtest = xgb.DMatrix(rows, feature_types=types, feature_names=names, enable_categorical=True)
    margins = booster.predict(dtest, output_margin=True).astype(np.float32).reshape(len(rows), -1)
    predictions = booster.predict(dtest).astype(np.float32).reshape(len(rows), -1)
    return booster, rows, margins, predictions, objective


def bits(values):
    return np.ascontiguousarray(values).view(np.uint32).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    for index in range(options.cases):
        # Some objectives diverge on random data, to leaves that are no numbers: such models are not served.
        for attempt in range(20):
            rng = np.random.default_rng([options.seed, index, attempt])
            booster, rows, margins, predictions, objective = make_case(rng, index, options.small)
            if "nan" not in "".join(booster.get_dump()) and np.isfinite(margins).all():
                break
        name = f"{index:03d}-{objective.replace(':', '-')}"
        booster.save_model(options.directory / f"{name}.{'ubj' if index % 2 else 'json'}")
        listed = [[None if np.isnan(v) else float(v) for v in row] for row in rows]
        expected = {"xgboost": xgb.__version__, "rows": listed, "margins": bits(margins), "predictions": bits(predictions)}
        (options.directory / f"{name}.expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
        if index % 25 == 24:
            print(f"xgboost_margins: {index + 1} of {options.cases} models", file=sys.stderr)


if __name__ == "__main__":
    main()
