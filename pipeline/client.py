"""`lungct.pipeline.client`: the door to the client of a service elsewhere."""

from .service.client import Client, ServiceError

__all__ = ["Client", "ServiceError"]
