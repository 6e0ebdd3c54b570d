"""Plan, then draw: the look is written first, and a picture depends on its look and seed alone."""

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from PIL import Image

from builders import random_model, small_config, visual_config
from sancai import Sancai
from sancai.api import load
from sancai.checkpoint import Action, GenerationConfig, save_generation, save_model
from sancai.cli import main
from sancai.device.platform import get_platform
from sancai.engine import (
    Clip,
    Engine,
    LookVocabulary,
    Progress,
    Request,
    SamplingConfig,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from sancai.engine import engine as engine_module
from sancai.engine import planner as planner_module
from sancai.engine.look import Slot
from sancai.errors import CapacityError, CheckpointError, ConfigError, DeclinedError, RequestError
from sancai.model import Transformer
from sancai.sequence import Block, Document
from sancai.tokenizer import Tokenizer

SIDE = 16
RED, DARK, GREEN, WHITE = (200, 20, 20), (90, 10, 10), (20, 160, 40), (250, 250, 250)
VOCABULARY = LookVocabulary(
    (
        Slot("species", {"elf": (WHITE,), "orc": (GREEN, WHITE)}),
        Slot("hair", {"red hair": (DARK, RED), "white hair": (WHITE,)}),
        Slot("top", {"red tunic": (RED,), "green tunic": (GREEN,)}),
        Slot("action", {"walking": (), "falling": ()}),
    )
)
GENERATION = GenerationConfig(
    sampling=SamplingConfig(steps=2, max_tokens=12), lower_case=True, plan=True, frame_size=SIDE, frames=2,
    max_frames=3, actions={"walking": Action(frames=3), "falling": Action(loops=False)},
    see_prompt="what is this?", change_prompt="{look}, but {request}",
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = ["elf orc; red hair; white hair; green tunic; red tunic; walking; falling", "a dragon no, only people."]
    return Tokenizer.train(texts * 20, 320)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Transformer:
    """A model of 4×4 patches with random weights."""
    visual = visual_config(latent_channels=64, pixel_shuffle=4, block_frames=2)
    return random_model(small_config(vocab_size=tokenizer.vocab_size, visual=visual, sliding_window=16))


@pytest.fixture(scope="module")
def planning(model: Transformer, tokenizer: Tokenizer) -> Sancai:
    return Sancai(Engine(model, tokenizer, get_platform("cpu"), GENERATION, VOCABULARY), pathlib.Path("nano"))


@pytest.fixture(scope="module")
def plain(model: Transformer, tokenizer: Tokenizer) -> Sancai:
    generation = dataclasses.replace(GENERATION, plan=False)
    return Sancai(Engine(model, tokenizer, get_platform("cpu"), generation), pathlib.Path("nano"))


@pytest.fixture
def read(planning: Sancai, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with every document that the planning model reads, `<picture>` for blocks."""
    texts: list[str] = []
    runner = planning.engine.runner
    prefill, tok = runner.prefill, runner.tokenizer

    def spelled(document: Document) -> Iterator[str]:
        for segment in document:
            if isinstance(segment, Block):
                yield "<picture>"
                continue
            for token in segment.ids:
                names = {tok.user: "<user>", tok.assistant: "<assistant>", tok.think: "<think>"}
                names |= {tok.end_think: "</think>", tok.visual: "<visual>", tok.bos: ""}
                yield names[token] if token in names else tok.decode([token])

    def noting(documents: Sequence[Document]) -> object:
        texts.extend("".join(spelled(document)) for document in documents)
        return prefill(documents)

    monkeypatch.setattr(runner, "prefill", noting)
    return texts


def script(monkeypatch: pytest.MonkeyPatch, module: object, tokens: Sequence[int]) -> None:
    """Let the model say these tokens."""
    following = iter(tokens)
    monkeypatch.setattr(module, "sample_token", lambda *_: next(following))


def test_the_look_is_told_drawn_and_stored(planning: Sancai, tmp_path: pathlib.Path) -> None:
    events = list(planning.generate(Request(kind="image", prompt="an elf", seed=0)))
    assert [type(e) for e in events if type(e) is not TextDelta] == [ThinkingDelta, Progress, Progress, Clip, Usage]
    look = events[0].text
    assert VOCABULARY.parse(look).text == look == events[-2].look
    clip = planning.image("an elf", seed=0)
    path = clip.save(tmp_path / "a.png")
    with Image.open(path) as image:
        stored = json.loads(image.text["sancai"])
    assert stored["look"] == look and stored["prompt"] == "an elf" and stored["seed"] == 0


def test_the_drawing_document_holds_the_look_and_no_words_of_the_user(planning: Sancai, read: list[str]) -> None:
    look = planning.image("An ELF").look
    assert read == [
        "<user>an elf<assistant><think>",
        f"<assistant><think>{look}</think><visual>1",
        "<assistant><think></think><visual>1",
    ]


def test_a_picture_depends_on_its_look_and_seed_alone(planning: Sancai) -> None:
    planned = planning.image("somebody", seed=5, palette="none")
    again = planning.image(look=planned.look, seed=5, palette="none")
    assert np.array_equal(planned.frames, again.frames) and again.look == planned.look
    assert not np.array_equal(planning.image(look=planned.look, seed=6, palette="none").frames, again.frames)


def test_the_seed_decides_what_the_prompt_leaves_open(planning: Sancai) -> None:
    looks = [planning.image("somebody", seed=seed, steps=1).look for seed in range(8)]
    assert len(set(looks)) > 1
    assert looks[0] == planning.image("somebody", seed=0, steps=1).look


def test_a_picture_has_hard_edges_and_the_colours_of_its_look(planning: Sancai) -> None:
    frames = planning.image(look="red hair; orc").frames
    assert set(np.unique(frames[..., 3])) <= {0, 255}
    colors = {tuple(c) for c in frames[frames[..., 3] > 0][:, :3].tolist()}
    assert colors and colors <= {DARK, RED, GREEN, WHITE}
    raw = planning.image(look="red hair; orc", palette="none").frames
    assert not {tuple(c) for c in raw[raw[..., 3] > 0][:, :3].tolist()} <= {DARK, RED, GREEN, WHITE}
    few = planning.image(look="red hair; orc", palette=2).frames
    assert len(np.unique(few[few[..., 3] > 0][:, :3], axis=0)) <= 2


def test_an_edit_sees_changes_and_draws(planning: Sancai, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tok, picture = planning.engine.tokenizer, np.zeros((SIDE, SIDE, 4), np.uint8)
    said = [*tok.encode("elf; red hair"), tok.eos, *tok.encode("elf; white hair"), tok.end_think, tok.eos]
    script(monkeypatch, planner_module, said)
    events = list(planning.generate(Request(kind="image", prompt="white hair please", pictures=[picture])))
    assert "".join(e.text for e in events if isinstance(e, ThinkingDelta)) == "elf; red hair\nelf; white hair"
    assert read == [
        "<user><picture>what is this?<assistant></think>",
        "<user>elf; red hair, but white hair please<assistant><think>",
        "<user><picture><assistant><think>elf; white hair</think><visual>1",
        "<user><picture><assistant><think></think><visual>1",
    ]


def test_a_picture_comes_to_life_by_its_look(planning: Sancai, monkeypatch: pytest.MonkeyPatch) -> None:
    tok, picture = planning.engine.tokenizer, np.full((SIDE, SIDE, 3), 0.5)
    said = [*tok.encode("elf"), tok.eos, *tok.encode("elf; walking"), tok.end_think, tok.visual]
    script(monkeypatch, planner_module, said)
    clip = planning.video("walk", start=picture)
    assert (clip.look, clip.action, clip.loops, len(clip)) == ("elf; walking", "walking", True, 3)


def test_the_action_of_the_look_decides_length_and_looping(planning: Sancai) -> None:
    lengths = {look: planning.video(look=look) for look in ("orc; walking", "orc; falling", "orc")}
    assert [len(clip) for clip in lengths.values()] == [3, 2, 2]
    assert [clip.loops for clip in lengths.values()] == [True, False, False]
    assert len(planning.video(look="orc; walking", frames=1)) == 1


def test_what_the_model_declines_is_answered_in_words(planning: Sancai, monkeypatch: pytest.MonkeyPatch) -> None:
    tok = planning.engine.tokenizer
    said = [tok.end_think, *tok.encode("no, only people."), tok.eos]
    script(monkeypatch, planner_module, said)
    events = list(planning.generate(Request(kind="image", prompt="a dragon")))
    assert [type(e) for e in events] == [TextDelta, Usage] and events[0].text == "no, only people."
    script(monkeypatch, planner_module, said)
    with pytest.raises(DeclinedError, match=r"^no, only people\.$"):
        planning.image("a dragon")
    script(monkeypatch, planner_module, said)
    given, declined = Request(kind="image", look="elf"), Request(kind="image", prompt="a dragon")
    drawn, nothing = planning.engine.draw([given, declined])
    assert isinstance(drawn, Clip) and nothing is None


def test_a_model_that_decides_whether_to_think_declines_by_not_thinking(
    model: Transformer, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = dataclasses.replace(GENERATION, think="auto")
    auto = Sancai(Engine(model, tokenizer, get_platform("cpu"), generation, VOCABULARY), pathlib.Path("nano"))
    script(monkeypatch, planner_module, [tokenizer.end_think, *tokenizer.encode("no, only people."), tokenizer.eos])
    with pytest.raises(DeclinedError, match="only people"):
        auto.image("a dragon")
    said = [tokenizer.think, *tokenizer.encode("elf"), tokenizer.end_think, *tokenizer.encode("no"), tokenizer.visual]
    script(monkeypatch, planner_module, said)
    clip = auto.image("an elf")
    assert (clip.look, clip.metadata["answer"]) == ("elf", "no")


def test_chat_thinks_by_itself_where_the_model_decides_so(
    model: Transformer, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto = Engine(model, tokenizer, get_platform("cpu"), dataclasses.replace(GENERATION, plan=False, think="auto"))
    sampling = SamplingConfig(max_tokens=3)
    for opening, kind in ((tokenizer.think, ThinkingDelta), (tokenizer.end_think, TextDelta)):
        script(monkeypatch, planner_module, [opening])
        script(monkeypatch, engine_module, [*tokenizer.encode("no"), tokenizer.eos])
        events = list(auto.generate(Request(kind="chat", prompt="1 + 1?", sampling=sampling)))
        assert [type(e) for e in events] == [kind, Usage]
    script(monkeypatch, engine_module, [*tokenizer.encode("no"), tokenizer.eos])
    straight = list(auto.generate(Request(kind="chat", prompt="1 + 1?", think=False, sampling=sampling)))
    assert isinstance(straight[0], TextDelta)


def test_a_look_that_cannot_be_read_is_refused(planning: Sancai, plain: Sancai) -> None:
    with pytest.raises(RequestError, match="did you mean 'red hair'"):
        planning.image(look="elf; red hairs")
    with pytest.raises(RequestError, match="not from looks"):
        plain.image(look="elf")
    with pytest.raises(RequestError, match="writes no looks"):
        plain.image("elf", palette="look")


def test_a_model_that_plans_needs_its_vocabulary(model: Transformer, tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match=r"looks\.json"):
        Engine(model, tokenizer, get_platform("cpu"), GENERATION)


# -- drawing without a plan -------------------------------------------------------------------


def test_a_batch_draws_what_each_request_draws_alone(plain: Sancai) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    requests = [
        Request(kind="image", prompt="an orc with red hair", seed=1),
        Request(kind="video", prompt="an elf", seed=2),
        Request(kind="image", prompt="elf", seed=3),
        Request(kind="video", prompt="walking", seed=4, pictures=[picture]),
        Request(kind="image", prompt="elf", seed=5, sampling=GENERATION.sampling.replace(guidance=1.0)),
        Request(kind="video", prompt="orc", seed=6),
    ]
    steps: list[tuple[int, int]] = []
    together = plain.engine.draw(requests, lambda step, of: steps.append((step, of)))
    for request, clip in zip(requests, together, strict=True):
        (alone,) = (e for e in plain.generate(request) if isinstance(e, Clip))
        assert np.abs(alone.frames.astype(int) - clip.frames).max() <= 2
        assert clip.metadata == alone.metadata
    assert (2, 2) in steps and (4, 4) in steps, "pictures, and clips of two blocks"


def test_film_of_several_blocks_goes_on_from_the_first(plain: Sancai) -> None:
    whole, first = plain.video("an elf", frames=3), plain.video("an elf", frames=2)
    assert len(whole) == 3
    assert np.abs(whole.frames[:2].astype(int) - first.frames).max() <= 2
    last = plain.video("an elf", frames=1).frames[0]
    assert not np.array_equal(whole.frames[2], last), "the second block reads the first"


def test_more_frames_than_were_taught_are_refused(plain: Sancai) -> None:
    with pytest.raises(RequestError, match="1 to 3 frames"):
        plain.video("an elf", frames=4)


def test_seeds_of_numpy_and_single_pictures_are_taken(plain: Sancai) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    first = plain.image("an elf", seed=np.int64(4), pictures=picture)
    assert np.array_equal(first.frames, plain.image("an elf", seed=4, pictures=[picture / 255]).frames)
    assert json.loads(json.dumps(first.metadata))["seed"] == 4
    for wrong in (None, 1.5, "1", -1):
        with pytest.raises(RequestError, match="seed is"):
            plain.image("an elf", seed=wrong)
    with pytest.raises(RequestError, match="type NoneType"):
        plain.image(None)
    with pytest.raises(TypeError, match="step"):
        plain.image("an elf", step=3)


def test_chat_draws_only_when_it_is_let(plain: Sancai, monkeypatch: pytest.MonkeyPatch) -> None:
    tok = plain.engine.tokenizer
    said = [*tok.encode("no."), tok.visual, *tok.encode("2")]
    script(monkeypatch, engine_module, said)
    answer = plain.chat("an elf?")
    assert (answer.text, answer.clips) == ("no.", ())
    script(monkeypatch, engine_module, said)
    (clip,) = plain.chat("an elf?", draws=True).clips
    assert len(clip) == 2 and clip.metadata["prompt"] == "an elf?"


def test_chat_of_a_planning_model_draws_the_look_it_thought_of(
    planning: Sancai, monkeypatch: pytest.MonkeyPatch
) -> None:
    tok = planning.engine.tokenizer
    script(monkeypatch, engine_module, [*tok.encode("elf; red hair"), tok.end_think, tok.visual, *tok.encode("1")])
    (clip,) = planning.chat("draw an elf", think=True, draws=True).clips
    assert clip.look == "elf; red hair"


# -- folders and the command line -------------------------------------------------------------


@pytest.fixture
def folder(model: Transformer, tokenizer: Tokenizer, tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "model"
    save_model(folder, model.config, model.state_dict(), tokenizer)
    save_generation(folder, GENERATION)
    slots = {s.name: dict(s.phrases) for s in VOCABULARY.slots}
    (folder / "looks.json").write_text(json.dumps({"slots": slots}))
    return folder


def test_the_command_draws_a_look_from_a_file_and_prints_what_it_planned(
    folder: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    first, second, look = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "look.txt"
    assert main(["image", "an elf", "-m", str(folder), "-o", str(first), "--think"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(first)
    look.write_text(said.err.splitlines()[0] + "\n")
    assert VOCABULARY.parse(look.read_text())
    assert main(["image", "-m", str(folder), "-o", str(second), "--look", str(look)]) == 0
    with Image.open(first) as a, Image.open(second) as b:
        assert np.array_equal(np.array(a), np.array(b))
    assert main(["image", "-m", str(folder), "-o", str(second), "--force", "--look", "unicorn"]) == 1
    assert "unicorn" in capsys.readouterr().err


def test_the_command_says_so_when_the_model_declines(
    folder: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tok = load(folder, device="cpu").engine.tokenizer
    script(monkeypatch, planner_module, [tok.end_think, *tok.encode("no, only people."), tok.eos])
    target = tmp_path / "dragon.png"
    assert main(["image", "a dragon", "-m", str(folder), "-o", str(target)]) == 3
    said = capsys.readouterr()
    assert "nothing was drawn" in said.err and "no, only people." in said.err and said.out == ""
    assert not target.exists()


def test_chat_writes_a_picture_only_where_it_is_told(
    folder: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tok = load(folder, device="cpu").engine.tokenizer
    before, said = sorted(tmp_path.iterdir()), [*tok.encode("no."), tok.visual, *tok.encode("1")]
    script(monkeypatch, engine_module, said)
    assert main(["chat", "an elf", "-m", str(folder)]) == 0
    assert "-o FILE" in capsys.readouterr().err and sorted(tmp_path.iterdir()) == before
    script(monkeypatch, engine_module, said)
    assert main(["chat", "an elf", "-m", str(folder), "-o", "elf.png"]) == 0
    assert "elf.png" in capsys.readouterr().out and (tmp_path / "elf.png").is_file()
    assert main(["chat", "an elf", "-m", str(folder), "-o", "elf.txt"]) == 1


def test_a_damaged_file_of_settings_is_named(folder: pathlib.Path) -> None:
    (folder / "generation.json").write_text('{"plan": "perhaps"}')
    with pytest.raises(CheckpointError, match=r"generation\.json.*true or false"):
        load(folder)


def test_a_prompt_longer_than_the_context_is_refused(model: Transformer, tokenizer: Tokenizer) -> None:
    short = random_model(dataclasses.replace(model.config, max_position_embeddings=8))
    engine = Engine(short, tokenizer, get_platform("cpu"), dataclasses.replace(GENERATION, plan=False))
    with pytest.raises(CapacityError, match="at most 8"):
        list(engine.generate(Request(kind="chat", prompt="elf " * 20)))
    assert list(engine.generate(Request(kind="chat", prompt="elf")))[-1].prompt_tokens <= 8
