"""Train the lung segmenter, from a recipe to a card with metrics."""
