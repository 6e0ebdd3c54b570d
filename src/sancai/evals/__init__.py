"""Exact evaluation."""

from sancai.evals.characters import CharacterSuite, EvalConfig
from sancai.evals.sample_sheet import write_sample_sheet
from sancai.evals.sprites import SpriteJudge

__all__ = ["CharacterSuite", "EvalConfig", "SpriteJudge", "write_sample_sheet"]
