"""How far answers can be trusted: refusal, intervals, heatmaps."""
