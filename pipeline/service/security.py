"""Check tokens, origins and hosts, and define security headers."""

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
"""Content security policy: everything is loaded from the service itself."""

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
"""Default headers of every answer."""

bearer = HTTPBearer(auto_error=False, description="The token that the service was started with (lungct serve --token).")


class TokenCheck:
    """Refuse requests without the right token, comparing in constant time.

    Parameters
    ----------
    token : str
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def __call__(self, given: HTTPAuthorizationCredentials | None = Security(bearer)) -> None:  # noqa: B008
        """Refuse the request with 401 if the token is missing or wrong."""
        said = given.credentials.encode() if given else b""
        if not hmac.compare_digest(said, self._token):
            raise ServiceFault(
                401,
                "send the service's token in the header Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )


def check_same_site(request: Request) -> None:
    """Refuse uploads that a page of another site sends through its visitor's browser.

    Raises
    ------
    ServiceFault
        403 for such uploads. Programs other than browsers don't send these headers.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign:
        raise ServiceFault(403, "requests from pages of other sites are refused. Open the service's own page.")


def host_is_known(headers: Headers, hosts: tuple[str, ...]) -> bool:
    """Tell whether a request's Host header has one of the allowed names."""
    if not hosts:
        return True
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname in hosts
    except ValueError:
        return False
