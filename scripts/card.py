"""Write a model card from its run's metrics and its scores.

python scripts/card.py METRICS.jsonl SCORES.json src/sancai/models/tiny/NOTES.md "512 pictures" > README.md
"""

import json
import pathlib
import sys

from sancai.telemetry import read_metrics

CURVES = ("flow/image", "flow/video", "text/vqa", "text/arithmetic")
ROWS = 12
SPAN = 40


def curve_table(metrics: list[dict]) -> str:
    """Return the losses around some steps, each a mean over the steps before."""
    lines = ["| step | " + " | ".join(CURVES) + " |", "| ---: |" + " ---: |" * len(CURVES)]
    for point in (len(metrics) * n // ROWS for n in range(1, ROWS + 1)):
        near = metrics[max(point - SPAN, 0) : point]
        cells = []
        for name in CURVES:
            seen = [r[name] for r in near if name in r]
            cells.append(f"{sum(seen) / len(seen):.3f}" if seen else "")
        lines.append(f"| {point} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def score_tables(scores: dict) -> str:
    """Return one table a suite: the model beside real, blurred and unrelated pictures."""
    parts = []
    for suite, table in scores.items():
        columns = list(table)
        names = sorted({n for values in table.values() for n in values})
        lines = [f"**{suite}**", "", "| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
        for name in names:
            cells = [f"{table[c][name]:.3f}" if name in table[c] else "" for c in columns]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def main() -> None:
    """Print the card."""
    metrics, scores, notes = (pathlib.Path(p) for p in sys.argv[1:4])
    counts = sys.argv[4]
    values = read_metrics(metrics)
    hours = sum(r["seconds"] for r in values) / 3600
    sys.stdout.write(
        notes.read_text(encoding="utf-8")
        .replace("{steps}", str(len(values)))
        .replace("{hours}", f"{hours:.1f}")
        .replace("{curves}", curve_table(values))
        .replace("{counts}", counts)
        .replace("{scores}", score_tables(json.loads(scores.read_text(encoding="utf-8"))))
    )


if __name__ == "__main__":
    main()
