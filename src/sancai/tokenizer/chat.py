"""Turns of a conversation ↔ segments, in DeepSeek-V4's encoding.

    BOS <User> … <Assistant> </think> answer EOS                    without thinking
    BOS <User> … <Assistant> <think> steps </think> answer EOS      with thinking
    BOS <User> … <Assistant> </think> <visual> 8  [block]           pictures and film

A picture in a user turn is a committed one-frame block between two runs of text.
"""

from collections.abc import Sequence

from sancai.sequence import Block, Segment, Text
from sancai.tokenizer.text import Tokenizer

Part = str | Block


class Writer:
    """Collects the segments of one document; text parts merge into runs."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.segments: list[Segment] = []
        self._ids: list[int] = [tokenizer.bos]
        self._learn: list[bool] = [False]

    def user(self, parts: Sequence[Part]) -> "Writer":
        """Add a user turn of texts and pictures."""
        self.token(self.tokenizer.user)
        for part in parts:
            if isinstance(part, Block):
                self.block(part)
            else:
                self.text(part)
        return self

    def assistant(self, think: str | None = None, *, opens_thinking: bool = False) -> "Writer":
        """Open the assistant's turn: past the thinking, unless it is still to be generated."""
        tok = self.tokenizer
        self.token(tok.assistant)
        if think is None and not opens_thinking:
            return self.token(tok.end_think)
        self.token(tok.think)
        if think is not None:
            self.text(think, learn=True).token(tok.end_think, learn=True)
        return self

    def answer(self, text: str) -> "Writer":
        """Add a finished answer, which training learns."""
        return self.text(text, learn=True).token(self.tokenizer.eos, learn=True)

    def announce(self, frames: int) -> "Writer":
        """Announce a block of so many frames, which training learns too."""
        self.token(self.tokenizer.visual, learn=True)
        return self.text(str(frames), learn=True)

    def text(self, text: str, learn: bool = False) -> "Writer":
        """Add plain text."""
        ids = self.tokenizer.encode(text)
        self._ids += ids
        self._learn += [learn] * len(ids)
        return self

    def token(self, token: int, learn: bool = False) -> "Writer":
        """Add one token."""
        self._ids.append(token)
        self._learn.append(learn)
        return self

    def block(self, block: Block) -> "Writer":
        """Add a block after the text so far."""
        self._flush()
        self.segments.append(block)
        return self

    def finish(self) -> list[Segment]:
        """Return the document."""
        self._flush()
        return self.segments

    def _flush(self) -> None:
        if self._ids:
            self.segments.append(Text(ids=self._ids, learn=self._learn))
            self._ids, self._learn = [], []
