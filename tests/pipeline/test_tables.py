import pytest

from brainray.pipeline.markdown import brackets, markdown_table
from brainray.pipeline.tables import report_markdown
from brainray.scenario import Report


def test_a_markdown_table_is_aligned() -> None:
    table = markdown_table(
        ("network", "points", "note"), [("a | b", 12.5, "x"), ("c\nd", "-3", ""), ("", "", "yes")]
    )
    assert table.splitlines() == [
        "| network | points | note |",
        "| ------- | -----: | ---- |",
        "| a \\| b  |   12.5 | x    |",
        "| c d     |     -3 |      |",
        "|         |        | yes  |",
    ]
    assert markdown_table(("a",), []).splitlines() == ["| a   |", "| --- |"]
    with pytest.raises(ValueError, match="zip"):
        markdown_table(("a", "b"), [("1",)])


def test_brackets_are_in_percent() -> None:
    assert brackets((0.921, 0.956)) == "[92.10, 95.60]"
    assert brackets((-0.01, 1.0), decimals=1) == "[-1.0, 100.0]"
    assert brackets(None) == ""


def rows(page: str) -> list[list[str]]:
    """Return the cells of every line of every table."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_tells_the_whole_report(made_up: Report) -> None:
    page = report_markdown(made_up, {"Overview": "a folder/report.png"})
    found = rows(page)
    fused = ["fused, depth 2", "lenet.image-1, mediumnet.audio-2", "90.00", "80.00"]
    assert [*fused, "[70.00, 90.00]"] in found
    assert ["audio alone", "+5.00", "[-1.00, 11.00]"] in found
    assert ["image, re-headed", "-2.00", "[-1.00, 11.00]"] in found
    assert ["image", "80.00", "[70.00, 90.00]", "80.00", "[70.00, 90.00]", "audio 75.00"] in found
    assert ["-20", "0.5", "40", "70.00", "[60.00, 80.00]", "40.00", "60.00"] in found
    assert ["0.5", "10", "1", "100.00", "", "40.00", "60.00"] in found
    assert ["2", "weighted_sum", "logits", "conv2"] in found
    assert ["vision.shape", "audition.speech", "0.50"] in found
    assert ["vision.shape", "1.00", "0.25", "image"] in found
    assert "By the brain atlas `small`." in page
    assert ["torch", "2.13"] in found
    assert ["a.parquet", f"`{'cd' * 32}`"] in found
    assert f"sha256 `{'ab' * 32}`" in page
    assert "over 17 groups" in page
    assert "![Overview](<a folder/report.png>)" in page


def test_the_page_has_the_diagnostics_of_the_search(made_up: Report) -> None:
    search = made_up.search.model_copy(update={"diagnostics": {"hamming_distance": 0.25}})
    page = report_markdown(made_up.model_copy(update={"search": search}), {})
    assert "Hamming distance of the search: 0.25." in page
    assert "of the search:" not in report_markdown(made_up, {})


def test_the_page_says_why_these_networks(made_up: Report) -> None:
    page = report_markdown(made_up, {})
    assert "## Why these networks" in page
    image, audio = (row for row in rows(page) if "shape 70 %, color 20 %, motion 6 %" in row)
    assert image[:4] == ["image", "lenet.image-1", "vision.shape", "0.75"]
    assert image[5:] == [
        "LOC 0.88, V4 0.88, V1 0.88",
        "audition.speech 0.34 (through language.reading)",
    ]
    assert audio[-1] == ""
    assert "\n- image: It carries shape.\n- audio: It carries shape.\n" in page


def test_the_page_says_where_the_pathway_is(made_up: Report) -> None:
    pictures = {"Pathway": "pathway.png", "The pathway in three dimensions": "pathway.html"}
    page = report_markdown(made_up, pictures)
    assert "\n![Pathway](<pathway.png>)\n" in page
    assert "\n[The pathway in three dimensions](<pathway.html>)\n" in page
    assert "brainray[brain]" not in page
    [missing] = [p for p in report_markdown(made_up, {}).split("\n\n") if "brainray[brain]" in p]
    assert "brainray atlas picture made-up-1 --png" in missing


def test_a_report_of_the_first_version_has_a_page_without_what_it_lacks(made_up: Report) -> None:
    newer = {"units", "gain", "robustness", "confusion", "strata", "explanation"}
    document = made_up.model_dump(mode="json", exclude=newer)
    for key in ("integration", "functions", "inputs", "rois", "prior", "atlas"):
        del document["pathway"][key]
    for part in (document["best"], *document["unimodal"].values(), *document["reheaded"].values()):
        del part["interval"]
    page = report_markdown(Report.model_validate(document), {})
    assert ["image alone", "lenet.image-1", "50.00", "80.00", ""] in rows(page)
    assert ["vision.shape", "1.00"] in rows(page)
    for heading in ("Gain", "When an input fails", "Accuracy over", "Pictures", "Why these"):
        assert f"## {heading}" not in page
    assert "brain" not in page.replace("brainray", "")
