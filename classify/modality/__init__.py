"""The recognizer, which tells X-rays from CT slices, and its training."""
