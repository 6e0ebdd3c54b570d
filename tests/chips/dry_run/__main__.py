"""Rewrites the snapshot (`make snapshots`), or prints with `--where` which lines read values back to the host."""

import json
import os
import pathlib
import sys
import tempfile

from chips.dry_run.harness import COMPARED, NOTE, SNAPSHOT, obstacle, run_scenarios, set_up, snapshot

CHIP = "DRY_RUN_CHIP"


def main(arguments: list[str]) -> int:
    """Run the dry run; return the exit code."""
    why = obstacle()
    if why:
        print(f"error: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        runtime = set_up(pathlib.Path(folder))
        results = run_scenarios(runtime, *arguments)
        print(f"{len(runtime.undefined)} undefined names, {runtime.num_kernels} kernels looked up by name")
        print(results.pop("said"), NOTE, sep="")
        if "--where" in arguments:
            _print_reads(results)
            return 0
        for name in COMPARED:
            print(f"{name}: {sum(results[name]['kernels'].values())} launches")
        failed = {name: results[name]["error"] for name in COMPARED if results[name]["error"]}
        if not failed and CHIP in os.environ:
            print(f"{CHIP} names another chip: nothing is written")
            return 0
        if failed:
            print("error: nothing is written, scenarios failed", *failed.values(), sep="\n", file=sys.stderr)
            return 1
        SNAPSHOT.write_text(json.dumps(snapshot(runtime, results), indent=1, sort_keys=True) + "\n", "utf-8")
        print(f"written: {SNAPSHOT}")
    return 0


def _print_reads(results: dict) -> None:
    for name, result in results.items():
        if isinstance(result, dict):
            for place, count in sorted(result["read_at"].items(), key=lambda item: -item[1]):
                print(f"{name}: {count} × {place}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
