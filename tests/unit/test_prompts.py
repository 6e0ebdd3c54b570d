"""Prompts name what their looks hold, for either side of the split, whatever pack there is."""

import random

import pytest

from sancai.data.characters.look import Looks
from sancai.data.characters.outfit import Wardrobe, declared_roles, role_names
from sancai.data.characters.prompts import STYLES, Prompter
from sancai.data.characters.split import attributes, is_held_out
from sancai.data.characters.synthetic import synthetic_library
from sancai.data.characters.wording import Wording, bare, fix_articles, holds
from sancai.data.spelling import as_typed, british, mistyped


@pytest.fixture(scope="module")
def prompter() -> Prompter:
    return Prompter(synthetic_library())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("held_out", [False, True])
def test_what_a_prompt_names_holds_on_its_side_of_the_split(prompter: Prompter, style: str, held_out: bool) -> None:
    rng = random.Random(1)
    named = 0
    for _ in range(150):
        prompt = prompter.draw(rng, style=style, held_out=held_out)
        who, direction = prompter.looks.character(prompt.look)
        flat = attributes(prompter.library, who, direction)
        assert is_held_out(flat) == held_out
        assert not prompter.looks.undrawn(prompt.look)
        found = holds(prompt.named, {**flat, "eyes": who["eyes"]})
        assert all(found.values()), (prompt.text, prompt.named, str(prompt.look))
        named += len(found)
    assert named > 150


def test_the_same_generator_writes_the_same_prompts(prompter: Prompter) -> None:
    first, second = ([prompter.draw(random.Random(seed)).text for seed in range(20)] for _ in range(2))
    assert first == second and len(set(first)) > 15


def test_a_prompt_is_a_conversation_with_the_look_as_thinking(prompter: Prompter) -> None:
    prompt = prompter.draw(random.Random(0))
    asked, drawn = prompt.turns()
    assert (asked.role, asked.thinking, asked.content) == ("user", None, prompt.text)
    assert (drawn.role, drawn.thinking, drawn.content) == ("assistant", str(prompt.look), prompt.answer)


def test_roles_are_many_and_each_is_declared_once() -> None:
    names = [name.split("@")[0] for title in role_names() for name in declared_roles()[title].names]
    assert len(role_names()) >= 150
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)


def test_a_role_is_dressed_as_declared() -> None:
    library = synthetic_library()
    wardrobe, rng = Wardrobe(library), random.Random(2)
    for _ in range(40):
        who = wardrobe.dress(wardrobe.roles["knight"], rng, ("human", "man"))
        assert who["items"]["top"][0] == "plate_armor" and who["items"]["top"][1] == "steel"
        queen = wardrobe.body(wardrobe.roles["queen"], rng)
        assert queen[1] == "woman"


def test_what_is_forced_is_worn_and_what_is_bare_is_not() -> None:
    wardrobe, rng = Wardrobe(synthetic_library()), random.Random(3)
    for _ in range(40):
        forced = wardrobe.force(rng, ("orc", "woman"), ["hat", "cape", "weapon"], "walk")
        who = wardrobe.dress(wardrobe.anyone, rng, ("orc", "woman"), forced, ["bottom"])
        assert {slot: who["items"][slot] for slot in forced} == forced
        assert "bottom" not in who["items"] and "top" in who["items"]


def test_another_action_takes_only_what_is_drawn_in_it() -> None:
    wardrobe, looks = Wardrobe(synthetic_library()), Looks(synthetic_library())
    look = looks.parse("man; fair skin; blue eyes; green t-shirt; red cape; steel sword; walking; facing left")
    after = wardrobe.fit(looks.character(look)[0], "hurt")
    assert str(looks.of(after, "south")) == (
        "man; fair skin; blue eyes; green t-shirt; steel sword; collapsing; facing viewer"
    )


def test_a_wording_shared_by_several_things_names_them_all() -> None:
    wording, rng = Wording(synthetic_library()), random.Random(4)
    heard = [wording.thing(rng, "cape", "cape", "red") for _ in range(200)]
    assert ("a cape", {"cape": ("cape", "short_cape")}) in [(w, n) for w, n in (
        wording.thing(rng, "cape", "cape", "red", says_color=False) for _ in range(200))]  # fmt: skip
    assert any(words == "a crimson cloak" for words, _ in heard)
    assert all(named["cape_color"] == ("red",) for _, named in heard)


def test_words_are_put_right() -> None:
    assert fix_articles("a  orange cape and an red hat") == "an orange cape and a red hat"
    assert bare("an orc") == "orc" and bare("theatre") == "theatre"
    assert british("gray armor, blonde") == "grey armour, blond"


def test_typing_errors_change_a_word_or_two_and_nothing_else() -> None:
    rng = random.Random(5)
    for _ in range(100):
        typed = mistyped("a knight with silver boots", rng)
        changed = sum(a != b for a, b in zip(typed.split(), "a knight with silver boots".split(), strict=True))
        assert changed <= 2
    clean = {as_typed("a knight", random.Random(seed), typos=0).lower().strip(".!") for seed in range(50)}
    assert clean == {"a knight"}
