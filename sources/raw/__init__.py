"""Volumes whose header is text and whose pixels follow it plainly or packed: what MetaImage and NRRD share."""
