"""Draw how well a map of infection agrees with drawn infection: a plot of the shares, and outlines in slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ....common.plots import new_figure
from .figures import agreement
from .measure import Measured, Pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN, FOUND = "#e69f00", "#56b4e9"
"""Colours of the outlines, which colour-blind readers can tell apart (Okabe and Ito 2008)."""

MARGIN = 8
"""Pixels shown around the lungs."""


def draw_agreement(true: NDArray[np.float64], found: NDArray[np.float64], title: str) -> Figure:
    """Plot the difference of two shares against their mean, with the limits of agreement (Bland and Altman 1986).

    Parameters
    ----------
    true, found : ndarray of float64, shape (n,)
        Infected share of the lungs in each slice, 0 to 1.
    title : str
    """
    figure: Figure = new_figure(7, 4.6)
    axis: Axes = figure.subplots()
    points = 100 * (found - true)
    axis.scatter(50 * (true + found), points, s=12, alpha=0.5, linewidths=0)
    names = ("bias", "lower 95 % limit of agreement", "upper 95 % limit of agreement")
    for name, value, style in zip(names, agreement(points), ("-", ":", "--"), strict=True):
        if np.isfinite(value):
            axis.axhline(
                value, color="black", linestyle=style, linewidth=1, label=f"{name}: {round(value, 1) + 0.0:+.1f}"
            )
    axis.set(
        title=f"{title}: infected share of the lungs, {points.size} slices",
        xlabel="mean of drawn and found share (% of the lungs)",
        ylabel="found minus drawn (percentage points)",
    )
    axis.grid(alpha=0.3)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize="small")
    return figure


def draw_outlines(one: Measured) -> Figure:
    """Draw a slice around its lungs, with the drawn and the found infection outlined, and a legend."""
    from matplotlib.lines import Line2D

    box = _box(one.lungs | one.drawn)
    rows, columns = one.grey[box].shape
    width = 4.2
    figure: Figure = new_figure(width, width * rows / columns + 0.4)
    axis: Axes = figure.subplots()
    axis.imshow(one.grey[box], cmap="gray", vmin=0, vmax=1)
    lines = (("drawn by a person", DRAWN, one.drawn, 2.4), ("found", FOUND, one.found, 1.1))
    for _, colour, mask, thickness in lines:
        if mask.any():
            axis.contour(np.pad(mask[box], 1), (0.5,), colors=colour, linewidths=thickness, origin=None,
                         extent=(-1, columns, -1, rows))  # fmt: skip
    axis.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axis.set_axis_off()
    handles = [Line2D([], [], color=colour, linewidth=thickness, label=name) for name, colour, _, thickness in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=14, frameon=False)
    return figure


def _box(mask: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns around a mask with a margin; the whole slice if it is empty."""
    if not mask.any():
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    ends = [np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    down, across = (slice(max(0, int(first) - MARGIN), int(last) + MARGIN + 1) for first, last in ends)
    return down, across
