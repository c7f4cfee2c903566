from datetime import timedelta

from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.testing.places import library_below


def test_checkpoints_are_the_run_s_own_and_go_with_it(tmp_path):
    library = library_below(tmp_path)
    first, second = (StoredCheckpoints(library.store, run) for run in ("a-1", "a-2"))
    assert first.read("training") is None
    first.write("training", b"half")
    first.write("training", b"all")
    second.write("training", b"other")
    assert first.read("training") == b"all"
    assert second.read("training") == b"other"
    first.remove_all()
    assert first.read("training") is None
    assert second.read("training") == b"other"


def test_upkeep_leaves_checkpoints_until_they_are_old(tmp_path):
    library = library_below(tmp_path)
    checkpoints = StoredCheckpoints(library.store, "a-1")
    checkpoints.write("training", b"all")
    assert library.verify().findings == ()
    assert library.collect().files == {}
    assert library.collect(grace=timedelta(0)).files == {"checkpoints/a-1/training": 3}
    assert checkpoints.read("training") is None
