from collections.abc import Callable
from typing import Any

import pytest

from brainray.catalog import Library, NewModel
from brainray.errors import CatalogError

Build = Callable[..., NewModel]


@pytest.fixture
def models(library: Library, new_model: Build) -> tuple[str, str, str]:
    first, second, third = (library.register(new_model(seed)).id for seed in (1, 2, 3))
    return first, second, third


def test_an_endpoint_comes_changes_goes_back_and_goes(
    library: Library, models: tuple[str, str, str]
) -> None:
    first, second, _ = models
    made = library.deploy(first, "digits")
    assert (made.model, made.canary, made.share, made.previous, made.revision) == (
        first,
        None,
        0,
        None,
        1,
    )
    assert library.deploy(first, "digits") == made
    changed = library.deploy(second, "digits")
    assert (changed.model, changed.previous, changed.revision) == (second, first, 2)
    back = library.roll_back("digits")
    assert (back.model, back.previous, back.revision) == (first, second, 3)
    assert library.roll_back("digits").model == second
    library.deploy(first, "another")
    assert [endpoint.name for endpoint in library.endpoints()] == ["another", "digits"]
    library.undeploy("another")
    assert library.endpoints() == [library.endpoint("digits")]
    with pytest.raises(CatalogError, match=r"endpoint 'another': not in the catalog"):
        library.endpoint("another")
    with pytest.raises(CatalogError, match="endpoint 'another': not in the catalog"):
        library.undeploy("another")


def test_a_canary_takes_a_share_until_it_is_deployed_or_rolled_back(
    library: Library, models: tuple[str, str, str]
) -> None:
    first, second, _ = models
    library.deploy(first, "digits")
    canary = library.deploy(second, "digits", share=0.25)
    assert (canary.model, canary.canary, canary.share) == (first, second, 0.25)
    ended = library.roll_back("digits")
    assert (ended.model, ended.canary, ended.share, ended.previous) == (first, None, 0, None)
    library.deploy(second, "digits", share=0.5)
    whole = library.deploy(second, "digits")
    assert (whole.model, whole.canary, whole.share, whole.previous) == (second, None, 0, first)


def test_what_cannot_be_deployed_is_refused(library: Library, models: tuple[str, str, str]) -> None:
    first, second, _ = models
    with pytest.raises(CatalogError, match="model 'none'"):
        library.deploy("none", "digits")
    for name in ("", "Digits", "a/b", "-a", "a" * 64):
        with pytest.raises(CatalogError, match="must be up to 63 small letters"):
            library.deploy(first, name)
    with pytest.raises(CatalogError, match="a canary needs one beside it"):
        library.deploy(first, "digits", share=0.5)
    library.deploy(first, "digits")
    with pytest.raises(CatalogError, match="no other model answered before"):
        library.roll_back("digits")
    with pytest.raises(CatalogError, match="answers there already"):
        library.deploy(first, "digits", share=0.5)
    for share in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(CatalogError, match=r"allowed are shares in \(0, 1\)"):
            library.deploy(second, "digits", share=share)
    assert library.endpoint("digits").revision == 1


def test_a_model_that_answers_is_not_removed(
    library: Library, models: tuple[str, str, str]
) -> None:
    first, second, third = models
    library.deploy(first, "digits")
    library.deploy(second, "digits")
    library.deploy(third, "digits", share=0.5)
    for model in (second, third):
        with pytest.raises(CatalogError, match="answers at endpoint digits; undeploy it first"):
            library.remove(model, force=True)
    library.remove(first)
    library.deploy(second, "digits")
    with pytest.raises(CatalogError, match="no other model answered before"):
        library.roll_back("digits")
    assert library.verify().whole


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"input": "audio", "labels": ["zero", "one"]}, "lacks inputs of .*: image"),
        ({"input": "image", "labels": ["one", "two"]}, "has other labels than"),
    ],
)
def test_a_canary_answers_what_the_endpoint_is_asked(
    library: Library,
    new_model: Build,
    spec: dict[str, Any],
    reason: str,
) -> None:
    labels = {"input": "image", "labels": ["zero", "one"]}
    library.deploy(library.register(new_model(5, spec=labels)).id, "digits")
    other = library.register(new_model(4, spec=spec)).id
    with pytest.raises(CatalogError, match=f"endpoint 'digits': canary {other} {reason}"):
        library.deploy(other, "digits", share=0.5)
    assert library.endpoint("digits").canary is None
    assert library.deploy(other, "digits").model == other  # all requests are another matter
