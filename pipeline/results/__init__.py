"""Prediction data, and its presentation: overlay, result sheet, masks, wording."""
