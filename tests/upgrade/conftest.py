"""The stage stands beside; the version before is built by `scripts/before.sh`, which `make check-upgrade` asks."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stage"))
