"""The drawing commands with the shipped model, as a user meets them."""

import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest
from PIL import Image

from sancai import api
from sancai.cli import main
from sancai.tokenizer import Conversation, Message

PROMPT = "a knight in steel armour with a red cape, facing left"
QUICK = ["--steps", "3"]


def pixels(path: pathlib.Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGBA"))


def test_image_writes_a_sprite_with_clear_background(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["image", PROMPT, "-o", str(tmp_path / "k.png"), "--steps", "8"]) == 0
    drawn = pixels(tmp_path / "k.png")
    assert drawn.shape == (64, 64, 4)
    assert (drawn[:4, :4, 3] == 0).all(), "the corner is clear"
    assert 300 < (drawn[..., 3] > 127).sum() < 3000, "somebody is there"
    assert capsys.readouterr().out.strip() == str(tmp_path / "k.png")
    with Image.open(tmp_path / "k.png") as image:
        assert json.loads(image.text["sancai"])["prompt"] == PROMPT


def test_same_seed_same_pixels_other_seed_other_pixels(tmp_path: pathlib.Path) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert main(["image", PROMPT, "-o", str(tmp_path / f"{name}.png"), "--seed", seed, *QUICK]) == 0
    a, b, c = (pixels(tmp_path / f"{n}.png") for n in "abc")
    assert (a == b).all()
    assert (a != c).any()


def test_scale_enlarges_by_whole_pixels_and_palette_limits_colours(tmp_path: pathlib.Path) -> None:
    plain, large = tmp_path / "p.png", tmp_path / "l.png"
    assert main(["image", PROMPT, "-o", str(plain), "--palette", "6", *QUICK]) == 0
    assert main(["image", PROMPT, "-o", str(large), "--palette", "6", "--scale", "3", *QUICK]) == 0
    small = pixels(plain)
    assert (pixels(large) == small.repeat(3, 0).repeat(3, 1)).all()
    assert len(np.unique(small[small[..., 3] > 0][:, :3], axis=0)) <= 6


def test_known_palette_gives_only_colours_of_the_art(tmp_path: pathlib.Path) -> None:
    from sancai import load

    assert main(["image", PROMPT, "-o", str(tmp_path / "k.png"), "--palette", "known", *QUICK]) == 0
    drawn = pixels(tmp_path / "k.png")
    known = {bytes(c) for c in load().known_colors()}
    assert {bytes(c) for c in drawn[drawn[..., 3] > 0][:, :3]} <= known


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng", ".png"])
def test_video_writes_eight_frames_with_transparency(tmp_path: pathlib.Path, suffix: str) -> None:
    target = tmp_path / f"walk{suffix}"
    assert main(["video", "a skeleton walking right", "-o", str(target), *QUICK]) == 0
    with Image.open(target) as clip:
        assert clip.n_frames == 8
        clip.seek(3)
        assert np.array(clip.convert("RGBA"))[0, 0, 3] == 0


def test_video_writes_mp4_and_sheet(tmp_path: pathlib.Path) -> None:
    target, sheet = tmp_path / "walk.mp4", tmp_path / "sheet.png"
    assert main(["video", "a skeleton walking right", "-o", str(target), "--sheet", str(sheet), *QUICK]) == 0
    with av.open(str(target)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 24
    description = json.loads((tmp_path / "sheet.json").read_text())
    assert pixels(sheet).shape == (64, 512, 4)
    assert [f["frame"]["x"] for f in description["frames"]] == list(range(0, 512, 64))


def test_a_sprite_comes_to_life_and_can_be_edited(tmp_path: pathlib.Path) -> None:
    sprite = tmp_path / "s.png"
    assert main(["image", PROMPT, "-o", str(sprite), *QUICK]) == 0
    assert main(["video", "slashing", "--from", str(sprite), "-o", str(tmp_path / "s.gif"), *QUICK]) == 0
    assert main(["image", "make the cape blue", "--edit", str(sprite), "-o", str(tmp_path / "e.png"), *QUICK]) == 0
    assert (pixels(tmp_path / "e.png")[..., 3] > 0).any()


def test_words_never_seen_are_named(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["image", "a man on a motorcycle, facing left", "-o", str(tmp_path / "m.png"), *QUICK]) == 0
    said = capsys.readouterr().err
    assert "motorcycle" in said
    assert "facing" not in said.split("never seen")[1]


BAD = [
    (["image", PROMPT, "--look", "elf woman"], "not from looks"),
    (["image", PROMPT, "--palette", "look"], "writes no looks"),
    (["video", "walking", "--frames", "9"], "1 to 8 frames"),
    (["image", PROMPT, "--steps", "0"], "steps"),
    (["image", PROMPT, "--scale", "0"], "scale"),
    (["image", PROMPT, "-o", "picture.jpg"], ".png"),
    (["image", PROMPT, "--edit", "missing.png"], "missing.png"),
    (["image", PROMPT, "-m", "no-such-model"], "no-such-model"),
    (["image", PROMPT, "--palette", "many"], "palette"),
    (["image", PROMPT, "-o", "no/such/folder/x.png"], "folder"),
    (["image", "word " * 5000], "tokens"),
    (["video", "walking", "-o", "x.avi"], ".gif"),
    (["video", "walking", "--from", "notes.txt"], "not a picture"),
    (["video", "walking", "--frames", "0"], "frames"),
    (["chat", " "], "empty"),
    (["nonsense"], "nonsense"),
    (["train", "recipes.nothing:pretrain"], "recipes.nothing"),
    (["train", "recipes.nano:pretrain", "--device", "abacus"], "abacus"),
    (["eval", "characters", "--pack", "nowhere"], "nowhere"),
]


@pytest.mark.parametrize(("arguments", "word"), BAD, ids=lambda v: v if isinstance(v, str) else " ".join(v)[:40])
def test_bad_input_gets_a_clear_error(
    arguments: list[str],
    word: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("not a picture")
    before = sorted(tmp_path.rglob("*"))
    assert main(arguments) != 0
    said = capsys.readouterr().err
    told = next(line for line in said.splitlines() if line.startswith("error: "))
    assert word in told
    assert "Traceback" not in said
    assert sorted(tmp_path.rglob("*")) == before, "nothing is left behind"


def test_existing_files_are_kept_without_force(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture) -> None:
    target = tmp_path / "k.png"
    target.write_bytes(b"precious")
    assert main(["image", PROMPT, "-o", str(target), *QUICK]) == 1
    assert target.read_bytes() == b"precious"
    assert "--force" in capsys.readouterr().err
    assert main(["image", PROMPT, "-o", str(target), "--force", *QUICK]) == 0
    assert pixels(target).shape == (64, 64, 4)


def test_corrupt_weights_are_named(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    from sancai.api import MODELS

    folder = tmp_path / "broken"
    shutil.copytree(MODELS / "tiny", folder)
    weights = load_file(folder / "model.safetensors")
    del weights["norm.weight"]
    weights["head.weight"] = torch.zeros(2, 2)
    save_file(weights, folder / "model.safetensors")
    assert main(["image", PROMPT, "-m", str(folder), "-o", str(tmp_path / "x.png")]) == 1
    said = capsys.readouterr().err
    assert "missing norm.weight" in said
    assert "head.weight has shape [2, 2]" in said
    (folder / "model.safetensors").write_bytes(b"garbage")
    assert main(["image", PROMPT, "-m", str(folder), "-o", str(tmp_path / "x.png")]) == 1
    assert "safetensors" in capsys.readouterr().err


@pytest.mark.skipif(
    os.geteuid() == 0 and not pathlib.Path("/proc").exists(), reason="needs a folder that refuses files"
)
def test_a_folder_that_refuses_files_is_told_before_drawing(capsys: pytest.CaptureFixture) -> None:
    started = time.monotonic()
    assert main(["image", PROMPT, "-o", "/proc/x.png"]) == 1
    assert "cannot write into /proc" in capsys.readouterr().err
    assert time.monotonic() - started < 5


def test_interrupting_a_drawing_leaves_nothing_and_says_so(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "k.gif"
    command = [sys.executable, "-m", "sancai", "video", PROMPT, "-o", str(target), "--steps", "1000"]
    listens = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731  not so in background jobs
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=listens)
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_chat_answers_and_thinks(capsys: pytest.CaptureFixture) -> None:
    right = 0
    for first, second in ((27, 82), (18, 42), (25, 73), (31, 17), (64, 23)):
        assert main(["chat", f"what is {first} + {second}?", "--think"]) == 0
        said = capsys.readouterr()
        assert "=" in said.err
        right += said.out.strip() == str(first + second)
    assert right >= 4


def test_chat_about_a_picture(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture) -> None:
    sprite = tmp_path / "s.png"
    assert main(["image", "a skeleton, facing left", "-o", str(sprite)]) == 0
    capsys.readouterr()
    assert main(["chat", "which way does the character face?", "-i", str(sprite)]) == 0
    assert capsys.readouterr().out.strip() == "left"


def test_a_conversation_is_answered_with_what_was_said_before_in_it() -> None:
    model = api.load(device="cpu")
    sum_ = Conversation(messages=[Message(role="user", content="What is 27 + 82?")])
    assert model.chat(sum_, seed=3) == model.chat("What is 27 + 82?", think=True, seed=3)
    said = ("Hello", "Hello!", "What can you draw?")
    messages = [Message(role=r, content=c) for r, c in zip(("user", "assistant", "user"), said, strict=True)]
    assert "skeletons" in model.chat(Conversation(messages=messages, thinking=False)).text


def test_a_prompt_is_read_from_a_pipe(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in (("named", ["-"]), ("left-out", [])):
        monkeypatch.setattr("sys.stdin", io.StringIO(PROMPT + "\n"))
        target = tmp_path / f"{name}.png"
        assert main(["image", *words, "-o", str(target), *QUICK]) == 0
        with Image.open(target) as image:
            assert json.loads(image.text["sancai"])["prompt"] == PROMPT


def test_nothing_in_the_pipe_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
    assert main(["video"]) == 1
    assert "the prompt is empty" in capsys.readouterr().err


def test_film_repeats_only_where_the_action_does(tmp_path: pathlib.Path) -> None:
    lengths = {}
    for prompt in ("a woman with long wavy hair, collapsing", "a brunette, slashing", "a man waving"):
        target = tmp_path / "clip.mp4"
        assert main(["video", prompt, "-o", str(target), "--force", "--steps", "1", "--guidance", "1"]) == 0
        with av.open(str(target)) as container:
            lengths[prompt] = sum(1 for _ in container.decode(video=0))
    assert list(lengths.values()) == [8, 8, 24]


def test_demo_makes_its_three_files(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["demo", "-o", str(tmp_path / "demo")]) == 0
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == ["answer.txt", "knight.png", "skeleton.gif"]
    said = capsys.readouterr().out
    assert str(tmp_path / "demo" / "knight.png") in said
