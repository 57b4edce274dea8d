"""Read DICOM headers, slices, series and X-rays, and write masks as DICOM SEG."""
