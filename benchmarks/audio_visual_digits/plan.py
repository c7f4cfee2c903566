"""How large the benchmark is, and the runs that it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from audio_visual_digits.workbench import Job

INPUTS = ("image", "audio")
LOCAL = ("pretraining.workers=1", "search.workers=1", "search.lag=1", "training.workers=1")
"""Of a run that has a process of one thread to itself."""


@dataclass(frozen=True)
class Plan:
    """Sizes.

    Attributes:
        data: changes of the built-in scenario that choose its data.
        seeds: of the whole tables; the fitting and collapse studies take the first.
        networks: architectures, each for both inputs.
        epochs: of pretraining.
        budget: candidates of every search.
        finalists: of every search.
        studied: image and audio network of the pairs on which operators and forms are compared.
        fine_tuning_epochs: of the study of that name.
        speakers: that are left out, one after the other; empty where the data cannot.
        speech: the audio network of the runs with unknown speakers.
        spoken_rows: their training rows.
        spoken_epochs: of their pretraining; voices that are varied take longer to learn.
        augmentation: of their spectrograms in pretraining.
        doubt: augmentation of those that their heads learn from.
        adapting_epochs: of the transfer study's pretraining on the new task.
        fitting: pairs of image and audio network in the study of that name.
        fitting_rows: its training rows.
        fitting_epochs: under-, well- and over-trained.
        collapse_epochs: few and many, of the heads in that study.
    """

    data: tuple[str, ...]
    seeds: tuple[int, ...]
    networks: tuple[str, ...]
    epochs: int
    budget: int
    finalists: int
    studied: tuple[tuple[str, str], ...]
    fine_tuning_epochs: int
    speakers: tuple[str, ...]
    speech: str
    spoken_rows: int
    spoken_epochs: int
    augmentation: float
    doubt: float
    adapting_epochs: int
    fitting: tuple[tuple[str, str], ...]
    fitting_rows: int
    fitting_epochs: tuple[int, ...]
    collapse_epochs: tuple[int, int]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All pairs of an image network and an audio network."""
        return [(image, audio) for image in self.networks for audio in self.networks]

    def all_networks(self, seed: int) -> Job:
        """Return the run in which the search may choose among all networks."""
        return self._job(f"seed{seed}/all", seed, self._networks(self.networks, self.networks))

    def pair(self, pair: tuple[str, str], seed: int) -> Job:
        """Return the run of one pair, the table's row."""
        return self.local(f"seed{seed}/pairs/{'-'.join(pair)}", seed, self._pair(pair))

    def variant(self, name: str, pair: tuple[str, str], seed: int, changes: Sequence[str]) -> Job:
        """Return the run of a pair with further changes."""
        folder = f"seed{seed}/{name}/{'-'.join(pair)}"
        return self.local(folder, seed, [*self._pair(pair), *changes])

    def without_speaker(self, speaker: str) -> Job:
        """Return the run whose three splits have no speaker in common; all image networks."""
        changes = [
            *self._networks(self.networks, [self.speech]),
            "data.options.split=speaker",
            f"data.options.speaker={speaker}",
            f"data.options.train={self.spoken_rows}",
            f"pretraining.epochs={self.spoken_epochs}",
            f"pretraining.augmentation={self.augmentation}",
            f"training.augmentation={self.doubt}",
            "training.keep=best",
        ]
        return self.local(f"speakers/{speaker}", self.seeds[0], changes)

    def local(self, name: str, seed: int, changes: Sequence[str]) -> Job:
        """Return a run that has a process of one thread to itself."""
        return self._job(name, seed, [*changes, *LOCAL])

    def _pair(self, pair: tuple[str, str]) -> list[str]:
        return self._networks([pair[0]], [pair[1]])

    def _networks(self, image: Sequence[str], audio: Sequence[str]) -> list[str]:
        chosen = {"image": image, "audio": audio}
        return [
            f"inputs.{name}.networks=[{', '.join(f'{n}.{name}' for n in chosen[name])}]"
            for name in INPUTS
        ]

    def _job(self, name: str, seed: int, changes: Sequence[str]) -> Job:
        common = (
            f"name={name.replace('/', '.').replace(' ', '-')}",
            *self.data,
            f"pretraining.epochs={self.epochs}",
            "pretraining.optimizers=[adam]",
            f"search.budget={self.budget}",
            f"search.finalists={self.finalists}",
        )
        return Job(name, seed, (*common, *changes))


FULL = Plan(
    data=("data.source=files", "data.options.train=14000"),
    seeds=(0, 1, 2),
    networks=("lenet3", "lenet5", "mediumnet", "sparsenet"),
    epochs=9,
    budget=64,
    finalists=4,
    studied=(("mediumnet", "lenet5"), ("lenet5", "lenet3")),
    fine_tuning_epochs=3,
    speakers=("george", "jackson", "lucas", "nicolas", "yweweler"),
    speech="lenet5",
    spoken_rows=7000,
    spoken_epochs=12,
    augmentation=0.25,
    doubt=0.5,
    adapting_epochs=2,
    fitting=(("lenet5", "lenet3"), ("lenet3", "lenet5"), ("lenet3", "mediumnet")),
    fitting_rows=2000,
    fitting_epochs=(1, 9, 60),
    collapse_epochs=(3, 15),
)

QUICK = Plan(
    data=(
        "data.source=embedded",
        "data.options.train=300",
        "data.options.validation=100",
        "data.options.test=100",
        "search.epochs=1",
        "training.epochs=1",
    ),
    seeds=(0,),
    networks=("lenet3",),
    epochs=1,
    budget=8,
    finalists=2,
    studied=(("lenet3", "lenet3"),),
    fine_tuning_epochs=1,
    speakers=(),
    speech="lenet3",
    spoken_rows=300,
    spoken_epochs=1,
    augmentation=0.25,
    doubt=0.5,
    adapting_epochs=1,
    fitting=(("lenet3", "lenet3"),),
    fitting_rows=200,
    fitting_epochs=(1, 2),
    collapse_epochs=(1, 2),
)
