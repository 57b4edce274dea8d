"""Training of the classifier, from a recipe to a card with figures."""
