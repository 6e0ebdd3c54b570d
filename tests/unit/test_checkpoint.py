"""Model folders and run states: what is written comes back, what is damaged is named."""

import json
import pathlib

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from builders import random_model, small_config
from sancai.checkpoint import (
    folder,
    load_model,
    load_state,
    load_weights,
    newest_state,
    read_config,
    save_model,
    save_state,
)
from sancai.errors import CheckpointError
from sancai.model import ModelConfig, Transformer
from sancai.tokenizer import Tokenizer

TOKENIZER = Tokenizer.train(["a red horse walks"] * 5, 280)
CONFIG = small_config(vocab_size=300)


@pytest.fixture(scope="module")
def model() -> Transformer:
    return random_model(CONFIG, seed=5)


@pytest.fixture
def saved(model: Transformer, tmp_path: pathlib.Path) -> pathlib.Path:
    save_model(tmp_path / "m", model.config, model.state_dict(), TOKENIZER, torch.float32)
    return tmp_path / "m"


def change(path: pathlib.Path, changes: dict[str, Tensor | None]) -> None:
    """Rewrite some tensors of a weight file; None removes one."""
    weights = load_file(path / "model.safetensors") | changes
    save_file({n: t for n, t in weights.items() if t is not None}, path / "model.safetensors")


def test_a_saved_model_comes_back_bit_by_bit(model: Transformer, saved: pathlib.Path) -> None:
    other, tokenizer = load_model(saved)
    assert other.config == model.config and not other.training
    assert tokenizer.encode("a red horse") == TOKENIZER.encode("a red horse")
    mine, theirs = model.state_dict(), other.state_dict()
    assert set(mine) == set(theirs)
    assert all(torch.equal(mine[n], theirs[n]) and mine[n].dtype == theirs[n].dtype for n in mine)


def test_half_precision_files_keep_small_tensors_wide(model: Transformer, tmp_path: pathlib.Path) -> None:
    save_model(tmp_path, model.config, model.state_dict(), TOKENIZER)
    stored = load_file(tmp_path / "model.safetensors")
    assert stored["embed.weight"].dtype == stored["layers.1.ffn.experts.0.w1.weight"].dtype == torch.bfloat16
    for name in ("hc_head_fn", "layers.0.hc_attn_scale", "layers.1.attn.attn_sink", "layers.1.attn.compressor.ape",
                 "layers.1.ffn.gate.bias", "visual.layers.0.hc_attn.fn", "visual.embed.stream_scale"):  # fmt: skip
        assert stored[name].dtype == torch.float32, name
    assert stored["layers.0.ffn.gate.tid2eid"].dtype == torch.int64
    other, _ = load_model(tmp_path)
    for name, tensor in model.state_dict().items():
        got = other.state_dict()[name]
        assert got.dtype == tensor.dtype
        assert torch.equal(got, tensor) or torch.equal(got, tensor.bfloat16().float()), name


def test_weights_are_stored_under_official_names(saved: pathlib.Path) -> None:
    names = set(load_file(saved / "model.safetensors"))
    assert {"layers.0.hc_attn_fn", "layers.1.ffn.experts.3.w2.weight", "mtp.0.hc_head_scale"} <= names


@pytest.mark.parametrize("name", ["layers.1.attn.wkv.weight", "visual.head.proj.weight", "layers.0.ffn.gate.tid2eid"])
def test_a_missing_tensor_is_named(saved: pathlib.Path, name: str) -> None:
    change(saved, {name: None})
    with pytest.raises(CheckpointError, match=rf"missing {name}"):
        load_model(saved)


def test_an_unexpected_tensor_is_named(saved: pathlib.Path) -> None:
    change(saved, {"layers.9.extra": torch.zeros(2)})
    with pytest.raises(CheckpointError, match=r"unexpected layers.9.extra"):
        load_model(saved)


def test_a_misshapen_tensor_is_named_with_both_shapes(saved: pathlib.Path) -> None:
    change(saved, {"norm.weight": torch.zeros(7)})
    with pytest.raises(CheckpointError, match=r"norm.weight has shape \[7\], expected \[32\]"):
        load_model(saved)


def test_a_missing_expert_is_named(saved: pathlib.Path) -> None:
    change(saved, {"layers.1.ffn.experts.2.w1.weight": None})
    with pytest.raises(CheckpointError, match=r"layers.1.ffn.experts"):
        load_model(saved)


def test_a_misshapen_expert_is_named(saved: pathlib.Path) -> None:
    change(saved, {"layers.1.ffn.experts.2.w1.weight": torch.zeros(3, 3)})
    with pytest.raises(CheckpointError, match=r"layers.1.ffn.experts"):
        load_model(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_named(saved: pathlib.Path, value: float) -> None:
    broken = torch.zeros(32)
    broken[3] = value
    change(saved, {"norm.weight": broken})
    with pytest.raises(CheckpointError, match=r"norm.weight holds numbers that are not finite"):
        load_model(saved)


def test_all_problems_are_named_at_once_and_the_model_is_left_alone(model: Transformer) -> None:
    target = Transformer(CONFIG)
    before = {n: t.clone() for n, t in target.state_dict().items()}
    weights = dict(model.state_dict()) | {"norm.weight": torch.zeros(7), "strange": torch.zeros(1)}
    del weights["embed.weight"]
    with pytest.raises(CheckpointError) as caught:
        load_weights(target, weights, "here")
    for words in ("missing embed.weight", "unexpected strange", "norm.weight has shape", "in here"):
        assert words in str(caught.value)
    assert all(torch.equal(before[n], t) for n, t in target.state_dict().items())


def test_a_long_list_of_problems_is_cut(model: Transformer) -> None:
    with pytest.raises(CheckpointError, match=r"and [0-9]+ more"):
        load_weights(Transformer(CONFIG), {}, "here")


@pytest.mark.parametrize("kept", [0, 5, 200, -7])
def test_a_truncated_weight_file_is_named(saved: pathlib.Path, kept: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_model(saved)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(saved: pathlib.Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(CheckpointError, match=r"model folder|is missing"):
        load_model(saved)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"5", b"{}", b'{"compress_ratios": [0], "bogus": 1}', b'{"compress_ratios": [0, 4]}',
     b'{"compress_ratios": [0, 4, 8, 4, 0], "visual": {"bogus": 1}}', b"\xff\xfe\x00"],
    ids=["empty", "cut", "list", "number", "nothing", "unknown", "short", "unknown visual", "not text"],
)  # fmt: skip
def test_a_damaged_config_is_named(saved: pathlib.Path, content: bytes) -> None:
    (saved / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config.json does not describe a model"):
        read_config(saved)


def test_a_tokenizer_larger_than_the_vocabulary_is_refused(saved: pathlib.Path) -> None:
    values = json.loads((saved / "config.json").read_text()) | {"vocab_size": 100}
    (saved / "config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="tokenizer in"):
        load_model(saved)


def test_saving_leaves_exactly_three_files(saved: pathlib.Path) -> None:
    assert sorted(p.name for p in saved.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_a_failed_save_keeps_the_old_weights_and_leaves_no_partial_file(
    model: Transformer, saved: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (saved / "model.safetensors").read_bytes()

    def fails(tensors: dict[str, Tensor], path: pathlib.Path, metadata: dict[str, str]) -> None:
        pathlib.Path(path).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(folder, "save_file", fails)
    with pytest.raises(OSError, match="no space"):
        save_model(saved, model.config, model.state_dict(), TOKENIZER)
    assert (saved / "model.safetensors").read_bytes() == old
    assert not list(saved.glob("*.partial"))


def test_text_weights_make_a_text_model(model: Transformer, tmp_path: pathlib.Path) -> None:
    config = small_config(vocab_size=300, visual=None)
    save_model(tmp_path, config, model.export_text(), TOKENIZER, torch.float32)
    other, _ = load_model(tmp_path)
    assert isinstance(other.config, ModelConfig) and other.visual is None
    assert torch.equal(other.head.weight, model.head.weight)


# --- run states ------------------------------------------------------------------------------------------


def test_a_state_comes_back_and_the_newest_two_stay(tmp_path: pathlib.Path) -> None:
    assert newest_state(tmp_path) is None
    for step in (5, 10, 100, 9):
        save_state(tmp_path, step, {"step": step, "weights": {"a": torch.full((2,), float(step))}})
    newest = newest_state(tmp_path)
    assert newest is not None and newest.name == "state-0000100.pt"
    state = load_state(newest)
    assert state["step"] == 100 and state["weights"]["a"].tolist() == [100.0, 100.0]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("kept", [0, 10, 300])
def test_a_truncated_state_is_named(tmp_path: pathlib.Path, kept: int) -> None:
    path = save_state(tmp_path, 1, {"a": torch.randn(200)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="not a readable training state"):
        load_state(path)


def test_a_state_that_would_run_code_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state-0000001.pt"
    torch.save({"path": pathlib.PurePosixPath("x"), "run": print}, path)
    with pytest.raises(CheckpointError, match="not a readable training state"):
        load_state(path)


def test_a_half_written_state_is_not_the_newest(tmp_path: pathlib.Path) -> None:
    save_state(tmp_path, 1, {"a": 1})
    (tmp_path / "state-0000002.pt.partial").write_bytes(b"half")
    assert newest_state(tmp_path) == tmp_path / "state-0000001.pt"
