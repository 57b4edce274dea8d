"""The recognizer, which distinguishes X-rays from CT slices, and its training."""
