"""Store what every layer of the shipped model gives on this CPU, and twenty training losses, for `sancai doctor`.

    python scripts/numerics.py

Run it whenever the shipped model changes, or what training computes.
"""

import json
import pathlib
import tempfile

from sancai.api import MODELS, SHIPPED
from sancai.doctor.numerics import STORED, shipped_norms
from sancai.doctor.training import EXPECTED, loss_curve

if __name__ == "__main__":
    path = MODELS / SHIPPED / STORED
    path.write_text(json.dumps(shipped_norms(), indent=1) + "\n", encoding="utf-8")
    print(path)
    with tempfile.TemporaryDirectory() as folder:
        losses = loss_curve("cpu", pathlib.Path(folder))
    EXPECTED.write_text(json.dumps({"losses": losses}, indent=1) + "\n", encoding="utf-8")
    print(EXPECTED)
