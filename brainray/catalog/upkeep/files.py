"""The files of the store against the rows that claim them."""

import json
import math
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from brainray.catalog import tables
from brainray.catalog.sealing import LARGEST_HEADER_BYTES, has_seal
from brainray.catalog.store import (
    BANK,
    CHECKPOINTS,
    DATA_SETS,
    MODELS,
    PENDING,
    QUARANTINE,
    TEMPORARY,
    Store,
)
from brainray.catalog.upkeep.findings import Finding
from brainray.catalog.weights import model_folder
from brainray.errors import CatalogError, NetworkError

MODEL = tables.PretrainedModel.metadata.tables["pretrained_model"]
MODEL_CLAIM = ("id", "sub_region", "key", "sha256", "size_bytes", "parameters")

COPY = "--repair takes another copy if there is one; else "
RESTORE = f"{COPY}put the file back, run the scenario that made it again, or "


@dataclass(frozen=True)
class Claim:
    """What a row says of its file.

    Attributes:
        table: ``pretrained_model``, ``data_set`` or ``detector_file``.
        id: of the row.
        key: where the row says that the file is.
        place: where it belongs by the row's sub-region and sha256.
        sha256: that the row says.
        size_bytes: that the row says; None if it says nothing.
        parameters: that the row says; None if it says nothing.
    """

    table: str
    id: str
    key: str
    place: str
    sha256: str
    size_bytes: int | None = None
    parameters: int | None = None

    @property
    def what(self) -> str:
        """The row in the words of a finding and of commands."""
        kinds = {"pretrained_model": "model", "data_set": "data-set"}
        return f"{kinds.get(self.table, 'detector file')} {self.id}"

    @property
    def removal(self) -> str:
        """The command that removes the row."""
        if self.table == "detector_file":
            return f"`brainray undeploy {self.id.partition('/')[0]}`"
        return f"`brainray catalog remove {self.what}`"


def claims(session: Session) -> list[Claim]:
    """Return what all rows say of their files, by key."""
    data_set = tables.DataSet
    found = []
    for identifier, sub_region, key, sha256, size_bytes, parameters in session.execute(
        sql_select(*(MODEL.c[name] for name in MODEL_CLAIM))
    ):
        suffix = key.rpartition("/")[2].partition(".")[2]
        place = f"{model_folder(sub_region)}/{sha256}.{suffix}"
        found.append(
            Claim("pretrained_model", identifier, key, place, sha256, size_bytes, parameters)
        )
    packed = select(data_set.id, data_set.key, data_set.sha256)
    for identifier, file, digest in session.exec(packed.where(col(data_set.key).is_not(None))):
        place = f"{DATA_SETS}{identifier}.parquet"
        found.append(Claim("data_set", identifier, str(file), place, str(digest)))
    own = tables.DetectorFile
    for name, held, digest in session.exec(select(own.id, own.key, own.sha256)):
        place = f"{MODELS}detectors/{digest}{PurePosixPath(held).suffix}"
        found.append(Claim("detector_file", name, held, place, digest))
    return sorted(found, key=lambda claim: (claim.key, claim.id))


def in_use(session: Session, key: str) -> bool:
    """Say whether a row claims this file."""
    owners = (tables.PretrainedModel, tables.DataSet, tables.DetectorFile)
    return any(
        session.exec(select(owner.id).where(owner.key == key)).first() is not None
        for owner in owners
    )


def sha256_in(key: str) -> str:
    """Return the sha256 that a key of a model or data set names."""
    return key.rpartition("/")[2].partition(".")[0]


def check_claim(store: Store, claim: Claim, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Check a row's file: that it is there, is what the row says, and where it belongs."""
    remove = claim.removal
    if sha256_in(claim.key) != claim.sha256 or claim.key != claim.place:
        fix = f"it belongs to {claim.place}: --repair brings row and file together"
        yield Finding("wrong key", claim.what, claim.key, fix)
    if claim.key not in sizes:
        yield Finding("missing file", claim.what, claim.key, RESTORE + remove)
        return
    try:
        found = store.sha256(claim.key)
        if found != sha256_in(claim.key):
            yield Finding("damaged file", claim.what, claim.key, RESTORE + remove)
            return
        wrong = "the row says {} {}, the file has {}: --repair takes the file's"
        if claim.size_bytes not in (None, sizes[claim.key]):
            fix = wrong.format(claim.size_bytes, "bytes", sizes[claim.key])
            yield Finding("wrong size", claim.what, claim.key, fix)
        if claim.parameters is not None:
            parameters = count_parameters(store, claim.key)
            if parameters != claim.parameters:
                fix = wrong.format(claim.parameters, "parameters", parameters)
                yield Finding("wrong count", claim.what, claim.key, fix)
    except CatalogError as error:
        yield Finding("unreadable file", claim.what, claim.key, f"{error}: {remove}")


def count_parameters(store: Store, key: str) -> int:
    """Count the numbers that a weights file holds, from its header or its graph.

    Raises:
        CatalogError: it has none that can be read.
    """
    with store.open(key) as file:
        try:
            if key.endswith(".onnx"):
                from brainray.networks import onnx_file  # onnx takes half a second

                return onnx_file.count_parameters(onnx_file.read_graph(file.read()))
            return sum(
                math.prod(entry["shape"])
                for name, entry in _header(file).items()
                if name != "__metadata__"
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CatalogError(f"{key}: has no readable header of safetensors") from error
        except NetworkError as error:
            raise CatalogError(f"{key}: {error}") from error


def check_unclaimed(
    store: Store, sizes: Mapping[str, int], claimed: Iterable[Claim], where: Container[str]
) -> Iterator[Finding]:
    """Check the files that no row claims.

    Args:
        store: where they are.
        sizes: of all files by key.
        claimed: what all rows say.
        where: keys of the files to look at.
    """
    keys = {claim.key for claim in claimed}
    weights = {claim.sha256 for claim in claimed if claim.table == "pretrained_model"}
    for key in sizes:
        if key in keys or key.startswith((QUARANTINE, CHECKPOINTS)) or key not in where:
            continue
        if TEMPORARY.fullmatch(key):
            yield unfinished(key)
        elif key.startswith(PENDING):
            yield unfinished(key.removeprefix(PENDING))
        elif bank := BANK.fullmatch(key):
            if not is_sealed(store, key):
                yield Finding("damaged bank", "bank", key, "--repair removes it, a run makes it")
            elif bank["sha256"] not in weights:
                fix = "`brainray catalog gc` removes it"
                yield Finding("bank without model", "bank", key, fix, damage=False)
        elif PENDING + key not in sizes:
            fix = "--repair moves it to quarantine/"
            yield Finding("orphan file", "no row has it", key, fix)


def unfinished(key: str) -> Finding:
    """Return the finding for what a killed, or a running, process has not ended."""
    fix = "the same command again ends it, or `brainray catalog gc`"
    return Finding("unfinished write", "no damage", key, fix, damage=False)


def is_sealed(store: Store, key: str) -> bool:
    """Say whether a bank is as it was written; one that is gone meanwhile is not."""
    try:
        with store.open(key) as file:
            return has_seal(file)
    except CatalogError:
        return False


def _header(file: IO[bytes]) -> dict[str, dict[str, list[int]]]:
    size = int.from_bytes(file.read(8), "little")
    if size > LARGEST_HEADER_BYTES:
        raise ValueError(f"{size} bytes")
    header: dict[str, dict[str, list[int]]] = json.loads(file.read(size))
    return header
