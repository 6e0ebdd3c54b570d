"""Exact evaluation."""

from sancai.evals.characters import CharacterSuite, EvalConfig
from sancai.evals.sprites import SpriteJudge

__all__ = ["CharacterSuite", "EvalConfig", "SpriteJudge"]
