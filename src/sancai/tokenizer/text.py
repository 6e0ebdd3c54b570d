"""Byte-level BPE with DeepSeek-V4's control tokens (a thin wrapper of Hugging Face `tokenizers`)."""

import json
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import cast

from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers, trainers

from sancai.errors import CheckpointError, RequestError
from sancai.files import is_lfs_pointer, lfs_message
from sancai.tokenizer.control import (
    ASSISTANT,
    BOS,
    DSML,
    END_THINK,
    END_VISUAL,
    EOS,
    PAD,
    THINK,
    USER,
    VISUAL,
    Control,
    Piece,
)
from sancai.tokenizer.conversation import Conversation
from sancai.tokenizer.dialect import V4, Dialect
from sancai.tokenizer.encoding import render_pieces

SPECIAL = (BOS, EOS, PAD, USER, ASSISTANT, THINK, END_THINK, VISUAL, END_VISUAL)
RESERVED = {VISUAL: "<|place_holder_mm_span_0021|>", END_VISUAL: "<|place_holder_mm_span_0022|>"}
"""The tokens that announce a block in DeepSeek-V4's own vocabulary: its first two reserved multimodal tokens."""


def _byte_alphabet() -> dict[str, int]:
    """Return the byte that each letter of byte-level vocabularies stands for (GPT-2's table).

    Printable characters of Latin-1 stand for themselves, the other bytes in order for the letters from U+0100 on.
    """
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(others)}


BYTES = _byte_alphabet()


def find_words(text: str) -> list[str]:
    """Return the words of a text in lower case, in order; `side-swept` is one word."""
    return re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.lower())


class Tokenizer:
    """Text ↔ ids.  Special tokens are never produced from user text."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._plain = _without_control_tokens(backend)
        names = [RESERVED[s] if s in RESERVED and backend.token_to_id(s) is None else s for s in SPECIAL]
        missing = [s for s in names if backend.token_to_id(s) is None]
        if missing:
            raise CheckpointError(f"the tokenizer lacks the control tokens {missing}; take the one beside the weights")
        self.bos, self.eos, self.pad, self.user, self.assistant = (self.id_of(s) for s in names[:5])
        self.think, self.end_think, self.visual, self.end_visual = (self.id_of(s) for s in names[5:])
        self._control = {self.id_of(s) for s in names}
        special = {i for i, token in backend.get_added_tokens_decoder().items() if token.special}
        self._silent = self._control | special
        dsml = backend.token_to_id(DSML)
        self._reading = {self.end_think: Control(END_THINK)} | ({} if dsml is None else {dsml: Control(DSML)})

    @property
    def vocab_size(self) -> int:
        return self._backend.get_vocab_size()

    def id_of(self, token: str) -> int:
        """Return the id of one token of the vocabulary."""
        return cast(int, self._backend.token_to_id(token))

    def encode(self, text: str) -> list[int]:
        """Encode plain text; spelled control tokens stay plain text.

        Raises:
            RequestError: it holds half a surrogate pair, which is no character.
        """
        try:
            return self._plain.encode(text, add_special_tokens=False).ids
        except TypeError as error:  # the backend's error for text that is not Unicode
            shown = ascii(text[:60])
            raise RequestError(f"the text {shown} holds half a surrogate pair; decode it with its encoding") from error

    def encode_pieces(self, pieces: Iterable[Piece]) -> list[int]:
        """Encode pieces: control tokens by name, text as `encode` does.

        Raises:
            RequestError: a control token that this vocabulary lacks.
        """
        return [i for p in pieces for i in ([self.control_id(p)] if isinstance(p, Control) else self.encode(p))]

    def encode_conversation(self, conversation: Conversation, dialect: Dialect = V4) -> list[int]:
        """Encode a conversation's prompt; no text in it becomes a control token."""
        return self.encode_pieces(render_pieces(conversation, dialect))

    def control_id(self, control: Control) -> int:
        """Return the id of a control token."""
        names = (control.name, RESERVED.get(control.name, control.name))
        found = [i for i in map(self._backend.token_to_id, names) if i is not None]
        if not found:
            raise RequestError(
                f"this model's vocabulary has no {control.name}; it cannot take what is written with it "
                "(tools, tasks, reminders and filling in need DeepSeek-V4's vocabulary, V4.1's prompts need V4.1's)"
            )
        return found[0]

    def control_of(self, token: int) -> Control | None:
        """Return the control token of an id in an answer (end of thinking, or part of a tool-call tag), or None."""
        return self._reading.get(token)

    def decode(self, ids: Sequence[int]) -> str:
        """Decode ids to text, without control tokens."""
        return self._backend.decode([i for i in ids if i not in self._control], skip_special_tokens=True)

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes that an id stands for, which may be a part of a character; none for control tokens."""
        if token in self._silent:
            return b""
        text = self._backend.id_to_token(token) or ""
        codes = [BYTES.get(character) for character in text]
        return text.encode() if None in codes else bytes(code for code in codes if code is not None)

    def save(self, path: pathlib.Path) -> None:
        """Write the tokenizer as JSON."""
        self._backend.save(str(path))

    @staticmethod
    def load(path: pathlib.Path) -> "Tokenizer":
        """Read a tokenizer written by `save` or by Hugging Face tokenizers."""
        if not path.is_file():
            raise CheckpointError(f"no tokenizer at {path}; a model folder holds config, weights and tokenizer.json")
        if is_lfs_pointer(path):
            raise CheckpointError(lfs_message(path))
        try:
            return Tokenizer(Backend.from_file(str(path)))
        except Exception as error:  # the backend raises bare Exceptions
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{path} is not a tokenizer ({error}); fetch it again") from error

    @staticmethod
    def train(texts: Iterable[str], vocab_size: int) -> "Tokenizer":
        """Train a vocabulary; every digit is a token of its own, for arithmetic."""
        backend = Backend(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        return Tokenizer(backend)


def _without_control_tokens(backend: Backend) -> Backend:
    """Return what encodes plain text: control tokens written out in it stay plain text.

    DeepSeek's tokenizer does not mark `<｜User｜>` and its kin as special, so they have to be taken out.
    """
    if all(token.special for token in backend.get_added_tokens_decoder().values()):
        backend.encode_special_tokens = True
        return backend
    return Backend.from_str(json.dumps(json.loads(backend.to_str()) | {"added_tokens": []}))
