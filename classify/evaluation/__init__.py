"""A classifier measured: figures with intervals, curves, thresholds, subgroups, controls."""
