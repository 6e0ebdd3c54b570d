"""Sets the dry run up and runs it: finds the host code, builds the empty runtime, plays the scenarios in a child.

The host code is the released `torch-npu` wheel, unpacked into `torch-npu` of the virtual environment (which
`make test` does) or the folder that SANCAI_DRY_RUN names.  It must never be installed: without the vendor's driver
it keeps `import torch` from working.
"""

import importlib.metadata
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
from typing import Any

import torch

from chips.dry_run.runtime import Runtime, build, compiler

ROOT = pathlib.Path(__file__).resolve().parents[3]
SNAPSHOT = pathlib.Path(__file__).with_name("snapshot.json")
PACKAGE = "torch_npu"
COMPARED = ("train", "keep", "long", "chat", "image", "film", "fused", "shard")
"""Scenarios whose launches are kept in the snapshot."""
SLOW = re.compile(r"kernel \[(\w+)\] can not support dtype .* on AiCore")
"""How the host code warns of a kernel that runs on the chip's slow unit in the number format asked for."""
SECONDS = 600
NOTE = (
    "The Ascend dry run checks no arithmetic: kernels do nothing, results are uninitialised memory. It shows which "
    "kernels and collectives the vendor's host code launches for this project, and that none is missing."
)
REGENERATE = "make snapshots"


def site() -> pathlib.Path:
    """Return the folder of the unpacked host code, whether it is there or not."""
    return pathlib.Path(os.environ.get("SANCAI_DRY_RUN") or pathlib.Path(sys.prefix, "torch-npu"))


def obstacle() -> str | None:
    """Return why the dry run cannot run here, None if it can."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        return f"the host code exists for Linux on x86_64 and aarch64, this is {sys.platform} on {platform.machine()}"
    if not list(site().glob(f"{PACKAGE}/_C.cpython-{sys.version_info.major}{sys.version_info.minor}-*.so")):
        return (
            f"no torch-npu for Python {platform.python_version()} at {site()}; `make test` fetches it where a package "
            "index is within reach"
        )
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is not None:
        return f"this torch is built for {accelerator.type}, and one process takes one accelerator; use a CPU build"
    if compiler() is None:
        return "no C compiler (cc, gcc or clang) to build the empty runtime with; install one"
    ours, theirs = (version.split("+")[0] for version in (torch.__version__, host_version()))
    if ours != theirs:
        return f"the host code is made for torch {theirs}, installed is {ours}; take the versions of constraints.txt"
    return None


def host_version() -> str:
    """Return the version of the unpacked host code."""
    (found,) = importlib.metadata.distributions(path=[str(site())], name=PACKAGE)
    return found.version


def set_up(folder: pathlib.Path) -> Runtime:
    """Build the empty runtime in a folder."""
    command = compiler()
    if command is None:
        raise FileNotFoundError("no C compiler; ask `obstacle` first")
    return build(site(), folder, command)


def run_scenarios(runtime: Runtime, *arguments: str) -> dict[str, Any]:
    """Play the scenarios (all, or those named) in a child; return what came of each.

    Raises:
        RuntimeError: the child died.
    """
    target = runtime.folder / "results.json"
    command = [sys.executable, "-m", "chips.dry_run.scenarios", str(target), *arguments]
    done = subprocess.run(
        command, cwd=runtime.folder, env=_environment(runtime), capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode or not target.is_file():
        raise RuntimeError(f"the dry run ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
    results: dict[str, Any] = json.loads(target.read_text("utf-8"))
    return results | {"said": done.stdout, "warned": done.stderr}


def snapshot(runtime: Runtime, results: dict[str, Any]) -> dict[str, Any]:
    """Return the snapshot of a dry run: names of kernels, collectives and device-to-host reads, without times."""
    kept = ("older", "collectives", "host_reads")
    scenarios = {
        name: {"kernels": sorted(results[name]["kernels"])} | {key: results[name][key] for key in kept}
        for name in COMPARED
    }
    return {
        "host_code": f"torch-npu {host_version()}",
        "undefined": list(runtime.undefined),
        "looked_up": runtime.num_kernels,
        "slow": sorted(set(SLOW.findall(results["warned"]))),
        "scenarios": scenarios,
    }


def _environment(runtime: Runtime) -> dict[str, str]:
    """Return the child's environment: our code, the host code as if installed, no way back to the CPU."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("ASCEND", "HCCL", "RANK", "TORCH", "WORLD"))}
    paths = [ROOT / "src", ROOT, ROOT / "tests", site()]
    libraries = [str(runtime.folder), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return inherited | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "TORCH_NPU_FALLBACK_CPU_DISABLE": "1",
        "OMP_NUM_THREADS": "1",
        "HOME": str(runtime.folder),
    }
