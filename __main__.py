"""``python -m lungct``: the command line."""

from .pipeline.commands.cli import app

if __name__ == "__main__":
    app(prog_name="lungct")
