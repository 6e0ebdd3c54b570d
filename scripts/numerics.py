"""Store what every layer of the shipped model gives on this CPU, for `sancai doctor` to compare with.

    python scripts/numerics.py

Run it whenever the shipped model changes.
"""

import json

from sancai.api import MODELS, SHIPPED
from sancai.doctor.numerics import STORED, shipped_norms

if __name__ == "__main__":
    path = MODELS / SHIPPED / STORED
    path.write_text(json.dumps(shipped_norms(), indent=1) + "\n", encoding="utf-8")
    print(path)
