"""Detectors of torchvision and transformers with drawn weights: equal to calling them directly."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
import transformers
from PIL import Image
from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil

from brainray.cli.main import main
from brainray.errors import NetworkError
from brainray.networks.detectors import coco
from brainray.networks.detectors.interface import Detector, Found, make_detector
from brainray.seeding import numpy_generator, torch_random

IMAGE = numpy_generator(0, "picture").integers(0, 256, (90, 120, 3), dtype=np.uint8)
FLAT = numpy_generator(0, "flat").integers(0, 256, (16, 640, 3), dtype=np.uint8)
"""So low that networks of 800 pixels are quick, too."""
RCNN, SSD = "fasterrcnn_mobilenet_v3_large_320_fpn", "ssdlite320_mobilenet_v3_large"
NAMES = ["person", "car"]
TINY_DETR: dict[str, Any] = {
    "model_type": "detr",
    "use_timm_backbone": False,
    "backbone_config": {
        "model_type": "resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "layer_type": "basic",
        "out_features": ["stage2"],
    },
    "d_model": 16,
    "num_queries": 30,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "id2label": {"0": "N/A", "1": "person", "2": "car"},
}


def check(detector: Detector, found: Found, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    assert len(found)
    assert (found.boxes_M4 >= 0).all()
    assert (found.boxes_M4 <= [width, height] * 2).all()
    assert (found.boxes_M4[:, 2:] > found.boxes_M4[:, :2]).all()
    assert ((found.scores_M >= 0) & (found.scores_M <= 1)).all()
    assert (np.diff(found.scores_M) <= 0).all()
    assert set(found.classes_M.tolist()) <= set(range(len(detector.classes)))


def same(one: Found, other: Found) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def drawn(architecture: str, eps: float | None = None) -> torch.nn.Module:
    """A network of torchvision that knows two classes; what it finds depends on the image."""
    with torch_random(1, architecture):
        network = torchvision.models.get_model(
            architecture, weights=None, weights_backbone=None, num_classes=3
        )
        of_images = network if architecture == SSD else network.backbone
        for parameter in of_images.parameters():
            if parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter)
        for module in network.backbone.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 2)
                module.eps = module.eps if eps is None else eps
    return network.eval()


@pytest.mark.parametrize(
    ("architecture", "stage", "eps"), [(RCNN, "two-stage", 0.1), (SSD, "one-stage", None)]
)
def test_a_detector_of_torchvision_is_the_network_itself(
    architecture: str, stage: str, eps: float | None, tmp_path: Path
) -> None:
    network = drawn(architecture, eps)
    torch.save(network.state_dict(), tmp_path / "a.pth")
    safetensors.torch.save_file(network.state_dict(), tmp_path / "a.safetensors")
    options = {"architecture": architecture, "names": NAMES, "min_score": 0.3, "most": 20}
    if eps is not None:
        options["batch_norm_eps"] = eps
    detector = make_detector("torchvision", options | {"weights": tmp_path / "a.pth"})
    assert (detector.tags, detector.classes) == ((stage,), tuple(NAMES))
    found = detector.detect(IMAGE)
    check(detector, found, IMAGE)
    assert not same(found, detector.detect(IMAGE[::-1].copy()))
    head = getattr(network, "roi_heads", network)
    head.score_thresh = 0.3
    with torch.inference_mode():
        (direct,) = network([torch.from_numpy(IMAGE).permute(2, 0, 1) / 255])
    np.testing.assert_allclose(found.boxes_M4, direct["boxes"][:20], atol=1e-3)
    np.testing.assert_allclose(found.scores_M, direct["scores"][:20], atol=1e-5)
    np.testing.assert_array_equal(found.classes_M + 1, direct["labels"][:20])
    url = (tmp_path / "a.safetensors").as_uri()
    again = make_detector("torchvision", options | {"weights": url, "classes": ["car"], "most": 5})
    cars = again.detect(IMAGE)
    assert len(cars)
    of_cars = np.nonzero(found.classes_M == 1)[0][:5]
    np.testing.assert_allclose(cars.boxes_M4[: len(of_cars)], found.boxes_M4[of_cars], atol=1e-3)
    assert set(cars.classes_M.tolist()) == {1}


def test_drawn_weights_come_from_their_seed_alone() -> None:
    def found(seed: int) -> Found:
        torch.rand(3)  # what was drawn before does not matter
        options = {"architecture": RCNN, "names": NAMES, "random_weights": seed, "min_score": 0.3}
        return make_detector("torchvision", options).detect(IMAGE)

    assert len(found(3))
    assert same(found(3), found(3))
    assert not same(found(3), found(4))


@pytest.mark.parametrize(
    ("name", "stage", "image"), [("faster_rcnn", "two-stage", FLAT), ("ssd", "one-stage", IMAGE)]
)
def test_those_of_the_paper_know_the_classes_of_coco(
    name: str, stage: str, image: np.ndarray
) -> None:
    detector = make_detector(name, {"random_weights": 0, "min_score": 0.012, "most": 50})
    assert (detector.tags, detector.classes) == ((stage,), coco.NAMES)
    check(detector, detector.detect(image), image)


@pytest.fixture
def tiny(tmp_path: Path) -> dict[str, Any]:
    """A small DETR as transformers keeps it."""
    (tmp_path / "own.json").write_text(json.dumps(TINY_DETR))
    with torch_random(0):
        config = transformers.DetrConfig.from_dict(TINY_DETR)
        network = transformers.DetrForObjectDetection(config)
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.detach().normal_(std=0.6)
        network.save_pretrained(tmp_path)
    return {"weights": str(tmp_path / "model.safetensors"), "config": str(tmp_path / "config.json")}


def test_detr_is_the_network_itself(tiny: dict[str, Any], tmp_path: Path) -> None:
    detector = make_detector("detr", tiny | {"min_score": 0.0, "shortest": 64, "longest": 80})
    assert (detector.tags, detector.classes) == (("one-stage",), ("person", "car"))
    found = detector.detect(IMAGE)
    check(detector, found, IMAGE)
    network = transformers.DetrForObjectDetection.from_pretrained(tmp_path).eval()
    processor = DetrImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 80})
    with torch.inference_mode():
        given = processor(Image.fromarray(IMAGE), return_tensors="pt")
        outputs = network(**given)
    assert given["pixel_values"].shape == (1, 3, 60, 80)
    (direct,) = processor.post_process_object_detection(outputs, 0.0, [IMAGE.shape[:2]])
    order = direct["scores"].argsort(descending=True, stable=True)
    order = order[direct["labels"][order] > 0]  # label 0 means no class
    boxes = direct["boxes"][order].double().numpy().clip(0, [120, 90, 120, 90])
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    assert len(found) == seen.sum()
    np.testing.assert_allclose(found.scores_M, direct["scores"][order][seen], atol=1e-3)
    np.testing.assert_allclose(found.boxes_M4, boxes[seen], atol=0.1)
    np.testing.assert_array_equal(found.classes_M, direct["labels"][order][seen] - 1)


def test_detr_draws_weights_for_its_own_or_any_configuration(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps(TINY_DETR))
    own = {"config": str(tmp_path / "own.json"), "min_score": 0.0, "shortest": 64}
    found = [
        make_detector("detr", own | {"random_weights": seed}).detect(IMAGE) for seed in (3, 3, 4)
    ]
    assert len(found[0])
    assert same(found[0], found[1])
    assert not same(found[0], found[2])
    options = {"random_weights": 0, "min_score": 0.0, "shortest": 64, "classes": ["dog"]}
    detector = make_detector("detr", options)
    assert detector.classes == coco.NAMES
    assert set(detector.detect(IMAGE).classes_M.tolist()) <= {coco.NAMES.index("dog")}


def test_what_does_not_belong_together_is_refused(tiny: dict[str, Any], tmp_path: Path) -> None:
    torch.save(drawn(SSD).state_dict(), tmp_path / "ssd.pth")
    ssd = str(tmp_path / "ssd.pth")
    (tmp_path / "vit.json").write_text('{"model_type": "vit"}')
    (tmp_path / "odd.json").write_text(json.dumps(TINY_DETR | {"d_model": 15}))
    of_ssd = {"architecture": SSD, "weights": ssd}
    for name, options, message in (
        (
            "torchvision",
            {"architecture": "resnet18"},
            "'resnet18', allowed are fasterrcnn_.*ssdlite",
        ),
        ("torchvision", of_ssd, r"weights .*ssd.pth: are not of this network: .*size mismatch"),
        ("torchvision", of_ssd | {"names": ["a"]}, "are not of this network"),
        ("torchvision", of_ssd | {"names": NAMES, "classes": ["dog"]}, "allowed: person, car"),
        ("torchvision", {"architecture": SSD}, "given are neither"),
        ("ssd", {"weights": "none.pth"}, "weights none.pth: cannot be read"),
        ("detr", {}, "detr: weights: give a file .* given are neither"),
        ("detr", tiny | {"random_weights": 0}, "given are both"),
        ("detr", tiny | {"weights": ssd}, "weights .*ssd.pth: are not of this network: missing"),
        ("detr", tiny | {"config": str(tmp_path / "vit.json")}, "model_type is 'vit', must be"),
        ("detr", tiny | {"config": str(tmp_path / "none.json")}, "none.json: cannot be read"),
        ("detr", tiny | {"config": ssd}, "config .*ssd.pth: is not JSON"),
        ("detr", tiny | {"config": str(tmp_path / "odd.json")}, "'transformers/detr': cannot be"),
    ):
        with pytest.raises(NetworkError, match=message) as refused:
            make_detector(name, options)
        assert "\n" not in str(refused.value)


def test_a_folder_is_followed_only_if_weights_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    for number in (1, 2):
        Image.fromarray(IMAGE).save(folder / f"{number}.png")
    options = ["--detector-set", f"architecture={SSD}", "--min-score", "0.012", "--json", "-"]
    command = ["brainray", "track", str(folder), "--detector", "torchvision", *options]
    monkeypatch.setattr(sys, "argv", [*command, "--detector-set", "random_weights=0"])
    with pytest.raises(SystemExit) as ended:
        main()
    document = json.loads(capfd.readouterr().out)
    assert ended.value.code in (0, None)
    assert (document["detector"], document["sequences"]["walk"]["frames"]) == ("torchvision", 2)
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "weights: give a file or a URL, or random_weights a seed" in capfd.readouterr().err
