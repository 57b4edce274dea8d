"""The pipeline inside other tools: plain functions, albumentations, MONAI, scikit-learn."""
