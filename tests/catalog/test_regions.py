"""Regions as data: what lives in them, files and history follow."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select

from brainray.catalog import Library, NewModel
from brainray.catalog.database import reading
from brainray.catalog.regions import Part
from brainray.catalog.store import Store
from brainray.catalog.tables import RegionChange
from brainray.errors import CatalogError

Build = Callable[..., NewModel]


def files(library: Library) -> set[str]:
    return set(library.store.files("models/"))


def check_whole(library: Library) -> None:
    """Raise unless every model has its file at its key, and no file is without a model."""
    models = library.models()
    assert files(library) == {model.key for model in models}
    markers = {key.removeprefix("pending/") for key in library.store.files("pending/models/")}
    assert markers <= files(library)
    for model in models:
        assert (
            model.key == f"models/{model.sub_region.replace('.', '/')}/{model.sha256}.safetensors"
        )
        assert library.store.holds(model.key)
        assert model.sub_region in library.network(model.network).sub_regions
    assert set(library.functions().values()) <= set(library.sub_regions())


def test_regions_and_sub_regions_of_any_depth_are_made_and_removed(library: Library) -> None:
    for name in ("smell", "smell.odor", "smell.odor.rose"):
        library.add_region(name, "what flowers are for")
    assert {"smell.odor", "smell.odor.rose"} < set(library.sub_regions())
    with pytest.raises(CatalogError, match=r"'smell': is in use by 2 sub-region: smell\.odor"):
        library.remove_entry("regions", "smell")
    for name in ("smell.odor.rose", "smell.odor", "smell"):
        library.remove_entry("sub-regions" if "." in name else "regions", name)
    assert "smell.odor" not in library.sub_regions()
    with pytest.raises(CatalogError, match="region 'smell': not in the catalog"):
        library.current_name("smell")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Smell", "must be names of small letters"),
        ("smell..x", "must be names of small letters"),
        ("../x", "must be names of small letters"),
        ("vision", "is in the catalog already"),
        ("vision.shape", "is in the catalog already"),
        ("smell.odor", "there is no region 'smell'"),
        ("vision.nose.tip", "there is no sub-region 'vision.nose'"),
    ],
)
def test_impossible_regions_are_refused(library: Library, name: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        library.add_region(name)


def test_what_is_in_use_is_not_removed(library: Library, new_model: Build) -> None:
    library.register(new_model())
    with pytest.raises(CatalogError, match=r"'vision\.shape': is in use by \d+ function"):
        library.remove_entry("sub-regions", "vision.shape")


def test_all_follows_a_new_name(library: Library, fused: Build) -> None:
    both = library.register(fused())
    library.rename_region("vision.shape", "vision.form")
    check_whole(library)
    assert {library.model(part).sub_region for part in both.backbones} == {"vision.form"}
    assert library.functions()["shape"] == "vision.form"
    assert library.network("lenet3.image").sub_regions == ("vision.form", "vision.other")
    assert library.network(both.network).sub_regions[0] == "vision.form"
    assert "vision.shape" not in library.sub_regions()


def test_a_sub_region_moves_with_its_finer_parts(library: Library, fused: Build) -> None:
    library.add_region("vision.shape.face")
    library.register(fused())
    library.rename_region("vision.shape", "audition.sound.picture")
    check_whole(library)
    assert "audition.sound.picture.face" in library.sub_regions()
    assert library.current_name("vision.shape.face") == "audition.sound.picture.face"
    names = [network.name for network in library.networks(["audition.sound"], "image")]
    assert "lenet3.image" in names  # a finer part counts


def test_a_region_is_renamed_with_all_below(library: Library, new_model: Build) -> None:
    library.register(new_model())
    library.rename_region("vision", "sight")
    check_whole(library)
    assert library.model("lenet3.image-adam").sub_region == "sight.shape"
    assert not [name for name in library.sub_regions() if name.startswith("vision.")]


def test_old_names_are_followed(library: Library, new_model: Build) -> None:
    model = library.register(new_model())
    library.rename_region("vision.shape", "vision.form")
    library.add_region("vision.shape")  # the old name, for something else
    library.rename_region("vision.shape", "vision.edges")
    library.rename_region("vision", "sight")
    assert library.current_name("vision.form") == "sight.form"
    assert library.current_name("vision.shape") == "sight.edges"  # the latest that had the name
    assert [one.id for one in library.models(sub_region="vision.form")] == [model.id]
    with pytest.raises(CatalogError, match="region 'vision': is now 'sight'"):
        library.rename_region("vision", "eyes")


def test_merged_sub_regions_become_one(library: Library, new_model: Build) -> None:
    one = library.register(new_model())
    two = library.register(new_model(1, sub_region="vision.other", name="two"))
    library.merge_regions(["vision.shape", "vision.other"], "vision.things")
    check_whole(library)
    assert {library.model(m.id).sub_region for m in (one, two)} == {"vision.things"}
    assert library.network("lenet3.image").sub_regions == ("vision.things",)
    assert library.current_name("vision.other") == "vision.things"
    library.merge_regions(["vision.things"], "vision.color")
    assert library.functions()["shape"] == library.functions()["color"] == "vision.color"
    check_whole(library)


def test_merged_regions_join_parts_of_one_name(library: Library, new_model: Build) -> None:
    library.register(new_model())
    library.add_region("audition.shape")
    library.merge_regions(["vision", "audition"], "senses")
    assert "senses.shape" in library.sub_regions()
    assert library.current_name("audition.shape") == "senses.shape"
    check_whole(library)


def test_a_split_gives_parts_away(library: Library, fused: Build, new_model: Build) -> None:
    both = library.register(fused())
    other = library.register(
        new_model(7, network="mediumnet.image", name="other", sub_region="vision.shape")
    )
    first, second = both.backbones
    library.split_region(
        "vision.shape",
        {
            "vision.shape.face": Part(functions=("object_recognition",), models=(first,)),
            "vision.object": Part(networks=("mediumnet.image",)),
        },
    )
    check_whole(library)
    assert library.functions()["object_recognition"] == "vision.shape.face"
    assert library.functions()["shape"] == "vision.shape"
    assert library.model(first).sub_region == "vision.shape.face"
    assert library.model(second).sub_region == "vision.shape"
    assert library.model(other.id).sub_region == "vision.object"
    assert library.network("mediumnet.image").sub_regions == ("vision.object", "vision.other")
    assert library.network(both.network).sub_regions == (
        "vision.shape.face",
        "vision.shape",
        "multisensory.integration",
    )
    assert library.current_name("vision.shape") == "vision.shape"


def test_models_of_one_file_part_with_a_copy_each(library: Library, new_model: Build) -> None:
    one = library.register(new_model())
    two = library.register(new_model(recipe="a" * 64))
    assert one.key == two.key
    library.split_region("vision.shape", {"vision.object": Part(models=(two.id,))})
    assert library.model(one.id).key == one.key
    check_whole(library)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.rename_region("nose", "x"), "region 'nose': not in the catalog"),
        (lambda one: one.rename_region("vision", "x.y"), "cannot become the sub-region 'x.y'"),
        (lambda one: one.rename_region("vision.shape", "vision.color"), "is in the catalog"),
        (lambda one: one.rename_region("vision.shape", "no.x"), "there is no region 'no'"),
        (lambda one: one.rename_region("vision.shape", "vision.shape.x"), "a part of itself"),
        (lambda one: one.merge_regions(["vision.shape"], "vision.shape"), "at least one other"),
        (lambda one: one.merge_regions(["vision.shape"], "vision.shape.x"), "is a part of"),
        (lambda one: one.merge_regions(["vision.shape", "vision"], "vision.x"), "the sub-region"),
        (lambda one: one.split_region("vision", {"x": Part()}), "split a sub-region"),
        (
            lambda one: one.split_region("vision.shape", {"vision.x": Part(("color",))}),
            "function 'color': is not in vision.shape, but in vision.color",
        ),
        (
            lambda one: one.split_region("vision.shape", {"vision.x": Part((), ("lenet3.audio",))}),
            "network 'lenet3.audio': is not in vision.shape",
        ),
    ],
)
def test_impossible_changes_are_refused_and_change_nothing(
    library: Library, new_model: Build, change: Callable[[Library], None], message: str
) -> None:
    library.register(new_model())
    before = (library.sub_regions(), library.functions(), files(library))
    with pytest.raises(CatalogError, match=message) as caught:
        change(library)
    assert "\n" not in str(caught.value)
    assert (library.sub_regions(), library.functions(), files(library)) == before
    check_whole(library)


def test_history_says_what_was_done(library: Library) -> None:
    library.add_region("smell")
    library.rename_region("smell", "odor")
    library.remove_entry("regions", "odor")
    with reading(library._engine) as session:
        rows = session.exec(select(RegionChange).order_by(RegionChange.id)).all()  # type: ignore[arg-type]
    assert [(row.action, row.names, row.into) for row in rows] == [
        ("created", [], ["smell"]),
        ("renamed", ["smell"], ["odor"]),
        ("removed", ["odor"], []),
    ]


@pytest.mark.parametrize("writes", range(6))
def test_a_crash_at_any_change_of_the_store_loses_nothing(
    library: Library, new_model: Build, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = library.register(new_model())
    library.store.finish(model.key)
    left = [writes]

    def counted(method: Callable[..., None]) -> Callable[..., None]:
        def call(self: Store, *arguments: object) -> None:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            method(self, *arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("_write", "_copy", "_remove"):
            patch.setattr(Store, name, counted(getattr(Store, name)))
        with pytest.raises(KeyboardInterrupt):
            library.rename_region("vision.shape", "vision.form")
    now = library.model(model.id)
    assert library.store.holds(now.key)
    place = Path(now.key).parent.name
    assert place == now.sub_region.partition(".")[2]
    # What lies beside it is marked as unfinished.
    assert {key for key in files(library) if not library.store.pending(key)} <= {now.key}
