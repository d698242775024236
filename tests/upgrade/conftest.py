"""The stage and the Kubernetes API stand beside; the version before is built by `scripts/before.sh`, which `make check-upgrade` asks."""

import sys
from pathlib import Path

import pytest

for beside in ("stage", "chart", "cluster"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / beside))

from cluster import Cluster  # noqa: E402


@pytest.fixture
def cluster(tmp_path_factory):
    """A real Kubernetes API."""
    api = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        api.start()
        yield api
    finally:
        api.stop()
