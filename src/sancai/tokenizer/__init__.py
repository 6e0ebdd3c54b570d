"""Tokenizer and chat template: text ↔ token ids, conversations → prompts, answers → text and tool calls."""

from sancai.tokenizer.answer import AnswerParser
from sancai.tokenizer.chat import Part, Writer
from sancai.tokenizer.control import Control, Piece, spell
from sancai.tokenizer.conversation import Conversation, Message, Tool, ToolCall
from sancai.tokenizer.delta import CallDelta, Delta, Malformed, TextDelta, ThinkingDelta
from sancai.tokenizer.dialect import V4, V41, Dialect
from sancai.tokenizer.encoding import fim_pieces, render, render_pieces
from sancai.tokenizer.text import Tokenizer, find_words

__all__ = [
    "V4", "V41",
    "AnswerParser", "CallDelta", "Control", "Conversation", "Delta", "Dialect", "Malformed", "Message", "Part", "Piece",
    "TextDelta", "ThinkingDelta", "Tokenizer", "Tool", "ToolCall", "Writer", "find_words", "fim_pieces", "render",
    "render_pieces", "spell",
]  # fmt: skip
