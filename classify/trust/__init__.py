"""Measure how far to trust an answer: distance from the training data, interval, prediction set."""
