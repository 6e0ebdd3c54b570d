"""`generation.json`: how a model folder's weights are to be used, as a recipe's settings say how they were trained.

Settings of sampling are defaults that a request may change; the rest are facts: whether prompts are lower-cased,
how large a frame is, which actions repeat.  A folder without the file gets the defaults below.
"""

import dataclasses
import json
import math
import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sancai.checkpoint.shards import refuse_pointer
from sancai.errors import CheckpointError, ConfigError
from sancai.files import atomic_write
from sancai.flow import SAMPLERS
from sancai.tokenizer.conversation import Effort

GENERATION = "generation.json"
MAX_STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How pictures are denoised and tokens are chosen."""

    steps: int = 12
    """Denoising steps."""
    guidance: float = 4.0
    """Scale of classifier-free guidance; 1 is none."""
    guided_above: float = 0.4
    """Noise level down to which guidance works; below it the conditional prediction keeps colours true."""
    shift: float = 3.0
    """How far the steps of a picture lean towards noise."""
    clip_shift: float = 6.0
    """The same for clips."""
    sampler: str = "multistep"
    """Name of the sampler, a key of `sancai.flow.SAMPLERS`."""
    temperature: float = 0.0
    """Of text: 0 always takes the likeliest token."""
    look_temperature: float = 1.0
    """Of the look that a planning model writes before it draws."""
    max_tokens: int = 128
    """Longest answer in tokens."""

    def __post_init__(self) -> None:
        checks = (
            (_is_integer(self.steps, 1, MAX_STEPS), f"steps is {self.steps}; choose 1 to {MAX_STEPS}"),
            (_is_within(self.guidance, 0, 20), f"guidance is {self.guidance}; choose 0 to 20 (1 is none)"),
            (_is_within(self.guided_above, 0, 1), f"guided_above is {self.guided_above}; choose 0 to 1"),
            (_is_within(self.shift, 0.01, 100), f"shift is {self.shift}; choose 0.01 to 100 (1 is none)"),
            (
                _is_within(self.clip_shift, 0.01, 100),
                f"clip_shift is {self.clip_shift}; choose 0.01 to 100 (1 is none)",
            ),
            (self.sampler in SAMPLERS, f"sampler is {self.sampler!r}; choose one of {', '.join(SAMPLERS)}"),
            (_is_within(self.temperature, 0, 10), f"temperature is {self.temperature}; choose 0 to 10"),
            (_is_within(self.look_temperature, 0, 10), f"look_temperature is {self.look_temperature}; choose 0 to 10"),
            (_is_integer(self.max_tokens, 1, math.inf), f"max_tokens is {self.max_tokens}; choose at least 1"),
        )
        for holds, problem in checks:
            if not holds:
                raise ConfigError(problem)

    def replace(self, **changes: Any) -> "SamplingConfig":
        """Return these settings with those changes that are not None."""
        return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class Action:
    """What an action word says about a clip."""

    loops: bool = True
    """The last frame leads to the first again."""
    frames: int | None = None
    """Frames of the whole action; None means `GenerationConfig.frames`."""
    name: str | None = None
    """What sheets call the action, such as `walk`; None leaves it out of whole characters."""
    directions: tuple[str, ...] | None = None
    """Directions in which it is drawn, keys of `GenerationConfig.facings`; None means all."""

    def __post_init__(self) -> None:
        if self.frames is not None and not _is_integer(self.frames, 1, 4096):
            raise ConfigError(f"frames of an action is {self.frames!r}; expected a whole number from 1 to 4096")


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """What a model folder says about its weights."""

    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    lower_case: bool = False
    """Training saw lower-case text only: prompts are lower-cased."""
    effort: Effort | None = None
    """Reasoning effort of conversations that name none; models that were taught no efforts want `low`."""
    think: bool | Literal["auto"] = False
    """Whether the model thinks before it answers, unless the request says otherwise; `auto`: it decides itself, by the
    token that opens its turn."""
    plan: bool = False
    """Whether the text half writes a look before the visual half draws it (needs `looks.json`)."""
    frame_size: int = 64
    """Side of a frame in pixels."""
    frames: int = 8
    """Frames of a clip whose request and action name no number."""
    max_frames: int | None = None
    """Longest clip that training taught; None means one block."""
    block_frames: int | None = None
    """Frames that are denoised together; None means what the model's config says."""
    actions: Mapping[str, Action] = field(default_factory=dict)
    """Action words and phrases that prompts and looks may hold, such as `walking`."""
    facings: Mapping[str, str] = field(default_factory=dict)
    """Phrase of a look for every direction of a sheet: {`north`: `facing away`}."""
    see_prompt: str = "what is the look of this character?"
    """Question about a picture that is answered by its look."""
    change_prompt: str = "{look}\n{request}"
    """Request to change a look as the words of a user ask."""

    def __post_init__(self) -> None:
        for name in ("frame_size", "frames", "max_frames", "block_frames"):
            value = getattr(self, name)
            if not (_is_integer(value, 1, 4096) or (value is None and name in ("max_frames", "block_frames"))):
                raise ConfigError(f"{name} is {value!r}; expected a whole number from 1 to 4096")
        if self.think not in (True, False, "auto"):
            raise ConfigError(f"think is {self.think!r}; expected true, false or `auto`")
        if self.effort not in (None, *get_args(Effort)):
            raise ConfigError(f"effort is {self.effort!r}; expected one of {', '.join(get_args(Effort))}")
        if "{look}" not in self.change_prompt or "{request}" not in self.change_prompt:
            raise ConfigError(f"change_prompt is {self.change_prompt!r}; it must hold {{look}} and {{request}}")

    def normalize_prompt(self, text: str) -> str:
        """Return a prompt as training wrote prompts: stripped, and in lower case where it knew no other."""
        return text.strip().lower() if self.lower_case else text.strip()

    def find_action(self, text: str) -> str | None:
        """Return the last action that a text names in whole words, the longest where several overlap."""
        names = sorted(self.actions, key=len, reverse=True)
        if not names:
            return None
        found = re.findall(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])", text.lower())
        return found[-1] if found else None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready settings."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "GenerationConfig":
        """Build from `to_dict`'s output; missing keys take their defaults.

        Raises:
            ConfigError: an unknown key, or a value that cannot work.
        """
        changed = _known(GenerationConfig, values)
        if "sampling" in changed:
            changed["sampling"] = SamplingConfig(**_known(SamplingConfig, changed["sampling"], "sampling"))
        actions = _mapping(changed.get("actions", {}), "actions")
        changed["actions"] = {n.lower(): _action(n, a) for n, a in actions.items()}
        changed["facings"] = _mapping(changed.get("facings", {}), "facings")
        return GenerationConfig(**changed)


def load_generation(folder: pathlib.Path) -> GenerationConfig:
    """Read the generation settings of a model folder; defaults where it has none.

    Raises:
        CheckpointError: the file is damaged or holds a setting that cannot work.
    """
    path = folder / GENERATION
    if not path.is_file():
        return GenerationConfig()
    refuse_pointer(path)
    try:
        return GenerationConfig.from_dict(_mapping(json.loads(path.read_text(encoding="utf-8")), GENERATION))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be used: {error}; mend it, or remove it to use the defaults") from error


def save_generation(folder: pathlib.Path, config: GenerationConfig) -> None:
    """Write the generation settings into a model folder."""
    with atomic_write(folder / GENERATION) as partial:
        partial.write_text(json.dumps(config.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _action(name: str, values: Any) -> Action:
    """Return an action of `to_dict`'s output."""
    known = _known(Action, values, f"actions: {name}")
    if known.get("directions") is not None:
        known["directions"] = tuple(known["directions"])
    return Action(**known)


def _known(kind: Any, values: Any, place: str = GENERATION) -> dict[str, Any]:
    """Return settings of a dataclass as keyword arguments of the right types.

    Raises:
        ConfigError: a key that it does not have, or a value of another type.
    """
    values = dict(_mapping(values, place))
    defaults = {f.name: f.default for f in dataclasses.fields(kind)}
    for name, value in values.items():
        if name not in defaults:
            raise ConfigError(f"{place} holds the unknown setting {name!r}; expected some of {', '.join(defaults)}")
        expected = type(defaults[name])
        if name != "think" and expected in (bool, str) and not isinstance(value, expected):
            wanted = "true or false" if expected is bool else "a text"
            raise ConfigError(f"{place} says {name} = {value!r}; expected {wanted}")
    return values


def _mapping(values: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{place} is {values!r}; expected an object of named settings")
    return values


def _is_integer(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_within(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
