"""Volumes: synthetic ones that show that training works, their cost, and how slices are aggregated to a study."""
