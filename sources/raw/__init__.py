"""Read volumes with a text header and raw or compressed pixels: the common part of MetaImage and NRRD."""
