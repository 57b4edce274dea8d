"""CT or X-ray: the word that scans, cards and settings share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Modality = Literal["ct", "xray"]
"""What shows the chest: CT in axial slices, or a frontal X-ray."""

PICTURES: Mapping[Modality, str] = {"ct": "an axial chest CT slice", "xray": "a frontal chest X-ray"}
"""What networks of a modality look at, for the tasks in their cards."""
