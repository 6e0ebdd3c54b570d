"""Text that arrives in pieces and is read tag by tag, each character once."""

import re


class Buffer:
    """What has come and is not read yet.

    scanned: characters that were searched so far, a measure of the work done.
    """

    def __init__(self) -> None:
        self._text, self._at = "", 0
        self.scanned = 0

    @property
    def rest(self) -> str:
        return self._text[self._at :]

    @property
    def is_empty(self) -> bool:
        return self._at == len(self._text)

    def add(self, text: str) -> None:
        """Append text."""
        self._text, self._at = self.rest + text, 0

    def search(self, pattern: re.Pattern[str] | None) -> tuple[str, str] | None:
        """Take the text before the first match, and the match; None if there is none."""
        match = pattern.search(self._text, self._at) if pattern is not None else None
        self.scanned += (match.end() if match else len(self._text)) - self._at
        if match is None:
            return None
        before, self._at = self._text[self._at : match.start()], match.end()
        return before, match[0]

    def take(self, tag: str) -> bool:
        """Take a tag if it comes next; return whether it did."""
        if not self._text.startswith(tag, self._at):
            return False
        self._at += len(tag)
        return True

    def take_space(self) -> str:
        """Take white space."""
        start = self._at
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        self.scanned += self._at - start
        return self._text[start : self._at]

    def peek(self, size: int) -> str:
        """Return what comes next, at most `size` letters."""
        return self._text[self._at : self._at + size]

    def take_all(self) -> str:
        """Take everything."""
        rest, self._at = self.rest, len(self._text)
        return rest

    def put_back(self, text: str) -> None:
        """Undo the taking of the text that was taken last."""
        self._at -= len(text)

    def may_become(self, *tags: str) -> bool:
        """Return whether all that is left is the beginning of one of the tags."""
        size = len(self._text) - self._at
        return any(size < len(tag) and tag.startswith(self._text[self._at :]) for tag in tags)

    def release(self, tags: tuple[str, ...]) -> str:
        """Take the text that cannot be the beginning of a tag."""
        longest = max((len(tag) for tag in tags), default=0)
        start = max(len(self._text) - longest, self._at)
        while start < len(self._text) and not any(tag.startswith(self._text[start:]) for tag in tags):
            start += 1
        free, self._at = self._text[self._at : start], start
        return free


def any_of(*tags: str) -> re.Pattern[str] | None:
    """Return the pattern of the first of several tags; None where there are none."""
    return re.compile("|".join(map(re.escape, tags))) if tags else None
