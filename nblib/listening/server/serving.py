"""Running the page until Ctrl-C."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from waitress.server import create_server  # type: ignore[import-untyped]

from nblib.errors import ParameterError
from nblib.listening.server.app import create_app
from nblib.listening.server.guard import LOOPBACK_HOSTS, MAX_BODY_BYTES
from nblib.listening.server.store import Store

_EVERYWHERE = ("0.0.0.0", "::")
_THREADS = 8
_READ_BYTES = 2**20  # what is too large is read so far, to a file: who hangs up at once is not heard saying why
_CONNECTIONS = 900  # a browser keeps several open; most systems let a process have 1024 files


def serve(folder: Path, host: str = "127.0.0.1", port: int = 8000, database_url: str | None = None) -> None:
    """Serve a listening test until Ctrl-C.

    Parameters
    ----------
    folder : Path
        The test's folder, as in `nblib.listening.manifest`.
    host, port : str, int
        Where to listen. Anything but the loopback addresses lets others in, and is warned of.
    database_url : str or None
        Where votes go, as SQLAlchemy writes addresses; None for ``votes.sqlite`` in `folder`.

    Raises
    ------
    ParameterError
        As for `create_app`; or the address is in use, not this machine's, or not permitted.
    """
    if not 1 <= port <= 65_535:  # the system would take it modulo 65,536
        raise ParameterError(f"port={port!r}: a port is a number from 1 to 65535")
    local = host in LOOPBACK_HOSTS
    app = create_app(folder, database_url, LOOPBACK_HOSTS if local else None)
    store = app.extensions["store"]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            asyncore_use_poll=True,
            max_request_body_size=_READ_BYTES,
            inbuf_overflow=MAX_BODY_BYTES,
            ident=None,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"host={host!r}, port={port!r}: cannot listen there ({reason}); end what uses it or choose another port"
        ) from error
    _announce(folder, store, socket.gethostname() if host in _EVERYWHERE else host, port)
    if not local:
        print("Warning: anyone who reaches this machine over the network can take part.", flush=True)
    server.run()
    store.close()
    print("Stopped; every answer that was confirmed is stored.")


def _announce(folder: Path, store: Store, name: str, port: int) -> None:
    place = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    lines = (
        f"{store.test.name}: open http://{place}/ in a browser",
        f"Votes are stored in {store.address}, each before the page moves on.",
        "Ctrl-C stops; after a restart people go on where they were.",
        f"For the tables: python -m nblib listen export {folder} --out DIR",
    )
    print(*lines, sep="\n", flush=True)
