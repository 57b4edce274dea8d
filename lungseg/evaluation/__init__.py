"""Measure a segmenter against masks drawn by people."""
