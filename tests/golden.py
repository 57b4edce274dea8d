"""The shipped networks' answers for the examples, stored so that a change is noticed.

Run: python -m tests.golden   (if weights were changed on purpose: rewrites tests/golden.json)
"""

from __future__ import annotations

import json
from pathlib import Path

from lungct import Pipeline

from .conftest import ROOT

KEPT = Path(__file__).with_name("golden.json")

EXAMPLES = [*sorted((ROOT / "examples" / "slices").iterdir()), ROOT / "examples" / "series"]


def rows(pipe: Pipeline) -> dict[str, dict[str, object]]:
    """Return label, probability, lung pixels, infected share and warnings of each example, by its name."""
    found = {}
    for path in EXAMPLES:
        prediction = pipe.predict(path)
        found[path.name] = {
            "label": prediction.label,
            "probability": None if prediction.probability is None else round(prediction.probability, 4),
            "lung_pixels": int(prediction.lung_mask.sum()),
            "infected_fraction": None if (share := prediction.infected_fraction) is None else round(share, 4),
            "warnings": list(prediction.warnings),
        }
    return found


if __name__ == "__main__":
    KEPT.write_text(json.dumps(rows(Pipeline.from_pretrained()), indent=1) + "\n", encoding="utf-8")
