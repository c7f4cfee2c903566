"""A catalog as a large institute would have it: made up, skewed, the same for the same seed.

Networks are common families in several sizes; a few are used by most. Each family has its habits:
where it lives, what it does, which optimizers, data sets and platforms it is trained with. Models
of one name are versions; some continue an earlier one, some come from runs, some are fused.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

Row = dict[str, Any]

SEED = 2022
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
DAYS = 1400
LAST_WIRINGS = 150
"""Fused networks; about one model of 40 is of one of them."""

FAMILIES: dict[str, tuple[str, str, list[str], list[str]]] = {
    "ResNet": ("image", "sgd", ["vision.shape", "vision.motion"], ["classification", "detection"]),
    "VGG": ("image", "sgd", ["vision.shape", "vision.other"], ["classification"]),
    "DenseNet": ("image", "sgd", ["vision.shape"], ["classification"]),
    "MobileNet": ("image", "rmsprop", ["vision.shape", "vision.color"], ["classification"]),
    "EfficientNet": ("image", "rmsprop", ["vision.shape"], ["classification"]),
    "ConvNeXt": ("image", "adamw", ["vision.shape", "vision.scene"], ["classification"]),
    "ViT": ("image", "adamw", ["vision.shape", "attention.spatial"], ["classification"]),
    "Swin": ("image", "adamw", ["vision.shape", "vision.scene"], ["classification", "detection"]),
    "DETR": ("image", "adamw", ["vision.motion", "attention.spatial"], ["detection", "tracking"]),
    "YOLO": ("image", "sgd", ["vision.motion", "vision.shape"], ["detection", "tracking"]),
    "SSD": ("image", "sgd", ["vision.motion"], ["detection"]),
    "FaceNet": ("image", "adam", ["vision.face", "social.cognition"], ["embedding"]),
    "LeNet": ("image", "adam", ["vision.shape", "vision.other"], ["classification"]),
    "Wav2Vec": ("audio", "adam", ["audition.speech"], ["embedding", "classification"]),
    "HuBERT": ("audio", "adam", ["audition.speech", "language.phonology"], ["embedding"]),
    "VGGish": ("audio", "adam", ["audition.sound", "audition.music"], ["classification"]),
    "Conformer": ("audio", "adamw", ["audition.speech"], ["classification"]),
    "BERT": ("text", "adamw", ["language.comprehension", "language.semantics"], ["embedding"]),
    "RoBERTa": ("text", "adamw", ["language.comprehension"], ["classification"]),
    "TextCNN": ("text", "adam", ["language.reading", "emotion.general"], ["classification"]),
}
"""Of each family: modality, optimizer, sub-regions and tasks."""

DATA_SETS = {
    "image": ("ImageNet", "CIFAR10", "CIFAR100", "COCO", "MNIST", "KITTI", "MOT17", "VGGFace2"),
    "audio": ("LibriSpeech", "AudioSet", "ESC50", "FSDD", "CommonVoice", "GTZAN"),
    "text": ("Wikipedia", "SST2", "MNLI", "AGNews", "IMDB", "GoEmotions"),
}
OPTIMIZERS = ("adam", "sgd", "adamw", "rmsprop", "none")
PLATFORMS = {
    "PyTorch 1.6": "safetensors",
    "PyTorch 1.13": "safetensors",
    "PyTorch 2.1": "safetensors",
    "PyTorch 2.6": "safetensors",
    "PyTorch 2.13": "safetensors",
    "ONNX Runtime 1.17": "onnx",
    "ONNX Runtime 1.32": "onnx",
}
SIZES = ("nano", "tiny", "small", "base", "medium", "large", "huge", "giant")
VARIANTS = ("", "_v2", "_distilled", "_wide")
TASKS = ("classification", "detection", "tracking", "embedding")


class Zoo:
    """The rows of all tables of a made-up catalog with ``size`` models."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._random = np.random.default_rng(SEED)
        self.networks: list[Row] = []
        self.places: list[Row] = []
        self.tasks: list[Row] = []
        self._habits: list[Row] = []
        for family, (modality, *_rest) in FAMILIES.items():
            for number, (size_name, variant) in enumerate((s, v) for s in SIZES for v in VARIANTS):
                name = f"{family.lower()}_{size_name}{variant}.{modality}"
                parameters = int(10 ** (4.6 + 4 * (number // len(VARIANTS)) / len(SIZES)))
                self._add_network(family, name, modality, parameters)
        for number in range(LAST_WIRINGS):
            self._add_fused(f"fusion-{hashlib.sha256(str(number).encode()).hexdigest()[:8]}")

    def data_sets(self) -> list[Row]:
        """Return the data sets: known by name, and packed ones of several sizes."""
        return [
            {
                "id": name,
                "name": name,
                "source": "elsewhere",
                "classes": [],
                "modalities": {modality: modality},
                "rows": {},
                "created": BEGIN,
            }
            for modality, names in DATA_SETS.items()
            for name in (*names, *(f"{n}-{share}%" for n in names for share in (1, 10, 50)))
        ]

    def models(self) -> Iterator[tuple[Row, list[str], list[Row]]]:
        """Yield every model with its backbones and its evaluations, older ones first."""
        draw = self._random
        popularity = 1 / np.arange(1, len(self._habits) + 1) ** 0.8
        popularity = popularity / popularity.sum()
        order = draw.permutation(len(self._habits))
        chosen = order[draw.choice(len(order), self._size, p=popularity)]
        versions: dict[str, int] = {}
        last: dict[str, str] = {}
        singles: list[str] = []
        for number, which in enumerate(chosen):
            habit = self._habits[which]
            fused = habit["kind"] == "fused" and len(singles) > 1
            habit = habit if fused or habit["kind"] == "unimodal" else self._habits[order[0] % 100]
            model = self._model(number, habit, versions, last)
            backbones = [singles[i] for i in draw.integers(len(singles), size=2)] if fused else []
            if not fused and number % 7 == 0:
                singles.append(model["id"])
            last[model["network"]] = model["id"]
            yield model, backbones, _evaluations(model)

    def _model(
        self, number: int, habit: Row, versions: dict[str, int], last: dict[str, str]
    ) -> Row:
        draw = self._random
        network = habit["network"]
        data_set = str(draw.choice(habit["data_sets"], p=habit["share"]))
        optimizer = habit["optimizer"] if draw.random() < 0.7 else str(draw.choice(OPTIMIZERS))
        platform = habit["platform"] if draw.random() < 0.6 else str(draw.choice(list(PLATFORMS)))
        recipe = hashlib.sha256(f"{SEED} {number}".encode()).hexdigest()
        name = f"{network.rpartition('.')[0]}-{data_set.lower().replace('%', 'pct')}"
        versions[name] = versions.get(name, 0) + 1
        parameters = int(habit["parameters"] * draw.uniform(0.95, 1.05))
        accuracy = None if draw.random() < 0.08 else round(float(draw.beta(9, 2.5)), 4)
        metrics = {} if accuracy is None else {"test": accuracy, "validation": accuracy}
        from_run = draw.random() < 0.2
        return {
            "id": f"{network}-{optimizer}-{recipe[:8]}{number:x}",
            "name": name,
            "version": versions[name],
            "kind": habit["kind"],
            "network": network,
            "sub_region": habit["home"],
            "modality": habit["modality"],
            "data_set": data_set,
            "optimizer": optimizer,
            "platform": platform,
            "parent": last.get(network) if draw.random() < 0.15 else None,
            "preparation": {"name": "image", "size": 224, "mean": [0.485, 0.456, 0.406]},
            "metrics": metrics,
            "accuracy": accuracy,
            "spec": {"classes": [str(label) for label in range(10)], "epochs": 90, "seed": number},
            "recipe": recipe,
            "sha256": recipe,
            "key": f"models/{habit['home'].replace('.', '/')}/{recipe}.safetensors",
            "parameters": parameters,
            "size_bytes": 4 * parameters + 1024,
            "run_id": f"run-{number // 50:05}" if from_run else None,
            "created": BEGIN + timedelta(days=DAYS * number / self._size),
        }

    def _add_network(self, family: str, name: str, modality: str, parameters: int) -> None:
        draw = self._random
        _, optimizer, sub_regions, tasks = FAMILIES[family]
        self._network(name, "unimodal", family, modality, sub_regions, tasks)
        names = list(DATA_SETS[modality])
        names += [f"{data_set}-{share}%" for data_set in names for share in (1, 10, 50)]
        used = [str(value) for value in draw.choice(names, 4, replace=False)]
        self._habits.append(
            {
                "kind": "unimodal",
                "network": name,
                "modality": modality,
                "home": str(draw.choice(sub_regions)),
                "optimizer": optimizer,
                "platform": str(
                    draw.choice(list(PLATFORMS), p=(0.05, 0.1, 0.1, 0.2, 0.35, 0.1, 0.1))
                ),
                "data_sets": used,
                "share": (0.6, 0.25, 0.1, 0.05),
                "parameters": parameters,
            }
        )

    def _add_fused(self, name: str) -> None:
        parts = self._random.choice(list(FAMILIES), 2, replace=False)
        sub_regions = sorted({place for part in parts for place in FAMILIES[part][2]})
        modality = "+".join(sorted({FAMILIES[part][0] for part in parts}))
        self._network(
            name,
            "fused",
            "Fusion",
            modality,
            [*sub_regions, "multisensory.integration"],
            ["classification"],
        )
        self._habits.append(
            self._habits[0]
            | {
                "kind": "fused",
                "network": name,
                "modality": modality,
                "home": "multisensory.integration",
                "parameters": 30_000,
            }
        )

    def _network(
        self,
        name: str,
        kind: str,
        category: str,
        modality: str,
        sub_regions: list[str],
        tasks: list[str],
    ) -> None:
        self.networks.append(
            {
                "name": name,
                "kind": kind,
                "architecture": category.lower(),
                "category": category,
                "modality": modality,
                "preparation": {"name": "image", "size": 224},
                "features": {"input": [3, 224, 224], "layers": {"conv2d": 53, "linear": 1}},
                "taps": [{"name": f"stage{i}", "shape": [64 * 2**i]} for i in range(4)],
                "metrics": ["accuracy"],
            }
        )
        self.places += [
            {"network": name, "sub_region": place, "position": position}
            for position, place in enumerate(sub_regions)
        ]
        self.tasks += [
            {"network": name, "function": task, "position": position}
            for position, task in enumerate(tasks)
        ]


def _evaluations(model: Row) -> list[Row]:
    return [
        {
            "model": model["id"],
            "data_set": model["data_set"],
            "split": split,
            "metric": "accuracy",
            "value": value,
            "run_id": model["run_id"],
            "created": model["created"],
        }
        for split, value in model["metrics"].items()
    ]
