"""The studio's application: a page, the models it runs, and headers that let nothing in or out.

No route takes a picture or a number: everything is computed in the page. The headers say so to the browser, too:
scripts, workers and connections only from here; and they make the page cross-origin isolated, which threads in
WebAssembly need.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from nasion.core import ModelError
from nasion.models import catalogue, find_model
from nasion.serve.assets import Asset, read_assets

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "img-src 'self' blob: data:",  # the user's own pictures
            "media-src 'self' blob: mediastream:",  # and clips, and the camera
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), fullscreen=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # ask with the tag: a new nasion shows at once
}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def create_app(assets: Mapping[str, Asset] | None = None, hosts: tuple[str, ...] | None = LOOPBACK) -> FastAPI:
    """The application.

    Args:
        assets: the built page by address; the packaged one when left out.
        hosts: names the page may be asked for by; others are refused, so that no other site's page can reach this one
            by a name of its own. None lets all through.
    """
    files = dict(read_assets() if assets is None else assets)
    app = FastAPI(title="nasion studio", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        answer: Response
        if hosts is not None and _host_of(request) not in hosts:
            answer = PlainTextResponse(
                f"this studio answers to {', '.join(hosts)} only; start it with --host to open it to the network\n", 421
            )
        else:
            answer = await follow(request)
        answer.headers.update({name: value for name, value in HEADERS.items() if name not in answer.headers})
        return answer

    @app.exception_handler(AnyHTTPException)
    async def explain(_: Request, error: AnyHTTPException) -> Response:
        return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)

    @app.api_route("/models/{name}.onnx", methods=["GET", "HEAD"])
    def model(name: str, request: Request) -> Response:
        """The weights called ``name`` in the catalogue; nothing else is ever read."""
        try:
            card, path = catalogue()[name], find_model(name)
        except ModelError as error:
            raise HTTPException(404, str(error)) from error
        return _model_answer(path, f'"{card.sha256}"', request)

    @app.api_route("/{name:path}", methods=["GET", "HEAD"])
    def page(name: str, request: Request) -> Response:
        """A file of the page; the table of them is closed, so no path leads out of it."""
        asset = files.get(name or "index.html")
        if asset is None:
            raise HTTPException(404, f"the studio has no page /{name}; it begins at /")
        return _asset_answer(asset, request)

    return app


def _host_of(request: Request) -> str:
    host = request.headers.get("host", "")
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _model_answer(path: Path, etag: str, request: Request) -> Response:
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return FileResponse(path, media_type="application/octet-stream", headers={"ETag": etag})


def _asset_answer(asset: Asset, request: Request) -> Response:
    headers = {"ETag": asset.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    if asset.packed is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, media_type=asset.media_type, headers=headers)
    return Response(asset.unpacked, media_type=asset.media_type, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    offers = (offer.replace(" ", "").partition(";") for offer in accepted.lower().split(","))
    return any(name == "gzip" and weight not in ("q=0", "q=0.0") for name, _, weight in offers)
