"""Requests that are wrong in every way: a status and a sentence, and the server goes on; then roles and tokens."""

import json
import socket

from platform_under_test import (APIS, Failure, Folder, check, event_tensors, feature, main, output, same, same_status,
                                 says, transaction)

INFER = "/v2/models/fraud/infer"
PUSH = f"{APIS}/namespaces/default/datasources/transactions/push"


def refused(answer, status, *parts, what):
    got, body = answer
    text = body if isinstance(body, str) else json.dumps(body)
    if got != status:
        raise Failure(f"{what}: expected HTTP {status}, got {got}: {text[:500]}")
    says(text, *parts, what=f"{what} ({status})")


def changed(event, name, datatype, shape, data):
    return [(name, datatype, shape, data) if one[0] == name else one for one in event_tensors(event)]


def wrong_tensors(platform):
    event = transaction(1)
    width = len(output(platform.predict(event)[1], "features"))
    cases = [
        ("too few values", changed(event, "tx_amount", "FP64", [2], [1.0]), ["tx_amount"]),
        ("tensors of different lengths", changed(event, "tx_amount", "FP64", [2], [1.0, 2.0]), ["tx_amount"]),
        ("a type that does not fit", changed(event, "tx_amount", "BYTES", [1], ["much"]), ["tx_amount", "BYTES"]),
        ("a whole number as FP64", changed(event, "customer_id", "FP64", [1], [7.5]), ["customer_id"]),
        ("a type that is none", changed(event, "tx_amount", "FP99", [1], [1.0]), ["FP99"]),
        ("text where numbers belong", changed(event, "tx_amount", "FP64", [1], ["x"]), ["tx_amount"]),
        ("a time that is none", changed(event, "tx_datetime", "BYTES", [1], ["yesterday"]), ["yesterday"]),
        ("a shape below zero", changed(event, "tx_amount", "FP64", [-1], [1.0]), ["shape"]),
        ("a shape beyond all bounds", changed(event, "tx_amount", "FP64", [2**62, 2**62], [1.0]), ["too many"]),
        ("a misspelt field", [*event_tensors(event)[:-1], ("tx_amuont", "FP64", [1], [1.0])],
         ["tx_amuont", "tx_amount"]),
        ("the same tensor twice", [*event_tensors(event), event_tensors(event)[0]], ["transaction_id"]),
        ("no tensors", [], ["inputs"]),
        ("a feature vector of wrong width", [("f", "FP64", [1, width + 1], [0.0] * (width + 1))], [str(width)]),
    ]
    for what, tensors, parts in cases:
        refused(platform.infer(tensors), 400, "error", *parts, what=what)
    refused(platform.infer(event_tensors(event), outputs=("scoer",)), 404, "scoer", "score", what="a misspelt output")
    refused(platform.infer(event_tensors(event), endpoint="fruad"), 404, "fruad", what="an endpoint that is not there")


def wrong_bodies(platform):
    whole = json.dumps({"inputs": [dict(zip(("name", "datatype", "shape", "data"), one))
                                   for one in event_tensors(transaction(2))]}).encode()
    cases = [("no JSON", b"hello"), ("a body that is cut off", whole[: len(whole) // 2]), ("nothing", b""),
             ("not-a-number as a word", whole.replace(b"57.2", b"NaN")), ("a list", b"[]"),
             ("100,000 brackets", b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
             ("a number beyond all bounds", whole.replace(b"57.2", b"1" + b"0" * 5000)),
             ("bytes that are no UTF-8", whole.replace(b"tx_amount", b"tx_am\xff\xfent"))]
    for what, body in cases:
        refused(platform.http("POST", INFER, body), 400, "error", what=what)
        status, answer = platform.http("POST", PUSH, body)
        check(status == 400 or (status == 200 and answer["accepted"] == 0), f"pushed: {what} ({status})")
    head = (f"POST {INFER} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {platform.token()}\r\n"
            "Content-Type: application/json\r\n")
    with socket.create_connection(("127.0.0.1", platform.port), timeout=30) as raw:
        raw.sendall(f"{head}Content-Length: {10 << 30}\r\n\r\n".encode())
        check(b" 413 " in raw.recv(4096).split(b"\r\n")[0], "10 GiB are too much (413), before any of it came")
    with socket.create_connection(("127.0.0.1", platform.port), timeout=30) as raw:
        raw.sendall(f"{head}Content-Length: 5000\r\n\r\n{{".encode())
    check(platform.answers(), "a client that leaves in the middle of its body harms nothing")
    with socket.create_connection(("127.0.0.1", platform.port), timeout=30) as raw:
        raw.sendall(b"\x05\x01\x00 SOCKS to an HTTP port\r\n\r\n")
        check(b" 400 " in raw.recv(4096).split(b"\r\n")[0], "what is no HTTP is answered 400")
    with socket.create_connection(("127.0.0.1", platform.port), timeout=30) as raw:
        raw.sendall(b"\x16\x03\x01\x00\x10 this begins as TLS and is none\r\n\r\n")
        check(b"HTTP" not in raw.recv(4096), "what begins as TLS and is none is not answered in HTTP")


def odd_but_right(platform):
    status, answer = platform.infer(changed(transaction(3, customer=999_999, terminal=999_999), "tx_amount", "FP64",
                                            [1], [None]))
    same_status(status, answer)
    same(feature(answer, "customer-spending__tx_count_30d"), 1, "an unknown customer has this one event")
    same(feature(answer, "terminal-risk__tx_count_30d"), 0, "an unknown terminal has none")
    same(feature(answer, "fraud_share_30d"), 0, "and the default share")
    same(feature(answer, "tx_amount"), None, "a missing amount stays missing")
    check(0 <= output(answer, "score")[0] <= 1, "and is scored")


def hosts_and_origins(platform):
    refused(platform.http("POST", INFER, b"{}", headers={"Host": "evil.example"}), 421, "evil.example",
            what="another Host")
    refused(platform.http("POST", INFER, b"{}", headers={"Origin": "https://evil.example"}), 403, "evil.example",
            what="a page of another origin")
    refused(platform.http("POST", INFER, b"{}", headers={"Sec-Fetch-Site": "cross-site"}), 403, "another site",
            what="a page of another site")


def tokens_and_roles(platform):
    body = {"inputs": []}
    refused(platform.http("POST", INFER, body, token=None), 401, "token", what="no token")
    refused(platform.http("GET", f"{APIS}/models", token="wrong"), 401, what="a token that is none")
    viewer = platform.run("token", "create", "reader", "--role", "viewer", expect=0).stdout.split()[-1]
    path = f"{APIS}/namespaces/default/models/fraud"

    def seen():
        return platform.http("GET", path, token=viewer)[0] == 200

    platform.wait(seen, "the running platform knows the new token")
    check(True, "a viewer may look")
    before = platform.resource("models", "fraud")["metadata"]["resourceVersion"]
    refused(platform.http("DELETE", path, token=viewer), 403, "viewer", what="a viewer may not delete")
    refused(platform.http("PATCH", path, {"spec": {"seed": 5}}, token=viewer,
                          headers={"Content-Type": "application/merge-patch+json"}), 403, "viewer",
            what="nor change")
    refused(platform.http("POST", PUSH, transaction(5), token=viewer), 403, "viewer", what="nor push")
    same(platform.resource("models", "fraud")["metadata"]["resourceVersion"], before, "nothing was changed")
    same((platform.data_dir / "token").stat().st_mode & 0o777, 0o600, "the admin's token is its owner's alone")
    platform.run("token", "revoke", "reader", expect=0)
    platform.wait(lambda: platform.http("GET", path, token=viewer)[0] == 401, "a revoked token is worthless")
    check(True, "a revoked token is worthless")


def scenario(binary):
    with Folder() as folder:
        platform = folder.platform(binary).start()
        platform.wait_ready()
        wrong_tensors(platform)
        wrong_bodies(platform)
        odd_but_right(platform)
        hosts_and_origins(platform)
        tokens_and_roles(platform)
        status, answer = platform.predict(transaction(9))
        same_status(status, answer)
        check(platform.is_ready(), "after all of this the server answers as before")
        same(platform.stop(), 0, "Ctrl-C ends it with 0")


main(scenario)
