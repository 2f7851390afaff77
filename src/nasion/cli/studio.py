"""``nasion studio``: the page that shows faces, blinks and gaze live, computed in the browser."""

from __future__ import annotations

import socket
import webbrowser
from contextlib import suppress
from importlib.util import find_spec
from threading import Timer
from typing import Annotated

import typer

from nasion.cli.errors import complain
from nasion.core.errors import InputError, MissingExtraError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def studio_command(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; this machine only, if left out.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0: any free one.")] = 8420,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Serve the studio until Ctrl-C: landmarks, blinks and gaze live in a page of this machine.

    The page computes everything itself: no picture leaves the browser.
    """
    if any(find_spec(name) is None for name in ("fastapi", "uvicorn")):
        raise MissingExtraError('nasion studio needs FastAPI and Uvicorn: pip install "nasion[studio]"')
    import uvicorn

    from nasion.serve import create_app

    near = host in LOOPBACK
    app = create_app() if near else create_app(hosts=None)
    with _listening(host, port) as listener:
        if not near:
            complain(
                f"warning: --host {host} lets others on the network open the page; their browsers give it a camera "
                "over https only, so put a proxy with a certificate in front"
            )
        shown = "localhost" if host in ("0.0.0.0", "::", *LOOPBACK) else host  # noqa: S104  # only compared
        address = f"http://{shown}:{listener.getsockname()[1]}/"
        typer.echo(f"nasion studio at {address}  (Ctrl-C ends it)")
        if browser:
            opening = Timer(0.5, webbrowser.open, (address,))
            opening.daemon = True
            opening.start()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        with suppress(KeyboardInterrupt):  # the usual end
            server.run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there, so that what is wrong is said before anything starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if isinstance(error, socket.gaierror):
            raise InputError(f"--host {host}: there is no such address; 127.0.0.1 is this machine") from error
        if isinstance(error, PermissionError):
            raise InputError(f"port {port} is not for ordinary users; take one from 1024 up, or --port 0") from error
        raise InputError(
            f"port {port} of {host} cannot be had ({error.strerror}): perhaps another studio runs there; "
            f"try --port {port + 1}, or --port 0 for any free one"
        ) from error
    return listener
