"""Builds a character pack from a git repository of sprite art, or takes over a finished pack."""

from sancai.data.characters.prepare.build import PackSummary, adopt_pack, prepare

__all__ = ["PackSummary", "adopt_pack", "prepare"]
