"""Who drew each part, and the free licence under which it is used.

Each part may be offered under several licences; one of CC0, OGA-BY or CC BY must be among them.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sancai.errors import DataError

FREE = re.compile(r"^(CC0|OGA-BY|CC-BY)(?!-(SA|NC|ND))\b", re.I)
PREFERENCE = ("CC0", "OGA-BY", "CC-BY")
"""Which of several offered licences a pack relies on."""
COLUMNS = ("path", "license_used", "licenses_offered", "authors", "urls", "notes")


@dataclass(frozen=True)
class Credit:
    """One line of CREDITS.csv."""

    path: str
    license_used: str
    licenses_offered: tuple[str, ...]
    authors: tuple[str, ...]
    urls: tuple[str, ...]
    notes: str = ""

    def row(self) -> list[str]:
        """Return the columns as text."""
        lists = ("; ".join(words) for words in (self.licenses_offered, self.authors, self.urls))
        return [self.path, self.license_used, *lists, self.notes]


class CreditTable:
    """Credits of the parts in a pack, checked against the art's own table of files."""

    def __init__(self, table: str) -> None:
        rows = [row for row in csv.reader(io.StringIO(table)) if len(row) >= 4]
        self._offered = {row[0]: row[3] for row in rows}
        self.credits: dict[str, Credit] = {}

    def add(self, credit: Credit) -> None:
        """Note the credit of one part."""
        self.credits[credit.path] = credit

    def check_file(self, path: str) -> None:
        """Refuse a file that the art's own table offers under no free licence."""
        offered = self._offered.get(path)
        if offered is not None:
            free_licence(path, offered.split(","))

    def text(self) -> str:
        """Return the table as CSV."""
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(self.credits[path].row() for path in sorted(self.credits))
        return out.getvalue()


def free_licence(what: str, offered: Iterable[str]) -> str:
    """Return the licence to rely on."""
    names = [name.strip() for name in offered]
    free = [name for name in names if FREE.match(name)]
    if not free:
        raise DataError(
            f"{what} is not free enough: expected {', '.join(PREFERENCE)}, got only {', '.join(names) or 'none'}; "
            "leave this part out of the catalog"
        )
    return min(free, key=_preference)


def credit_part(name: str, entries: list[Mapping[str, Any]], base: str) -> Credit:
    """Return the credit of the files below `base`, from the entry of a definition that covers them most closely.

    Where no entry covers them, all entries are credited and all must be free.
    """
    covering = sorted((e for e in entries if base.startswith(e["file"])), key=lambda e: len(e["file"]))
    used = covering[-1:] or entries
    if not used:
        raise DataError(f"{name} names no author or licence; leave this part out of the catalog")
    chosen = [free_licence(f"{name} ({base})", entry["licenses"]) for entry in used]
    return Credit(
        path=base,
        license_used=max(chosen, key=_preference),
        licenses_offered=_all(used, "licenses"),
        authors=_all(used, "authors"),
        urls=_all(used, "urls"),
        notes="; ".join(filter(None, (entry.get("notes", "") for entry in used))),
    )


def _preference(name: str) -> int:
    return next(rank for rank, prefix in enumerate(PREFERENCE) if name.upper().startswith(prefix))


def _all(entries: list[Mapping[str, Any]], key: str) -> tuple[str, ...]:
    """Return the words of all entries once each, in order."""
    return tuple(dict.fromkeys(word.strip() for entry in entries for word in entry[key]))
