"""How long operators take: on chips as they are sold, by published rates, and here, by measured ones.

A chip works while the next launch is prepared, so an operator takes the longest of arithmetic, traffic and
launching.  A CPU prepares and works in turn, so there launching is added.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sancai.device import Machine
from sancai.device.efficiency import Efficiency
from sancai.errors import RequestError
from sancai.estimate.operator import Operator
from sancai.estimate.work import Load
from sancai.model import ModelConfig


class Rates(Protocol):
    """Something that knows how long an operator takes."""

    def seconds(self, operator: Operator) -> float:
        """Return the time of one operator with all its launches."""


def total_seconds(rates: Rates, operators: Iterable[Operator]) -> float:
    """Return the time of all operators, one after another."""
    return sum(rates.seconds(o) for o in operators)


PER_TOKEN = ("hyper", "sinkhorn", "norm", "route", "noise", "embed", "enter", "head", "ahead", "memory", "leave")
"""Parts that split over chips by tokens only."""
CHAINED = "sinkhorn"
READING = ("attend", "index")
"""Parts whose arithmetic splits by heads, while each chip reads the keys of its tokens."""


@dataclass(frozen=True)
class ChipRates:
    """Some chips of one kind in one node, each with its share of every layer.

    Weights and heads are split over all chips, experts too; what belongs to a token is split while there are
    tokens enough (`tokens` of the pass).
    """

    machine: Machine
    costs: Efficiency
    tokens: float = 1.0

    def seconds(self, operator: Operator) -> float:
        """Return the longest of arithmetic, traffic and launching."""
        card, count = self.machine.spec, self.machine.count
        few = min(count, max(self.tokens, 1.0))
        shared = few if operator.part in PER_TOKEN else count
        reading = few if operator.part in READING else shared
        is_matrix = operator.kind == "matrix"
        work = operator.flops / shared / _rate(card.bf16_tflops, 1e12, self.costs.compute) if is_matrix else 0.0
        traffic = operator.bytes / reading / _rate(card.memory_gbs, 1e9, self.costs.memory)
        launch = self.costs.matrix_launch if is_matrix else self.costs.vector_launch
        return max(work, traffic, operator.launches * launch)

    def exchange_seconds(self, config: ModelConfig, load: Load, number_bytes: float) -> float:
        """Return the time of joining what the chips computed: after attention and after the experts of each layer.

        Each time a ring of all chips adds up a state of every token; experts exchange only the chosen tokens
        where that is less.  Nothing of it is taken to be hidden.
        """
        count, card = self.machine.count, self.machine.spec
        if count == 1:
            return 0.0
        rate = _rate(card.link_gbs, 1e9, self.costs.link) / 2
        tokens = load.batch * (load.text + load.committed + load.noisy)
        whole = 2 * (count - 1) / count * tokens * config.hidden_size * number_bytes
        chosen = whole / count * config.num_experts_per_tok
        each = whole + min(whole, chosen)
        return config.num_hidden_layers * (each / rate + 2 * self.costs.link_launch)


def check_rates(machine: Machine) -> None:
    """Refuse chips without the published rates that an estimate needs.

    Raises:
        RequestError: naming the missing ones.
    """
    card = machine.spec
    needed = {"bf16 TFLOPS": card.bf16_tflops, "memory rate": card.memory_gbs}
    if machine.count > 1:
        needed["link rate"] = card.link_gbs
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise RequestError(f"nobody published a trustworthy figure of {card.name} for: {', '.join(missing)}")


def _rate(published: float | None, unit: float, share: float) -> float:
    assert published is not None, "check_rates comes first"
    return published * unit * share


@dataclass(frozen=True)
class Grid:
    """Measured values over two sizes, read between points in logarithms and held at the borders."""

    first: tuple[float, ...]
    second: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def at(self, first: float, second: float) -> float:
        """Return the value at a point."""
        row, along = _place(self.first, first)
        column, across = _place(self.second, second)
        corners = [
            (1 - along) * (1 - across) * math.log(self.values[row][column]),
            (1 - along) * across * math.log(self._value(row, column + 1)),
            along * (1 - across) * math.log(self._value(row + 1, column)),
            along * across * math.log(self._value(row + 1, column + 1)),
        ]
        return math.exp(sum(corners))

    def _value(self, row: int, column: int) -> float:
        return self.values[min(row, len(self.first) - 1)][min(column, len(self.second) - 1)]


def _place(points: Sequence[float], value: float) -> tuple[int, float]:
    """Return the point below a value and how far on towards the next it lies, 0 to 1."""
    if value <= points[0] or len(points) == 1:
        return 0, 0.0
    for number, (low, high) in enumerate(itertools.pairwise(points)):
        if value < high:
            return number, math.log(value / low) / math.log(high / low)
    return len(points) - 1, 0.0


@dataclass(frozen=True)
class MeasuredRates:
    """Rates of this machine.

    products: FLOPs a second by rows of a product and numbers in its weight.
    traffic, streams, scores: bytes a second of elementwise work, of mixing streams and of masking and softmax
    between attention's products, by bytes of a launch (one row).
    launch: seconds to start an operator as this code does.  chained: the same inside Sinkhorn's iterations.
    overlaps: the device works meanwhile.
    """

    products: Grid
    traffic: Grid
    streams: Grid
    scores: Grid
    launch: float
    chained: float
    overlaps: bool = False

    def seconds(self, operator: Operator) -> float:
        """Return the time of one operator with all its launches."""
        launching = operator.launches * (self.chained if operator.part == CHAINED else self.launch)
        each = max(operator.bytes / max(operator.launches, 1.0), 1.0)
        moving = {"vector": self.traffic, "streams": self.streams, "scores": self.scores}
        if operator.kind in moving:
            working = operator.bytes / moving[operator.kind].at(1, each)
        else:
            working = operator.flops / self.products.at(max(operator.rows, 1.0), max(operator.weights, 1.0))
            working += operator.cast / self.traffic.at(1, max(2 * each, 1.0))
        return max(launching, working) if self.overlaps else launching + working
