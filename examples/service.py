"""Ask a service from Python. Start one first with lungct serve.

Run: python examples/service.py http://127.0.0.1:8000 examples/slices/*.png
"""

import os
import sys

from lungct.pipeline.client import Client, ServiceError
from lungct.sources import SourceError

client = Client(sys.argv[1], token=os.environ.get("LUNGCT_TOKEN"))
for path in sys.argv[2:]:
    try:
        prediction = client.predict(path)
    except (ServiceError, SourceError) as error:
        print(f"skipped       {error}")
        continue
    print(f"{prediction.label:13} {prediction.source} {prediction.warnings}")
    print(f"wrote         {', '.join(map(str, prediction.save('results')))}")
