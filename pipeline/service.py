"""The service: the pipeline behind HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ..lungseg import find_lungs
from ..sources import Intensity, Scan
from ..weights import Card
from .pipeline import Pipeline
from .prediction import DISCLAIMER
from .service_answers import (
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
from .service_errors import ServiceFault, add_error_answers
from .service_models import ErrorAnswer, ModelsAnswer, PredictionAnswer, SegmentationAnswer, StatusAnswer
from .service_page import add_page
from .service_queue import Queue
from .service_security import TokenCheck, check_same_site
from .service_settings import ServiceSettings
from .service_trace import Metrics, Tracing, log
from .service_uploads import UploadFolder, read_upload, receive_upload

UPLOAD = {
    "requestBody": {
        "required": True,
        "description": "A picture (PNG, JPEG, TIFF), a DICOM file, a ZIP archive of one DICOM series, NIfTI, NRRD, MHA "
        "or NPY. What it is shows in its content; its name is not used.",
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
    403: "A page of another site asks.",
    406: "The header Accept names nothing that can be had.",
    408: "The sender stopped in the middle.",
    413: "The upload is too large.",
    415: "The body is no multipart form.",
    422: "The upload can't be read as a CT scan, or a parameter is wrong.",
    429: "All places are taken; Retry-After says when to try again.",
    503: "The service is starting or stopping, or has no room for the upload.",
    504: "It took too long.",
}
COMMON = {421: "The service goes by another name.", 500: "Something unforeseen."}
BINARY = {"schema": {"type": "string", "format": "binary"}}

SliceIndex = Annotated[
    int | None,
    Query(ge=0, le=1_000_000, description="Which slice a picture shows, from 0; a volume's overlay shows twelve."),
]
Meaning = Annotated[Intensity | None, Query(description="What the values mean; by default told from the file.")]
Shows = Annotated[
    What | None, Query(description="What a picture (default: overlay) or a volume (default: mask) shows.")
]


def _responses(answer: type, *others: str) -> dict[int | str, dict[str, Any]]:
    bodies = {name: {"schema": {"type": "object"}} if name == VIEW else BINARY for name in others}
    good: dict[str, Any] = {"model": answer, "content": bodies}
    return {200: good, **_failures(SAID)}


def _failures(said: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer, "description": words} for status, words in said.items()}


class Service:
    """What the requests of one service share.

    Parameters
    ----------
    pipe : Pipeline
        Opened for as many callers as there are workers.
    settings : ServiceSettings
    give_up : callable
        Called when the first prediction fails.
    """

    def __init__(self, pipe: Pipeline, settings: ServiceSettings, give_up: Callable[[], None]) -> None:
        self.pipe, self.settings, self.limits, self._give_up = pipe, settings, settings.limits, give_up
        self.queue = Queue(settings.workers, settings.waiting, settings.seconds, settings.held_bytes)
        self.metrics = Metrics(self.queue)
        self.folder: UploadFolder | None = None
        self.ready = False

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Be ready after a first prediction; at the end finish what runs and leave no upload behind."""
        self.folder = UploadFolder(self.settings.held_bytes)
        warm_up = asyncio.create_task(self._warm_up())
        try:
            yield
        finally:
            self.ready = False
            try:
                await warm_up
                await asyncio.to_thread(self.queue.close)
            finally:
                self.folder.remove()

    async def _warm_up(self) -> None:
        nothing = Scan(np.zeros((1, 512, 512), dtype=np.float32), "display")
        try:
            await asyncio.to_thread(self.pipe.predict, nothing)
        except Exception:  # noqa: BLE001 - nobody waits for this task, so nobody else would hear of it
            log.exception("the first prediction failed: nothing can be judged")
            self._give_up()
        else:
            self.ready = True

    async def answer(
        self, request: Request, work: Callable[[Scan, Path], Answer], intensity: Intensity | None
    ) -> Response:
        """Receive an upload, wait for a worker, and return what it makes of the scan.

        Parameters
        ----------
        request : Request
        work : callable
            From the scan and a private folder to the answer; called in a worker's thread.
        intensity : {"hu", "display"}, optional
        """
        check_same_site(request)
        if not self.ready or self.folder is None:
            raise ServiceFault(503, "the service is starting. Try again.", "not-ready", {"Retry-After": "1"})
        folder = self.folder
        async with self.queue.place() as place:
            upload = [await receive_upload(request, place, self.settings)]
            request.state.bytes = len(upload[0])
            self.metrics.uploaded.inc(len(upload[0]))

            def judge() -> Answer:
                with folder.holding(upload.pop()) as path:  # the upload need not stay in memory twice
                    scan = read_upload(path, self.limits, intensity, self.pipe.modality)
                    path.unlink()
                    request.state.format = str(scan.metadata.get("format", "array"))
                    return work(scan, path.parent)

            try:
                found = await place.run(judge, _disconnected(request))
            finally:
                upload.clear()  # a job that was left before it began stays in the queue for a while
        request.state.slices = found.slices
        self.metrics.slices.inc(found.slices)
        return Response(found.body, media_type=found.media_type, headers=dict(found.headers))


async def _disconnected(request: Request) -> None:
    """End when the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def create_app(pipe: Pipeline, settings: ServiceSettings, give_up: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the service as an ASGI app.

    Parameters
    ----------
    pipe : Pipeline
        ``Pipeline.from_pretrained(callers=settings.workers)``.
    settings : ServiceSettings
    give_up : callable
        Called when the first prediction fails: the service will never be ready. What runs the app should stop it.
    """
    service = Service(pipe, settings, give_up)
    app = FastAPI(
        title="lungct",
        version=version("lungct"),
        description=f"Finds the lungs in a chest CT and judges what is in them. {DISCLAIMER}",
        docs_url=None,  # these pages load scripts from elsewhere
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
        """Judge one scan.

        The header Accept chooses the answer: application/json, image/png, application/x-nifti (.nii.gz), text/html (a
        result sheet), or application/zip (JSON and arrays, which numpy.load reads).
        """
        media = negotiate(request.headers.get("accept"), (JSON, PNG, NIFTI, ZIP, HTML, VIEW))

        def work(scan: Scan, folder: Path) -> Answer:
            return prediction_answer(service.pipe.predict(scan), media, what, slice_index, folder)

        return await service.answer(request, work, intensity)

    @router.post(
        "/v1/segment", openapi_extra=UPLOAD, responses=_responses(SegmentationAnswer, PNG, NIFTI), response_model=None
    )
    async def segment(request: Request, intensity: Meaning = None, slice_index: SliceIndex = None) -> Response:
        """Find the lungs without judging them.

        The header Accept chooses the answer: application/json, image/png, or application/x-nifti (.nii.gz).
        """
        media = negotiate(request.headers.get("accept"), (JSON, PNG, NIFTI))

        def work(scan: Scan, folder: Path) -> Answer:
            scan, lungs = find_lungs(service.pipe.segmenter, scan)
            return segmentation_answer(scan, lungs, service.pipe.model["segmenter"], media, slice_index, folder)

        return await service.answer(request, work, intensity)

    @router.get("/v1/models", responses={401: {"model": ErrorAnswer, "description": SAID[401]}})
    async def models() -> ModelsAnswer:
        """Return which networks answer, and what is known of them."""
        pipe = service.pipe
        cards = {"segmenter": pipe.segmenter.card, "classifier": pipe.classifier.card}
        known = {stage: {**pipe.model[stage], **_of_card(card)} for stage, card in cards.items()}
        return ModelsAnswer.model_validate({"lungct": version("lungct"), "models": known, "disclaimer": DISCLAIMER})

    return router


def _of_card(card: Card) -> dict[str, Any]:
    figures = json.loads(json.dumps(card.metrics.get("validation", {}), default=str))
    return {"task": card.task, "licence": card.licence, "validation": figures}


def _state_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> StatusAnswer:
        """Say that the process runs."""
        return StatusAnswer(status="ok")

    @router.get("/readyz", responses={503: {"model": ErrorAnswer, "description": SAID[503]}})
    async def readyz() -> StatusAnswer:
        """Say whether the networks are loaded and have answered once."""
        if not service.ready:
            raise ServiceFault(503, "the service is starting. Try again.", "not-ready", {"Retry-After": "1"})
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
        """Return figures for Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
