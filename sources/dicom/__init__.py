"""DICOM: headers, slices, series, X-rays, decoding, and masks written back as SEG."""
