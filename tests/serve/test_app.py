"""The studio's server: what it sends, what it refuses, and the headers that keep pictures in the page."""

import gzip
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from nasion.core import ModelError
from nasion.models import catalogue, find_model
from nasion.serve import create_app, read_assets

ASKED = {"base_url": "http://localhost:8420"}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A small built page."""
    folder = tmp_path / "studio"
    (folder / "assets").mkdir(parents=True)
    (folder / "ort").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "main.js").write_text("export const answer = 42;\n" * 100)
    (folder / "ort" / "run.wasm.gz").write_bytes(gzip.compress(b"\0asm" * 100))
    (tmp_path / "secret.txt").write_text("not yours")
    return folder


@pytest.fixture
def client(page: Path) -> TestClient:
    return TestClient(create_app(read_assets(page)), **ASKED)


@pytest.mark.parametrize("path", ["/", "/assets/main.js", "/ort/run.wasm", "/models/detector.onnx", "/nowhere"])
def test_every_answer_is_isolated_and_closed_to_other_origins(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert "connect-src" not in policy, "so the default holds: the page can send nothing elsewhere"
    assert "'wasm-unsafe-eval'" in policy["script-src"]
    assert "http" not in headers["content-security-policy"]
    assert "microphone=()" in headers["permissions-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_files_come_with_their_types(client: TestClient) -> None:
    assert client.get("/").text.startswith("<!doctype html>")
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/assets/main.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/ort/run.wasm").headers["content-type"] == "application/wasm"


def test_what_is_kept_compressed_goes_out_so(client: TestClient) -> None:
    answer = client.get("/ort/run.wasm", headers={"accept-encoding": "gzip, br"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == b"\0asm" * 100  # the client unpacked it
    for accepted in ("identity", "gzip;q=0"):
        plain = client.get("/ort/run.wasm", headers={"accept-encoding": accepted})
        assert "content-encoding" not in plain.headers
        assert plain.content == b"\0asm" * 100
    script = client.get("/assets/main.js", headers={"accept-encoding": "gzip"})
    assert script.headers["content-encoding"] == "gzip"
    assert script.text.startswith("export const answer")


def test_what_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    for path in ("/assets/main.js", "/models/detector.onnx"):
        first = client.get(path)
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
        "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
        "//etc/passwd", "/assets/main.js/..", "/models/..%2f..%2fsecret.txt", "/models/%2e%2e/catalogue.toml",
        "/ort/run.wasm.gz",
    ],
)  # fmt: skip
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "not yours" not in answer.text


def test_models_come_by_their_names_in_the_catalogue(client: TestClient) -> None:
    for name in ("detector", "landmarker", "gaze_encoder"):
        answer = client.get(f"/models/{name}.onnx")
        assert answer.content == find_model(name).read_bytes()
        assert answer.headers["etag"] == f'"{catalogue()[name].sha256}"'


def test_a_model_that_is_not_there_is_explained(client: TestClient) -> None:
    unknown = client.get("/models/nose.onnx")
    assert unknown.status_code == 404
    assert "there is no model 'nose'; the catalogue has detector" in unknown.text
    # a file that lies there but is no model of the catalogue
    assert client.get("/models/detector.md").status_code == 404


def test_a_model_of_the_catalogue_that_is_absent_says_what_to_do(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NASION_MODELS", raising=False)
    monkeypatch.setenv("NASION_CACHE", str(tmp_path))
    answer = client.get("/models/mobilefacenet_casia.onnx")
    assert answer.status_code == 404
    assert "mobilefacenet_casia" in answer.text


def test_a_page_that_is_not_there_says_where_it_begins(client: TestClient) -> None:
    answer = client.get("/faces")
    assert answer.status_code == 404
    assert answer.text == "the studio has no page /faces; it begins at /\n"


def test_other_names_are_refused_unless_told(page: Path) -> None:
    near = TestClient(create_app(read_assets(page)), base_url="http://evil.example:8420").get("/")
    assert near.status_code == 421
    assert "--host" in near.text
    assert TestClient(create_app(read_assets(page)), base_url="http://127.0.0.1:8420").get("/").status_code == 200
    assert TestClient(create_app(read_assets(page)), base_url="http://[::1]:8420").get("/").status_code == 200
    told = TestClient(create_app(read_assets(page), hosts=None), base_url="http://studio.example:8420").get("/")
    assert told.status_code == 200


def test_nothing_can_be_sent_to_it(client: TestClient) -> None:
    for path in ("/", "/models/detector.onnx", "/pictures"):
        assert client.post(path, content=b"a picture").status_code == 405


def test_a_page_that_was_never_built_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make web"):
        read_assets(tmp_path)


def test_the_packaged_page_is_whole() -> None:
    assets = read_assets()
    html = assets["index.html"].unpacked.decode()
    assert "<title>nasion studio</title>" in html
    runtime = "ort/ort-wasm-simd-threaded"
    assert {"assets/index.js", "assets/index.css", f"{runtime}.mjs", f"{runtime}.wasm"} <= assets.keys()
    assert "http://" not in html, "nothing comes from elsewhere"
    assert "https://" not in html
    assert assets[f"{runtime}.wasm"].unpacked.startswith(b"\0asm")
