"""A segmenter measured against masks that people drew."""
