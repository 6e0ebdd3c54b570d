"""Lanes that prove what can be proved of a chip without one; each chip's stand-in runs in a process of its own."""

import pytest

from chips.standin.golden import CHIPS


@pytest.fixture(params=CHIPS)
def chip(request: pytest.FixtureRequest) -> str:
    """The key of each chip that has a stand-in."""
    return request.param
