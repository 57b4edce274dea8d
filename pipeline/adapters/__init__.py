"""Use the pipeline in other tools: plain functions, albumentations, MONAI, scikit-learn."""
