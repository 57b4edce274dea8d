"""Define the modality, CT or X-ray, as used by scans, cards and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Modality = Literal["ct", "xray"]
"""Modality of a chest image: CT in axial slices, or a frontal X-ray."""

PICTURES: Mapping[Modality, str] = {"ct": "an axial chest CT slice", "xray": "a frontal chest X-ray"}
"""The pictures of each modality, in words, for the task in a card."""
