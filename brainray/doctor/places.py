"""Where things are: database, store, data, runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from brainray.doctor.findings import Finding

if TYPE_CHECKING:
    from brainray.settings import Settings


def folders(settings: "Settings") -> dict[str, Path]:
    """Return the local folders that fill up, by what they hold."""
    places = {"cache": settings.cache, "runs": settings.runs}
    if "://" not in settings.store_url:
        places["store"] = Path(settings.store_url)
    return places


def database(settings: "Settings") -> Iterator[Finding]:
    """Look whether the database can be reached, is of this brainray's age and can be written."""
    from sqlalchemy import make_url, text

    from brainray.catalog.database import head_revision, open_database, writing
    from brainray.errors import CatalogError

    shown = make_url(settings.database_url).render_as_string(hide_password=True)
    if _absent(settings):
        yield Finding("database", "ok", f"{shown}: is not there yet, the first command makes it")
        return
    try:
        with writing(open_database(settings.database_url)) as session:
            # Changes nothing, but a database that may not be written refuses it.
            session.connection().execute(text("UPDATE run SET status = status WHERE 1 = 0"))
    except CatalogError as error:
        old = "brainray db upgrade" in str(error)
        fix = "brainray db upgrade" if old else "export BRAINRAY_DATABASE_URL=…   # one to write to"
        yield Finding("database", "problem", str(error), fix)
        return
    yield Finding("database", "ok", f"{shown}: revision {head_revision()}, can be written")


def store(settings: "Settings") -> Iterator[Finding]:
    """Write a small file to the store, read it again and remove it."""
    import fsspec

    url, data = settings.store_url, uuid4().hex.encode()
    fix = "export BRAINRAY_STORE_URL=…   # a folder or bucket that you may write to"
    try:
        files, root = fsspec.core.url_to_fs(url)
        probe = f"{root.rstrip('/')}/probe-{uuid4().hex}"
        if "://" not in url:
            files.makedirs(root, exist_ok=True)
        files.pipe_file(probe, data)
        same = files.cat_file(probe) == data
        files.rm_file(probe)
    except (OSError, ImportError, ValueError) as error:
        reason = " ".join(str(error).split())
        yield Finding("store", "problem", f"{url}: cannot be used: {reason}", fix)
        return
    if not same:
        yield Finding("store", "problem", f"{url}: gives back other bytes than it was given", fix)
        return
    yield Finding("store", "ok", f"{url}: can be written, read and removed from")


def data(settings: "Settings") -> Iterator[Finding]:
    """Look which ready data sets are in ``BRAINRAY_DATA``."""
    from brainray.datasets.homes import HOMES
    from brainray.datasets.obtain import missing

    if settings.data is None:
        value = "BRAINRAY_DATA is not set: ready data sets are those of the package"
        yield Finding("data", "ok", value)
        return
    for name, home in HOMES.items():
        lacking = missing(home, settings.data)
        if not lacking:
            yield Finding(f"data {name}", "ok", f"is in {settings.data}")
            continue
        value = f"{settings.data} lacks {', '.join(lacking)}"
        yield Finding(f"data {name}", "warning", value, f"brainray data get {name}")


def runs(settings: "Settings") -> Iterator[Finding]:
    """Look for runs that were killed and can go on."""
    from brainray.catalog.library import Library
    from brainray.pipeline.status import KILLED, status_of

    if _absent(settings):
        return
    every = Library.open(settings).runs()
    killed = [run.id for run in every if status_of(run) == KILLED]
    for run in killed:
        yield Finding(f"run {run}", "warning", "was killed", f"brainray run --resume {run}")
    if not killed:
        yield Finding("runs", "ok", f"{len(every)}, none was killed")


def _absent(settings: "Settings") -> bool:
    """Say whether the database is a file that is not there yet; looking shall not make it."""
    scheme, _, path = settings.database_url.partition(":///")
    return scheme.startswith("sqlite") and bool(path) and not Path(path).exists()
