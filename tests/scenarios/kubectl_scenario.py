"""The unmodified kubectl against `millrace up`: what it shows, applies, edits, patches, awaits and deletes.

kubectl is the one of MILLRACE_KUBECTL, of PATH, or of the test cluster's programs; without one this is skipped."""

import json
import os
import pathlib
import shutil
import subprocess

from platform_under_test import DEADLINE, REPOSITORY, SKIPPED, Folder, check, main, same, says

SERVICE = """apiVersion: millrace.dev/v1alpha1
kind: FeatureService
metadata: {name: other}
spec:
  features:
  - {request: tx_amount}
  - {view: customer-spending}
"""


def find_kubectl():
    named = os.environ.get("MILLRACE_KUBECTL") or shutil.which("kubectl")
    if named:
        return named
    library = pathlib.Path(os.environ.get("MILLRACE_SHARED") or REPOSITORY / "../shared") / "cluster/lib.sh"
    if not library.exists():
        return None
    found = subprocess.run(["bash", "-c", '. "$0" && printf %s "$bin/kubectl"', str(library)], capture_output=True,
                           text=True, check=False).stdout
    return found if found and os.access(found, os.X_OK) else None


class Kubectl:
    """kubectl with the kubeconfig that `millrace kubeconfig` prints."""

    def __init__(self, kubectl, platform, folder):
        self.kubectl = kubectl
        self.config = folder / "kubeconfig"
        self.config.write_text(platform.run("kubeconfig", expect=0).stdout)
        self.environment = {**os.environ, "HOME": str(folder), "KUBECONFIG": str(self.config)}

    def run(self, *arguments, expect=0, given=None, **environment):
        done = subprocess.run([self.kubectl, *arguments], env={**self.environment, **environment}, input=given,
                              capture_output=True, text=True, timeout=DEADLINE, check=False)
        same(done.returncode, expect, f"kubectl {' '.join(arguments)}"
             if done.returncode == expect else done.stdout + done.stderr)
        return done.stdout + done.stderr


def reads(kubectl):
    table = kubectl.run("get", "millrace").splitlines()
    check(any(line.split()[:2] == ["datasource.millrace.dev/transactions", "True"] for line in table),
          "get millrace shows the source, ready")
    says(kubectl.run("get", "fv", "-o", "wide"), "NAME", "READY", "SOURCE", "customer-spending")
    says(kubectl.run("describe", "model", "fraud"), "Average_precision >= 0.01", "Conditions")
    says(kubectl.run("explain", "model.spec.gates"), "What a version must fulfil to be promoted")
    says(kubectl.run("api-resources", "--api-group=millrace.dev"), "featureviews", "fv", "FeatureView")
    kubectl.run("wait", "--for=condition=Ready", "modelendpoint/fraud", f"--timeout={DEADLINE}s")
    same(json.loads(kubectl.run("get", "ds", "transactions", "-o", "json"))["kind"], "DataSource",
         "one resource comes as JSON")
    same(kubectl.run("get", "fv", "--field-selector=metadata.name=terminal-risk", "-o", "name").split(),
         ["featureview.millrace.dev/terminal-risk"], "a field selector selects")


def writes(kubectl, platform):
    says(kubectl.run("apply", "-f", "-", given=SERVICE), "other created")
    says(kubectl.run("apply", "-f", "-", given=SERVICE), "other unchanged")
    says(kubectl.run("apply", "--server-side", "-f", "-", given=SERVICE), "serverside-applied")
    kubectl.run("diff", "-f", "-", given=SERVICE)
    kubectl.run("wait", "--for=condition=Ready", "fs/other", f"--timeout={DEADLINE}s")
    kubectl.run("label", "fs", "other", "team=risk")
    kubectl.run("patch", "fs", "other", "--type=json", "-p",
                '[{"op": "add", "path": "/metadata/labels/tier", "value": "gold"}]')
    kubectl.run("patch", "fs", "other", "--type=merge", "-p", '{"metadata": {"annotations": {"note": "x"}}}')
    same(kubectl.run("get", "fs", "-l", "team=risk,tier=gold", "-o", "name").split(),
         ["featureservice.millrace.dev/other"], "labels set in two ways select")
    kubectl.run("edit", "fs", "other", KUBE_EDITOR="sed -i s/customer-spending/terminal-risk/")
    same(platform.resource("featureservices", "other")["spec"]["features"][1], {"view": "terminal-risk"},
         "an edit is stored")
    kubectl.run("delete", "fs", "other")
    same(platform.resource("featureservices", "other"), {}, "what was deleted is gone")


def refusals(kubectl, platform):
    wrong = SERVICE.replace("request:", "requst:")
    says(kubectl.run("apply", "-f", "-", given=wrong, expect=1), "requst", "request")
    says(kubectl.run("delete", "fs", "fraud-input", expect=1), "is needed by Model fraud")
    token = platform.run("token", "create", "reader", "--role", "viewer", expect=0).stdout
    platform.wait(lambda: platform.http("GET", "/api", token=token.strip())[0] == 200, "the new token is known")
    reader = kubectl.config.parent / "reader.token"
    reader.write_text(token)
    kubectl.config.write_text(kubectl.config.read_text().replace(str(platform.data_dir / "token"), str(reader)))
    says(kubectl.run("apply", "-f", "-", given=SERVICE, expect=1), "Forbidden")
    says(kubectl.run("get", "models"), "fraud")


def scenario(binary):
    kubectl = find_kubectl()
    if kubectl is None:
        print("there is no kubectl: put one into PATH, or name it by MILLRACE_KUBECTL")
        raise SystemExit(SKIPPED)
    with Folder() as folder:
        platform = folder.platform(binary)
        platform.start()
        platform.wait_ready()
        user = Kubectl(kubectl, platform, folder.path)
        reads(user)
        writes(user, platform)
        refusals(user, platform)
        same(platform.stop(), 0, "Ctrl-C ends it with 0")


if __name__ == "__main__":
    main(scenario)
