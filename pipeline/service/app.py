"""Build the service's ASGI app: the pipeline over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ...lungseg import find_lungs
from ...sources import Intensity, Scan
from ...sources.formats import KNOWN
from ...weights import Card
from ..pipeline import Pipeline
from ..results.wording import DISCLAIMER
from .answers import (
    HTML,
    JSON,
    NIFTI,
    PNG,
    VIEW,
    ZIP,
    Answer,
    What,
    negotiate,
    prediction_answer,
    segmentation_answer,
)
from .errors import add_error_answers
from .models import ErrorAnswer, ModelsAnswer, PredictionAnswer, SegmentationAnswer, StatusAnswer
from .page import add_page
from .security import TokenCheck
from .service import Service
from .settings import ServiceSettings
from .trace import Tracing

UPLOAD = {
    "requestBody": {
        "required": True,
        "description": f"One file ({KNOWN}), or a ZIP archive of one DICOM series. The format is recognised by "
        "content; the file name is not used.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                },
                "encoding": {"file": {"contentType": "application/octet-stream"}},
            }
        },
    }
}

SAID = {
    400: "The form is damaged or has no file.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site.",
    406: "The header Accept names no available format.",
    408: "The upload stopped halfway.",
    413: "The upload is too large.",
    415: "The body is not multipart/form-data.",
    422: "The upload can't be read as a CT scan, or a parameter is wrong.",
    429: "The service is busy; Retry-After says when to try again.",
    503: "The service is starting, stopping or stuck, or has no room for the upload.",
    504: "The request exceeded the time limit.",
}
COMMON = {421: "The header Host names an unknown host.", 500: "An unexpected error."}
BINARY = {"schema": {"type": "string", "format": "binary"}}

SliceIndex = Annotated[
    int | None,
    Query(
        ge=0,
        le=1_000_000,
        description="Slice that a picture shows, from 0; by default, a volume's overlay shows twelve.",
    ),
]
Meaning = Annotated[Intensity | None, Query(description="What the values mean; by default, decided from the file.")]
Shows = Annotated[
    What | None, Query(description="What a picture (default: overlay) or a volume (default: mask) shows.")
]


def _responses(answer: type, *others: str) -> dict[int | str, dict[str, Any]]:
    bodies = {name: {"schema": {"type": "object"}} if name == VIEW else BINARY for name in others}
    good: dict[str, Any] = {"model": answer, "content": bodies}
    return {200: good, **_failures(SAID)}


def _failures(said: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer, "description": words} for status, words in said.items()}


def create_app(pipe: Pipeline, settings: ServiceSettings, give_up: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the service as an ASGI app.

    Parameters
    ----------
    pipe : Pipeline
        ``settings.pipeline.open(callers=settings.workers)``.
    settings : ServiceSettings
    give_up : callable
        Called when the first prediction fails or too many workers are stuck, so that the service can't work any more.
        It should stop the server.
    """
    service = Service(pipe, settings, give_up)
    app = FastAPI(
        title="lungct",
        version=version("lungct"),
        description=f"Finds the lungs in a chest CT and estimates the probability of COVID-19. {DISCLAIMER}",
        docs_url=None,  # these pages load external scripts
        redoc_url=None,
        lifespan=service.lifespan,
        responses=_failures(COMMON),
    )
    guards = [Depends(TokenCheck(settings.token))] if settings.token else []
    app.include_router(_scan_routes(service), dependencies=guards)
    app.include_router(_state_routes(service))
    app.include_router(_metric_routes(service), dependencies=guards)
    add_page(app, pipe.modality)
    add_error_answers(app)
    app.add_middleware(Tracing, metrics=service.metrics, hosts=settings.hosts)
    return app


def _scan_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/v1/predict",
        openapi_extra=UPLOAD,
        responses=_responses(PredictionAnswer, PNG, NIFTI, ZIP, HTML, VIEW),
        response_model=None,
    )
    async def predict(
        request: Request, intensity: Meaning = None, what: Shows = None, slice_index: SliceIndex = None
    ) -> Response:
        """Predict one scan.

        The header Accept chooses the format: application/json, image/png, application/x-nifti (.nii.gz), text/html (a
        result sheet), or application/zip (JSON and arrays, readable with numpy.load).
        """
        media = negotiate(request.headers.get("accept"), (JSON, PNG, NIFTI, ZIP, HTML, VIEW))

        def work(scan: Scan, folder: Path) -> Answer:
            return prediction_answer(
                service.pipe.predict(scan, explain=service.settings.pipeline.explain), media, what, slice_index, folder
            )

        return await service.answer(request, work, intensity)

    @router.post(
        "/v1/segment", openapi_extra=UPLOAD, responses=_responses(SegmentationAnswer, PNG, NIFTI), response_model=None
    )
    async def segment(request: Request, intensity: Meaning = None, slice_index: SliceIndex = None) -> Response:
        """Find the lungs, without a prediction.

        The header Accept chooses the format: application/json, image/png, or application/x-nifti (.nii.gz).
        """
        media = negotiate(request.headers.get("accept"), (JSON, PNG, NIFTI))

        def work(scan: Scan, folder: Path) -> Answer:
            scan, lungs = find_lungs(service.pipe.segmenter, scan)
            return segmentation_answer(scan, lungs, service.pipe.provenance["segmenter"], media, slice_index, folder)

        return await service.answer(request, work, intensity)

    @router.get("/v1/models", responses={401: {"model": ErrorAnswer, "description": SAID[401]}})
    async def models() -> ModelsAnswer:
        """Return the networks in use, and what their cards say."""
        pipe = service.pipe
        cards = {"segmenter": pipe.segmenter.card, "classifier": pipe.classifier.card}
        known = {stage: {**pipe.provenance[stage], **_of_card(card)} for stage, card in cards.items()}
        return ModelsAnswer.model_validate({"lungct": version("lungct"), "models": known, "disclaimer": DISCLAIMER})

    return router


def _of_card(card: Card) -> dict[str, Any]:
    figures = json.loads(json.dumps(card.metrics.get("validation", {}), default=str))
    return {"task": card.task, "licence": card.licence, "validation": figures}


def _state_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> StatusAnswer:
        """Report that the process is running."""
        return StatusAnswer(status="stuck" if service.queue.pool.stuck else "ok")

    @router.get("/readyz", responses={503: {"model": ErrorAnswer, "description": SAID[503]}})
    async def readyz() -> StatusAnswer:
        """Report whether scans can be predicted: the networks have answered once, and few workers are stuck."""
        service.check_ready()
        return StatusAnswer(status="ready")

    return router


def _metric_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            401: {"model": ErrorAnswer, "description": SAID[401]},
        },
    )
    async def metrics() -> Response:
        """Return metrics for Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
