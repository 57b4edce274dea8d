"""Who may ask, and what browsers are told about the answers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers

from .errors import ServiceFault

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content security policy: everything comes from the service itself, nothing from anywhere else."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer that has none of its own."""

bearer = HTTPBearer(auto_error=False, description="What the service was started with: lungct serve --token.")


class TokenCheck:
    """Refuses requests that don't bear a token, in the same time whatever they bear.

    Parameters
    ----------
    token : str
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def __call__(self, given: HTTPAuthorizationCredentials | None = Security(bearer)) -> None:  # noqa: B008
        """Refuse with 401."""
        said = given.credentials.encode() if given else b""
        if not hmac.compare_digest(said, self._token):
            raise ServiceFault(
                401,
                "this needs the service's token: Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )


def check_same_site(request: Request) -> None:
    """Refuse uploads that a page of another site makes its visitor's browser send.

    Raises
    ------
    ServiceFault
        403. Programs other than browsers send none of these headers.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign:
        raise ServiceFault(403, "pages of other sites may not ask. Open the service's own page.")


def host_is_known(headers: Headers, hosts: tuple[str, ...]) -> bool:
    """Tell whether a request came by one of the names that are answered."""
    if not hosts:
        return True
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname in hosts
    except ValueError:
        return False
