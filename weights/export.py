"""Export a network for other programs and small devices, with its card, and check it against Keras."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .agreement import Agreement, compare, run_exported
from .card import Card
from .converters import SUPPORTED, Build, ExportFormat, ExportPrecision, convert
from .errors import WeightsError
from .release import load_into

if TYPE_CHECKING:
    import keras

TOLERANCE: dict[ExportPrecision, float | None] = {"f32": 1e-4, "f16": 5e-2, "int8": None}
"""Largest allowed difference between the outputs of a file and of Keras, relative to the largest output if that is
above one. In f16, the shipped classifier's evidence changes by 1.4e-2 and its probability by 0.003. For int8 the
agreement is only reported: the loss depends on the network and the pictures."""


@dataclass(frozen=True)
class Export:
    """One exported network.

    Parameters
    ----------
    card : Card
        The copied card in the same folder, which names the file.
    files : tuple of Path
        The network; two files for OpenVINO.
    agreement : Agreement
        Agreement with Keras.
    """

    card: Card
    files: tuple[Path, ...]
    agreement: Agreement

    @property
    def bytes(self) -> int:
        """Return the size of the network's files."""
        return sum(path.stat().st_size for path in self.files)


def export_network(
    card: Card,
    build: Build,
    folder: Path,
    form: ExportFormat,
    precision: ExportPrecision = "f32",
    pictures: Sequence[NDArray[np.float32]] = (),
    calibration: Sequence[NDArray[np.float32]] = (),
    *,
    own_layout: bool = True,
) -> Export:
    """Write a network in another format with its card, and check the file against Keras.

    If the check fails, nothing is written.

    Parameters
    ----------
    card : Card
        The card whose Keras weights are exported.
    build : callable
        Builds the card's network for one input size, or for any size if called with None.
    folder : Path
        Receives ``NAME.tflite``, ``.onnx``, ``.xml`` and ``.bin``, or ``.keras``, and ``NAME.json``.
    form : {"tflite", "onnx", "openvino", "keras"}
        TFLite files have a signature ``size_N`` for each input size of the network; the others take any size.
    precision : {"f32", "f16", "int8"}
        Precision of the weights; with int8, of everything between input and output. See `SUPPORTED`.
    pictures : sequence of ndarray of float32, shape (1, N, N, 1)
        Real inputs for the check, N one of `input_sizes`; by default, artificial ones.
    calibration : sequence of ndarray of float32, shape (1, N, N, 1)
        Other real inputs, of every size, that determine the scales of int8.
    own_layout : bool
        Whether `build` follows the channel order of `lungct.weights.layout`, so that ONNX can be channels-first.

    Raises
    ------
    ValueError
        If the format doesn't support the precision, int8 has no calibration, or `folder` is the card's own folder.
    WeightsError
        When the weights are missing or were modified, or the exported file's outputs differ from those of Keras.
    """
    require_supported(form, precision)
    if precision == "int8":
        _require_calibration(card, calibration)
    if folder.resolve() == card.folder.resolve():
        raise ValueError(f"{folder} contains the card to export; write into another folder")
    inputs = list(pictures) or [drawn_picture(size) for size in input_sizes(card)]
    model = build(None)
    load_into(model, card)
    expected = [_outputs(model, one) for one in inputs]
    with tempfile.TemporaryDirectory() as temporary:
        written = convert(
            model, build, Path(temporary) / card.name, form, precision, input_sizes(card), calibration, own_layout
        )
        found = run_exported(written[0], form, inputs, model)
        agreement = compare(card, expected, found)
        _refuse_beyond(TOLERANCE[precision], agreement, written[0].name)
        folder.mkdir(parents=True, exist_ok=True)
        files = tuple(Path(shutil.copy(path, folder)) for path in written)
    copy = _card_of(card, files, form, precision, agreement)
    copy.write()
    return Export(copy, files, agreement)


def require_supported(form: ExportFormat, precision: ExportPrecision) -> None:
    """Raise a ValueError that lists what is supported if this combination isn't."""
    if form not in SUPPORTED:
        raise ValueError(f"unknown format {form!r}; choose one of {', '.join(SUPPORTED)}")
    if precision not in SUPPORTED[form]:
        every = "; ".join(f"{name}: {', '.join(precisions)}" for name, precisions in SUPPORTED.items())
        raise ValueError(f"{form} has no {precision}. Supported are {every}")


def input_sizes(card: Card) -> tuple[int, ...]:
    """Return the input sizes that a network is used with: that of its only or close look, and of a coarse first one."""
    size = int(card.preprocessing["size"])
    return tuple(dict.fromkeys((size, int(card.decision.get("first_look_size", size)))))


def _require_calibration(card: Card, calibration: Sequence[NDArray[np.float32]]) -> None:
    missing = set(input_sizes(card)) - {picture.shape[1] for picture in calibration}
    if missing:
        raise ValueError(
            f"int8 needs pictures for calibration, and has none of size {', '.join(map(str, sorted(missing)))}. "
            "Give about a hundred slices with lungs from where the network will be used"
        )


def drawn_picture(size: int) -> NDArray[np.float32]:
    """Return an artificial input: smooth with a little noise, float32 (1, size, size, 1) in [0, 1]."""
    y, x = np.mgrid[:size, :size] / size
    noise = np.random.default_rng(0).random((size, size))
    picture = np.clip(0.5 + 0.5 * np.sin(9 * x) * np.cos(7 * y) + 0.1 * noise, 0, 1)
    return np.asarray(picture[None, ..., None], dtype=np.float32)


def _outputs(model: keras.Model, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    outputs = model(inputs, training=False)
    return [np.asarray(output) for output in (outputs if isinstance(outputs, list) else [outputs])]


def _refuse_beyond(tolerance: float | None, agreement: Agreement, name: str) -> None:
    if tolerance is not None and not agreement.difference <= tolerance:  # NaN is refused too
        raise WeightsError(
            f"{name} does not agree with Keras: outputs differ by {agreement.difference:.2g}, more than "
            f"{tolerance:g}. It was not kept. Try another precision, or the versions in setup.cfg's train extra"
        )


def _card_of(
    card: Card, files: tuple[Path, ...], form: ExportFormat, precision: ExportPrecision, agreement: Agreement
) -> Card:
    """Return the card of the exported file, with preprocessing, decision, and the result of the check."""
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    made: dict[str, Any] = {"format": form, "precision": precision, "files": sums, "agreement": agreement.to_dict()}
    return replace(
        card,
        file=files[0].name,
        sha256=sums[files[0].name],
        int8={},
        trust={},
        metrics={**card.metrics, "export": made},
        folder=files[0].parent,
    )
