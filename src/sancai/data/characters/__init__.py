"""Game characters composed on the fly from a pack of parts: documents, captions, questions, the split."""

from sancai.data.characters.dataset import Characters, CharactersConfig

__all__ = ["Characters", "CharactersConfig"]
