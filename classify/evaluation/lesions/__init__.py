"""Measure a classifier's map of infection against infection drawn by people."""
