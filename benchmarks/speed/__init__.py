"""How fast everything is: the sections of run.py."""
