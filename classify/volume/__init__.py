"""Classify whole volumes with a 3-D CNN that you train: network, input, training."""
