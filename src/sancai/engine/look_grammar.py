"""Which tokens may come next in a look, so that what the model writes always parses.

A trie over the tokens of all phrases: one for a phrase at the start of a look, one for a phrase after a separator.
A phrase must belong to a later slot than the one before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sancai.engine.look import SEPARATOR, LookVocabulary


@dataclass
class _Node:
    """children: {token: node}.  slot: of the phrase that ends here, or −1.  latest: latest slot at or below."""

    children: dict[int, "_Node"] = field(default_factory=dict)
    slot: int = -1
    latest: int = -1

    def insert(self, tokens: Sequence[int], slot: int) -> None:
        node = self
        node.latest = max(node.latest, slot)
        for token in tokens:
            node = node.children.setdefault(token, _Node())
            node.latest = max(node.latest, slot)
        node.slot = slot


@dataclass(frozen=True)
class LookGrammar:
    """The tokens of all phrases, at the start of a look and after a separator."""

    first: _Node
    following: _Node

    @staticmethod
    def build(vocabulary: LookVocabulary, encode: Callable[[str], Sequence[int]]) -> "LookGrammar":
        """Return the grammar of a vocabulary for the tokens that `encode` makes of text."""
        first, following = _Node(), _Node()
        for phrase, slot in vocabulary.slot_of.items():
            first.insert(encode(phrase), slot)
            following.insert(encode(SEPARATOR + phrase), slot)
        return LookGrammar(first, following)


def allowed_tokens(grammar: LookGrammar, prefix: Sequence[int], end: int) -> set[int]:
    """Return the tokens that may follow the prefix of a look; `end` is among them where the look may be over.

    Args:
        prefix: tokens of the look so far, each of which was allowed.
    """
    node, last = grammar.first, -1
    for token in prefix:
        child = node.children.get(token)
        if child is None or child.latest <= last:
            last, child = node.slot, grammar.following.children[token]
        node = child
    tokens = {token for token, child in node.children.items() if child.latest > last}
    if node.slot > last:
        tokens |= {token for token, child in grammar.following.children.items() if child.latest > node.slot} | {end}
    return tokens
