import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC
from pathlib import Path
from typing import Any

import fsspec
import pytest

from brainray.catalog import Library, Model, NewModel, model_id, recipe_of
from brainray.errors import CatalogError

Build = Callable[..., NewModel]

CRASH = """
import os, pickle, sys, torch
from brainray.catalog import store_weights

library = pickle.loads(open(sys.argv[1], "rb").read())
store_weights(library.store, "vision.shape", {"w": torch.ones(3)})
os._exit(9)
"""

REGISTER = """
import pickle, sys

library, models = pickle.loads(open(sys.argv[1], "rb").read())
for model in models:
    library.register(model)
"""


def test_a_model_is_kept_as_it_was(library: Library, new_model: Build) -> None:
    new = new_model(spec={"pair": (1, 2)}, run_id="r1")
    model = library.register(new)
    assert model == library.model(model.id)
    assert model.id == f"lenet3.image-adam-{new.recipe[:8]}"
    assert model.version == 1
    assert model.spec == {"pair": [1, 2]}
    assert model.created.tzinfo == UTC
    same = asdict(new)
    for key in ("weights", "spec", "functions"):
        del same[key]
    assert same.items() <= asdict(model).items()
    assert asdict(new.weights).items() <= asdict(model).items()


def test_a_fused_model_keeps_the_order_of_its_backbones(library: Library, fused: Build) -> None:
    new = fused()
    model = library.register(new)
    assert model.id == f"two-eyes-{new.recipe[:8]}"
    assert library.model(model.id).backbones == new.backbones
    twice = library.register(fused(101, backbones=new.backbones[:1] * 2))
    assert twice.backbones == new.backbones[:1] * 2


def test_a_fused_model_brings_its_network(library: Library, fused: Build) -> None:
    first = library.register(fused())
    second = library.register(fused(101))
    other = library.register(fused(102, backbones=first.backbones[:1]))
    assert first.network == second.network != other.network
    assert first.network.startswith("two-eyes.")
    network = library.network(first.network)
    assert network.category == "Fusion"
    assert network.sub_regions == ("vision.shape", "multisensory.integration")
    assert network.functions == ("classification",)
    found = library.networks(["multisensory.integration", "vision.shape"], "image")
    assert "Fusion" not in {one.category for one in found}
    with pytest.raises(CatalogError, match="is fused, not unimodal"):
        library.register(replace(fused(103), kind="unimodal", network=first.network, backbones=()))


def test_the_accuracy_is_that_of_the_test_split_if_there_is_one(
    library: Library, new_model: Build
) -> None:
    for seed, (metrics, accuracy) in enumerate(
        [
            ({"validation": 0.5, "test": 0.25}, 0.25),
            ({"validation": 0.5}, 0.5),
            ({"loss": 2.0}, None),
        ]
    ):
        assert library.register(new_model(seed, metrics=metrics)).accuracy == accuracy


def test_a_model_knows_its_parent(library: Library, new_model: Build) -> None:
    parent = library.register(new_model())
    assert library.register(new_model(1, parent=parent.id)).parent == parent.id


def test_a_recipe_gives_one_model(library: Library, new_model: Build) -> None:
    first = library.register(new_model())
    assert library.register(new_model()) == first
    assert library.register(new_model(metrics={"validation": 0.9})) == first
    assert library.models() == [first]


def test_versions_count_models_of_one_name(library: Library, new_model: Build) -> None:
    versions = [library.register(new_model(seed)).version for seed in range(3)]
    other = library.register(new_model(3, name="other"))
    assert versions == [1, 2, 3]
    assert other.version == 1


def test_the_id_depends_on_what_a_model_is(new_model: Build) -> None:
    new = new_model()
    assert model_id(new) == model_id(replace(new, name="other", run_id="r2", metrics={}))
    assert model_id(new) != model_id(replace(new, optimizer="sgd"))
    assert model_id(new) != model_id(replace(new, recipe=recipe_of({"seed": 1})))


def test_the_recipe_does_not_depend_on_the_order_of_keys() -> None:
    assert recipe_of({"a": 1, "b": [2.5]}) == recipe_of({"b": [2.5], "a": 1})
    assert recipe_of({"a": 1}) != recipe_of({"a": 2})
    for bad in (float("nan"), object()):
        with pytest.raises(CatalogError, match="recipe"):
            recipe_of({"a": bad})


def test_threads_register_one_row(library: Library, new_model: Build) -> None:
    new = new_model()
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: library.register(new), range(16)))
    assert library.models() == [models[0]]
    assert {model.id for model in models} == {models[0].id}


def test_two_processes_register_without_losing_a_version(
    library: Library, new_model: Build, tmp_path: Path
) -> None:
    new = [new_model(seed) for seed in range(10)]
    processes = []
    for number, share in enumerate([new, new[::-1]]):
        work = tmp_path / f"{number}.pickle"
        work.write_bytes(pickle.dumps((library, share)))
        processes.append(subprocess.Popen([sys.executable, "-c", REGISTER, str(work)]))
    assert [process.wait(300) for process in processes] == [0, 0]
    assert sorted(model.version for model in library.models()) == list(range(1, 11))


def test_a_crash_after_the_weights_leaves_no_model(
    library: Library, new_model: Build, tmp_path: Path
) -> None:
    work = tmp_path / "library.pickle"
    work.write_bytes(pickle.dumps(library))
    assert subprocess.run([sys.executable, "-c", CRASH, str(work)], check=False).returncode == 9
    assert len(library.store.files("models/")) == 1
    assert library.models() == []
    assert library.register(new_model()).version == 1


def test_weights_that_are_not_in_the_store_are_refused(library: Library, new_model: Build) -> None:
    new = new_model()
    files, path = fsspec.url_to_fs(f"{library.settings.store_url}/{new.weights.key}")
    data = files.cat_file(path)
    with pytest.raises(CatalogError, match="bytes and sha256"):
        library.register(replace(new, weights=replace(new.weights, size_bytes=1)))
    with pytest.raises(CatalogError, match="bytes and sha256"):
        library.register(replace(new, weights=replace(new.weights, sha256="0" * 64)))
    shutil.rmtree(library.settings.cache, ignore_errors=True)
    files.pipe_file(path, b"damaged")
    with pytest.raises(CatalogError, match="is damaged"):
        library.register(new)
    library.store.put(new.weights.key, data)
    library.store.local_path(new.weights.key)  # from now on there is a local copy, and it is good
    files.rm_file(path)
    with pytest.raises(CatalogError, match="is not in the store"):
        library.register(new)
    assert library.models() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../x"}, "the name must be"),
        ({"kind": "both"}, "kind 'both', allowed are unimodal, fused"),
        ({"network": None}, "a unimodal model has a network"),
        ({"backbones": ("x",)}, "a unimodal model has a network"),
        ({"kind": "fused"}, "a unimodal model has a network"),
        ({"modality": "smell"}, "modality 'smell', allowed are image, audio, text"),
        ({"modality": "audio"}, "modality 'audio', but lenet3.image takes image"),
        ({"recipe": "abc"}, "recipe 'abc' is not a sha256"),
        ({"metrics": {"validation": float("nan")}}, "metrics: "),
        ({"spec": {"what": object()}}, "spec: "),
        ({"network": "lenet4.image"}, "network 'lenet4.image': .* did you mean lenet[35].image"),
        ({"sub_region": "vision.nose"}, "sub-region 'vision.nose': not in the catalog"),
        ({"sub_region": "vision.color"}, "but lenet3.image lives in vision.shape, vision.other"),
        ({"optimizer": "adm"}, "optimizer 'adm': not in the catalog, did you mean adam"),
        ({"platform": "PyTorch 0"}, "platform 'PyTorch 0': not in the catalog"),
        ({"parent": "nobody"}, "parent 'nobody': not in the catalog"),
        ({"metrics": {"test": 97}}, "metrics.test 97 is not a fraction"),
        ({"data_set": "0" * 64}, "data set '0{64}': not in the catalog"),
    ],
)
def test_impossible_models_are_refused(
    library: Library, new_model: Build, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        library.register(new_model(**changes))
    assert "\n" not in str(caught.value)
    assert library.models() == []


def test_impossible_backbones_are_refused(library: Library, fused: Build) -> None:
    model: Model = library.register(fused())
    with pytest.raises(CatalogError, match="is fused, not unimodal"):
        library.register(fused(101, backbones=(model.id,)))
    with pytest.raises(CatalogError, match="backbone 'nothing': not in the catalog"):
        library.register(fused(101, backbones=("nothing",)))


def test_ids_that_meet_are_refused(library: Library, new_model: Build) -> None:
    first = library.register(new_model())
    twin = first.recipe[:8] + "0" * 56
    with pytest.raises(CatalogError, match="is in the catalog with another recipe"):
        library.register(new_model(recipe=twin))


def test_a_lost_file_comes_back_with_its_recipe(
    library: Library, new_model: Build, behind: Any
) -> None:
    first = library.register(new_model(1))
    behind.write(first.key, b"damaged")
    assert library.register(new_model(1)) == first
    assert library.verify().findings == ()
    library.rename_region("vision.shape", "vision.form")
    model = library.model(first.id)
    behind.remove(model.key)
    assert library.register(new_model(1)) == model  # made where it lived before
    assert list(library.store.files("models/")) == [model.key]
    assert library.verify().findings == ()
    behind.remove(model.key)
    with pytest.raises(CatalogError, match=f"gave other weights; .*remove model {model.id}`"):
        library.register(new_model(2, recipe=model.recipe))
    assert library.models() == [model]
