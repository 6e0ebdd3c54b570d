"""Official folders: every layout round-trips, what does not fit is named, half a folder never looks whole."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import sancai
from builders import random_model, small_config, visual_config
from sancai.checkpoint import shards
from sancai.checkpoint.config_file import official_config, parse_config
from sancai.checkpoint.conversion import convert, converted_bytes, save_official, stored_bytes
from sancai.checkpoint.folder import load_model, save_model
from sancai.checkpoint.layout import official_layout
from sancai.checkpoint.loading import load_official, open_model
from sancai.checkpoint.names import to_official
from sancai.checkpoint.official import read_config
from sancai.checkpoint.shards import INDEX, Shards
from sancai.cli import main
from sancai.errors import CapacityError, CheckpointError, RequestError
from sancai.model import Transformer, named_config
from sancai.ops.grouped_matmul import tiled
from sancai.ops.quantisation import dequantise_fp4, dequantise_fp8, quantise_fp4, quantise_fp8
from sancai.sequence import Block, Text, pack
from sancai.tokenizer import Tokenizer

CONFIG = small_config(
    visual=None, hidden_size=64, head_dim=32, q_lora_rank=32, o_lora_rank=32, moe_intermediate_size=32, o_groups=2,
    index_head_dim=16,
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Transformer:
    return random_model(CONFIG, seed=3)


@torch.no_grad()
def logits(model: Transformer) -> torch.Tensor:
    packed = pack([[[Text(ids=list(range(40)))]]])
    hidden = model(packed).hidden
    assert hidden is not None
    return model.logits(hidden)


@pytest.mark.parametrize("shard_bytes", [2**30, 20_000], ids=["one file", "many files"])
def test_bf16_folders_come_back_bit_by_bit(model: Transformer, tmp_path: pathlib.Path, shard_bytes: int) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), "bf16", shard_bytes)
    again = load_official(tmp_path, torch.float32)
    narrow = {s.name for s in official_layout(CONFIG) if s.element not in ("F32", "I64")}
    own, loaded = to_official(model.state_dict()), to_official(again.state_dict())
    for name, tensor in own.items():
        assert torch.equal(loaded[name], tensor.to(torch.bfloat16).float() if name in narrow else tensor), name
    assert again.config == CONFIG


@pytest.mark.parametrize("weight_format", ["fp8", "fp4"])
def test_quantised_folders_hold_exactly_the_quantised_numbers(
    model: Transformer, tmp_path: pathlib.Path, weight_format: str
) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), weight_format, 50_000)
    again = load_official(tmp_path, torch.float32, dequantize=True).state_dict()
    own = model.state_dict()
    expert, matrix = "layers.1.ffn.experts.w2", "layers.2.attn.wq_a.weight"
    pack_it, unpack = (quantise_fp4, dequantise_fp4) if weight_format == "fp4" else (quantise_fp8, dequantise_fp8)
    assert torch.equal(again[expert], torch.stack([unpack(*pack_it(e)) for e in own[expert]]))
    assert torch.equal(again[matrix], dequantise_fp8(*quantise_fp8(own[matrix])))
    assert torch.equal(again["layers.1.hc_attn.fn"], own["layers.1.hc_attn.fn"])
    assert torch.equal(again["layers.0.ffn.gate.tid2eid"], own["layers.0.ffn.gate.tid2eid"])


def test_a_second_round_changes_nothing(model: Transformer, tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    save_official(first, CONFIG, model.state_dict(), "fp4")
    save_official(second, CONFIG, load_official(first, torch.float32, dequantize=True).state_dict(), "fp4")
    one, two = (load_official(f, torch.float32, dequantize=True).state_dict() for f in (first, second))
    assert all(torch.equal(one[name], two[name]) for name in one)
    with Shards(first) as a, Shards(second) as b:
        assert {n: a.element(n) for n in a.names} == {n: b.element(n) for n in b.names}


@pytest.mark.parametrize("weight_format", ["fp8", "fp4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_weights_compute_what_expanded_ones_do_and_stay_small(
    model: Transformer, tmp_path: pathlib.Path, weight_format: str, dtype: torch.dtype
) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), weight_format)
    packed, expanded = (load_official(tmp_path, dtype, dequantize=e) for e in (False, True))
    assert torch.equal(logits(packed), logits(expanded))
    experts = packed.layers[1].ffn.experts
    assert experts.w1.dtype == (torch.int8 if weight_format == "fp4" else torch.float8_e4m3fn)
    with Shards(tmp_path) as stored:
        for name in ("w1", "w2", "w3"):
            parts = [stored.read(f"layers.1.ffn.experts.{e}.{name}.weight") for e in range(4)]
            assert torch.equal(getattr(experts, name).view(torch.uint8), torch.stack(parts).view(torch.uint8))


@pytest.mark.parametrize("weight_format", ["bf16", "fp8", "fp4"])
def test_tiled_experts_unpack_too(
    weight_format: str, model: Transformer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), weight_format)
    packed = load_official(tmp_path, torch.float32)
    expected = logits(packed)
    monkeypatch.setattr("sancai.ops.experts.group_rows", tiled)
    tiles = logits(packed)
    assert float((tiles - expected).abs().max()) <= 1e-4
    monkeypatch.setattr("sancai.ops.grouped_matmul.COPIED_BYTES", 1)  # one expert unpacked at a time
    assert torch.equal(logits(packed), tiles)


def test_a_bf16_model_computes_close_to_the_wide_one(model: Transformer, tmp_path: pathlib.Path) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), "bf16")
    narrow = load_official(tmp_path)
    assert narrow.layers[0].attn.wq_a.weight.dtype == torch.bfloat16
    assert narrow.layers[0].hc_attn.base.dtype == torch.float32
    wide = logits(load_official(tmp_path, torch.float32))
    assert float((logits(narrow) - wide).abs().mean()) < 0.1 * float(wide.std())


# --- from one storage to another -------------------------------------------------------------------------


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    with Shards(folder) as opened:
        return {n: opened.read(n).contiguous().view(torch.uint8).numpy().tobytes() for n in opened.names}


@pytest.mark.parametrize("weight_format", ["bf16", "fp8", "fp4"])
def test_converting_equals_saving(model: Transformer, tmp_path: pathlib.Path, weight_format: str) -> None:
    wide, direct, converted = (tmp_path / n for n in ("wide", "direct", "converted"))
    save_official(wide, CONFIG, model.state_dict(), "bf16")
    save_official(direct, CONFIG, load_official(wide, torch.float32).state_dict(), weight_format)
    convert(wide, converted, weight_format, 50_000)
    assert contents(converted) == contents(direct)
    assert read_config(converted) == CONFIG


def test_what_is_stored_as_wanted_is_copied_byte_by_byte(model: Transformer, tmp_path: pathlib.Path) -> None:
    save_official(tmp_path / "first", CONFIG, model.state_dict(), "fp4")
    convert(tmp_path / "first", tmp_path / "second", "fp4", 30_000)
    assert contents(tmp_path / "second") == contents(tmp_path / "first")


def test_an_interrupted_conversion_goes_on_where_it_stopped(
    model: Transformer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    save_official(source, CONFIG, model.state_dict(), "bf16")
    told: list[int] = []

    def stop(done: int) -> None:
        told.append(done)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(source, target, "fp4", 40_000, stop)
    finished = {f.name: f.stat().st_mtime_ns for f in target.glob("*.safetensors")}
    assert len(finished) == 3 and not (target / INDEX).exists()
    convert(source, target, "fp4", 40_000)
    assert finished == {n: (target / n).stat().st_mtime_ns for n in finished}
    convert(source, tmp_path / "whole", "fp4", 40_000)
    assert contents(target) == contents(tmp_path / "whole")


def test_a_multimodal_model_gives_its_text_half(tmp_path: pathlib.Path) -> None:
    config = small_config(hidden_size=64, head_dim=32, q_lora_rank=32, o_lora_rank=32, moe_intermediate_size=32)
    both = random_model(config, seed=5)
    tokenizer = Tokenizer.train(["a few words", "and more"], 300)
    save_model(tmp_path / "both", config, both.state_dict(), tokenizer, torch.bfloat16)
    convert(tmp_path / "both", tmp_path / "text", "bf16")
    text = load_official(tmp_path / "text", torch.float32)
    assert text.visual is None
    stored = both.export_text()["layers.2.attn.wq_a.weight"].to(torch.bfloat16).float()
    assert torch.equal(text.layers[2].attn.wq_a.weight, stored)
    assert (tmp_path / "text" / "tokenizer.json").is_file()


@pytest.mark.parametrize("weight_format", ["bf16", "fp8", "fp4"])
def test_a_whole_model_keeps_its_visual_half_in_any_storage(tmp_path: pathlib.Path, weight_format: str) -> None:
    config = small_config(
        hidden_size=64, head_dim=32, q_lora_rank=32, o_lora_rank=32, moe_intermediate_size=32, vocab_size=300
    )
    both = random_model(config, seed=5)
    tokenizer = Tokenizer.train(["a few words", "and more"], 300)
    save_model(tmp_path / "both", config, both.state_dict(), tokenizer, torch.bfloat16)
    convert(tmp_path / "both", tmp_path / "whole", weight_format, 40_000, include_visual=True)
    convert(tmp_path / "whole", tmp_path / "text", weight_format)
    save_official(tmp_path / "direct", config, both.state_dict(), weight_format, 40_000, include_visual=True)
    again, _ = open_model(tmp_path / "whole")
    assert bool(torch.isfinite(_drawn(again)).all())
    direct = load_official(tmp_path / "direct")
    assert again.config == direct.config == config
    plain = load_model(tmp_path / "both")[0].state_dict()
    for name, tensor in again.state_dict().items():
        if name.startswith("visual."):
            assert torch.equal(tensor.float(), plain[name]) and torch.equal(direct.state_dict()[name], tensor)
    assert converted_bytes(tmp_path / "both", weight_format, include_visual=True) == _total(tmp_path / "whole")
    export = {n: t for n, t in contents(tmp_path / "whole").items() if not n.startswith("visual.")}
    assert contents(tmp_path / "text") == export


@torch.no_grad()
def _drawn(model: Transformer) -> torch.Tensor:
    """Return what a model predicts for a noisy frame after some words."""
    visual = model.config.visual
    assert visual is not None
    noisy = np.random.default_rng(1).normal(size=(1, 3, 3, visual.latent_channels)).astype(np.float32)
    prediction = model(pack([[[Text(ids=[1, 2, 3]), Block(latents=noisy, times=[0], sigma=0.5)]]])).prediction
    assert prediction is not None
    return prediction


def test_a_smaller_model_in_the_same_folder_leaves_no_old_files(model: Transformer, tmp_path: pathlib.Path) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), "bf16", 50_000)
    many = len(list(tmp_path.glob("*.safetensors")))
    save_official(tmp_path, CONFIG, model.state_dict(), "fp4")
    assert many > 3 and [p.name for p in tmp_path.glob("*.safetensors")] == ["model-00001.safetensors"]
    load_official(tmp_path)


def _total(folder: pathlib.Path) -> int:
    return json.loads((folder / INDEX).read_text())["metadata"]["total_size"]


@pytest.mark.parametrize("weight_format", ["fp8", "fp4"])
def test_packed_weights_survive_a_visual_half_and_an_export_byte_by_byte(
    model: Transformer, tmp_path: pathlib.Path, weight_format: str
) -> None:
    save_official(tmp_path / "stock", CONFIG, model.state_dict(), weight_format)
    packed = load_official(tmp_path / "stock")
    before = logits(packed)
    packed.attach_visual(visual_config(), seed=2)
    assert torch.equal(logits(packed), before)
    save_official(tmp_path / "again", packed.config, packed.export_text(), weight_format)
    assert contents(tmp_path / "again") == contents(tmp_path / "stock")
    save_official(tmp_path / "wide", packed.config, packed.export_text(), "bf16")
    convert(tmp_path / "stock", tmp_path / "converted", "bf16")
    assert contents(tmp_path / "wide") == contents(tmp_path / "converted")


def test_our_own_folders_hold_plain_numbers(model: Transformer, tmp_path: pathlib.Path) -> None:
    save_official(tmp_path / "stock", CONFIG, model.state_dict(), "fp4")
    packed = load_official(tmp_path / "stock")
    tokenizer = Tokenizer.train(["a few words"], 300)
    save_model(tmp_path / "ours", dataclasses.replace(CONFIG, vocab_size=300), packed.state_dict(), tokenizer)
    stored = load_file(tmp_path / "ours" / "model.safetensors")
    assert not [n for n in stored if n.endswith(".scale")]
    expanded = load_official(tmp_path / "stock", torch.float32, dequantize=True).state_dict()
    name = "layers.1.ffn.experts.2.w1.weight"
    assert torch.equal(stored[name], expanded["layers.1.ffn.experts.w1"][2].to(torch.bfloat16))


@pytest.mark.parametrize("weight_format", ["bf16", "fp8", "fp4"])
def test_the_index_tells_the_bytes_of_all_tensors(
    model: Transformer, tmp_path: pathlib.Path, weight_format: str
) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), weight_format)
    total = json.loads((tmp_path / INDEX).read_text())["metadata"]["total_size"]
    with Shards(tmp_path) as stored:
        tensors = [stored.read(n) for n in stored.names]
    assert total == stored_bytes(CONFIG, weight_format) == sum(t.numel() * t.element_size() for t in tensors)
    if weight_format != "bf16":
        assert total == sum(s.num_bytes for s in official_layout(CONFIG, weight_format))


def test_convert_keeps_a_finished_model_and_replaces_it_when_forced(
    model: Transformer, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    save_official(source, CONFIG, model.state_dict(), "bf16")
    command = ["convert", str(source), "-o", str(target), "--to", "official-fp4"]
    assert main(command) == 0
    assert main(["convert", str(source), "-o", str(target)]) == 1
    assert "holds a model; name another folder or pass --force" in capsys.readouterr().err
    with Shards(target) as kept:
        assert kept.element("layers.1.ffn.experts.0.w1.weight") == "I8"
    assert main(["convert", str(source), "-o", str(target), "--force"]) == 0
    with Shards(target) as replaced:
        assert replaced.element("layers.1.ffn.experts.0.w1.weight") == "BF16"
    assert main(["convert", str(source), "-o", str(source)]) == 1
    assert "same folder" in capsys.readouterr().err


def test_settings_that_cannot_be_written_leave_no_index(
    model: Transformer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_official(tmp_path / "source", CONFIG, model.state_dict(), "bf16")

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sancai.checkpoint.conversion.write_config", full)
    with pytest.raises(CapacityError, match="No space left on device"):
        convert(tmp_path / "source", tmp_path / "target", "fp8")
    assert not (tmp_path / "target" / INDEX).exists()


def test_an_official_folder_answers_and_says_that_it_cannot_draw(tmp_path: pathlib.Path) -> None:
    config = dataclasses.replace(CONFIG, vocab_size=300)
    save_official(tmp_path, config, random_model(config, seed=6).state_dict(), "fp4")
    Tokenizer.train(["what is this?", "a model"], 300).save(tmp_path / "tokenizer.json")
    model = sancai.load(tmp_path)
    first, again = (model.chat("What is THIS?", max_tokens=5).text for _ in range(2))
    assert first == again
    with pytest.raises(RequestError, match="text only"):
        model.image("a knight")


# --- what does not fit -----------------------------------------------------------------------------------


@pytest.fixture
def folder(model: Transformer, tmp_path: pathlib.Path) -> pathlib.Path:
    save_official(tmp_path, CONFIG, model.state_dict(), "fp4")
    return tmp_path


def rewrite(folder: pathlib.Path, change: object) -> None:
    path = folder / "model-00001.safetensors"
    tensors = load_file(path)
    change(tensors)  # type: ignore[operator]
    save_file(tensors, path)
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"] = dict.fromkeys(tensors, path.name)
    (folder / INDEX).write_text(json.dumps(index))


def test_all_that_does_not_fit_is_named_at_once(folder: pathlib.Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        del tensors["layers.0.attn.wkv.weight"], tensors["layers.1.attn.wq_a.scale"]
        tensors["norm.weight"] = torch.ones(3)
        tensors["layers.0.ffn.gate.tid2eid"] = torch.ones(64, 2)
        tensors["surplus"] = torch.ones(1)

    rewrite(folder, spoil)
    with pytest.raises(CheckpointError) as caught:
        load_official(folder)
    for part in (
        "missing layers.0.attn.wkv.weight",
        "missing layers.1.attn.wq_a.scale",
        "norm.weight has shape [3], expected [64]",
        "layers.0.ffn.gate.tid2eid holds F32, expected I64",
        "unexpected surplus",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("layers.0.ffn.gate.tid2eid", torch.full((64, 2), 9), "names experts outside 0 to 3"),
        ("layers.0.attn.wkv.scale", torch.ones(1, 1, dtype=torch.int64), "holds I64, expected F8_E8M0"),
        ("layers.0.attn.wkv.weight", torch.full((32, 64), 127, dtype=torch.uint8).view(torch.float8_e4m3fn), "finite"),
        ("model.norm.weight", torch.ones(64), "under two names"),
    ],
    ids=["table", "scale", "numbers", "twice"],
)
def test_contents_that_would_compute_nonsense_are_refused(
    folder: pathlib.Path, name: str, value: torch.Tensor, problem: str
) -> None:
    rewrite(folder, lambda tensors: tensors.update({name: value}))
    with pytest.raises(CheckpointError, match=problem):
        load_official(folder)


def test_tables_of_smaller_integers_and_bytes_of_fp4_load_the_same(folder: pathlib.Path) -> None:
    before = logits(load_official(folder))

    def narrow(tensors: dict[str, torch.Tensor]) -> None:
        tensors["layers.0.ffn.gate.tid2eid"] = tensors["layers.0.ffn.gate.tid2eid"].int()
        for name in [n for n in tensors if ".ffn.experts." in n]:
            tensors[name] = tensors[name].view(torch.uint8)

    rewrite(folder, narrow)
    assert torch.equal(logits(load_official(folder)), before)


@pytest.mark.parametrize("content", ['["x"]', '{"weight_map": {"a": 3}}', '{"weight_map": {"a": "../b.safetensors"}}'])
def test_a_damaged_index_is_named(folder: pathlib.Path, content: str) -> None:
    (folder / INDEX).write_text(content)
    with pytest.raises(CheckpointError, match="is not an index of tensors"):
        load_official(folder)


def test_scales_that_are_not_numbers_are_refused(folder: pathlib.Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        scale = tensors["layers.0.attn.wkv.scale"].view(torch.uint8).clone()
        scale[0, 0] = 255
        tensors["layers.0.attn.wkv.scale"] = scale.view(torch.float8_e8m0fnu)

    rewrite(folder, spoil)
    with pytest.raises(CheckpointError, match=r"layers\.0\.attn\.wkv\.scale .* not finite"):
        load_official(folder)


def test_a_truncated_file_is_named(folder: pathlib.Path) -> None:
    path = folder / "model-00001.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"model-00001\.safetensors"):
        load_official(folder)


def test_an_index_that_names_a_missing_file_is_refused(folder: pathlib.Path) -> None:
    (folder / "model-00001.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"files that are not there: model-00001\.safetensors"):
        load_official(folder)


def test_a_full_disk_leaves_no_folder_that_looks_whole(
    model: Transformer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_official(tmp_path, CONFIG, model.state_dict(), "fp4", 50_000)

    def full(tensors: object, path: pathlib.Path, metadata: object) -> None:
        pathlib.Path(path).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(shards, "save_file", full)
    with pytest.raises(CapacityError, match="is the disk full"):
        save_official(tmp_path, CONFIG, model.state_dict(), "bf16", 50_000)
    assert not (tmp_path / INDEX).exists() and not list(tmp_path.glob("*.partial"))
    with pytest.raises(CheckpointError, match="no weights in"):
        load_official(tmp_path)


# --- config.json -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["v4-flash", "v4-pro"])
def test_official_settings_come_back(name: str) -> None:
    config = named_config(name)
    values = json.loads(json.dumps(official_config(config)))
    assert values["model_type"] == "deepseek_v4" and values["rope_scaling"]["type"] == "yarn"
    assert parse_config(values, "config.json") == config


def test_transformers_settings_give_the_same_architecture() -> None:
    from reference import reference_config

    config = small_config(visual=None, num_nextn_predict_layers=0, compress_ratios=(0, 4, 8, 4))
    values = json.loads(reference_config(config).to_json_string())
    assert parse_config(values, "config.json") == config


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model_type": "deepseek_v41"}, "DeepSeek-V4.1: shared compressed entries"),
        ({"model_type": "deepseek_v41_text"}, "Engram"),
        ({"model_type": "deepseek_v3"}, "DeepSeek-V3: latent attention"),
        ({"model_type": "llama"}, "expected 'deepseek_v4'"),
        ({"scoring_func": "softmax"}, "scoring_func is 'softmax', expected 'sqrtsoftplus'"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings is True"),
        ({"novelty": 3}, "unknown setting novelty = 3"),
    ],
)
def test_other_models_are_refused_by_name(change: dict[str, object], problem: str) -> None:
    with pytest.raises(CheckpointError, match=problem):
        parse_config(official_config(CONFIG) | change, "config.json")


def test_a_folder_without_settings_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CheckpointError, match=r"config.json is missing"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="it holds a list"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="does not describe a model"):
        read_config(tmp_path)


def test_our_own_settings_are_read_too() -> None:
    assert parse_config(json.loads(json.dumps(CONFIG.to_dict())), "config.json") == CONFIG
