"""An unmodified tritonclient talks to a server of the Open Inference Protocol.

    oip_client.py URL MODEL [--token-file FILE]

Everything that it sends is made from the model's metadata, so that it works with any model that Millrace
serves. Exits 0 when every check held.
"""
import argparse
import pathlib
import sys
import time

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

NUMPY = {"BOOL": np.bool_, "INT64": np.int64, "FP32": np.float32, "FP64": np.float64, "BYTES": np.object_}
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"oip_client: {what}")


# tritonclient writes into the dictionary of headers that it is given: each call gets its own.

def value_of(tensor, row):
    """A plausible value of a field: a fresh id, the time now, small numbers."""
    kind = tensor.get("parameters", {}).get("type", "")
    if kind == "timestamp":
        return int(time.time() * 1e6) + row
    if tensor["datatype"] == "INT64":
        return int(time.time_ns() // 1000 % 10**9) + row if tensor["name"].endswith("transaction_id") else 7
    return {"BOOL": True, "FP32": 1.5, "FP64": 57.16, "BYTES": b"text"}[tensor["datatype"]]


def make_inputs(metadata, rows, binary):
    inputs = []
    for tensor in metadata["inputs"]:
        shape = [rows] + [n for n in tensor["shape"][1:]]
        values = np.array([value_of(tensor, r) for r in range(rows)], dtype=NUMPY[tensor["datatype"]])
        if len(shape) > 1:
            values = np.repeat(values.reshape(rows, 1), shape[1], axis=1)
        made = triton.InferInput(tensor["name"], list(values.shape), tensor["datatype"])
        made.set_data_from_numpy(values, binary_data=binary)
        inputs.append(made)
    return inputs


def refused(call, status):
    try:
        call()
    except InferenceServerException as error:
        return status is None or str(status) in str(error.status()) or error.message() != ""
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("--token-file", type=pathlib.Path)
    options = parser.parse_args()
    headers = {}
    if options.token_file:
        headers["Authorization"] = "Bearer " + options.token_file.read_text().strip()
    client = triton.InferenceServerClient(options.url.removeprefix("http://"))
    model = options.model

    check(client.is_server_live(headers=dict(headers)), "the server is not live")
    check(client.is_server_ready(headers=dict(headers)), "the server is not ready")
    check(client.get_server_metadata(headers=dict(headers))["name"] == "millrace", "the server's name")
    check(client.is_model_ready(model, headers=dict(headers)), "the model is not ready")
    metadata = client.get_model_metadata(model, headers=dict(headers))
    version = metadata["versions"][0]
    output = metadata["outputs"][0]
    index = client.get_model_repository_index(headers=dict(headers))
    check(any(m["name"] == model and m["state"] == "READY" for m in index), "the index does not have the model")

    answers = []
    for binary in (True, False):
        for rows in (1, 3):
            wanted = [triton.InferRequestedOutput(output["name"], binary_data=binary)]
            result = client.infer(model, make_inputs(metadata, rows, binary), model_version=version, outputs=wanted,
                                  request_id="r42", headers=dict(headers), parameters={"learn": False})
            response = result.get_response()
            check(response["id"] == "r42", "the id is not echoed")
            check(response["model_version"] == version, "the version")
            scores = result.as_numpy(output["name"])
            check(scores.dtype == np.float32 and scores.shape == (rows, output["shape"][1]), f"shape {scores.shape}")
            check(np.isfinite(scores).all(), "a score is no number")
            answers.append(scores[0, 0])
    check(len({a.tobytes() for a in answers}) == 1, f"JSON and binary differ: {answers}")

    result = client.infer(model, make_inputs(metadata, 2, True), headers=dict(headers), parameters={"learn": False})
    check(result.as_numpy(output["name"]) is not None, "no default output")
    if any(o["name"] == "features" for o in metadata["outputs"]):
        result = client.infer(model, make_inputs(metadata, 2, False), headers=dict(headers),
                              parameters={"learn": False, "features": True})
        features = result.as_numpy("features")
        check(features.dtype == np.float64 and features.shape[0] == 2, "the features")

    statistics = client.get_inference_statistics(model, headers=dict(headers))
    check(statistics["model_stats"][0]["inference_count"] >= 10, f"statistics {statistics}")
    check(refused(lambda: client.infer(model, make_inputs(metadata, 1, True), model_version="999999", headers=dict(headers)), 404),
          "an unknown version is not refused")
    check(refused(lambda: client.get_model_metadata("no-such-model", headers=dict(headers)), 404), "an unknown model")
    check(refused(lambda: client.load_model(model, headers=dict(headers)), 400), "loading is not refused")
    check(refused(lambda: client.infer(model, make_inputs(metadata, 1, False), outputs=[
        triton.InferRequestedOutput("no-such-output")], headers=dict(headers), parameters={"learn": False}), 404), "an unknown output")
    print(f"oip_client: {checks} checks held for {model}", file=sys.stderr)


if __name__ == "__main__":
    main()
