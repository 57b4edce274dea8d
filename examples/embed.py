"""Embed lungct in another program: triage a folder and keep what needs a second look.

Run: python examples/embed.py examples/slices
"""

import sys
from pathlib import Path

from lungct import Pipeline

pipe = Pipeline.from_pretrained()
for prediction in pipe.stream(sorted(Path(sys.argv[1]).iterdir())):
    if prediction.error:
        print(f"skipped   {prediction.error}")
    elif prediction.label == "indeterminate":
        print(f"look at   {prediction.source} ({', '.join(prediction.warnings)})")
    else:
        print(f"{prediction.label:9} {prediction.source} p={prediction.probability:.2f}")
