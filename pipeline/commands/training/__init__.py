"""``lungct train`` and ``lungct compare``: a file a command, and the options they share."""
