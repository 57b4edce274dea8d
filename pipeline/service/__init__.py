"""The pipeline as an HTTP service, with its web page and a Python client."""
