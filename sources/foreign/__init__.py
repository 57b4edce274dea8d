"""Take what other tools hand over: files in memory, their objects, and formats that are known but not read."""
