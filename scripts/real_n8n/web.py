"""JSON over HTTP."""

import json
import urllib.error
import urllib.request


class Refused(Exception):
    """A server answered with another status than 2xx."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def ask(method, url, headers, body=None, patience=30):
    """The decoded body of a 2xx answer, and the answer's headers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"} | headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=patience) as answer:
            text = answer.read()
            return json.loads(text) if text else None, answer.headers
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")[:500]
        raise Refused(error.code, f"{error.code} to {method} {url}: {text}") from None
