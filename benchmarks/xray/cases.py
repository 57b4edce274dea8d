"""Write a table of the X-rays of covid-xray with the case that each picture shows, for training and evaluation.

The patients are not stated, but can be inferred from the file names: one paper, one numbered case or one numbered study
is one case here, whatever the figure, the day or the view. Lateral views are left out.

Run: python -m benchmarks.xray.cases covid-xray xrays.csv
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from lungct.classify.data.dataset import read_folder
from lungct.common.text import write_csv

CASES = (
    r"(?:NORMAL2-)?IM-\d+",  # a study of the children's hospital
    r"\d+(?=_\d+_\d+$)",  # patient_study_picture
    r"covid-19-pneumonia-\d+",  # a numbered case of Radiopaedia
    r"covid-19-[a-z-]+?(?=-(?:l|pa|PA|\d+-day\d+-PA)$)",
    r"1-s2\.0-S\d+",  # a paper of Elsevier's
    r"(?:ryct|radiol|nCoV-radiol)\.\d+",
    r"nejm[a-z]*\d+",
    r"kjr-\d+-e\d+",
    r"1\.CXRCTThoraximagesofCOVID-19fromSingapore",
    r"(?:ciaa199|all14238|extubation|lancet|auntminnie|AR)(?=[-.])",
)
"""Prefixes of names that identify a picture's case; pictures with other names are separate cases."""

LATERAL = re.compile(r"-l$")
"""Names of Radiopaedia's lateral views."""


def case_of(name: str) -> str:
    """Return the case that a picture's name, without its suffix, belongs to."""
    return next((found[0] for pattern in CASES if (found := re.match(pattern, name))), name)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="covid-xray, with COVID/ and NonCOVID/")
    parser.add_argument("out", type=Path, help="the CSV")
    given = parser.parse_args()
    frontal = [item for item in read_folder(given.folder) if not LATERAL.search(item.path.stem)]
    cases = [case_of(item.path.stem) for item in frontal]
    rows = [
        {"path": item.path.resolve(), "label": item.label, "patient": case, "source": given.folder.name}
        for item, case in zip(frontal, cases, strict=True)
    ]
    write_csv(given.out, ["path", "label", "patient", "source"], rows)


if __name__ == "__main__":
    main()
