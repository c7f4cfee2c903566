import pytest

from brainray.wording import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 codes"), (1, "1 code"), (2, "2 codes"), (1200, "1,200 codes")]
)
def test_one_thing_is_singular(number: int, text: str):
    assert counted(number, "code") == text
