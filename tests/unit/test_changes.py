"""Changes do what they say and nothing that the art lacks; requests beyond the art get one honest line."""

import random

import pytest

from sancai.data.characters.changes import Change, Changer
from sancai.data.characters.limits import Limits, plural
from sancai.data.characters.look import Looks
from sancai.data.characters.prompts import Prompter
from sancai.data.characters.split import attributes, is_held_out
from sancai.data.characters.synthetic import synthetic_library
from sancai.data.characters.wording import holds


@pytest.fixture(scope="module")
def prompter() -> Prompter:
    return Prompter(synthetic_library())


@pytest.fixture(scope="module")
def changer() -> Changer:
    return Changer(synthetic_library())


def check(looks: Looks, change: Change | None, held_out: bool) -> None:
    assert change is not None
    who, direction = looks.character(change.after)
    flat = attributes(looks.library, who, direction)
    assert is_held_out(flat) == held_out
    assert not looks.undrawn(change.after)
    assert change.named and all(holds(change.named, {**flat, "eyes": who["eyes"]}).values()), change


@pytest.mark.parametrize("held_out", [False, True])
def test_a_change_does_what_it_says(prompter: Prompter, changer: Changer, held_out: bool) -> None:
    rng = random.Random(1)
    for _ in range(150):
        before = prompter.draw(rng, held_out=held_out).look
        assert before is not None
        check(changer.looks, changer.edit(rng, before, held_out=held_out), held_out)
        check(changer.looks, changer.animate(rng, before, held_out=held_out), held_out)


def test_an_edit_leaves_alone_what_it_does_not_name(changer: Changer) -> None:
    rng = random.Random(2)
    before = changer.looks.parse(
        "man; fair skin; blue eyes; short red hair; green t-shirt; blue trousers; walking; facing viewer"
    )
    for _ in range(200):
        change = changer.edit(rng, before)
        assert change is not None
        if "species" not in change.named:
            touched = {name.removesuffix("_color") for name in change.named}
            moved = {slot for slot in changer.looks.vocabulary.slots if before.get(slot) != change.after.get(slot)}
            named = {"action": "action", "facing": "direction"}
            implied = {"hair"} if "hat" in touched else set()
            assert {named.get(slot, slot) for slot in moved} <= touched | implied, change


def test_what_a_picture_hides_is_chosen_anew(changer: Changer) -> None:
    before = changer.looks.parse("man; fair skin; steel helmet; green t-shirt; blue trousers; walking; facing away")
    afters = [changer.edit(random.Random(seed), before) for seed in range(60)]
    assert all(change and change.after.get("eyes") for change in afters)
    uncovered = [c.after for c in afters if c and c.named.get("hat") == (None,)]
    assert uncovered and all(look.get("hair") for look in uncovered)


@pytest.mark.parametrize("held_out", [False, True])
def test_every_limit_is_answered_in_one_line(prompter: Prompter, held_out: bool) -> None:
    limits, rng = Limits(prompter), random.Random(3)
    for kind in limits.kinds:
        for _ in range(30):
            prompt = limits.draw(rng, kind=kind, held_out=held_out)
            assert prompt.answer and "\n" not in prompt.answer and prompt.answer[0].isupper()
            assert (prompt.look is None) == (kind in ("thing", "famous"))
            if prompt.look is not None:
                who, direction = prompter.looks.character(prompt.look)
                flat = attributes(prompter.library, who, direction)
                assert is_held_out(flat) == held_out
                assert all(holds(prompt.named, {**flat, "eyes": who["eyes"]}).values())


def test_plurals() -> None:
    words = ("knight", "old woman", "she-elf", "thief", "shaman", "human", "witch", "lady", "fairy", "boy", "mouse man")
    assert [plural(w) for w in words] == [
        "knights", "old women", "she-elves", "thieves", "shamans", "humans", "witches", "ladies", "fairies", "boys",
        "mouse men",
    ]  # fmt: skip
