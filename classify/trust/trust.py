"""What goes with a classifier's answer: how unlike the training data a slice is, an interval, a set of labels.

All three are fitted when a classifier is released, and lie in a file beside it that its card names.
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
"""By precision, the share of the validation slices of any source that may lie beyond the limit of the distance. Less
for the quantised network: regions cut by the quantised segmenter differ a little from those measured here."""


@dataclass(frozen=True, eq=False)
class Trust:
    """What the answers of one classifier are measured against.

    Parameters
    ----------
    known : mapping of str to Mahalanobis
        The texture features of its training data, by precision: those of the quantised network are others.
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
        """Return how much each head's logit differs, (heads,), and the distance, of one slice.

        Parameters
        ----------
        precision : {"f32", "bf16", "int8"}
            Of the network.
        features, textures : ndarray of float32, shape (1, features)
            As the network gives them.
        """
        known = self.known[kind_of(precision)]
        return head_logits(self.heads, features)[0], float(known.distance(textures)[0])

    def write(self, card: Card) -> dict[str, str]:
        """Write it beside a card's network; return the file's name and checksum, for the card."""
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
        """Read what a card names; None where it names nothing, as cards of version 5 and before.

        Raises
        ------
        WeightsError
            When the file is missing or changed.
        """
        if not card.trust:
            return None
        content = read_verified(card.folder / card.trust["file"], card.trust["sha256"])
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            kinds = [name.removeprefix("mean_") for name in file.files if name.startswith("mean_")]
            return cls(
                {kind: Mahalanobis(*(file[f"{name}_{kind}"] for name in _KNOWN)) for kind in kinds},
                file["heads"].astype(np.float32),  # of version 6 half precision
                Conformal(
                    Scores(file["covid_scores"], file["covid_shares"]),
                    Scores(file["other_scores"], file["other_shares"]),
                ),
            )


_KNOWN = ("mean", "whitening")
"""What a `Mahalanobis` holds."""


def kind_of(precision: Precision) -> str:
    """Return whose features those of a precision are: the quantised network's, or those of the network as trained."""
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
        By precision the network's texture features of the training and the validation slices.
    seed : int

    Returns
    -------
    trust : Trust
    limits : dict of str to float
        By precision the distance beyond which a slice is unlike the training data, for the card.
    """
    known = {kind: Mahalanobis.fit(trained, training.weights) for kind, (trained, _) in textures.items()}
    limits = {
        kind: _limit(known[kind].distance(validated), validation.sources, REFUSED[kind])
        for kind, (_, validated) in textures.items()
    }
    probabilities = sigmoid(validation.logits)
    conformal = Conformal.fit(probabilities, validation.covid, validation.patients)
    return Trust(known, fit_heads(training, seed), conformal), limits


def _limit(distances: NDArray[np.float32], sources: NDArray[np.str_], refused: float) -> float:
    """Return the least distance beyond which lies no more than this share of the slices of any source."""
    return max(float(np.quantile(distances[sources == name], 1 - refused)) for name in np.unique(sources))
