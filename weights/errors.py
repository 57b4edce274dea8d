"""Define the error for networks that can't be used."""

from __future__ import annotations


class WeightsError(RuntimeError):
    """A card or network is missing, modified, cut off or can't be opened; the message says what to do."""
