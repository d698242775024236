"""A real Kubernetes API: kube-apiserver on etcd, with the definitions of the custom resources the chart makes, and Pod Security as in any cluster.

Nothing runs in it: there are no controllers and no nodes, so no pod ever comes. What is asserted on is what the API stored. Everything is in a folder of its own,
on ports of its own, and ends with it.
"""

import contextlib
import json
import os
import secrets
import subprocess
import time
from pathlib import Path

import yaml

from chart import CHART, TOOLS
from ports import free_ports

PATIENCE = 120
# Kinds that a release may make, and that must be gone with it: everything in a namespace but what the API itself writes down.
WRITTEN_BY_THE_API = {"events", "events.events.k8s.io"}


class Refused(Exception):
    """A command that ended otherwise than with 0; its text is what it said."""


class Cluster:
    """The API, and the commands of an administrator on it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.etcd_port, self.peer_port, self.port = free_ports(3)
        self.processes = []
        self.kubeconfig = self.folder / "kubeconfig"

    def start(self):
        """Starts etcd and the API on it, and returns once the custom resources are served."""
        own = f"http://127.0.0.1:{self.etcd_port}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        self._spawn("etcd", "--data-dir", self.folder / "etcd", "--listen-client-urls", own, "--advertise-client-urls", own,
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
                    "--unsafe-no-fsync")
        token = secrets.token_hex(16)
        (self.folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        key = self.folder / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True, timeout=60)
        # Without controllers nobody makes the service account `default`, which a pod would otherwise need.
        self._spawn(os.environ["KUBE_APISERVER"], f"--etcd-servers={own}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
                    f"--secure-port={self.port}", f"--cert-dir={self.folder / 'certificates'}", f"--service-account-key-file={key}",
                    f"--service-account-signing-key-file={key}", "--service-account-issuer=https://kubernetes.default.svc",
                    "--service-cluster-ip-range=10.0.0.0/24", f"--token-auth-file={self.folder / 'tokens.csv'}",
                    "--authorization-mode=RBAC", "--anonymous-auth=false", "--disable-admission-plugins=ServiceAccount",
                    "--endpoint-reconciler-type=none")
        self.kubeconfig.write_text(yaml.safe_dump({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "admin"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": token}}],
        }))
        self._wait_until_ready()
        definitions = sorted((TOOLS / "crds").glob("*.yaml"))
        assert len(definitions) >= 6, definitions
        files = [word for file in definitions for word in ("--filename", file)]
        self.kubectl("apply", "--server-side", *files)
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self.kubectl("create", "priorityclass", "business-critical", "--value=1000000")

    def stop(self):
        """The API first: without its etcd it would not end."""
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)

    def _spawn(self, *command):
        name = Path(command[0]).name
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes.append(subprocess.Popen([*map(str, command)], stdout=log, stderr=log, cwd=self.folder))

    def _wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(Refused):
                self.kubectl("get", "--raw", "/readyz")
                return
            for process in self.processes:
                name = Path(process.args[0]).name
                log = self.folder / f"{name}.log"
                assert process.poll() is None, f"{name} ended: {log.read_text()[-2000:]}"
            time.sleep(0.2)
        raise AssertionError(f"waited {PATIENCE} s for the API")

    def _run(self, *command, given=None):
        # Nothing of the person's own: neither their cluster nor what their Helm has cached.
        own = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "PATH": os.environ["PATH"]}
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=PATIENCE, env=own, input=given)
        if done.returncode != 0:
            raise Refused(done.stderr + done.stdout)
        return done.stdout

    def kubectl(self, *arguments, given=None):
        """What kubectl says."""
        return self._run("kubectl", *arguments, given=given)

    def helm(self, *arguments):
        """What Helm says."""
        return self._run("helm", *arguments)

    def namespace(self, name):
        """A new namespace, in which only pods are let in that are "restricted"."""
        self.kubectl("create", "namespace", name)
        self.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        return Namespace(self, name)


class Namespace:
    """One namespace, and the release `r` in it."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.files = cluster.folder / name
        self.files.mkdir()

    def _values(self, values):
        """`--values` for each of `values`, a file or a map."""
        for value in values:
            if isinstance(value, dict):
                file = self.files / f"{secrets.token_hex(4)}.yaml"
                file.write_text(yaml.safe_dump(value))
                value = file
            yield from ("--values", value)

    def install(self, *values, release="r", chart=CHART):
        """A first `helm install`."""
        return self.cluster.helm("install", release, chart, "--namespace", self.name, *self._values(values))

    def upgrade(self, *values, chart=CHART):
        """The next revision."""
        return self.cluster.helm("upgrade", "r", chart, "--namespace", self.name, *self._values(values))

    def rollback(self, revision):
        """Back to `revision`."""
        return self.cluster.helm("rollback", "r", str(revision), "--namespace", self.name)

    def uninstall(self):
        """Away with the release."""
        return self.cluster.helm("uninstall", "r", "--namespace", self.name)

    def get(self, kind, name="r-kafka-eventhubs-bridge"):
        """One object, as it is stored."""
        return json.loads(self.cluster.kubectl("get", kind, name, "--namespace", self.name, "--output", "json"))

    def everything(self):
        """(kind, name) → object, of all there is in the namespace."""
        kinds = self.cluster.kubectl("api-resources", "--namespaced", "--verbs", "list", "--output", "name").split()
        kinds = ",".join(sorted(set(kinds) - WRITTEN_BY_THE_API))
        found = json.loads(self.cluster.kubectl("get", kinds, "--namespace", self.name, "--output", "json"))["items"]
        return {(it["kind"], it["metadata"]["name"]): it for it in found}

    def pod(self, template):
        """What the API says to a pod of `template`; raises when it would not let it in."""
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] = {**template.get("metadata", {}), "name": "one", "namespace": self.name}
        return self.cluster.kubectl("create", "--dry-run=server", "--filename", "-", given=json.dumps(pod))
