"""Networks of the zoos are built, tapped, stored and loaded like the built-in ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from brainray.catalog import load_weights, store_weights
from brainray.catalog.store import Store
from brainray.errors import NetworkError
from brainray.networks.interface import (
    NetworkSpec,
    TappedNetwork,
    build_network,
    build_preparation,
    tap_names,
)
from brainray.networks.structure import structure_of
from brainray.networks.zoo.taps import batch_norms
from brainray.pipeline.models import load_network, quicken, start_from
from brainray.seeding import torch_random
from brainray.training.loop import Recipe, fit

MakeSpec = Callable[..., NetworkSpec]

COLOR = {"name": "scaled_image", "height": 32, "width": 32}
GREY = COLOR | {"channels": "grey"}
WORDS = {"name": "hashed_words", "tokens": 12}
WAVE = {"name": "waveform", "samples": 2000}
SMALL = "hidden_size=16&num_attention_heads=2&intermediate_size=32"
VIT = f"transformers/vit?{SMALL}&num_hidden_layers=3&patch_size=8"
DISTILBERT = "transformers/distilbert?dim=16&hidden_dim=32&n_heads=2&n_layers=3"
WAV2VEC2 = (
    f"transformers/wav2vec2?{SMALL}&num_hidden_layers=2&num_feat_extract_layers=2&conv_dim=[8,8]"
    "&conv_kernel=[10,3]&conv_stride=[5,2]&num_conv_pos_embeddings=8&num_conv_pos_embedding_groups=2"
)
TAPS: list[tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = [
    (
        "torchvision/resnet18",
        COLOR,
        {
            "conv1": (64, 16, 16),
            "layer1": (64, 8, 8),
            "layer2": (128, 4, 4),
            "layer3": (256, 2, 2),
            "layer4": (512, 1, 1),
        },
    ),
    (
        "torchvision/mobilenet_v3_small",
        COLOR,
        {
            "features.0": (16, 16, 16),
            "features.2": (24, 4, 4),
            "features.4": (40, 2, 2),
            "features.6": (40, 2, 2),
            "features.8": (48, 2, 2),
            "features.10": (96, 1, 1),
            "features.12": (576, 1, 1),
        },
    ),
    (
        "torchvision/vit_b_16",
        COLOR,
        {"conv_proj": (768, 2, 2)}
        | {f"encoder.layers.encoder_layer_{n}": (768, 5) for n in (1, 3, 5, 7, 9, 11)},
    ),
    (
        "timm/test_resnet",
        GREY,
        {
            "conv1": (32, 16, 16),
            "layer1": (32, 8, 8),
            "layer2": (48, 4, 4),
            "layer3": (192, 2, 2),
            "layer4": (96, 1, 1),
        },
    ),
    (
        "timm/test_vit",
        GREY,
        {"patch_embed": (64, 2, 2)} | {f"blocks.{number}": (64, 5) for number in range(6)},
    ),
    (
        "timm/swin_tiny_patch4_window7_224",
        COLOR | {"height": 64, "width": 64},
        {
            "patch_embed": (96, 16, 16),
            "layers.0": (96, 16, 16),
            "layers.1": (192, 8, 8),
            "layers.2": (384, 4, 4),
            "layers.3": (768, 2, 2),
        },
    ),
    (
        VIT,
        GREY,
        {"vit.embeddings": (16, 17), **{f"vit.layers.{number}": (16, 17) for number in range(3)}},
    ),
    (
        DISTILBERT,
        WORDS,
        {
            "distilbert.embeddings": (16, 12),
            **{f"distilbert.transformer.layer.{number}": (16, 12) for number in range(3)},
            "pre_classifier": (16,),
        },
    ),
    (
        WAV2VEC2,
        WAVE,
        {
            "wav2vec2.feature_extractor": (8, 199),
            "wav2vec2.feature_projection": (16, 199),
            "wav2vec2.encoder": (16, 199),
            "projector": (256, 199),
        },
    ),
]
SMALL_ONES = [
    ("timm/test_resnet", GREY),
    ("timm/test_vit", GREY),
    (VIT, GREY),
    (DISTILBERT, WORDS),
    (WAV2VEC2, WAVE),
]


def samples(spec: NetworkSpec, count: int) -> torch.Tensor:
    preparation = build_preparation(spec.preparation)
    generator = torch.Generator().manual_seed(3)
    if spec.modality == "text":
        return torch.randint(0, 100, (count, *preparation.shape), generator=generator)
    return torch.rand((count, *preparation.shape), generator=generator)


def built(spec: NetworkSpec, classes: int = 5) -> TappedNetwork:
    with torch_random(0):
        return build_network(spec, classes)


@pytest.mark.parametrize(("architecture", "preparation", "taps"), TAPS)
def test_the_stages_are_the_taps_and_their_features_lie_on_the_second_axis(
    make_spec: MakeSpec, architecture: str, preparation: Any, taps: dict[str, tuple[int, ...]]
) -> None:
    spec = make_spec(architecture, **preparation)
    network = built(spec)
    with torch.inference_mode():
        found = network.forward_taps(samples(spec, 2))
        features = network.tap_features(samples(spec, 2))
    assert {name: tuple(tap.shape) for name, tap in found.items()} == {
        **{name: (2, *shape) for name, shape in taps.items()},
        "logits": (2, 5),
    }
    assert list(found)[-1] == "logits"
    assert {name: tuple(value.shape) for name, value in features.items()} == {
        **{name: (2, shape[0]) for name, shape in taps.items()},
        "logits": (2, 5),
    }


@pytest.mark.parametrize(("architecture", "preparation"), SMALL_ONES)
def test_what_is_stored_and_loaded_says_the_same(
    make_spec: MakeSpec, architecture: str, preparation: Any, tmp_path: Path
) -> None:
    spec = make_spec(architecture, **preparation)
    network = built(spec)
    inputs = samples(spec, 3)
    network.train()
    network(inputs)  # batch norms learn their statistics
    network.eval()
    store = Store(str(tmp_path / "store"), tmp_path / "cache")
    key = store_weights(store, "vision.shape", network.state_dict()).key
    state = torch.get_rng_state()
    loaded = quicken(load_network(spec, 5, load_weights(store, key)))
    assert torch.equal(state, torch.get_rng_state())
    with torch.inference_mode():
        wanted, given = network.forward_taps(inputs), loaded.forward_taps(inputs)
        assert tap_names(spec, 5) == tuple(wanted)
    for name, tap in wanted.items():
        torch.testing.assert_close(given[name], tap, rtol=1e-4, atol=1e-5)
    assert structure_of(spec).features["parameters"] > 100


@pytest.mark.parametrize(("architecture", "preparation"), SMALL_ONES)
def test_the_same_seed_trains_the_same_weights(
    make_spec: MakeSpec, architecture: str, preparation: Any
) -> None:
    spec = make_spec(architecture, **preparation)
    inputs = samples(spec, 9)  # the last batch has one row, which has no variance
    targets = torch.arange(9) % 5
    results = []
    for noise in (1, 2):
        network = built(spec)
        torch.manual_seed(noise)
        fit(
            network,
            lambda rows, epoch: torch.nn.functional.cross_entropy(
                network(inputs[rows]),  # noqa: B023
                targets[rows],
            ),
            rows=9,
            recipe=Recipe(epochs=2, batch_size=4, optimizer="adam", learning_rate=1e-2),
            seed=1,
        )
        results.append(network.state_dict())
    start = built(spec).state_dict()
    assert all(torch.equal(results[0][name], results[1][name]) for name in start)
    assert any(not torch.equal(results[0][name], start[name]) for name in start)


def test_batch_norms_learn_in_training_alone(make_spec: MakeSpec) -> None:
    spec = make_spec("timm/test_resnet", **GREY)
    network = built(spec)
    norm = batch_norms(network)[0]
    for training, rows, learned in [(False, 4, 0), (True, 4, 1), (True, 1, 1), (True, 4, 2)]:
        network.train(training)
        network(samples(spec, rows))
        assert norm.get_buffer("num_batches_tracked") == learned
        assert norm.training == training


def test_a_start_with_other_classes_takes_all_but_the_head(make_spec: MakeSpec) -> None:
    spec = make_spec("timm/test_resnet", **GREY)
    old = built(spec, 5).state_dict()
    with torch_random(1):
        network = build_network(spec, 3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    start_from(network, spec, 3, old, same_classes=False)
    after = network.state_dict()
    assert torch.equal(after["layer1.0.conv1.weight"], old["layer1.0.conv1.weight"])
    assert torch.equal(after["fc.weight"], before["fc.weight"])


def test_an_empty_text_has_finite_taps(make_spec: MakeSpec) -> None:
    spec = make_spec(DISTILBERT, **WORDS)
    empty = torch.zeros(2, 12, dtype=torch.int64)
    taps = built(spec).forward_taps(empty)
    assert all(bool(tap.isfinite().all()) for tap in taps.values())


def test_padding_does_not_change_what_is_said(make_spec: MakeSpec) -> None:
    short, long = (make_spec(DISTILBERT, **(WORDS | {"tokens": count})) for count in (12, 20))
    words = samples(short, 2) + 1
    padded = torch.cat([words, torch.zeros(2, 8, dtype=torch.int64)], 1)
    torch.testing.assert_close(built(short)(words), built(long)(padded))


@pytest.mark.parametrize(
    ("architecture", "preparation", "reason"),
    [
        ("torchvision/resnet81", COLOR, "unknown name 'resnet81', allowed are .* similar are resn"),
        ("torchvision/resnet18", GREY, r"takes float32 \(3, height, width\), but .* \(1, 32, 32\)"),
        ("torchvision/resnet18", WORDS, r"takes float32 \(3, .* gives int64 \(12,\)"),
        ("torchvision/alexnet", COLOR, r"does not take float32 \(3, 32, 32\): .*too small"),
        (
            "torchvision/vit_b_16",
            COLOR | {"height": 50, "width": 50},
            "cannot be built: Input shape indiv",
        ),
        ("timm/hf-hub:timm/resnet18", COLOR, "unknown name 'hf-hub:timm/resnet18'"),
        ("timm/resnet18.a1_in1k", COLOR, "unknown name"),
        ("timm/resnet18", WAVE, r"takes float32 \(channels, height, width\), but .* \(2000,\)"),
        ("transformers/google/vit-base", COLOR, "unknown name 'google/vit-base'"),
        ("transformers/timm_wrapper", COLOR, "unknown name"),
        ("transformers/wav2vec2", WORDS, "unknown name 'wav2vec2'"),
        ("transformers/vit?size=3", COLOR, "unknown key 'size', allowed are .*hidden_size"),
        ("transformers/vit?dtype=float16", COLOR, "unknown key 'dtype'"),
        ("transformers/vit?hidden_size=x", COLOR, "cannot be built: .*hidden_size"),
        ("transformers/vit?hidden_size", COLOR, "'hidden_size' must be key=value"),
        ("transformers/vit?hidden_size=4&hidden_size=8", COLOR, ".* names a key twice"),
        (f"{DISTILBERT}&vocab_size=99", WORDS, "vocab_size 99 must be at least the 8192 buckets"),
        (
            f"{DISTILBERT}&max_position_embeddings=9",
            WORDS,
            r"does not take int64 \(12,\): ",
        ),
    ],
)
def test_what_a_zoo_does_not_have_or_take_is_refused_by_name(
    make_spec: MakeSpec, architecture: str, preparation: Any, reason: str
) -> None:
    name = architecture.replace("?", r"\?").replace("[", r"\[")
    with pytest.raises(NetworkError, match=f"^architecture '{name}': {reason}") as refused:
        structure_of(make_spec(architecture, **preparation))
    assert "\n" not in str(refused.value)


def test_one_class_is_refused(make_spec: MakeSpec) -> None:
    with pytest.raises(NetworkError, match="classes must be at least 2, not 1"):
        build_network(make_spec("timm/test_resnet", **GREY), 1)
