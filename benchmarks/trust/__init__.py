"""How far answers are to be trusted: what is refused, intervals, heatmaps."""
