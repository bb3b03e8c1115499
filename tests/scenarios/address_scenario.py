"""How `millrace up` can be reached: TLS from end to end, no other address without it, the names and origins that it
answers to; and `get -w`, which follows what changes."""

import http.client
import shutil
import signal
import ssl
import subprocess
import sys
import threading

from platform_under_test import APIS, DEADLINE, SKIPPED, Folder, check, main, same, says, wait_for

USAGE = 2
PROJECT = "apiVersion: millrace.dev/v1alpha1\nkind: Project\nmetadata: {{name: {name}}}\nspec: {{description: {text}}}\n"


def make_certificate(folder):
    """(certificate, key) of 127.0.0.1 and millrace.example, signed by itself."""
    certificate, key = folder.path / "cert.pem", folder.path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=millrace.example", "-addext",
                    "subjectAltName=DNS:millrace.example,DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return str(certificate), str(key)


def secured(folder, binary):
    """HTTPS with this certificate, and nothing else at that port."""
    platform = folder.platform(binary, name="secured", data=False)
    (platform.folder / "fraud.yaml").write_text(PROJECT.format(name="risk", text="x"))
    certificate, key = make_certificate(folder)
    url = f"https://127.0.0.1:{platform.port}"
    trusting = ssl.create_default_context(cafile=certificate)
    log = open(platform.log_path, "w", encoding="utf-8")  # pylint: disable=consider-using-with
    platform.process = subprocess.Popen(
        [binary, "up", str(platform.folder), "--listen", f"0.0.0.0:{platform.port}", "--tls-cert", certificate,
         "--tls-key", key], env=platform.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    folder.processes.append(platform.process)

    def answers():
        connection = http.client.HTTPSConnection("127.0.0.1", platform.port, context=trusting, timeout=DEADLINE)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    platform.wait(answers, "it answers over TLS, at every address of the machine")
    got = platform.run("get", "projects", "--server", url, "--ca-file", certificate, expect=0)
    says(got.stdout, "risk", what="the command line reads over TLS")
    done = platform.run("get", "projects", "--server", url)
    check(done.returncode != 0 and "certificate" in done.stderr.lower(), "a certificate that nobody vouches for is refused")
    done = platform.run("get", "projects", "--server", f"http://127.0.0.1:{platform.port}")
    check(done.returncode != 0, "nothing is answered in the clear")
    same(platform.stop(), 0, "Ctrl-C ends it with 0")
    log.close()
    for options in (("--tls-cert", certificate), ("--tls-key", key), ("--tls-cert", key, "--tls-key", key)):
        done = platform.run("up", "--listen", f"127.0.0.1:{platform.port}", *options)
        check(done.returncode != 0 and done.stderr.startswith("millrace: "), f"refused: {' '.join(done.stderr.split())[:150]}")


def names_and_origins(folder, binary):
    """Other names and origins are refused with the option that lets them in, and let in with it."""
    platform = folder.platform(binary, name="named", data=False)
    (platform.folder / "fraud.yaml").write_text(PROJECT.format(name="risk", text="x"))
    body = {"apiVersion": "millrace.dev/v1alpha1", "kind": "Project", "metadata": {"name": "web"}, "spec": {}}

    def host():
        return platform.http("GET", f"{APIS}/projects", headers={"Host": "millrace.example"})

    def origin(name):
        return platform.http("POST", f"{APIS}/projects", body, headers={"Origin": name})

    platform.start()
    status, answer = host()
    same(status, 421, "another name")
    says(str(answer), "--allowed-host", what="and how it is let in")
    status, answer = origin("https://console.example")
    same(status, 403, "a page of another origin")
    says(str(answer), "--allowed-origin", what="and how it is let in")
    same(platform.stop(), 0, "Ctrl-C ends it with 0")

    # Options before the folder: each takes one value.
    platform.start("--allowed-host", "other.example", "--allowed-host", "millrace.example", "--allowed-origin",
                   "https://console.example")
    same(host()[0], 200, "a name that is allowed")
    same(origin("https://console.example")[0], 201, "an origin that is allowed")
    same(origin("https://console.example:8443")[0], 403, "the same host at another port is another origin")
    same(platform.stop(), 0, "Ctrl-C ends it with 0")
    for option, wrong in (("--allowed-host", "https://millrace.example"), ("--allowed-host", "a.example:80"),
                          ("--allowed-origin", "console.example"), ("--allowed-origin", "https://a.example/")):
        done = platform.run("up", option, wrong, str(platform.folder), expect=USAGE)
        says(done.stderr, option, wrong, what="a value that no browser or client sends")


def watched(folder, binary):
    """`get -w` shows what is there, then each change, until Ctrl-C."""
    platform = folder.platform(binary, name="watched", data=False)
    yaml = platform.folder / "fraud.yaml"
    yaml.write_text(PROJECT.format(name="risk", text="first"))
    platform.start()
    watch = subprocess.Popen([binary, "get", "projects", "-w"], env=platform.environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    folder.processes.append(watch)
    lines = []
    threading.Thread(target=lambda: lines.extend(iter(watch.stdout.readline, "")), daemon=True).start()

    def shows(event, name):
        wait_for(lambda: any(line.startswith(event) and name in line for line in list(lines)),
                 f"get -w shows {event} {name}")
        print(f"  get -w shows {event} {name}", flush=True)

    shows("ADDED", "risk")
    platform.run("get", "project/risk", "project/later", "-w", expect=USAGE)
    yaml.write_text(PROJECT.format(name="risk", text="second"))
    platform.run("apply", str(yaml), expect=0)
    shows("MODIFIED", "risk")
    other = platform.folder / "other.yaml"
    other.write_text(PROJECT.format(name="later", text="x"))
    platform.run("apply", str(other), expect=0)
    shows("ADDED", "later")
    platform.run("delete", "project/later", expect=0)
    shows("DELETED", "later")
    same(sum(line.startswith("EVENT") for line in lines), 1, "its header stands once")
    watch.send_signal(signal.SIGINT)
    check(watch.wait(DEADLINE) in (0, 130, -signal.SIGINT), "Ctrl-C ends it")
    one = subprocess.Popen([binary, "get", "project/risk", "-w", "-o", "json"], env=platform.environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    folder.processes.append(one)
    check('"ADDED"' in one.stdout.readline(), "one resource, as JSON lines")
    same(platform.stop(), 0, "up ends although somebody watches")
    one.wait(DEADLINE)


def scenario(binary):
    if shutil.which("openssl") is None:
        print("openssl is not installed, so there is no certificate to test with")
        sys.exit(SKIPPED)
    with Folder() as folder:
        secured(folder, binary)
        names_and_origins(folder, binary)
        watched(folder, binary)


if __name__ == "__main__":
    main(scenario)
