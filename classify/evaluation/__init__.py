"""Measure a classifier: metrics with intervals, curves, thresholds, subgroups, controls."""
