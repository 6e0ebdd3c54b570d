"""Rewrites the golden list (`make golden`), or tells with `--where` which lines read values back to the host."""

import json
import os
import pathlib
import sys
import tempfile

from chips.rehearsal.stage import COMPARED, GOLDEN, NOTE, golden, obstacle, rehearse, set_up

CHIP = "REHEARSAL_CHIP"


def main(arguments: list[str]) -> int:
    """Run the rehearsal; return the exit code."""
    why = obstacle()
    if why:
        print(f"error: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        runtime = set_up(pathlib.Path(folder))
        played = rehearse(runtime, *arguments)
        print(f"{len(runtime.undefined)} undefined names, {runtime.num_kernels} kernels looked up by name")
        print(played.pop("said"), NOTE, sep="")
        if "--where" in arguments:
            _tell_reads(played)
            return 0
        failed = {name: played[name]["error"] for name in COMPARED if played[name]["error"]}
        if not failed and CHIP in os.environ:
            print(f"{CHIP} names another chip: nothing is written")
            return 0
        if failed:
            print("error: nothing is written, scenes failed", *failed.values(), sep="\n", file=sys.stderr)
            return 1
        GOLDEN.write_text(json.dumps(golden(runtime, played), indent=1, sort_keys=True) + "\n", "utf-8")
        print(f"written: {GOLDEN}")
    return 0


def _tell_reads(played: dict) -> None:
    for name, result in played.items():
        if isinstance(result, dict):
            for place, count in sorted(result["read_at"].items(), key=lambda item: -item[1]):
                print(f"{name}: {count} × {place}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
