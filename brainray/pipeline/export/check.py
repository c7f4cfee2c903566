"""Whether an exported file answers as the stored model does."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from brainray.errors import NetworkError
from brainray.pipeline.predict import Predictor
from brainray.seeding import numpy_generator
from brainray.shapes import Array, Modality, Raw, Recording

SAMPLES = 8
PIXELS = (48, 64, 3)
RATE_HZ = 16_000
WORDS = 12


def made_up(modality: Modality, number: int) -> Raw:
    """Return a raw sample of noise, another one for each number."""
    generator = numpy_generator(number, "export", modality)
    if modality == "image":
        return generator.integers(0, 256, PIXELS, dtype=np.uint8)
    if modality == "audio":
        return Recording(generator.normal(0, 0.1, RATE_HZ).astype(np.float32), RATE_HZ)
    return " ".join(f"word{word}" for word in generator.integers(0, 1000, WORDS))


def made_up_samples(predictor: Predictor) -> list[dict[str, Tensor]]:
    """Return prepared samples of noise that have every input.

    Raises:
        NetworkError: a preparation does not take noise.
    """
    return [
        predictor.prepare({name: made_up(kind, number) for name, kind in predictor.inputs.items()})
        for number in range(SAMPLES)
    ]


def largest_difference(
    data: bytes,
    predictor: Predictor,
    samples: Sequence[dict[str, Tensor]],
    present: dict[str, str],
    any_batch: bool,
) -> float:
    """Return by how much the probabilities of a file differ from the model's, at most.

    Every subset of the inputs of each sample is asked about; what a subset leaves out stays in
    the tensors, only its presence is false.

    Args:
        data: the file.
        predictor: the stored model.
        samples: prepared; each has one input at least.
        present: the name of each input's presence in the file; nothing for a unimodal model.
        any_batch: whether the file takes several samples at a time.

    Raises:
        NetworkError: ONNX Runtime cannot run the file.
    """
    asked = [(sample, subset) for sample in samples for subset in _subsets(tuple(sample))]
    expected = predictor.answer(
        [{name: sample[name] for name in subset} for sample, subset in asked]
    )
    expected_NC = np.array([list(answer.probabilities.values()) for answer in expected])
    rows = [_row(predictor, sample, subset, present) for sample, subset in asked]
    step = len(rows) if any_batch else 1
    try:
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        got = [
            session.run(
                ["probabilities"],
                {
                    name: np.stack([row[name] for row in rows[start : start + step]])
                    for name in rows[0]
                },
            )[0]
            for start in range(0, len(rows), step)
        ]
    except Exception as error:  # ONNX Runtime's errors have no class of their own
        reason = " ".join(str(error).split())[:300]
        raise NetworkError(f"export: ONNX Runtime cannot run the file: {reason}") from error
    return float(np.abs(np.concatenate(got) - expected_NC).max())


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


def _row(
    predictor: Predictor,
    sample: dict[str, Tensor],
    subset: tuple[str, ...],
    present: dict[str, str],
) -> dict[str, Array]:
    row: dict[str, Array] = {}
    for name, backbone in predictor.backbones.items():
        kind = backbone.preparation
        blank = torch.from_numpy(np.zeros(kind.shape, kind.dtype))
        row[name] = sample.get(name, blank).numpy()
        if name in present:
            row[present[name]] = np.array(name in subset)
    return row
