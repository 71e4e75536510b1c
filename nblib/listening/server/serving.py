"""Running the page until Ctrl-C."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from waitress.server import create_server  # type: ignore[import-untyped]

from nblib.errors import ParameterError
from nblib.listening.server.app import create_app
from nblib.listening.server.guard import LOOPBACK_HOSTS, MAX_BODY_BYTES

_THREADS = 8
_CONNECTIONS = 900  # a browser keeps several open; most systems let a process have 1024 files


def serve(
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    database_url: str | None = None,
    allowed_hosts: Collection[str] = (),
) -> None:
    """Serve a listening test until Ctrl-C.

    Parameters
    ----------
    folder : Path
        The test's folder, as in `nblib.listening.manifest`.
    host, port : str, int
        Where to listen. Anything but the loopback addresses lets others in, and is warned of.
    database_url : str or None
        Where votes go, as SQLAlchemy writes addresses; None for ``votes.sqlite`` in `folder`.
    allowed_hosts : collection of str
        Further host names under which the page is reached, such as that of a proxy which passes its ``Host`` on.

    Raises
    ------
    ParameterError
        As for `create_app`; or the address is in use, not this machine's, or not permitted.
    """
    local = host in LOOPBACK_HOSTS
    hosts = LOOPBACK_HOSTS | {host, *allowed_hosts} if local or allowed_hosts else None
    app = create_app(folder, database_url, hosts)
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
            max_request_body_size=4 * MAX_BODY_BYTES,  # the application refuses earlier, and says why
            ident=None,
        )
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"host={host!r}, port={port!r}: cannot listen there ({reason}); end what uses it or choose another port"
        ) from error
    print(f"{store.test.name}: open http://{'localhost' if local else host}:{port}/ in a browser", flush=True)
    if not local:
        print("Warning: anyone who reaches this machine over the network can take part.", flush=True)
    print(f"Votes are stored in {store.address}, each before the page moves on.")
    print(f"Ctrl-C stops; people go on where they were after a restart. Then: python -m nblib listen export {folder}")
    print(end="", flush=True)
    server.run()
    store.close()
    print("Stopped; every answer that was confirmed is stored.")
