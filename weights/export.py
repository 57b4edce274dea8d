"""Networks for other programs and small machines: a file in their format, its card, and a check that it agrees."""

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
"""Largest difference between the outputs of a file and of Keras, as a share of the largest output, where that is above
one. The shipped classifier's evidence moves by 1.4e-2 in f16, its probability by 0.003. Of int8 the agreement is
reported and nothing refused: what it costs depends on the network and the pictures."""


@dataclass(frozen=True)
class Export:
    """One exported network.

    Parameters
    ----------
    card : Card
        The copy beside the file, which names it.
    files : tuple of Path
        The network; OpenVINO's is two files.
    agreement : Agreement
        With Keras.
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
    """Write a network in another format, its card beside it, and check the file against Keras.

    Nothing is written when the check fails.

    Parameters
    ----------
    card : Card
        Whose Keras weights are exported.
    build : callable
        Builds the card's network for a size of input, or with None for any.
    folder : Path
        Gets ``NAME.tflite``, ``.onnx``, ``.xml`` and ``.bin``, or ``.keras``, and ``NAME.json``.
    form : {"tflite", "onnx", "openvino", "keras"}
        TFLite gets a signature ``size_N`` for each size the network looks at; the others take any size.
    precision : {"f32", "f16", "int8"}
        Of the weights; with int8 of everything between input and output. See `SUPPORTED`.
    pictures : sequence of ndarray of float32, shape (1, N, N, 1)
        Inputs as the network meets them, N one of `input_sizes`: the check looks at them. Drawn ones without.
    calibration : sequence of ndarray of float32, shape (1, N, N, 1)
        Other such inputs, of every size, on which int8 finds its scales.
    own_layout : bool
        Whether `build` puts channels where `lungct.weights.layout` says, so that ONNX can have them first.

    Raises
    ------
    ValueError
        For a format without this precision, for int8 without calibration, and for the card's own folder.
    WeightsError
        When the weights are missing or changed, or the exported file gives other answers than Keras.
    """
    require_supported(form, precision)
    if precision == "int8":
        _require_calibration(card, calibration)
    if folder.resolve() == card.folder.resolve():
        raise ValueError(f"{folder} holds the card that is exported; write into another folder")
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
    """Raise a ValueError that names what is supported, where this isn't."""
    if form not in SUPPORTED:
        raise ValueError(f"unknown format {form!r}; choose one of {', '.join(SUPPORTED)}")
    if precision not in SUPPORTED[form]:
        every = "; ".join(f"{name}: {', '.join(precisions)}" for name, precisions in SUPPORTED.items())
        raise ValueError(f"{form} has no {precision}. Supported are {every}")


def input_sizes(card: Card) -> tuple[int, ...]:
    """Return the sides of the inputs a network is used with: of its only or close look, and of a coarser first one."""
    size = int(card.preprocessing["size"])
    return tuple(dict.fromkeys((size, int(card.decision.get("first_look_size", size)))))


def _require_calibration(card: Card, calibration: Sequence[NDArray[np.float32]]) -> None:
    missing = set(input_sizes(card)) - {picture.shape[1] for picture in calibration}
    if missing:
        raise ValueError(
            f"int8 needs pictures to find its scales, and has none of size {', '.join(map(str, sorted(missing)))}. "
            "Give slices with lungs, a hundred or so from where it will be used"
        )


def drawn_picture(size: int) -> NDArray[np.float32]:
    """Return an input that needs no data: smooth, with a little noise, float32 (1, size, size, 1) in [0, 1]."""
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
            f"{name} does not give what Keras gives: outputs differ by {agreement.difference:.2g}, beyond "
            f"{tolerance:g}. It was not kept. Try another precision, or the versions in setup.cfg's train extra"
        )


def _card_of(
    card: Card, files: tuple[Path, ...], form: ExportFormat, precision: ExportPrecision, agreement: Agreement
) -> Card:
    """Return the card of the exported file: preprocessing and decision travel with it, and how it was checked."""
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
