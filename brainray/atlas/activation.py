"""The collaboration mechanism: what a scenario excites, and which sub-regions work together.

Paper sections 2.2 and 2.3. A stimulus excites ROIs, spreads over the connectome
(`brainray.atlas.spreading`), and what every stimulus would excite is inhibited; the sub-regions
that are then excited more than others form the pathway.

Letters: R ROIs, F functions, K sub-regions, N stimuli.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from brainray.atlas.completion import complete as complete_activity
from brainray.atlas.connectome import connectome, distance_kernel, passing
from brainray.atlas.functions import distinct_functions
from brainray.atlas.interface import Activation, Atlas, Floats, Pathway
from brainray.atlas.mechanism_settings import MechanismSettings, PriorKind
from brainray.atlas.nulls import shuffled
from brainray.atlas.observation import read_strengths
from brainray.atlas.recruitment import recruit
from brainray.atlas.regions import Connections, SubRegions, integration
from brainray.atlas.spreading import spread
from brainray.errors import ScenarioError

DIGITS = 9
"""Weights are rounded, so that no order of summation decides which of two equal ones is first."""


class Mechanism:
    """The collaboration mechanism on one atlas.

    Args:
        atlas: checked.
        settings: the defaults suit a cortex of 100 ROIs; see docs/activation.md.

    Attributes:
        atlas: as given.
        settings: as given.
        connectome_RR: what activation spreads over, beside nearness, and what connects
            sub-regions.
        sub_regions: those that the atlas knows ROIs of.

    Raises:
        AtlasError: the atlas has no relations of the kind that the settings ask for.
    """

    def __init__(self, atlas: Atlas, settings: MechanismSettings | None = None) -> None:
        self.atlas = atlas
        self.settings = settings or MechanismSettings()
        how = self.settings
        self.connectome_RR: csr_array = connectome(atlas, how.connectome, how.edges)
        self._passing_RR = passing(
            self.connectome_RR, distance_kernel(atlas.coordinates, how.edges), how.nearness
        )
        if how.shuffle_seed is not None:
            self.connectome_RR = shuffled(self.connectome_RR, how.shuffle_seed)
            self._passing_RR = shuffled(self._passing_RR, how.shuffle_seed)
        self.sub_regions = SubRegions(atlas, how.membership)
        self._column = {function: i for i, function in enumerate(atlas.functions)}
        self._mean_stimulus_R = self.stimulus(atlas.functions) / max(len(atlas.functions), 1)

    def variant(self, kind: PriorKind, seed: int = 0) -> "Mechanism":
        """Return the mechanism that a prior of this kind guides a search with.

        Args:
            kind: see `MechanismSettings.variant`.
            seed: of ``shuffled``.
        """
        return Mechanism(self.atlas, self.settings.variant(kind, seed))

    def stimulus(self, functions: Iterable[str]) -> Floats:
        """Return the sum of the relative degrees of functions, shape `(R,)`.

        Args:
            functions: of the catalog's dictionary; one that stands twice counts twice, one that
                the atlas knows no ROI of adds nothing.
        """
        count_F = np.zeros(len(self.atlas.functions))
        for function in functions:
            if function in self._column:
                count_F[self._column[function]] += 1
        return np.asarray(self.atlas.relative @ count_F)

    def raw(self, stimulus_R: Floats, within_R: NDArray[np.bool_] | None = None) -> Floats:
        """Return the activation by a stimulus, before inhibition.

        It is linear in the stimulus, non-negative and grows with it.

        Args:
            stimulus_R: at least 0; shape `(R,)`, or `(R, N)` for several at once.
            within_R: the ROIs that may be active, if not all.
        """
        return spread(self._passing_RR, stimulus_R, self.settings.spreading, within_R)

    def active(self, stimulus_R: Floats, within_R: NDArray[np.bool_] | None = None) -> Floats:
        """Return the activation by a stimulus after inhibition of the irrelevant.

        What the mean function would excite, scaled to as much activation in all, is taken away:
        ``[a - gamma mean_a sum(a) / sum(mean_a)]+``. Only the scale of the stimulus is kept: the
        result for a stimulus twice as strong is twice as strong.

        Args:
            stimulus_R: at least 0; shape `(R,)`, or `(R, N)` for several at once.
            within_R: the ROIs that may be active, if not all.
        """
        raw_R = self.raw(stimulus_R, within_R)
        mean_R = self.raw(self._mean_stimulus_R, within_R)
        share_R = mean_R / (mean_R.sum() or 1.0)
        irrelevant_R = np.multiply.outer(share_R, raw_R.sum(axis=0))
        return np.asarray(np.maximum(raw_R - self.settings.inhibition * irrelevant_R, 0.0))

    def contributions(self, functions: Iterable[str]) -> dict[str, Floats]:
        """Return what each function adds to the raw activation, shape `(R,)` each.

        The raw activation by several functions is the sum of theirs, as it is linear.

        Args:
            functions: of the catalog's dictionary.
        """
        names = sorted(set(functions))
        stimulus_RN = np.stack([self.stimulus([name]) for name in names], axis=1)
        raw_RN = self.raw(stimulus_RN)
        return {name: raw_RN[:, i] for i, name in enumerate(names)}

    def by_functions(
        self, functions: Mapping[str, Sequence[str]], among: Sequence[str] | None = None
    ) -> Activation:
        """Return what the functions of the inputs excite.

        The pathway is what all inputs excite together; an input reaches those of its sub-regions
        that its own functions excite by the same rule. The sub-regions of the functions are
        always among them, also where the atlas knows no ROI of a function: a scenario that asks
        for a function needs networks for it. They then weigh as much as a sub-region that just
        reaches the threshold. Sub-regions that connect the inputs are recruited
        (`brainray.atlas.recruitment`): they weigh as much as they are excited, but at least as
        much as the weakest connection that they make. No order of inputs or functions matters.

        Args:
            functions: input name to the functions or synonyms that it excites.
            among: if given, just these sub-regions are the pathway, whatever reaches the
                threshold; those of the functions are among them.

        Raises:
            ScenarioError: an input without functions, or with one that nobody knows.
        """
        table = self.atlas.sub_regions
        meant = {
            name: sorted(
                {self.atlas.synonyms.get(f, f) for f in distinct_functions(name, given, table)}
            )
            for name, given in functions.items()
        }
        asked = {name: {table[f] for f in found} for name, found in meant.items()}
        active_R = self.active(self.stimulus(f for found in meant.values() for f in found))
        weights = self._weights(active_R, set().union(*asked.values()), among)
        inputs = {}
        for name, found in meant.items():
            reached = self._reached(self.active(self.stimulus(found)), asked[name])
            inputs[name] = tuple(place for place in reached if place in weights)
        pathway = self._connected(active_R, weights, tuple(inputs.values()), among)
        return Activation(pathway, inputs, self._strongest_rois(active_R))

    def by_observation(
        self,
        strengths: Mapping[str, float],
        inputs: Sequence[str],
        complete: bool = False,
        among: Sequence[str] | None = None,
    ) -> Activation:
        """Return what observed ROIs activate.

        Only observed ROIs are active, spreading merely weighs them anew. A sub-region is
        activated if the peak ROI of one of its functions is observed, or by the threshold rule.
        The scale of the strengths does not matter.

        Args:
            strengths: ROI to strength, at least 0; one of 0 is observed to be inactive.
            inputs: the names of the scenario's inputs; each reaches all sub-regions.
            complete: whether ROIs that are not named are estimated from those that are
                (`brainray.atlas.completion`), instead of being inactive. Sub-regions whose
                peak is merely estimated have to reach the threshold.
            among: see `by_functions`.

        Raises:
            ScenarioError: no strength, an unknown ROI, a strength that is negative or not
                finite, all of them 0, or ROIs that belong to no sub-region.
        """
        observed_R = read_strengths(self.atlas, strengths)
        seen_R = observed_R > 0
        strength_R = np.where(seen_R, observed_R, 0.0)
        strength_R = strength_R / strength_R.max()
        if complete:
            completed_R = complete_activity(self.atlas, strength_R, ~np.isnan(observed_R))
            strength_R = np.maximum(completed_R, 0.0)
        always = self.sub_regions.with_peak_among(seen_R)
        active_R = self.active(strength_R, strength_R > 0)
        weights = self._weights(active_R, always, among)
        if not weights:
            raise ScenarioError(
                f"activation.rois: {', '.join(sorted(strengths))} belong to no sub-region in "
                f"atlas {self.atlas.name!r}; name an ROI that a function excites"
            )
        pathway = self._pathway(weights, self._connections(tuple(weights)))
        reached = tuple(pathway.sub_regions)
        return Activation(pathway, dict.fromkeys(inputs, reached), self._strongest_rois(active_R))

    def _weights(
        self, active_R: Floats, always: set[str], among: Sequence[str] | None
    ) -> dict[str, float]:
        """Return the active sub-regions with their weights, the strongest first and 1."""
        weights = self._reached(active_R, always | set(among or ()))
        if among is None:
            return weights
        most = max((weights[name] for name in among), default=1.0)
        return {n: round(w / most, DIGITS) for n, w in weights.items() if n in among}

    def _connections(self, names: Sequence[str], floor: float | None = None) -> Connections:
        floor = self.settings.floor if floor is None else floor
        return self.sub_regions.connections(self.connectome_RR, names, floor)

    def _connected(
        self,
        active_R: Floats,
        weights: dict[str, float],
        inputs: Sequence[Sequence[str]],
        among: Sequence[str] | None,
    ) -> Pathway:
        """Return the pathway of active sub-regions and of those that connect the inputs."""
        kept = self._connections(tuple(weights))
        possible = self._connections(self.sub_regions.names if among is None else among, floor=0.0)
        ways = recruit(inputs, kept, possible)
        if not ways:
            return self._pathway(weights, kept)
        excited = dict(zip(self.sub_regions.names, self.sub_regions.weights(active_R), strict=True))
        most = max(excited.values()) or 1.0
        weakest = min(weight for *_, weight in ways)
        for name in sorted({name for a, b, _ in ways for name in (a, b)} - set(weights)):
            weights[name] = round(max(float(excited[name] / most), weakest), DIGITS)
        weights = dict(sorted(weights.items(), key=lambda item: (-item[1], item[0])))
        joined = {frozenset(way[:2]) for way in ways}
        connections = self._connections(tuple(weights), floor=0.0)
        return self._pathway(
            weights,
            tuple(
                (a, b, weight)
                for a, b, weight in connections
                if weight >= self.settings.floor or {a, b} in joined
            ),
        )

    @staticmethod
    def _pathway(weights: dict[str, float], connections: Connections) -> Pathway:
        return Pathway(weights, connections, integration(tuple(weights), connections))

    def _reached(self, active_R: Floats, always: set[str]) -> dict[str, float]:
        """The threshold rule: sub-regions to weights, the strongest first and 1."""
        weight_K = self.sub_regions.weights(active_R)
        most = weight_K.max(initial=0.0)
        if most == 0:
            return dict.fromkeys(sorted(always), 1.0)
        relative = {
            name: round(float(weight), DIGITS)
            for name, weight in zip(self.sub_regions.names, weight_K / most, strict=True)
        }
        values = np.array(list(relative.values()))
        enough = min(float(values.mean() + self.settings.threshold * values.std()), 1.0)
        enough = round(enough, DIGITS)
        weights = {name: weight for name, weight in relative.items() if weight >= enough}
        weights |= {name: max(relative.get(name, 0.0), enough) for name in always}
        return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0])))

    def _strongest_rois(self, active_R: Floats) -> dict[str, float]:
        most = active_R.max(initial=0.0) or 1.0
        relative = {
            name: round(float(strength), DIGITS)
            for name, strength in zip(self.atlas.names, active_R / most, strict=True)
        }
        strongest = sorted(relative.items(), key=lambda item: (-item[1], item[0]))
        return {name: strength for name, strength in strongest if strength > 0}
