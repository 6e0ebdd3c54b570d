"""Words ↔ ids, conversations ↔ segments."""

from sancai.tokenizer.chat import Part, Writer
from sancai.tokenizer.text import Tokenizer

__all__ = ["Part", "Tokenizer", "Writer"]
