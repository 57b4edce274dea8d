"""What can be wrong with a network on disk."""

from __future__ import annotations


class WeightsError(RuntimeError):
    """A card or network that is missing, changed, cut off or can't be opened; the message says what to do."""
