"""The time of operators: on accelerators by published rates, on this machine by measured ones.

A chip computes while the next launch is prepared, so an operator takes the longest of arithmetic, memory traffic and
launch overhead (roofline).  On a CPU launch overhead is added to the work.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sancai.device import Machine
from sancai.device.efficiency import Efficiency
from sancai.errors import RequestError
from sancai.estimate.op_cost import OpCost
from sancai.estimate.workload import Workload
from sancai.model import ModelConfig


class Rates(Protocol):
    """Maps operators to seconds."""

    def seconds(self, operator: OpCost) -> float:
        """Return the time in seconds of one operator with all its launches."""


def total_seconds(rates: Rates, operators: Iterable[OpCost]) -> float:
    """Return the time in seconds of all operators, one after another."""
    return sum(rates.seconds(o) for o in operators)


PER_TOKEN = (
    "hyper", "sinkhorn", "norm", "route", "noise", "embed", "visual_embed", "head", "mtp", "cache", "latent_head",
)  # fmt: skip
"""Parts that are split over chips by tokens only."""
SINKHORN = "sinkhorn"
ATTENTION_PARTS = ("attend", "index")
"""Parts whose arithmetic is split by heads, while each chip reads the keys of its tokens."""


@dataclass(frozen=True)
class ChipRates:
    """Equal chips in one node with tensor and expert parallelism.

    Weights, heads and experts are split over all chips; work per token is split as far as there are tokens (`tokens` of
    the pass).
    """

    machine: Machine
    efficiency: Efficiency
    tokens: float = 1.0

    def seconds(self, operator: OpCost) -> float:
        """Return the longest of arithmetic, memory traffic and launch overhead, in seconds."""
        spec, count = self.machine.spec, self.machine.count
        few = min(count, max(self.tokens, 1.0))
        shared = few if operator.part in PER_TOKEN else count
        attention = few if operator.part in ATTENTION_PARTS else shared
        is_matrix = operator.kind == "matrix"
        work = operator.flops / shared / _rate(spec.bf16_tflops, 1e12, self.efficiency.compute) if is_matrix else 0.0
        traffic = operator.bytes / attention / _rate(spec.memory_gbs, 1e9, self.efficiency.memory)
        launch = self.efficiency.matrix_launch if is_matrix else self.efficiency.vector_launch
        return max(work, traffic, operator.launches * launch)

    def exchange_seconds(self, config: ModelConfig, workload: Workload, number_bytes: float) -> float:
        """Return the seconds of communication: after attention and after the experts of each layer.

        Each is a ring all-reduce of the hidden states; experts exchange only the routed tokens if that is less.  No
        overlap with computation is assumed.
        """
        count, spec = self.machine.count, self.machine.spec
        if count == 1:
            return 0.0
        rate = _rate(spec.link_gbs, 1e9, self.efficiency.link) / 2
        tokens = workload.batch * (workload.text + workload.committed + workload.noisy)
        everything = 2 * (count - 1) / count * tokens * config.hidden_size * number_bytes
        routed = everything / count * config.num_experts_per_tok
        each = everything + min(everything, routed)
        return config.num_hidden_layers * (each / rate + 2 * self.efficiency.link_launch)


def check_rates(machine: Machine) -> None:
    """Check that the rates that an estimate needs are published.

    Raises:
        RequestError: some are not; it names them.
    """
    spec = machine.spec
    needed = {"bf16 TFLOPS": spec.bf16_tflops, "memory rate": spec.memory_gbs}
    if machine.count > 1:
        needed["link rate"] = spec.link_gbs
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise RequestError(f"no reliable figure is published for {spec.name}: {', '.join(missing)}")


def _rate(published: float | None, unit: float, share: float) -> float:
    assert published is not None, "call check_rates first"
    return published * unit * share


@dataclass(frozen=True)
class Grid:
    """Measured values over two sizes, with logarithmic interpolation and constant extrapolation."""

    first: tuple[float, ...]
    second: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def at(self, first: float, second: float) -> float:
        """Return the interpolated value at a point."""
        row, along = _locate(self.first, first)
        column, across = _locate(self.second, second)
        corners = [
            (1 - along) * (1 - across) * math.log(self.values[row][column]),
            (1 - along) * across * math.log(self._value(row, column + 1)),
            along * (1 - across) * math.log(self._value(row + 1, column)),
            along * across * math.log(self._value(row + 1, column + 1)),
        ]
        return math.exp(sum(corners))

    def _value(self, row: int, column: int) -> float:
        return self.values[min(row, len(self.first) - 1)][min(column, len(self.second) - 1)]


def _locate(points: Sequence[float], value: float) -> tuple[int, float]:
    """Return the index of the point below a value, and the position between it and the next point, 0 to 1."""
    if value <= points[0] or len(points) == 1:
        return 0, 0.0
    for number, (low, high) in enumerate(itertools.pairwise(points)):
        if value < high:
            return number, math.log(value / low) / math.log(high / low)
    return len(points) - 1, 0.0


@dataclass(frozen=True)
class MeasuredRates:
    """Measured rates of this machine.

    products: FLOP/s by rows of a product and elements of its weight.
    traffic, streams, scores: bytes per second of elementwise work, of mixing streams, and of masking and softmax
        between the products of attention, by bytes per launch (one row).
    launch: seconds of overhead per operator in this code.
    sinkhorn_launch: the same within the Sinkhorn iterations.
    overlaps: the device computes during the overhead.
    """

    products: Grid
    traffic: Grid
    streams: Grid
    scores: Grid
    launch: float
    sinkhorn_launch: float
    overlaps: bool = False

    def seconds(self, operator: OpCost) -> float:
        """Return the time in seconds of one operator with all its launches."""
        launching = operator.launches * (self.sinkhorn_launch if operator.part == SINKHORN else self.launch)
        each = max(operator.bytes / max(operator.launches, 1.0), 1.0)
        moving = {"vector": self.traffic, "streams": self.streams, "scores": self.scores}
        if operator.kind in moving:
            working = operator.bytes / moving[operator.kind].at(1, each)
        else:
            working = operator.flops / self.products.at(max(operator.rows, 1.0), max(operator.weights, 1.0))
            working += operator.cast / self.traffic.at(1, max(2 * each, 1.0))
        return max(launching, working) if self.overlaps else launching + working
