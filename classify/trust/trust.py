"""Add measures of trust to a classifier's answer: distance from the training data, interval, and prediction set.

All three are fitted when a classifier is released, and stored in a file that its card names.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...common.sigmoid import sigmoid
from ...weights import Card, Precision
from ...weights.card import read_verified
from .conformal import Conformal, Scores
from .heads import TrainingAnswers, fit_heads, head_logits
from .mahalanobis import Mahalanobis

REFUSED = {"f32": 0.03, "int8": 0.02}
"""By precision, the largest share of any source's validation slices that may exceed the distance limit. It is lower for
the quantised network, because regions from the quantised segmenter differ slightly from those measured here."""


@dataclass(frozen=True, eq=False)
class Trust:
    """Reference data for the answers of one classifier.

    Parameters
    ----------
    known : mapping of str to Mahalanobis
        Distribution of the training data's texture features, by precision; the quantised network's features differ.
    heads : ndarray of float32, shape (heads, features + 1)
        See `fit_heads`.
    conformal : Conformal
    """

    known: Mapping[str, Mahalanobis]
    heads: NDArray[np.float32]
    conformal: Conformal

    def judge(
        self, precision: Precision, features: NDArray[np.float32], textures: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        """Return the heads' logit differences, (heads,), and the distance, for one slice.

        Parameters
        ----------
        precision : {"f32", "bf16", "int8"}
            Precision of the network.
        features, textures : ndarray of float32, shape (1, features)
            The network's outputs.
        """
        known = self.known[kind_of(precision)]
        return head_logits(self.heads, features)[0], float(known.distance(textures)[0])

    def write(self, card: Card) -> dict[str, str]:
        """Write the data beside a card's network, and return the file's name and checksum for the card."""
        scores = self.conformal
        known = {f"{name}_{kind}": getattr(one, name) for kind, one in self.known.items() for name in _KNOWN}
        file = io.BytesIO()
        np.savez_compressed(
            file,
            heads=self.heads,
            covid_scores=scores.covid.values,
            covid_shares=scores.covid.shares,
            other_scores=scores.other.values,
            other_shares=scores.other.shares,
            **known,
        )
        return card.write_beside(f"{card.name}-trust.npz", file.getvalue())

    @classmethod
    def read(cls, card: Card) -> Trust | None:
        """Read the file that a card names; return None if it names none, as in cards up to version 5.

        Raises
        ------
        WeightsError
            When the file is missing or was modified.
        """
        if not card.trust:
            return None
        content = read_verified(card.folder / card.trust["file"], card.trust["sha256"])
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            kinds = [name.removeprefix("mean_") for name in file.files if name.startswith("mean_")]
            return cls(
                {kind: Mahalanobis(*(file[f"{name}_{kind}"] for name in _KNOWN)) for kind in kinds},
                file["heads"].astype(np.float32),  # half precision in version 6
                Conformal(
                    Scores(file["covid_scores"], file["covid_shares"]),
                    Scores(file["other_scores"], file["other_shares"]),
                ),
            )


_KNOWN = ("mean", "whitening")
"""Fields of `Mahalanobis`."""


def kind_of(precision: Precision) -> str:
    """Return the key of a precision's features: "int8" for the quantised network, otherwise "f32"."""
    return "int8" if precision == "int8" else "f32"


def fit_trust(
    training: TrainingAnswers,
    validation: TrainingAnswers,
    textures: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
    seed: int = 0,
) -> tuple[Trust, dict[str, float]]:
    """Fit distance and heads on training slices; choose the limit and the conformal scores on validation slices.

    Parameters
    ----------
    training, validation : TrainingAnswers
    textures : mapping of str to tuple of ndarray of float32, shape (n, features)
        The network's texture features of training and validation slices, by precision.
    seed : int

    Returns
    -------
    trust : Trust
    limits : dict of str to float
        The distance beyond which a slice is unlike the training data, by precision, for the card.
    """
    known = {kind: Mahalanobis.fit(trained, training.weights) for kind, (trained, _) in textures.items()}
    kept = _with_both_classes(validation)
    limits = {
        kind: _limit(known[kind].distance(validated[kept]), validation.sources[kept], REFUSED[kind])
        for kind, (_, validated) in textures.items()
    }
    conformal = Conformal.fit(
        sigmoid(validation.logits[kept]), validation.covid[kept], np.asarray(validation.patients)[kept]
    )
    return Trust(known, fit_heads(training, seed), conformal), limits


def _with_both_classes(said: TrainingAnswers) -> NDArray[np.bool_]:
    """Return which slices are from sources with both classes; all if there is no such source.

    Sources with one class, such as healthy lungs, are easy: they would make the scores of their class look better than
    they are where both occur. Some of them also hold odd slices, which would widen the limit until X-rays pass.
    """
    names = [name for name in np.unique(said.sources) if len(set(said.covid[said.sources == name])) == 2]
    kept = np.isin(said.sources, names)
    return kept if kept.any() else np.ones(kept.shape, dtype=np.bool_)


def _limit(distances: NDArray[np.float32], sources: NDArray[np.str_], refused: float) -> float:
    """Return the smallest limit that at most this share of any source's slices exceeds."""
    return max(float(np.quantile(distances[sources == name], 1 - refused)) for name in np.unique(sources))
