"""Find slices with lung masks on disk, split them by patient, and make them look like users' pictures."""
