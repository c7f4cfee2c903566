import base64
import importlib.util
import io
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from brainray.atlas.drawing import Drawing, drawing_of
from brainray.atlas.interface import Pathway
from brainray.atlas.pictures import COLORS, page_of, picture_of
from brainray.errors import AtlasError
from brainray.testing.small_atlas import small_atlas

ATLAS = small_atlas(
    degrees={"shape": {"LOC": 4.0, "V4": 3.0}, "listening": {"A1": 2.0}, "fear": {"AMY": 1.0}},
    sub_regions={"shape": "vision.shape", "listening": "audition.sound", "fear": "emotion.fear"},
    functional={("LOC", "A1"): 0.2, ("V4", "A1"): 0.5},
)


def drawing(weights: dict[str, float], strengths: dict[str, float]) -> Drawing:
    names = list(weights)
    connections = ((names[0], names[1], 0.7),) if len(names) > 1 else ()
    return drawing_of(ATLAS, Pathway(weights, connections), strengths, ["shape"], "<digits>")


@pytest.fixture(scope="module")
def usual() -> Drawing:
    return drawing({"vision.shape": 1.0, "audition.sound": 0.5}, {"LOC": 1.0, "V4": 0.6, "A1": 0.4})


@pytest.fixture(scope="module")
def png(usual: Drawing) -> bytes:
    return picture_of(usual)


@pytest.fixture(scope="module")
def page(usual: Drawing, png: bytes) -> str:
    return page_of(usual, png)


def regions_in(png: bytes) -> set[str]:
    """Return the regions of whose color there is a dot in the legend."""
    with Image.open(io.BytesIO(png)) as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1_000_000) or ()}
    rgb = {name: tuple(round(255 * part) for part in to_rgb(c)) for name, c in COLORS.items()}
    return {name for name, color in rgb.items() if color in colors}


class Resources(HTMLParser):
    """What a page makes a browser load, and the pages within it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inner: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster") or (name == "href" and tag == "link"):
                self.loaded.append(value or "")
            if name == "srcdoc":
                self.inner.append(value or "")


def test_what_is_drawn_has_the_colors_of_its_regions(png: bytes) -> None:
    assert regions_in(png) == {"vision", "audition"}
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (1430, 440)
        assert len(image.convert("RGB").getcolors(1_000_000) or ()) > 100


def test_without_connections_and_with_one_roi() -> None:
    lonely = drawing({"emotion.fear": 1.0}, {"AMY": 1.0})
    png = picture_of(lonely)
    # The one function that was asked for is none of this sub-region, whose bar is therefore pale.
    assert regions_in(png) == {"emotion"}
    assert "AMY" in page_of(lonely, png)


def test_the_page_loads_nothing(page: str, png: bytes) -> None:
    outer = Resources(page)
    assert outer.loaded == [f"data:image/png;base64,{base64.b64encode(png).decode()}"]
    [brain] = outer.inner
    assert "Plotly" in brain
    inner = Resources(brain)
    assert inner.loaded == []
    assert inner.inner == []
    assert not re.search(r"@import|url\(\s*['\"]?http", page)


def test_the_page_tells_what_is_activated(page: str) -> None:
    assert "<title>&lt;digits&gt;: shape</title>" in page
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    cells = [re.findall(r"<td[^>]*>(?:<span.*?</span>)?(.*?)</td>", row) for row in rows]
    assert ["vision.shape", "asked for", "1.00"] in cells
    assert ["audition.sound", "", "0.50"] in cells
    assert ["vision.shape", "audition.sound", "0.70"] in cells
    assert ["LOC", "LOC", "1.00"] in cells


def test_without_nilearn_the_extra_is_named(
    usual: Drawing, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "brainray.atlas.pictures.find_spec", lambda name: None if name == "nilearn" else found(name)
    )
    for draw in (lambda: picture_of(usual), lambda: page_of(usual, png)):
        with pytest.raises(AtlasError, match=r"needs nilearn; install brainray\[brain\]"):
            draw()
