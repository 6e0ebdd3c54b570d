"""Turns of a conversation as segments, in DeepSeek-V4's prompt format.

    BOS <User> … <Assistant> </think> answer EOS                    without thinking
    BOS <User> … <Assistant> <think> steps </think> answer EOS      with thinking
    BOS <User> … <Assistant> </think> <visual> 8  [block]           pictures and film

Without pictures this equals `render` of the same turns at low effort.  The differences:

- a picture in a user turn is a committed one-frame block between two runs of text;
- `<visual>` and a number of frames announce a block in the assistant's turn;
- earlier thinking is kept, because training learns every turn (`render` drops it);
- parts of a turn follow each other without a blank line, and each is tokenised separately.
"""

from collections.abc import Sequence

from sancai.sequence import Block, Segment, Text
from sancai.tokenizer.control import ASSISTANT, BOS, END_THINK, EOS, USER, VISUAL, Control, Piece
from sancai.tokenizer.encoding import opening
from sancai.tokenizer.text import Tokenizer

Part = str | Block


class Writer:
    """Builds the segments of one document; adjacent text is merged."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.segments: list[Segment] = []
        self._ids: list[int] = []
        self._learn: list[bool] = []
        self.add(Control(BOS))

    def user(self, parts: Sequence[Part]) -> "Writer":
        """Add a user turn of texts and pictures."""
        self.add(Control(USER))
        for part in parts:
            if isinstance(part, Block):
                self.block(part)
            else:
                self.add(part)
        return self

    def assistant(self, think: str | None = None, *, opens_thinking: bool = False) -> "Writer":
        """Start the assistant's turn after the thinking, or before it if it is to be generated."""
        for piece in opening(think is not None or opens_thinking):
            self.add(piece)
        return self if think is None else self.add(think, learn=True).add(Control(END_THINK), learn=True)

    def turn(self) -> "Writer":
        """Start the assistant's turn; the model decides whether to think first."""
        return self.add(Control(ASSISTANT))

    def answer(self, text: str) -> "Writer":
        """Add a complete answer, which training learns."""
        return self.add(text, learn=True).add(Control(EOS), learn=True)

    def announce(self, frames: int) -> "Writer":
        """Announce a block with its number of frames, which training learns too."""
        return self.add(Control(VISUAL), learn=True).add(str(frames), learn=True)

    def add(self, piece: Piece, learn: bool = False) -> "Writer":
        """Add a control token or a run of text."""
        ids = self.tokenizer.encode_pieces([piece])
        self._ids += ids
        self._learn += [learn] * len(ids)
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
