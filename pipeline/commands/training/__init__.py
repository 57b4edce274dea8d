"""``lungct train`` and ``lungct compare``: one file per command, and shared options."""
