"""Running the page until Ctrl-C."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from waitress.server import create_server  # type: ignore[import-untyped]

from nblib.errors import ParameterError
from nblib.listening.server.app import create_app
from nblib.listening.server.guard import LOOPBACK_HOSTS, MAX_BODY_BYTES

_SETTINGS = {
    "threads": 8,
    "connection_limit": 900,  # a browser keeps several open; most systems let a process have 1024 files
    "asyncore_use_poll": True,
    # What is too large is read so far, to a file: who hangs up at once is not heard saying why.
    "max_request_body_size": 2**20,
    "inbuf_overflow": MAX_BODY_BYTES,
    "ident": None,
}


def serve(folder: Path, host: str = "127.0.0.1", port: int = 8000, database_url: str | None = None) -> None:
    """Serve the listening test in `folder` until Ctrl-C.

    Any `host` but the loopback addresses lets others in, and is warned of; `database_url` is as for `create_app`.
    `ParameterError` as there, or where the address is in use, not this machine's, or not permitted.
    """
    if not 1 <= port <= 65_535:  # the system would take it modulo 65,536
        raise ParameterError(f"port={port!r}: a port is a number from 1 to 65535")
    local = host in LOOPBACK_HOSTS
    app = create_app(folder, database_url, LOOPBACK_HOSTS if local else None)
    store = app.extensions["store"]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    try:
        server = create_server(app, host=host, port=port, **_SETTINGS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"host={host!r}, port={port!r}: cannot listen there ({reason}); end what uses it or choose another port"
        ) from error
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    place = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    lines = [
        f"{store.test.name}: open http://{place}/ in a browser",
        f"Votes are stored in {store.address}, each before the page moves on.",
        "Ctrl-C stops; after a restart people go on where they were.",
        f"For the tables: python -m nblib listen export {folder} --out DIR",
    ]
    warning = [] if local else ["Warning: anyone who reaches this machine over the network can take part."]
    print(*lines, *warning, sep="\n", flush=True)
    server.run()
    store.engine.dispose()
    print("Stopped; every answer that was confirmed is stored.")
