"""The nine-field code of the paper's Table 1."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.catalog import Library, NewModel
from brainray.catalog.code import Code, decode, encode
from brainray.errors import CatalogError

PAPER = Code(
    name="ResNet18",
    regions=("image", "motion"),
    functions=("detection", "classification"),
    category="ResNet",
    data_set="CIFAR10",
    parameters=2_000_000,
    accuracy=0.96,
    optimizer="SGD",
    platform="PyTorch1.6",
)
"""The example row of Table 1."""
ROW = "ResNet18/image,motion/detection,classification/ResNet/CIFAR10/2M/96%/SGD/PyTorch1.6"

TEXT = st.text(min_size=1) | st.text("\\/,%a", min_size=1)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
CODES = st.builds(
    Code,
    name=TEXT,
    regions=TEXTS,
    functions=TEXTS,
    category=TEXT,
    data_set=TEXT,
    parameters=st.integers(0, 10**15),
    accuracy=st.none() | st.floats(0, 1),
    optimizer=TEXT,
    platform=TEXT,
)


def test_the_row_of_the_paper() -> None:
    assert encode(PAPER) == ROW
    assert decode(ROW) == PAPER


@given(CODES)
def test_a_code_comes_back_as_it_was(code: Code) -> None:
    assert decode(encode(code)) == code


@given(CODES, CODES)
def test_different_codes_have_different_texts(one: Code, other: Code) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [(0, "0"), (512, "512"), (1000, "1K"), (61_706, "61.706K"), (2_500_000_000, "2.5G")],
)
def test_sizes_are_short_and_exact(parameters: int, text: str) -> None:
    assert f"/{text}/" in encode(Code(**vars(PAPER) | {"parameters": parameters}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("/SGD", "", "has 8 fields, not 9: name, regions"),
        ("2M", "two", "parameters: 'two' is no number such as"),
        ("2M", "1.5", "parameters: '1.5' is no number such as"),
        ("96%", "0.96", "accuracy: '0.96' is no percentage"),
        ("96%", "x%", "accuracy: 'x%' is no percentage"),
        ("96%", "960%", "accuracy: 9.6 is not a fraction"),
        ("ResNet18", "", "name: must not be empty"),
        ("image,", ",", "regions: must not be empty"),
    ],
)
def test_what_is_no_code_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        decode(ROW.replace(old, new))


def test_a_model_has_its_code(library: Library, new_model: Callable[..., NewModel]) -> None:
    model = library.register(new_model())
    code = library.code(model.id)
    assert encode(code) == (
        "lenet3.image-adam/vision.shape,vision.other/classification/LeNet/digits/8/50%/adam/"
        "PyTorch 2.13"
    )
    assert code.parameters == model.parameters
