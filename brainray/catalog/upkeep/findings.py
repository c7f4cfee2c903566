"""What upkeep finds and what it did about it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        kind: e.g. ``missing file``.
        what: the row or file, e.g. ``model lenet3.image-adam-01234567``.
        where: a key of the store, or ``table.column``.
        fix: what to do about it.
        damage: False for what a killed process left and a later one ends or collects.
    """

    kind: str
    what: str
    where: str
    fix: str
    damage: bool = True


@dataclass(frozen=True)
class Verification:
    """What `Library.verify` found, and looked at.

    Attributes:
        findings: damage first.
        models: how many rows were looked at.
        files: how many files were.
        size_bytes: of them together.
        repaired: what `Library.repair` has repaired.
    """

    findings: tuple[Finding, ...]
    models: int
    files: int
    size_bytes: int
    repaired: tuple[Finding, ...] = field(default=())

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged."""
        return not any(finding.damage for finding in self.findings)


@dataclass(frozen=True)
class Removed:
    """What was removed, or would be.

    Attributes:
        files: size in bytes by key of the store.
    """

    files: dict[str, int]

    @property
    def size_bytes(self) -> int:
        """How much room that is."""
        return sum(self.files.values())
