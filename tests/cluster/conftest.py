"""One API for all tests, and a namespace for each."""

import re
import sys
import zlib
from pathlib import Path

import pytest

for beside in ("chart", "stage"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / beside))

from cluster import Cluster  # noqa: E402


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A real Kubernetes API."""
    api = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        api.start()
        yield api
    finally:
        api.stop()


@pytest.fixture
def namespace(cluster, request):
    """A namespace of the test's own."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")[:50].strip("-")
    return cluster.namespace(f"{name}-{zlib.crc32(request.node.name.encode()):08x}")
