"""Volumes judged as a whole by a 3-D CNN of your own: network, input, training."""
