"""What every benchmark uses: timing, tables, the machine."""
