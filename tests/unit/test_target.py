"""A conversion touches nothing in its folder that it did not write, and leaves nothing of the source behind."""

import json
import pathlib

import pytest

from builders import random_model, small_config
from sancai.checkpoint.conversion import convert, save_official
from sancai.checkpoint.shards import INDEX
from sancai.checkpoint.target import JOURNAL, Target
from sancai.cli import main
from sancai.errors import CheckpointError, DataError, MediaError

CONFIG = small_config(
    visual=None, hidden_size=64, head_dim=32, q_lora_rank=32, o_lora_rank=32, moe_intermediate_size=32, o_groups=2,
    index_head_dim=16,
)  # fmt: skip
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 123456\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("source")
    save_official(folder, CONFIG, random_model(CONFIG, seed=3).state_dict(), "bf16", 60_000)
    return folder


def files(folder: pathlib.Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def download(folder: pathlib.Path) -> dict[str, bytes]:
    """Begin to download another model: shards first, the index last."""
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"model-0000{number}-of-00046.safetensors").write_bytes(bytes([number]) * 100)
    return files(folder)


def test_a_download_in_the_target_folder_is_left_alone(
    source: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target"
    before = download(target)
    assert main(["convert", str(source), "-o", str(target)]) == 1
    assert files(target) == before
    assert "did not write (model-00001-of-00046.safetensors" in capsys.readouterr().err
    assert main(["convert", str(source), "-o", str(target), "--force"]) == 0
    assert files(target).items() >= before.items() and (target / INDEX).is_file()
    assert main(["convert", str(source), "-o", str(target), "--to", "official-fp4", "--force"]) == 0
    assert files(target).items() >= before.items()


@pytest.mark.parametrize("name", ["model-00002.safetensors", "model.safetensors", "config.json", INDEX, "LICENSE"])
def test_a_foreign_file_in_the_way_is_never_replaced(source: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / name).write_text("{}")
    licensed = tmp_path / "licensed"
    convert(source, licensed, "bf16", 60_000)
    (licensed / "LICENSE").write_text("MIT")
    with pytest.raises(CheckpointError, match=f"in the way: {name}"):
        convert(licensed, target, "bf16", 60_000)
    assert files(target) == {name: b"{}"}


def test_only_files_of_an_earlier_conversion_are_removed(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"
    convert(source, target, "bf16", 60_000)
    many = len(list(target.glob("*.safetensors")))
    (target / "model-00099.safetensors").write_bytes(b"mine")
    convert(source, target, "fp4")
    assert many > 1 and sorted(files(target)) == sorted(
        ["config.json", INDEX, "model-00001.safetensors", "model-00099.safetensors"]
    )


def test_an_interrupted_conversion_knows_its_own_files(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target"

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    convert(source, target, "bf16", 20_000)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            convert(source, target, "bf16", 60_000, stop)
    assert Target(target).foreign() == [] and not Target(target).is_complete
    assert main(["convert", str(source), "-o", str(target), "--to", "official-fp4"]) == 0
    assert sorted(files(target)) == ["config.json", "model-00001.safetensors", INDEX]
    assert not (target / JOURNAL).exists()


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_a_forged_index_names_nothing_outside(source: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "outside").write_text("mine")
    target = tmp_path / "target"
    convert(source, target, "bf16")
    values = json.loads((target / INDEX).read_text())
    values["metadata"]["sancai_files"].append(name)
    (target / INDEX).write_text(json.dumps(values))
    convert(source, target, "fp4")
    assert (tmp_path / "outside").read_text() == "mine"


def test_everything_but_the_weights_comes_along(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    model, target = tmp_path / "model", tmp_path / "model" / "converted"
    convert(source, model, "bf16", 60_000)
    carried = {
        "chat_template.jinja": "{{ messages }}", "special_tokens_map.json": "{}", "LICENSE": "MIT",
        "tokenizer_config.json": "{}", "looks.json": "{}", "generation.json": "{}", "README.md": "a card",
        "encoding/encoding_dsv4.py": "#",
    }  # fmt: skip
    left = {"pytorch_model.bin": "", "model-00001-of-00002.safetensors": "", ".cache/lock": "", "x.incomplete": ""}
    for name, text in (carried | left).items():
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_text(text)
    for _ in range(2):
        convert(model, target, "fp4")
    written = files(target)
    assert {n: written[n].decode() for n in carried} == carried
    assert set(written) - set(carried) == {"config.json", INDEX, "model-00001.safetensors"}


@pytest.mark.parametrize(
    "name", ["config.json", INDEX, "model-00002.safetensors", "LICENSE", "generation.json", "tokenizer.json"]
)
def test_a_git_lfs_pointer_is_named(source: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    model = tmp_path / "model"
    convert(source, model, "bf16", 60_000)
    (model / name).write_text(POINTER)
    with pytest.raises(CheckpointError, match=f"{name} is a Git LFS pointer"):
        convert(model, tmp_path / "target", "fp4")
    assert not (tmp_path / "target").exists()


def test_other_files_that_are_git_lfs_pointers_are_named_too(tmp_path: pathlib.Path) -> None:
    from sancai.checkpoint import load_generation, read_weights
    from sancai.data.characters.library import Library
    from sancai.engine import load_looks
    from sancai.media import read_picture
    from sancai.tokenizer import Tokenizer

    for name in (
        "generation.json",
        "model.safetensors",
        "looks.json",
        "a.png",
        "tokenizer.json",
        "lpc.json",
        "lpc.npz",
    ):
        (tmp_path / name).write_text(POINTER)
    for read in (
        lambda: load_generation(tmp_path),
        lambda: read_weights(tmp_path / "model.safetensors"),
        lambda: load_looks(tmp_path),
        lambda: Tokenizer.load(tmp_path / "tokenizer.json"),
        lambda: read_picture(tmp_path / "a.png"),
        lambda: Library.open(tmp_path),
    ):
        with pytest.raises((CheckpointError, MediaError, DataError), match="Git LFS pointer"):
            read()
