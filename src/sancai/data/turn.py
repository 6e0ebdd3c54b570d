"""Turns of a conversation as plain data, before a tokenizer makes tokens of them."""

from typing import NamedTuple


class Turn(NamedTuple):
    """Who speaks, what is thought before (None: nothing), and what is said."""

    role: str
    thinking: str | None
    content: str


def user(content: str) -> Turn:
    """Return a user's turn."""
    return Turn("user", None, content)


def assistant(content: str, thinking: str | None = None) -> Turn:
    """Return an assistant's turn."""
    return Turn("assistant", thinking, content)
