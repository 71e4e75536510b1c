"""What a request must be before it is looked at, and what every response carries."""

import re
import unicodedata
from collections.abc import Collection
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

MAX_BODY_BYTES = 4096
MAX_SECONDS = 7 * 86_400.0  # a page may stay open over a holiday
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:([a-z0-9._-]+)|\[([0-9a-f:.]+)\])(?::[0-9]+)?")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def protect(app: Flask, hosts: Collection[str] | None) -> None:
    """Let only sound requests through to `app`; every error is answered in JSON, every answer has `HEADERS`.

    Names other than `hosts` (None: any) are refused: strangers could point theirs at this machine (DNS rebinding).
    """

    @app.before_request
    def check() -> None:
        match = _HOST.fullmatch(request.headers.get("Host", "").lower())
        if hosts is not None and (match is None or (match[1] or match[2]) not in hosts):
            abort(400, "This address is not one of the test's. Use the link that you were given.")
        if (request.content_length or 0) > MAX_BODY_BYTES:
            abort(413, f"The request has more than {MAX_BODY_BYTES} bytes.")
        if request.method == "POST":
            if not _same_site():
                abort(403, "The request comes from another site.")
            if request.mimetype != "application/json":
                abort(415, "The request is not JSON: send it as application/json.")

    @app.after_request
    def seal(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Any:
        if isinstance(error, HTTPException):
            response = error.get_response()
            response.set_data(jsonify(error=error.description).get_data())
            response.content_type = "application/json"
            return response
        app.logger.error("%s %s failed", request.method, request.path, exc_info=error)
        if isinstance(error, DBAPIError):
            return jsonify(error="It could not be stored just now. Please try again."), 503
        return jsonify(error="Something went wrong here. Please try again."), 500


def _same_site() -> bool:
    # A browser always sends one of the two with a POST; what sends neither is no browser that a stranger could misuse.
    host = request.headers.get("Host", "").lower()
    own = request.headers.get("Origin", f"http://{host}").lower().partition("://")[2] == host
    return own and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def body(*names: str) -> dict[str, Any]:
    """The request's JSON object, which has exactly the fields `names`; 400 or 422 otherwise."""
    try:
        content = request.get_json()
    except RecursionError:
        abort(400, "The request is nested too deeply.")
    if not isinstance(content, dict) or set(content) != set(names):
        abort(422, f"The request must be a JSON object with the fields: {', '.join(names) or 'none'}.")
    return content


def checked_name(value: object) -> str:
    """A name as typed, without spaces around it; 422 unless it has 1 to 80 characters that print."""
    name = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(name) <= 80:
        abort(422, "A name has 1 to 80 characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        abort(422, "A name has no control characters.")
    return name


def checked_seconds(value: object) -> float:
    """A duration in seconds, rounded to milliseconds; 422 unless it is a number from 0 to `MAX_SECONDS`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_SECONDS:
        abort(422, f"seconds is a number from 0 to {MAX_SECONDS:g}.")
    return round(float(value), 3)
