"""Slices with drawn lungs: found on disk, split by patient, shown as users' pictures show them."""
