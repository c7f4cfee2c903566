"""What is deployed when a run is named; runs of tracking are in test_tracking."""

from pathlib import Path

import pytest

from brainray.errors import UnknownError
from brainray.pipeline.tracking.deployment import meant
from brainray.testing.models import add_untrained
from brainray.testing.places import library_below


def test_a_run_means_the_model_that_it_has_returned(tmp_path: Path) -> None:
    library = library_below(tmp_path)
    model = add_untrained(library, "lenet3.image", "image")
    library.add_run("digits-1", "digits", 0, "record.jsonl")
    library.add_run("digits-2", "digits", 0, "record.jsonl")
    library.finish_run("digits-1", "finished", model.id)
    assert meant(library, "digits-1") == meant(library, model.id) == model
    assert meant(library, "digits-2") == library.run("digits-2")
    with pytest.raises(UnknownError, match="model 'nothing-like-it': not in the catalog"):
        meant(library, "nothing-like-it")
