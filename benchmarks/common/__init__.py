"""What all benchmarks use: timing, tables, the machine."""
