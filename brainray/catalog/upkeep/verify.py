"""Look at every row and every byte of the catalog, and say what is not as it should be."""

from collections.abc import Container

from sqlalchemy import Engine

from brainray.catalog.database import reading
from brainray.catalog.store import Store
from brainray.catalog.upkeep import rows
from brainray.catalog.upkeep.files import check_claim, check_unclaimed, claims
from brainray.catalog.upkeep.findings import Finding, Verification


class _Everything:
    def __contains__(self, _where: object) -> bool:
        return True


def verify(engine: Engine, store: Store) -> Verification:
    """Check database and store, both ways; nothing is changed.

    Others may write meanwhile: damage is what is found twice.

    Raises:
        CatalogError: the database or the store cannot be read.
    """
    first = _look(engine, store, _Everything())
    if first.whole:
        return first
    suspects = {finding.where for finding in first.findings if finding.damage}
    again = set(_look(engine, store, suspects).findings)
    kept = [finding for finding in first.findings if not finding.damage or finding in again]
    return Verification(tuple(kept), first.models, first.files, first.size_bytes)


def _look(engine: Engine, store: Store, where: Container[str]) -> Verification:
    """Check all rows, and of the files those whose key is in ``where``."""
    sizes = store.files()
    with reading(engine) as session:
        findings: list[Finding] = list(rows.findings(session))
        claimed = claims(session)
    for claim in claimed:
        if claim.key in where:
            findings += check_claim(store, claim, sizes)
    findings += check_unclaimed(store, sizes, claimed, where)
    return Verification(
        tuple(sorted(findings, key=lambda finding: not finding.damage)),
        models=sum(claim.table == "pretrained_model" for claim in claimed),
        files=len(sizes),
        size_bytes=sum(sizes.values()),
    )
