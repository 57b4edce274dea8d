"""The effect of choices in training."""
