"""Scripts that measure lungct, each run from the repository root: python -m benchmarks.FOLDER.NAME."""
