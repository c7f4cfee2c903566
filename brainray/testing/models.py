"""Models that answer without ever having been trained: a catalog of them is there in a moment."""

from collections.abc import Sequence
from importlib.metadata import version

import torch

from brainray.catalog.library import Library
from brainray.catalog.values import Model, NewModel, recipe_of
from brainray.catalog.weights import store_weights
from brainray.fusion.forms import build
from brainray.fusion.genome import Level, Wiring
from brainray.fusion.network import TapScale
from brainray.networks.interface import build_network, build_preparation, tap_names

LABELS = tuple(str(digit) for digit in range(10))


def platform() -> str:
    """Return the platform of models that are made here."""
    return f"PyTorch {'.'.join(version('torch').split('.')[:2])}"


def add_untrained(
    library: Library, network: str, name: str, seed: int = 0, labels: Sequence[str] = LABELS
) -> Model:
    """Store a unimodal model with random weights.

    Args:
        library: the catalog.
        network: of the catalog, e.g. ``lenet3.image``.
        name: of its input, e.g. ``image``.
        seed: of the weights.
        labels: the classes.
    """
    spec = library.network(network)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        weights = build_network(spec, len(labels)).state_dict()
    home = spec.sub_regions[0]
    return library.register(
        NewModel(
            name=f"untrained.{network}",
            kind="unimodal",
            network=network,
            sub_region=home,
            modality=spec.modality,
            data_set=_data_set(library),
            optimizer="none",
            platform=_known_platform(library),
            preparation=spec.preparation,
            recipe=recipe_of({"untrained": network, "input": name, "seed": seed}),
            weights=store_weights(library.store, home, weights),
            spec={"classes": len(labels), "labels": list(labels), "input": name},
        )
    )


def add_untrained_fusion(
    library: Library,
    backbones: Sequence[Model],
    seed: int = 0,
    hidden: int = 64,
    name: str = "untrained",
    operator: str = "concat",
) -> Model:
    """Store a fused model with random weights, of one level on the taps below the logits.

    Args:
        library: the catalog.
        backbones: unimodal models of different inputs and the same labels.
        seed: of the weights.
        hidden: width of its level.
        name: of the model.
        operator: of its level.
    """
    parts = {model.spec["input"]: model for model in backbones}
    labels = backbones[0].spec["labels"]
    generator = torch.Generator().manual_seed(seed)
    taps = {
        key: tap_names(library.network(model.network), len(labels))[-2]
        for key, model in parts.items()
    }
    scales = {
        (key, tap): _scale(library, parts[key], tap, len(labels)) for key, tap in taps.items()
    }
    models = {key: model.id for key, model in parts.items()}
    wiring = Wiring(models, (Level(taps, operator),))
    temperatures = dict.fromkeys(parts, 1.0)
    prior_C = torch.full((len(labels),), 1 / len(labels)).log()
    network = build(wiring, scales, temperatures, prior_C, hidden, generator)
    for parameter in network.parameters():
        # Layers that start silent speak too: each seed is a model that answers differently.
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    home = "multisensory.integration"
    return library.register(
        NewModel(
            name=name,
            kind="fused",
            network=None,
            sub_region=home,
            modality="+".join(sorted({model.modality for model in parts.values()})),
            data_set=backbones[0].data_set,
            optimizer="none",
            platform=backbones[0].platform,
            preparation={key: model.preparation for key, model in parts.items()},
            recipe=recipe_of({"name": name, "wiring": wiring.to_json(), "seed": seed, "w": hidden}),
            weights=store_weights(library.store, home, network.state_dict()),
            spec={
                "wiring": wiring.to_json(),
                "temperatures": temperatures,
                "labels": labels,
                "modalities": {key: model.modality for key, model in parts.items()},
            },
            backbones=tuple(models.values()),
        )
    )


def _scale(library: Library, model: Model, tap: str, classes: int) -> TapScale:
    network = build_network(library.network(model.network), classes).eval()
    blank = torch.zeros(1, *build_preparation(model.preparation).shape)
    with torch.inference_mode():
        width = network.tap_features(blank)[tap].shape[1]
    return TapScale(torch.zeros(width), torch.ones(width))


def _known_platform(library: Library) -> str:
    library.add_platform(platform(), "safetensors")
    return platform()


def _data_set(library: Library) -> str:
    library.add_named_data_set("untrained digits", "nowhere", LABELS)
    return "untrained digits"
