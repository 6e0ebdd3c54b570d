"""What a library of characters says in `generation.json` can be read back, and names its actions."""

from sancai.checkpoint import GenerationConfig
from sancai.data.characters.generation import generation_settings
from sancai.data.characters.synthetic import synthetic_library


def test_the_settings_name_every_action_with_its_length_and_whether_it_repeats() -> None:
    library = synthetic_library()
    picked, whole = (
        GenerationConfig.from_dict(generation_settings(library, whole_actions=whole)) for whole in (False, True)
    )
    assert picked.lower_case and picked.max_frames == 8
    for spec in library.animations.values():
        for config, frames in ((picked, None), (whole, spec["frames"])):
            action = config.actions[config.find_action(f"an elf {spec['ing']}, facing left") or ""]
            assert (action.loops, action.frames) == (spec["loop"], frames)
    assert whole.max_frames == max(spec["frames"] for spec in library.animations.values())
