"""Words ↔ ids, conversations ↔ segments."""

from sancai.tokenizer.answer import AnswerParser, Call, Content, Piece, Reasoning
from sancai.tokenizer.chat import Part, Writer
from sancai.tokenizer.conversation import Conversation, Message, Tool, ToolCall
from sancai.tokenizer.encoding import V4, V41, Dialect, render
from sancai.tokenizer.text import Tokenizer, find_words

__all__ = [
    "V4", "V41",
    "AnswerParser", "Call", "Content", "Conversation", "Dialect", "Message", "Part", "Piece", "Reasoning", "Tokenizer",
    "Tool", "ToolCall", "Writer", "find_words", "render",
]  # fmt: skip
