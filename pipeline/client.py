"""`lungct.pipeline.client`: re-exports the client for a running service."""

from .service.client import Client, ServiceError

__all__ = ["Client", "ServiceError"]
