"""`generation.json`: defaults where it is missing, clear errors where it is wrong, and what its facts do."""

import json
import pathlib
from typing import Any

import pytest

from sancai.checkpoint import Action, GenerationConfig, SamplingConfig, load_generation, save_generation
from sancai.errors import CheckpointError, ConfigError


def test_a_folder_without_the_file_gets_the_defaults(tmp_path: pathlib.Path) -> None:
    assert load_generation(tmp_path) == GenerationConfig()


def test_what_is_saved_loads_back_the_same(tmp_path: pathlib.Path) -> None:
    config = GenerationConfig(
        sampling=SamplingConfig(steps=7, guidance=2.5, sampler="heun", temperature=0.3),
        lower_case=True, effort="low", think=True, plan=True, frame_size=32, frames=6, max_frames=13, block_frames=2,
        actions={"walking": Action(frames=9), "falling down": Action(loops=False)},
    )  # fmt: skip
    save_generation(tmp_path, config)
    assert load_generation(tmp_path) == config


BAD: list[tuple[Any, str]] = [
    ("{", "cannot be used"),
    ([1], "expected an object"),
    ({"stepz": 3}, "unknown setting 'stepz'"),
    ({"sampling": {"steps": 0}}, "steps is 0"),
    ({"sampling": {"steps": "12"}}, "steps is 12"),
    ({"sampling": {"sampler": "magic"}}, "euler, heun, multistep, sde"),
    ({"sampling": {"guidance": float("nan")}}, "guidance is nan"),
    ({"sampling": 3}, "sampling is 3"),
    ({"lower_case": "yes"}, "true or false"),
    ({"think": "maybe"}, "true, false or `auto`"),
    ({"frame_size": 0}, "frame_size is 0"),
    ({"max_frames": 2.5}, "max_frames is 2.5"),
    ({"effort": "huge"}, "low, high, xhigh, max"),
    ({"actions": {"walking": {"loop": True}}}, "unknown setting 'loop'"),
    ({"actions": {"walking": {"frames": 0}}}, "frames of an action is 0"),
    ({"change_prompt": "change it"}, "must hold {look} and {request}"),
]


@pytest.mark.parametrize(("content", "problem"), BAD, ids=lambda v: str(v)[:30])
def test_a_bad_file_is_refused_by_name(tmp_path: pathlib.Path, content: Any, problem: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "generation.json").write_text(text)
    with pytest.raises(CheckpointError, match="generation") as caught:
        load_generation(tmp_path)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [{"steps": 1001}, {"guidance": -1}, {"guided_above": 2}, {"shift": 0}, {"clip_shift": 0}, {"temperature": 11},
     {"look_temperature": -1}, {"max_tokens": 0}, {"steps": True}],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(ConfigError, match=f"^{name} is"):
        SamplingConfig(**change)


def test_a_change_of_none_keeps_a_setting() -> None:
    assert SamplingConfig(steps=5).replace(steps=None, guidance=2.0) == SamplingConfig(steps=5, guidance=2.0)


ACTIONS = GenerationConfig(
    actions={"wave": Action(), "run": Action(), "standing": Action(), "standing still": Action(loops=False)}
)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("a woman with long wavy hair", None),
        ("a brunette", None),
        ("a man: Wave!", "wave"),
        ("an elf standing still", "standing still"),
        ("standing, then a run", "run"),
        ("a re-run", None),
        ("", None),
    ],
)
def test_actions_are_found_as_whole_words(text: str, action: str | None) -> None:
    assert ACTIONS.find_action(text) == action


def test_a_config_without_actions_finds_none() -> None:
    assert GenerationConfig().find_action("walking") is None


def test_prompts_are_lower_cased_only_where_training_was() -> None:
    assert GenerationConfig(lower_case=True).normalize_prompt(" An Elf ") == "an elf"
    assert GenerationConfig().normalize_prompt(" An Elf ") == "An Elf"
