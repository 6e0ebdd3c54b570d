"""Which tokens may come next in a look, so that what the model writes always parses.

A trie over the tokens of all phrases: one for a phrase at the start of a look, one for a phrase after a separator.
A phrase must belong to a later slot than the one before it, and may not pass over a slot that every look fills.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sancai.engine.look import SEPARATOR, LookVocabulary


@dataclass
class _Node:
    """children: {token: node}.  slot: of the phrase that ends here, or −1.  slots: of all phrases at or below."""

    children: dict[int, "_Node"] = field(default_factory=dict)
    slot: int = -1
    slots: set[int] = field(default_factory=set)

    def insert(self, tokens: Sequence[int], slot: int) -> None:
        node = self
        for token in tokens:
            node = node.children.setdefault(token, _Node())
            node.slots.add(slot)
        node.slot = slot


@dataclass(frozen=True)
class LookGrammar:
    """The tokens of all phrases, at the start of a look and after a separator, and the slots that it must fill."""

    first: _Node
    following: _Node
    needed: tuple[int, ...]

    @staticmethod
    def build(vocabulary: LookVocabulary, encode: Callable[[str], Sequence[int]]) -> "LookGrammar":
        """Return the grammar of a vocabulary for the tokens that `encode` makes of text."""
        first, following = _Node(), _Node()
        for phrase, slot in vocabulary.slot_of.items():
            first.insert(encode(phrase), slot)
            following.insert(encode(SEPARATOR + phrase), slot)
        needed = tuple(n for n, slot in enumerate(vocabulary.slots) if slot.name in vocabulary.needed)
        return LookGrammar(first, following, needed)

    def can_follow(self, last: int, node: _Node) -> bool:
        """Return whether a phrase at or below a node may come after one of the slot `last`."""
        furthest = next((slot for slot in self.needed if slot > last), max(node.slots, default=last))
        return any(last < slot <= furthest for slot in node.slots)


def allowed_tokens(grammar: LookGrammar, prefix: Sequence[int], end: int) -> set[int]:
    """Return the tokens that may follow the prefix of a look; `end` is among them where the look may be over.

    Args:
        prefix: tokens of the look so far, each of which was allowed.
    """
    node, last = grammar.first, -1
    for token in prefix:
        child = node.children.get(token)
        if child is None or not grammar.can_follow(last, child):
            last, child = node.slot, grammar.following.children[token]
        node = child
    tokens = _choices(grammar, node, last)
    if node.slot < 0 or not grammar.can_follow(last, _Node(slots={node.slot})):
        return tokens
    is_over = not any(slot > node.slot for slot in grammar.needed)
    return tokens | _choices(grammar, grammar.following, node.slot) | ({end} if is_over else set())


def _choices(grammar: LookGrammar, node: _Node, last: int) -> set[int]:
    """Return the tokens that go on from a node towards a phrase after one of the slot `last`."""
    return {token for token, child in node.children.items() if grammar.can_follow(last, child)}
