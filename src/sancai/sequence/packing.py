"""Packed batches: documents as padded rows of text and visual tokens, with metadata for each token."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sancai.device.transfer import to_device
from sancai.errors import RequestError
from sancai.sequence.meta import NEVER, PADDING, TokenMeta
from sancai.sequence.order import morton_order
from sancai.sequence.partial import PartialFrames
from sancai.sequence.segment import Block, Document, Text


@dataclass(frozen=True)
class Cursor:
    """Where a document stands: enough to append segments to it later.

    open_text: the last segment is text and more text would continue it.
    """

    document: int = 0
    segment: int = 0
    offset: int = 0
    index: int = 0
    position: float = 0.0
    block: int = 0
    open_text: bool = False
    copies: int = 0


@dataclass(frozen=True)
class PackedSequence:
    """Rows of documents: text tokens and visual tokens in two tensors, joined by their metadata.

    text_ids: (B, Tt) int64.  text: their metadata.
    learn: (B, Tt) boolean: tokens that the language loss predicts.
    latents: (B, Tv, C) fp32 or None; the first `num_committed` columns are clean blocks, the rest noisy.
    sigma: (B, Tv) fp32.  grid: (B, Tv, 3) fp32: relative row, column and time inside the block.
    frame: rows and columns of tokens in every frame.
    partial: which tokens of noisy frames are there; None for all.
    cursors: where each row's last document stands, for appending to a cache.
    """

    text_ids: Tensor
    text: TokenMeta
    learn: Tensor
    latents: Tensor | None = None
    visual: TokenMeta | None = None
    sigma: Tensor | None = None
    grid: Tensor | None = None
    num_committed: int = 0
    frame: tuple[int, int] = (0, 0)
    cursors: tuple[Cursor, ...] = ()
    partial: PartialFrames | None = None

    @property
    def batch(self) -> int:
        return self.text_ids.shape[0]

    @property
    def has_noisy(self) -> bool:
        return self.visual is not None and self.visual.shape[1] > self.num_committed

    @property
    def frame_tokens(self) -> int:
        return self.frame[0] * self.frame[1]

    @property
    def frames(self) -> tuple[tuple[int, int], ...]:
        """Runs of frames in the order of their visual tokens: how many, and how many tokens each has."""
        total, each = self.visual.shape[1] if self.visual is not None else 0, self.frame_tokens
        if self.partial is None:
            return ((total // each, each),) if total else ()
        clean, kept = self.num_committed // each, self.partial.frame_tokens
        noisy = (total - self.num_committed) // kept, kept
        return ((clean, each), noisy) if clean else (noisy,)

    def text_only(self) -> "PackedSequence":
        """Return the text tokens alone, at the same positions."""
        return replace(self, latents=None, visual=None, sigma=None, grid=None, num_committed=0, partial=None)

    def to(self, device: torch.device) -> "PackedSequence":
        """Move the tensors that the network computes with; metadata goes with the attention metadata."""
        names = [n for n in ("text_ids", "latents", "sigma", "grid") if getattr(self, n) is not None]
        moved: dict[str, Any] = {name: to_device(getattr(self, name), device) for name in names}
        return replace(self, partial=self.partial.to(device) if self.partial else None, **moved)

    def rows(self, part: slice) -> "PackedSequence":
        """Return some of the rows, as wide as they are."""
        names = [n for n in ("text_ids", "learn", "latents", "sigma", "grid") if getattr(self, n) is not None]
        taken: dict[str, Any] = {name: getattr(self, name)[part] for name in names}
        visual = self.visual.rows(part) if self.visual is not None else None
        partial = self.partial.rows(part) if self.partial is not None else None
        return replace(
            self, text=self.text.rows(part), visual=visual, cursors=self.cursors[part], partial=partial, **taken
        )

    def keep(self, partial: PartialFrames) -> "PackedSequence":
        """Return the sequence with some tokens of its noisy frames alone."""
        assert self.visual is not None and self.partial is None
        clean, noisy = slice(0, self.num_committed), slice(self.num_committed, None)

        def kept(values: Tensor | None) -> Tensor | None:
            return None if values is None else torch.cat([values[:, clean], partial.take(values[:, noisy])], 1)

        visual = TokenMeta.cat([self.visual.take(clean), partial.take_meta(self.visual.take(noisy))])
        return replace(
            self,
            visual=visual,
            latents=kept(self.latents),
            sigma=kept(self.sigma),
            grid=kept(self.grid),
            partial=partial,
        )

    def with_latents(self, latents: Tensor, sigma: Tensor) -> "PackedSequence":
        """Return the same places with other contents (a denoising pass)."""
        return replace(self, latents=latents, sigma=sigma)


@dataclass
class _Columns:
    """Token facts of one row being written."""

    facts: list[np.ndarray] = field(default_factory=list)
    position: list[np.ndarray] = field(default_factory=list)

    def add(self, count: int, **facts: int | np.ndarray) -> None:
        names = ("document", "segment", "offset", "index", "causal_limit", "copy_id", "block")
        self.facts.append(np.stack([np.broadcast_to(facts[n], (count,)) for n in names]).astype(np.int32))


@dataclass
class _Row:
    """One row being written: columns of text, of clean blocks and of noisy blocks."""

    cursor: Cursor
    ids: list[int] = field(default_factory=list)
    learn: list[bool] = field(default_factory=list)
    columns: dict[str, _Columns] = field(
        default_factory=lambda: {kind: _Columns() for kind in ("text", "clean", "noisy")}
    )
    latents: dict[str, list[np.ndarray]] = field(default_factory=lambda: {"clean": [], "noisy": []})
    sigma: dict[str, list[np.ndarray]] = field(default_factory=lambda: {"clean": [], "noisy": []})
    grid: dict[str, list[np.ndarray]] = field(default_factory=lambda: {"clean": [], "noisy": []})

    def add_document(self, document: Document, is_first: bool) -> None:
        if not is_first:
            self.cursor = Cursor(document=self.cursor.document + 1, copies=self.cursor.copies)
        for segment in document:
            if isinstance(segment, Text):
                self.add_text(segment)
            else:
                self.add_block(segment)

    def add_text(self, text: Text) -> None:
        count, at = len(text.ids), self.cursor
        if count == 0:
            return
        if len(text.learn) not in (0, count):
            raise RequestError(f"a text of {count} tokens has {len(text.learn)} learn marks; give one a token or none")
        is_new = not at.open_text
        segment = at.segment + (1 if is_new and at.index else 0)
        offset = 0 if is_new else at.offset
        steps = np.arange(count)
        self.columns["text"].add(
            count, document=at.document, segment=segment, offset=offset + steps, index=at.index + steps,
            causal_limit=at.index + steps + 1, copy_id=0, block=0,
        )  # fmt: skip
        place = (at.position + steps).astype(np.float32)
        self.columns["text"].position.append(np.stack([place] * 3, -1))
        self.ids.extend(int(i) for i in text.ids)
        self.learn.extend(text.learn if len(text.learn) else [False] * count)
        self.cursor = replace(
            at, segment=segment, offset=offset + count, index=at.index + count,
            position=at.position + count, open_text=True,
        )  # fmt: skip

    def add_block(self, block: Block) -> None:
        at = self.cursor = replace(self.cursor, copies=self.cursor.copies + 1)
        count = block.num_tokens
        kind = "clean" if block.committed else "noisy"
        segment = at.segment + (1 if at.index else 0)
        steps = np.arange(count)
        self.columns[kind].add(
            count, document=at.document, segment=segment, offset=steps,
            index=at.index + steps if block.committed else NEVER, causal_limit=at.index,
            copy_id=at.copies, block=at.block + 1,
        )  # fmt: skip
        place, grid = _coordinates(block, at.position)
        self.columns[kind].position.append(place)
        self.latents[kind].append(_in_order(block.latents))
        self.sigma[kind].append(np.full(count, block.sigma, np.float32))
        self.grid[kind].append(grid)
        if block.committed:
            moved = len(block.times) if block.advance is None else block.advance
            self.cursor = replace(
                at, segment=segment, offset=count, index=at.index + count,
                position=at.position + moved, block=at.block + 1, open_text=False,
            )  # fmt: skip


def _in_order(latents: np.ndarray) -> np.ndarray:
    """Return (F·Y·X, C) with every frame in Morton order."""
    frames, rows, columns, channels = latents.shape
    flat = np.ascontiguousarray(latents, np.float32).reshape(frames, rows * columns, channels)
    return flat[:, morton_order(rows, columns)].reshape(-1, channels)


def _coordinates(block: Block, start: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rotary positions (T, 3) and relative places (T, 3) of a block's tokens."""
    frames, rows, columns, _ = block.latents.shape
    if len(block.times) != frames:
        raise RequestError(f"a block has {frames} frames but {len(block.times)} times; give one per frame")
    order = morton_order(rows, columns)
    row, column = np.divmod(order, columns)
    time = np.repeat(np.asarray(block.times, np.float32), rows * columns)
    row, column = (np.tile(v, frames).astype(np.float32) for v in (row, column))
    place = np.stack([start + time, start + row - rows / 2, start + column - columns / 2], -1)
    grid = np.stack([(row + 0.5) / rows, (column + 0.5) / columns, time], -1)
    return place.astype(np.float32), grid.astype(np.float32)


def pack(
    rows: Sequence[Sequence[Document]], cursors: Sequence[Cursor] | None = None, text_multiple: int = 1
) -> PackedSequence:
    """Pack documents into one PackedSequence, one inner sequence a row, padded on the right.

    Args:
        rows: for each row its documents.
        cursors: continue each row's open document (its first document here) from a cache.
        text_multiple: pad the text columns to a multiple, so that shapes repeat.
    """
    built = []
    for number, documents in enumerate(rows):
        row = _Row(cursors[number] if cursors else Cursor())
        for place, document in enumerate(documents):
            row.add_document(document, is_first=place == 0)
        built.append(row)
    text_ids = _stack([np.array(r.ids, np.int64) for r in built], text_multiple)
    learn = _stack([np.array(r.learn, bool) for r in built], text_multiple)
    text = _meta([r.columns["text"] for r in built], text_multiple)
    packed = PackedSequence(text_ids, text, learn, cursors=tuple(r.cursor for r in built))
    if not any(r.latents["clean"] or r.latents["noisy"] for r in built):
        return packed
    frames = {b.latents.shape[1:3] for r in rows for d in r for b in d if isinstance(b, Block)}
    if len(frames) > 1:
        raise RequestError(f"one pack holds frames of one size, got {sorted(frames)}; pack each size by itself")
    return replace(_with_visual(packed, built), frame=frames.pop())


def empty_block(shape: tuple[int, int, int, int], times: Sequence[float], cursors: Sequence[Cursor]) -> PackedSequence:
    """Return one noisy block a row after `cursors`, without contents: `with_latents` fills it in at every step.

    Args:
        shape: (F, Y, X, C) of the block.
        times: time coordinate of each frame, in reference frames from the block's start.
    """
    block = Block(latents=np.zeros(shape, np.float32), times=times, sigma=1.0)
    return pack([[[block]]] * len(cursors), cursors)


def _with_visual(packed: PackedSequence, built: list[_Row]) -> PackedSequence:
    """Add the visual half: clean columns first, noisy columns after."""
    kinds = ("clean", "noisy")
    meta = {k: _meta([r.columns[k] for r in built]) for k in kinds}
    width = next(a.shape[-1] for r in built for k in kinds for a in r.latents[k])

    def both(name: str, empty: tuple[int, ...]) -> Tensor:
        parts = []
        for kind in kinds:
            arrays = [getattr(r, name)[kind] for r in built]
            parts.append(_stack([np.concatenate(a) if a else np.zeros(empty, np.float32) for a in arrays]))
        return torch.cat(parts, 1)

    return replace(
        packed,
        latents=both("latents", (0, width)),
        sigma=both("sigma", (0,)),
        grid=both("grid", (0, 3)),
        visual=TokenMeta.cat([meta["clean"], meta["noisy"]]),
        num_committed=meta["clean"].shape[1],
    )


def _stack(arrays: list[np.ndarray], multiple: int = 1) -> Tensor:
    """Stack ragged arrays (T_b, ...) into (B, T, ...), zeros on the right."""
    longest = -(-max(len(a) for a in arrays) // multiple) * multiple
    out = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in enumerate(arrays):
        out[row, : len(array)] = array
    return torch.from_numpy(out)


def _meta(rows: list[_Columns], multiple: int = 1) -> TokenMeta:
    """Stack the facts of all rows, padding on the right."""
    facts = [np.concatenate(r.facts, 1) if r.facts else np.zeros((7, 0), np.int32) for r in rows]
    longest = -(-max(f.shape[1] for f in facts) // multiple) * multiple
    blank = np.array([PADDING, 0, 0, NEVER, 0, 0, 0], np.int32)
    padded = np.broadcast_to(blank[:, None, None], (7, len(rows), longest)).copy()
    place = np.zeros((len(rows), longest, 3), np.float32)
    for number, (row, fact) in enumerate(zip(rows, facts, strict=True)):
        padded[:, number, : fact.shape[1]] = fact
        if row.position:
            place[number, : fact.shape[1]] = np.concatenate(row.position)
    return TokenMeta(*[*(torch.from_numpy(padded[n]) for n in range(7)), torch.from_numpy(place)])
