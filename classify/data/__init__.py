"""Find labelled pictures on disk, split them by patient, check for leaks, and cut regions of interest."""
