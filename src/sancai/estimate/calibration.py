"""Calibration: the rates that this machine reaches, measured once in half a minute and cached in the user's folder.

Products, elementwise work and the mixing of streams are measured at several sizes, with inputs from memory instead of
cache, as in a model.  The launch overhead is the time of a decoding step of a tiny model divided by the number of its
operators.
"""

import dataclasses
import itertools
import json
import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from sancai.device.fingerprint import cache_folder
from sancai.device.platform import Platform, synchronize
from sancai.errors import CheckpointError
from sancai.estimate.cost_model import CostModel
from sancai.estimate.op_cost import totals
from sancai.estimate.primitives import ExecutionMode
from sancai.estimate.rates import SINKHORN, Grid, MeasuredRates
from sancai.estimate.workload import ElementBytes, Workload
from sancai.files import atomic_write
from sancai.model import Cache, ModelConfig, Transformer
from sancai.ops.attention import attention_products
from sancai.ops.sinkhorn import sinkhorn
from sancai.ops.streams import mix, weigh
from sancai.sequence import Text, pack

ROWS = (1, 4, 16, 64, 256, 1024)
WIDTHS = (64, 256, 1024, 2048)
TRAFFIC = (2**12, 2**16, 2**20, 2**24, 2**27)
ROW = 256
"""Elements per row of elementwise work."""
TOKENS, STREAMS, WIDTH = (1, 16, 128, 1024), 4, 512
"""Sizes for the mixing of streams."""
QUERIES, KEYS, HEADS, HEAD_DIM = (1, 16, 128, 512), 512, 8, 64
"""Sizes for attention."""
POOL = 2**25
"""Elements of all inputs together: more than CPU caches hold, because a model reads each layer once."""
SETTLING_BYTES = 31 * 2**20
"""Just below the largest block that the C library's allocator keeps."""
LEAST_SECONDS, ROUNDS = 0.02, 3
VERSION = 2


@dataclass(frozen=True)
class Calibration:
    """Measured rates, and the configuration they were measured with."""

    device: str
    dtype: str
    threads: int
    torch: str
    rates: MeasuredRates

    def save(self, path: pathlib.Path) -> None:
        """Write the file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, shared=True) as partial:
            partial.write_text(json.dumps({"version": VERSION} | dataclasses.asdict(self), indent=1) + "\n", "utf-8")

    @staticmethod
    def load(path: pathlib.Path) -> "Calibration":
        """Read a file written by `save`.

        Raises:
            CheckpointError: the file is damaged or of another version.
        """
        try:
            values = json.loads(path.read_text("utf-8"))
            if values.pop("version") != VERSION:
                raise ValueError("it is of another version")
            rates = values.pop("rates")
            rates |= {name: _grid(rates[name]) for name in ("products", "traffic", "streams", "scores")}
            return Calibration(rates=MeasuredRates(**rates), **values)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CheckpointError(f"{path} is not a calibration ({error}); delete it to measure again") from error


def cached_calibration(platform: Platform) -> Calibration:
    """Return the cached calibration of this device, dtype and number of threads; measure and cache it if missing."""
    path = cache_folder() / f"rates-{VERSION}-{_key(platform)}.json"
    if path.is_file():
        return Calibration.load(path)
    fresh = calibrate(platform)
    fresh.save(path)
    return fresh


def calibrate(platform: Platform) -> Calibration:
    """Measure this machine; takes half a minute and 300 MB of memory."""
    with torch.no_grad():
        _settle_allocator()
        pool = torch.randn(POOL, device=platform.device, dtype=torch.float32).to(platform.dtype)
        products = Grid(
            ROWS,
            tuple(w * w for w in WIDTHS),
            tuple(tuple(_product_rate(platform, pool, r, w) for w in WIDTHS) for r in ROWS),
        )
        traffic = Grid((1,), TRAFFIC, (tuple(_traffic_rate(platform, pool, size) for size in TRAFFIC),))
        sizes, mixed = zip(*(_streams_rate(platform, pool, tokens) for tokens in TOKENS), strict=True)
        launch, sinkhorn_launch = _launch_seconds(platform)
        widths, scored = zip(*(_scores_rate(platform, products, queries) for queries in QUERIES), strict=True)
    streams, scores = Grid((1,), sizes, (mixed,)), Grid((1,), widths, (scored,))
    rates = MeasuredRates(
        products, traffic, streams, scores, launch, sinkhorn_launch, overlaps=platform.device.type != "cpu"
    )
    dtype = str(platform.dtype).removeprefix("torch.")
    return Calibration(platform.name, dtype, torch.get_num_threads(), torch.__version__, rates)


def _settle_allocator() -> None:
    """Bring the C library's allocator into its steady state.

    It returns blocks to the system, and pays for fresh pages at every use, until a larger block has been freed.
    """
    torch.empty(SETTLING_BYTES, dtype=torch.uint8, device="cpu")


def best_seconds(platform: Platform, work: Callable[[], object], least: float = LEAST_SECONDS) -> float:
    """Return the time of one call in seconds: the best of several rounds, each long enough for the clock.

    With one thread on a CPU this is processor time, which other processes do not affect.
    """
    is_alone = platform.device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if is_alone else time.perf_counter
    work()
    synchronize(platform)
    best, times, done = float("inf"), 1, 0
    while done < ROUNDS:
        started = clock()
        for _ in range(times):
            work()
        synchronize(platform)
        took = clock() - started
        if took < least and times < 2**16:
            times = max(2 * times, int(times * least / max(took, 1e-9)))
            continue
        best, done = min(best, took / times), done + 1
    return best


def _product_rate(platform: Platform, pool: torch.Tensor, rows: int, width: int) -> float:
    """Return FLOP/s of (rows, width) × (width, width), each call with another weight, without launch overhead."""
    weights = itertools.cycle(pool.view(-1, width, width).unbind())
    left = torch.randn(rows, width, device=platform.device, dtype=torch.float32).to(platform.dtype)
    small = left[:1, :1].contiguous()
    bare = best_seconds(platform, lambda: F.linear(small, small))
    taken = best_seconds(platform, lambda: F.linear(left, next(weights)))
    return 2.0 * rows * width * width / max(taken - bare, taken / 4)


def _traffic_rate(platform: Platform, pool: torch.Tensor, size: int) -> float:
    """Return bytes per second of elementwise work whose launches move `size` bytes."""
    rows = max(size // pool.element_size() // ROW // 2, 1)
    inputs = itertools.cycle(pool[: len(pool) // (rows * ROW) * rows * ROW].view(-1, rows, ROW).unbind())
    tiny = pool[:1].view(1, 1)

    def chain(t: torch.Tensor) -> None:
        """Keep results alive as layers do, because fresh memory has a cost as well."""
        squared = t * t
        weights = squared.softmax(-1)
        torch.cat([weights, squared], -1).sum(-1)

    bare, taken = best_seconds(platform, lambda: chain(tiny)), best_seconds(platform, lambda: chain(next(inputs)))
    moved = (3 + 2 + 4 + 2) * rows * ROW * pool.element_size()
    return moved / max(taken - bare, taken / 4)


def _streams_rate(platform: Platform, pool: torch.Tensor, tokens: int) -> tuple[float, float]:
    """Return bytes per launch and bytes per second of weighing and mixing the streams of `tokens` tokens."""
    numbers = tokens * STREAMS * WIDTH
    inputs = itertools.cycle(pool[: len(pool) // numbers * numbers].view(-1, 1, tokens, STREAMS, WIDTH).unbind())
    first = pool[: STREAMS * WIDTH].view(1, 1, STREAMS, WIDTH)
    weights = torch.rand(STREAMS, 1, tokens, device=platform.device, dtype=torch.float32)
    comb = torch.rand(STREAMS, STREAMS, 1, tokens, device=platform.device, dtype=torch.float32)

    def both(streams: torch.Tensor) -> None:
        count = streams.shape[1]
        mix(comb[..., :count], streams, weights[..., :count], weigh(weights[..., :count], streams))

    bare, taken = best_seconds(platform, lambda: both(first)), best_seconds(platform, lambda: both(next(inputs)))
    moved = tokens * WIDTH * pool.element_size() * (7 * STREAMS + 3)
    return moved / 5, moved / max(taken - bare, taken / 4)


def _scores_rate(platform: Platform, products: Grid, queries: int) -> tuple[float, float]:
    """Return bytes per launch and bytes per second of attention without its products."""
    number = torch.finfo(platform.dtype).bits // 8
    config = ModelConfig(num_attention_heads=HEADS, head_dim=HEAD_DIM, sliding_window=KEYS, qk_rope_head_dim=8)
    work = CostModel(config, mode_of(platform), ElementBytes(math=number))
    workload = Workload(text=queries, context=KEYS - queries)
    listed = [o for o in work.attention(workload, queries, 0, 0) if o.kind != "vector"]
    between = totals(o for o in listed if o.kind == "scores")
    multiplied = sum(o.flops / products.at(o.rows, o.weights) for o in listed if o.kind == "matrix")

    def made(*shape: int) -> torch.Tensor:
        return torch.randn(shape, device=platform.device, dtype=torch.float32).to(platform.dtype)

    keys, sink = made(1, KEYS, HEAD_DIM), torch.zeros(HEADS, device=platform.device, dtype=torch.float32)
    mask = torch.ones(1, queries, KEYS, device=platform.device, dtype=torch.bool)
    query, one = made(1, queries, HEADS, HEAD_DIM), made(1, 1, 1, HEAD_DIM)
    bare = best_seconds(platform, lambda: attention_products(one, keys[:, :1], mask[:, :1, :1], sink[:1]))
    taken = best_seconds(platform, lambda: attention_products(query, keys, mask, sink))
    return between.bytes / between.launches, between.bytes / max(taken - bare - multiplied, taken / 10)


SMALLEST = ModelConfig(
    vocab_size=32, hidden_size=16, num_hidden_layers=6, compress_ratios=(0, 4, 16, 4, 16, 4, 0), head_dim=16,
    q_lora_rank=16, o_lora_rank=16, moe_intermediate_size=16, hc_sinkhorn_iters=20, visual=None,
)  # fmt: skip
"""A model whose time is all launch overhead."""


def _launch_seconds(platform: Platform) -> tuple[float, float]:
    """Return the launch overhead in seconds: of a decoding step of the smallest model, and of Sinkhorn iterations."""
    model = Transformer(SMALLEST).to(platform.device).eval().requires_grad_(False)
    model.compute_dtype = platform.dtype
    context = 64
    cache = model(pack([[[Text(ids=[1] * context)]]]), use_cache=True).cache
    assert isinstance(cache, Cache)

    def step() -> None:
        output = model(pack([[[Text(ids=[1])]]], cache.cursors), cache, use_cache=True)
        model.logits(output.hidden[:, -1])

    number = torch.finfo(platform.dtype).bits / 8
    workload = Workload(text=1, context=context, scored=1, keeps_cache=True)
    listed = CostModel(SMALLEST, mode_of(platform), ElementBytes(math=number, weights=4, experts=4)).forward(workload)
    inside = totals(o for o in listed if o.part == SINKHORN).launches
    streams = SMALLEST.hc_mult
    logits = torch.zeros(streams, streams, 1, 1, device=platform.device, dtype=torch.float32)
    once = best_seconds(platform, lambda: sinkhorn(logits, SMALLEST.hc_sinkhorn_iters, SMALLEST.hc_eps))
    sites = 2 * SMALLEST.num_hidden_layers
    total = best_seconds(platform, step)
    others = totals(listed).launches - inside
    return max(total - sites * once, total / 10) / others, once * sites / inside


def mode_of(platform: Platform) -> ExecutionMode:
    """Return the execution mode of this code on a device."""
    return "cpu" if platform.device.type == "cpu" else "eager"


def _key(platform: Platform) -> str:
    """Return the key of a calibration, as part of a file name."""
    dtype = str(platform.dtype).removeprefix("torch.")
    words = (platform.name, dtype, f"{torch.get_num_threads()}-threads", f"torch-{torch.__version__}")
    return "".join(c if c.isalnum() or c in "-." else "-" for c in "-".join(words).lower())


def _grid(values: dict[str, Any]) -> Grid:
    """Return a grid from JSON."""
    return Grid(tuple(values["first"]), tuple(values["second"]), tuple(tuple(row) for row in values["values"]))
