"""What every room uses and belongs to none: work side by side, intervals over patients, pages."""
