"""Volumes: made ones that training is proved on, what they cost, and how slices become a study."""
