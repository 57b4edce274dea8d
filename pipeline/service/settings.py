"""Define the settings of a service, and its limits on uploads."""

from __future__ import annotations

from dataclasses import dataclass

from ...sources import Limits, SourceError
from ..settings import DEFAULTS, PipelineSettings

MEGABYTE = 1024 * 1024

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Host names of a service that listens on its own machine only."""


@dataclass(frozen=True)
class UploadLimits(Limits):
    """Limits on uploads: those of `Limits`, and the number of slices, because each takes time.

    Parameters
    ----------
    max_slices : int
        Most slices in a scan.
    detached : bool
        False, because an upload is one file and can't have a separate pixel file.
    """

    max_slices: int = 1000
    detached: bool = False

    @classmethod
    def of(cls, max_slices: int) -> UploadLimits:
        """Return limits for scans of `max_slices` slices of 512 x 512 pixels, and for archives with one such scan."""
        pixels = max_slices * 512 * 512
        return cls(
            max_scan_pixels=pixels,
            max_files=2 * max_slices + 100,
            max_member_bytes=min(cls.max_member_bytes, 4 * pixels),
            max_slices=max_slices,
        )

    @property
    def max_unpacked_bytes(self) -> int:
        """Most bytes that an archive may unpack to: twice the size of 16-bit slices."""
        return 4 * self.max_scan_pixels

    def check_shape(self, source: str, shape: tuple[int, ...]) -> None:
        """Refuse the same shapes as `Limits.check_shape`, and too many slices."""
        super().check_shape(source, shape)
        if len(shape) == 3 and shape[0] > self.max_slices:
            raise SourceError(
                source,
                f"holds {shape[0]} slices, over the limit of {self.max_slices}",
                "Send fewer slices (for example thicker ones), or have the limit raised (lungct serve --max-slices)",
            )


def check_token(token: str) -> None:
    """Refuse a token that can't be sent unchanged in a header.

    Raises
    ------
    ValueError
        For a token that is empty, is surrounded by blanks, or contains anything but printable ASCII.
    """
    if not token or token != token.strip() or not (token.isascii() and token.isprintable()):
        raise ValueError(
            "the token is empty, is surrounded by blanks, or contains anything but printable ASCII: "
            "give another one, or none if the service needs none"
        )


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of a service.

    Parameters
    ----------
    pipeline : PipelineSettings
        How scans are predicted. Its `intensity` is the default for requests.
    workers : int
        Requests processed in parallel.
    waiting : int
        Requests that may wait for a worker; further ones get status 429.
    seconds : float
        Time limit for one request in seconds, from headers to answer.
    max_upload : int
        Largest upload in MB.
    max_slices : int
        Most slices in a scan.
    max_connections : int
        Most open connections.
    token : str, optional
        Token that requests must send; without it, access is unrestricted.
    hosts : tuple of str
        Allowed names in the ``Host`` header; if empty, all. This prevents pages of other sites from reaching the
        service through a visitor's browser (DNS rebinding).

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
        """Check the token: one that can't be sent would lock out everybody, an empty one nobody."""
        if self.token is not None:
            check_token(self.token)

    @property
    def upload_bytes(self) -> int:
        """Largest upload in bytes."""
        return self.max_upload * MEGABYTE

    @property
    def held_bytes(self) -> int:
        """Most bytes of uploads in memory at once: the largest size for each worker, plus one."""
        return self.upload_bytes * (self.workers + 1)

    @property
    def limits(self) -> UploadLimits:
        """Sizes beyond which a scan is refused."""
        return UploadLimits.of(self.max_slices)
