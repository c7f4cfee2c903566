"""A run's checkpoints in the store, where workers on any node can read them."""

from dataclasses import dataclass

from brainray.catalog.store import CHECKPOINTS, Store


@dataclass(frozen=True)
class StoredCheckpoints:
    """The place of one run's checkpoints; see `brainray.training.checkpoint.Place`.

    Attributes:
        store: where they are.
        run_id: of the run.
    """

    store: Store
    run_id: str

    def read(self, name: str) -> bytes | None:
        """Return a checkpoint, None if there is none."""
        key = self._folder + name
        if not self.store.exists(key):
            return None
        with self.store.open(key) as file:
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        """Write a checkpoint, all or nothing."""
        self.store.put(self._folder + name, data)

    def remove_all(self) -> None:
        """Remove all of the run's checkpoints."""
        for key in self.store.files(self._folder):
            self.store.remove(key)

    @property
    def _folder(self) -> str:
        return f"{CHECKPOINTS}{self.run_id}/"
