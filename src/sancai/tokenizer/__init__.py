"""Words ↔ ids, conversations ↔ segments."""

from sancai.tokenizer.chat import Part, Writer
from sancai.tokenizer.text import Tokenizer, find_words

__all__ = ["Part", "Tokenizer", "Writer", "find_words"]
