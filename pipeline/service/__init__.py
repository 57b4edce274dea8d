"""The pipeline behind HTTP: the service, its page, and its Python client."""
