# The service with its networks, on the processor: docker build -t lungct . (docs/service.md says how to run it)
FROM python:3.12-slim AS build
COPY . /source
RUN python -m venv /lungct && /lungct/bin/pip install --no-cache-dir '/source[serve]'

FROM python:3.12-slim
RUN useradd --system --no-create-home lungct
COPY --from=build /lungct /lungct
USER lungct
ENV PATH=/lungct/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=30s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["lungct", "serve", "--host", "0.0.0.0"]
