"""The page of a report: findings first, then tables and curves, and in the end what made it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ...common.intervals import INTERVALS_IN_WORDS
from ...common.page import html_facts, html_page, html_table
from ..pipeline import Pipeline
from ..results.wording import DISCLAIMER, HEATMAP_IN_WORDS, OUTLINE_IN_WORDS
from ..settings import PipelineSettings
from .answers import (
    curves_section,
    refusal_section,
    shortcuts_section,
    subgroups_section,
    thresholds_section,
    transfer_section,
)
from .data import cohort_section, failures_section, leaks_section
from .pictures import choose, figure_of
from .rows import Answers, Row

STYLE = """
.leak,.doubt,.good{margin:.4rem 0;padding:.3rem .8rem;border-left:.3rem solid #c62828}
.leak{background:#c6282822}.doubt{border-color:#b8860b;background:#b8860b22}.good{border-color:#2e7d32}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem}td{font-size:.9rem}.scroll{margin:.6rem 0}
@media print{nav{display:none}.scroll table{font-size:7pt}td,th{font-size:7pt;padding:.2mm 1mm}
figure{width:56mm;margin:1mm}figure.wide{width:84mm}.leak,.doubt,.good{break-inside:avoid}}
"""

FIGURES_IN_WORDS = {"n": "inputs", "covid": "of them COVID", "auc": "AUC", "f1": "F1", "brier": "Brier score"}

KINDS_IN_WORDS = {"leak": "Leak", "doubt": "Doubt", "good": "Checked"}


def report_page(report: Mapping[str, Any], rows: Sequence[Row], pipe: Pipeline, settings: PipelineSettings) -> str:
    """Return the page of a report as HTML that needs no other file.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds.
    rows : sequence of Row
        Measured inputs.
    pipe : Pipeline
        That judged them; draws the examples.
    settings : PipelineSettings
        That it was opened with.
    """
    threshold = report["threshold"]
    answers = Answers([row for row in rows if row.is_answered])
    sections: dict[str, Iterable[str]] = {
        "Findings": _findings(report),
        "Figures": _figures(report),
        "Cohort": cohort_section(report["cohort"]),
        "Leaks": leaks_section(report["leaks"]),
        "Failures": failures_section(report["failures"]),
        "Curves": curves_section(answers, threshold),
        "Thresholds": thresholds_section(report["thresholds"]),
        "Other sources": transfer_section(report["leave_one_source_out"]),
        "Subgroups": subgroups_section(report),
        "Shortcuts": shortcuts_section(report),
        "Refusal": refusal_section(report, rows, threshold),
        "Examples": _examples(rows, pipe, settings),
        "Provenance": _provenance(report["provenance"]),
        "CLAIM": _claim(report),
    }
    links = "".join(f'<a href="#{_anchor(name)}">{name}</a>' for name in sections)
    parts = [f"<p class=note>{DISCLAIMER}</p><nav>{links}</nav>"]
    for name, content in sections.items():
        parts += [f'<h2 id="{_anchor(name)}">{name}</h2>', *content]
    return html_page(f"Report on {report['title']}", parts, STYLE)


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _findings(report: Mapping[str, Any]) -> Iterator[str]:
    yield "<p>Read these before any figure.</p>"
    for finding in report["findings"]:
        kind = finding["kind"]
        yield f"<p class={kind}><b>{KINDS_IN_WORDS[kind]}.</b> {escape(finding['text'])}</p>"


def _figures(report: Mapping[str, Any]) -> Iterator[str]:
    parts = ", ".join(report["provenance"]["measured_parts"])
    yield (
        f"<p>Measured: {escape(parts)}. {INTERVALS_IN_WORDS} Threshold {report['threshold']:.3f}, the network's own. "
        "Precision, accuracy and average precision hold for the share of COVID in these data alone.</p>"
    )
    sets = report["discrimination"]
    names = next(iter(sets.values()))
    yield html_table(
        [
            {
                "": FIGURES_IN_WORDS.get(name, name.replace("_", " ")),
                **{title: own[name] for title, own in sets.items()},
            }
            for name in names
        ]
    )


def _examples(rows: Sequence[Row], pipe: Pipeline, settings: PipelineSettings) -> Iterator[str]:
    yield f"<p>{OUTLINE_IN_WORDS} {HEATMAP_IN_WORDS} Of volumes the slice with the most lung.</p>"
    for title, chosen in choose(rows).items():
        yield f"<h3>{title}</h3>" + ("".join(figure_of(row, pipe, settings) for row in chosen) or "<p>None.</p>")


def _provenance(found: Mapping[str, Any]) -> Iterator[str]:
    facts: dict[str, str] = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            facts[name.replace("_", " ")] = ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
        else:
            facts[name.replace("_", " ")] = _plain(value)
    yield html_facts(facts)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _claim(report: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "<p>Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et al., Radiology: "
        "Artificial Intelligence 2024, doi 10.1148/ryai.240300), items in our words.</p>"
    )
    said = "what this report says"
    yield html_table(
        [{"item": f"{row['no']}. {row['section']}: {row['item']}", said: row[said]} for row in report["claim"]]
    )
