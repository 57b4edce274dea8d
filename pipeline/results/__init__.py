"""A prediction as data, and turned into things to look at and keep: overlay, sheet, masks, words."""
