"""What a service is started with, and what it refuses for being too large."""

from __future__ import annotations

from dataclasses import dataclass

from ...sources import Limits, SourceError
from ..settings import DEFAULTS, PipelineSettings

MEGABYTE = 1024 * 1024

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names under which a service is reached that is bound to its own machine."""


@dataclass(frozen=True)
class UploadLimits(Limits):
    """Limits on uploads: as `Limits`, and on the number of slices, each of which costs time.

    Parameters
    ----------
    max_slices : int
    detached : bool
        An upload is one file: its pixels are nowhere else.
    """

    max_slices: int = 1000
    detached: bool = False

    @classmethod
    def of(cls, max_slices: int) -> UploadLimits:
        """Return limits for scans of so many slices of 512 x 512 pixels, and for archives that hold one."""
        pixels = max_slices * 512 * 512
        return cls(
            max_scan_pixels=pixels,
            max_files=2 * max_slices + 100,
            max_member_bytes=min(cls.max_member_bytes, 4 * pixels),
            max_slices=max_slices,
        )

    @property
    def max_unpacked_bytes(self) -> int:
        """Most bytes that an archive may unpack to: twice what 16-bit slices take."""
        return 4 * self.max_scan_pixels

    def check_shape(self, source: str, shape: tuple[int, ...]) -> None:
        """Refuse as `Limits.check_shape`, and more slices than allowed."""
        super().check_shape(source, shape)
        if len(shape) == 3 and shape[0] > self.max_slices:
            raise SourceError(
                source,
                f"holds {shape[0]} slices, over the limit of {self.max_slices}",
                "Send fewer slices, thicker ones say, or have the limit raised (lungct serve --max-slices)",
            )


def check_token(token: str) -> None:
    """Refuse a token that a header can't carry as it is.

    Raises
    ------
    ValueError
        For one that is empty, has blanks around it, or holds other characters than printable ASCII.
    """
    if not token or token != token.strip() or not (token.isascii() and token.isprintable()):
        raise ValueError(
            "the token is empty, has blanks around it, or holds more than printable ASCII: "
            "give another, or none where the service needs none"
        )


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of a service.

    Parameters
    ----------
    pipeline : PipelineSettings
        How scans are judged. Its `intensity` holds where a request says none.
    workers : int
        Requests judged side by side.
    waiting : int
        Requests that may wait for a worker; what comes beyond gets 429.
    seconds : float
        Longest time for one request, s, from its headers to its answer.
    max_upload : int
        Largest upload, MB.
    max_slices : int
        Most slices of a scan.
    max_connections : int
        Most connections that are open.
    token : str, optional
        What requests must bear; anybody may ask without.
    hosts : tuple of str
        Names in the ``Host`` header that are answered; all without any. A page elsewhere can then not make a browser
        believe that the service is its own (DNS rebinding).

    Raises
    ------
    ValueError
        For a token that `check_token` refuses.
    """

    pipeline: PipelineSettings = DEFAULTS
    workers: int = 2
    waiting: int = 24
    seconds: float = 120.0
    max_upload: int = 512
    max_slices: int = 1000
    max_connections: int = 1000
    token: str | None = None
    hosts: tuple[str, ...] = LOOPBACK

    def __post_init__(self) -> None:
        """Check the token: one that nobody can send would lock everybody out, an empty one nobody."""
        if self.token is not None:
            check_token(self.token)

    @property
    def upload_bytes(self) -> int:
        """Largest upload, bytes."""
        return self.max_upload * MEGABYTE

    @property
    def held_bytes(self) -> int:
        """Most bytes of uploads in memory at once: one of the largest for each worker, and one more."""
        return self.upload_bytes * (self.workers + 1)

    @property
    def limits(self) -> UploadLimits:
        """Sizes beyond which a scan is refused."""
        return UploadLimits.of(self.max_slices)
