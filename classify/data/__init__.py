"""Labelled pictures: found on disk, split by patient, checked for leaks, cut to regions of interest."""
