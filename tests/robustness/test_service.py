"""The service of the README answers requests that come at once."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.request import urlopen

import pytest
import spacy

from ..conftest import ROOT
from ..pipeline.toy import TEXTS


@pytest.fixture
def service(trained, tmp_path, monkeypatch):
    """The address of the README's service of a trained pipeline."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf8"), flags=re.DOTALL)
    code = next(block for block in blocks if "ThreadingHTTPServer" in block)
    trained.to_disk(tmp_path / "pipeline")
    load = spacy.load
    monkeypatch.setattr(spacy, "load", lambda name: load(tmp_path / "pipeline"))
    namespace = {"__name__": "service"}
    exec(compile(code, "README.md", "exec"), namespace)
    (handler,) = (
        value
        for value in namespace.values()
        if isinstance(value, type) and issubclass(value, BaseHTTPRequestHandler) and value is not BaseHTTPRequestHandler
    )
    monkeypatch.setattr(handler, "log_message", lambda *args: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_requests_at_once_get_their_own_answers(service, trained):
    texts = [*TEXTS, "", " \n", "Привет 👩\u200d👧", *(f"{a} {b}" for a in TEXTS for b in TEXTS)] * 3

    def ask(text):
        with urlopen(service, data=text.encode(), timeout=60) as response:
            assert response.headers["Content-Type"] == "application/json"
            return json.load(response)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, texts))
    for text, answer, doc in zip(texts, answers, trained.pipe(texts), strict=True):
        assert answer["tokens"] == [[token.text, token.tag_] for token in doc]
        assert answer["entities"] == [[ent.text, ent.label_] for ent in doc.ents]
        assert "".join(text.split()) == "".join("".join(token.split()) for token, _ in answer["tokens"])
