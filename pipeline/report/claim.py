"""Fill in the CLAIM checklist as far as this program can.

Checklist for Artificial Intelligence in Medical Imaging, 2024 update: Tejani, Klontzas, Gatti et al., Radiology:
Artificial Intelligence 2024; 6(4):e240300. The 44 items are in our own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...common.page import figure_in_words

AUTHORS = "for the authors"
"""Entry for what the program can't know."""

TRAINING = {"segmenter": "training-lungseg.md", "classifier": "training-classify.md"}
"""Documents on how the shipped networks were trained."""

EXPLAINED = {
    "lesions": "Map of infection over the outlined lungs, shown for examples. How well it agrees with infections "
    "outlined by hand",
    "cam": "Class activation map over the outlined lungs, shown for examples. It does not show where disease is",
    "occlusion": "Change of the answer when parts of the lungs are hidden, shown for examples. It only roughly shows "
    "where disease is",
}
"""How answers are explained, by kind of heatmap; see `lungct.classify.Explain`."""

ITEMS: tuple[tuple[str, str], ...] = (
    ("Title, abstract", "The title says that this is a study of AI, and of what kind"),
    ("Title, abstract", "A summary of design, methods, results and conclusions"),
    ("Introduction", "Background, and intended use of the AI"),
    ("Introduction", "Aims and hypotheses"),
    ("Study design", "Prospective or retrospective"),
    ("Study design", "Purpose of the study: to develop a model, to test one, or to compare"),
    ("Data", "Where the data come from"),
    ("Data", "Who was included and excluded, and why"),
    ("Data", "How images were prepared"),
    ("Data", "How parts of images or of data sets were selected"),
    ("Data", "How identities were removed"),
    ("Data", "What was done about missing data"),
    ("Data", "How images were acquired"),
    ("Reference standard", "How the reference standard was established"),
    ("Reference standard", "Why this reference standard was chosen"),
    ("Reference standard", "Who annotated, and their experience"),
    ("Reference standard", "How the test set was annotated"),
    ("Reference standard", "Agreement between annotators, and of each with themselves"),
    ("Partitions", "How data were assigned to training, tuning and test"),
    ("Partitions", "Level at which the parts are separated: image, study, patient, hospital"),
    ("Test data", "Sample size, and how it was determined"),
    ("Model", "The model in full: inputs, layers, outputs"),
    ("Model", "Software, with versions"),
    ("Model", "How the weights were initialised"),
    ("Training", "How it was trained: augmentation, settings, number of models"),
    ("Training", "How the final model was chosen"),
    ("Training", "How models were combined, if several"),
    ("Evaluation", "Measures of performance"),
    ("Evaluation", "Measures of uncertainty and significance"),
    ("Evaluation", "Robustness: sensitivity analyses"),
    ("Evaluation", "How answers are explained"),
    ("Evaluation", "Tests on internal data"),
    ("Evaluation", "Tests on external data"),
    ("Evaluation", "Registration of a clinical trial"),
    ("Results", "How many were included and excluded, as a flow diagram"),
    ("Results", "Characteristics of the patients in each part: age, sex, disease"),
    ("Results", "Performance with its uncertainty, for each part"),
    ("Results", "Diagnostic accuracy with confidence intervals"),
    ("Results", "Where and why it fails"),
    ("Discussion", "Limits of the study: bias, uncertainty, generalisation"),
    ("Discussion", "What it means for practice"),
    ("Other", "Where the full protocol and technical details are"),
    ("Other", "Availability of software, model and data"),
    ("Other", "Funding, and the role of the funders"),
)
"""Section and item, in the checklist's order."""


def fill_claim(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the checklist as rows: number, section, item, and what the report says about it or `AUTHORS`."""
    said = _said(report)
    return [
        {"no": str(number), "section": section, "item": item, "what this report says": said.get(number, AUTHORS)}
        for number, (section, item) in enumerate(ITEMS, 1)
    ]


def _said(report: Mapping[str, Any]) -> dict[int, str]:
    """Return what is known about each item, by number."""
    main, failures = report["discrimination"]["answered"], report["failures"]
    leaks, provenance = report["leaks"], report["provenance"]
    sources = ", ".join(sorted({row["source"] for row in report["cohort"]["groups"]}))
    network, segmenter = provenance["classifier"], provenance["segmenter"]
    shared = f"{len(leaks['shared_patients'])} patients, {len(leaks['shared_papers'])} papers, "
    shared += f"{len(leaks['shared_dicom'])} patients or series by DICOM headers and "
    shared += f"{len(leaks['across_parts'])} pairs of near-duplicate pictures are in several parts"
    compared = leaks["compared"]
    known = (
        f"patients are known for {sum(compared['with_patient_by_part'].values())}, pictures for {compared['with_hash']}"
    )
    tags = [name for name in report["cohort"]["measured"] if name.endswith("(DICOM)")]
    training = ". ".join(
        f"{stage.capitalize()}: {f'docs/{page} of lungct' if stage in provenance['shipped'] else AUTHORS}"
        for stage, page in TRAINING.items()
    )
    auc = figure_in_words(main["auc"]) or "unknown, because one class is missing"
    return {
        1: "A deep network that classifies chest CT as COVID-19 or not",
        6: "Test of a trained network on labelled data; nothing was trained",
        7: f"Data sets as given: {sources}. Their origin: {AUTHORS}",
        8: f"Of {failures['inputs']} inputs in the measured parts, {failures['answered']} are in the results; the "
        f"others are listed under failures with the reason. Criteria of the data sets: {AUTHORS}",
        9: "Lungs segmented, everything else masked out, cropped and resized; settings in the networks' cards",
        10: f"Parts measured: {', '.join(provenance['measured_parts'])}",
        12: f"{failures['unreadable']} inputs could not be read and are listed; unknown values form a group",
        13: f"From DICOM tags: {', '.join(tags)}. The rest: {AUTHORS}" if tags else AUTHORS,
        19: f"Taken from the given folders or table. How they were made: {AUTHORS}",
        20: f"Checked here: {shared}; {known} of {compared['inputs']} inputs",
        22: f"{segmenter['name']} {segmenter['version']} and {network['name']} {network['version']}, with checksums",
        23: ", ".join(f"{name} {number}" for name, number in provenance["versions"].items()),
        24: training,
        25: training,
        26: "By validation metrics, see the networks' cards",
        28: "AUC, average precision, sensitivity, specificity, predictive values, Brier score, calibration error",
        29: "95 % bootstrap intervals over patients, Clopper-Pearson for shares of 0 or 1. No significance tests",
        30: "Lungs erased, lung mask alone, trivial features, leave-one-source-out, subgroups",
        31: f"{EXPLAINED.get(explain := provenance['settings']['explain'], explain)}: docs/explanations.md of lungct",
        32: f"Validation metrics are in the network's card. Trained on: {', '.join(provenance['trained_on'])}",
        33: f"This report, if none of its pictures were used for training, which is {AUTHORS} to say",
        35: f"{failures['inputs']} inputs, {failures['answered']} answered, {failures['unreadable']} unreadable, "
        f"{failures['without_lung']} without lung, {failures['refused']} refused",
        36: f"In the tables of cohort and subgroups, as far as known from tables and tags. The rest: {AUTHORS}",
        37: f"AUC {auc}; {main['n']} inputs of {main['patients']} patients, measured parts only",
        38: "Sensitivity, specificity and predictive values at several thresholds and prevalences, with intervals",
        39: f"Worst answers, refused and failed inputs are shown. Their interpretation: {AUTHORS}",
        42: "docs/ of lungct; command, settings and checksum of the data are above under provenance",
        43: f"Software: Apache-2.0. Weights: {network['licence']}. Data: {AUTHORS}",
    }  # fmt: skip
