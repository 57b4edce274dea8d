"""The one exception that reading a source may raise."""

from __future__ import annotations


class SourceError(ValueError):
    """An input that can't be read as a CT scan.

    Parameters
    ----------
    source : str
        The input: a path, or a description such as ``array (3, 4) float64``.
    problem : str
        What is wrong with it.
    remedy : str
        What the user can do about it.
    """

    def __init__(self, source: str, problem: str, remedy: str) -> None:
        super().__init__(source, problem, remedy)
        self.source = source
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}. {self.remedy}."
