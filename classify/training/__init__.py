"""Train the classifier, from a recipe to a card with metrics."""
