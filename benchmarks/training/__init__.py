"""What choices in training are worth."""
