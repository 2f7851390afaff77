"""Finding, pulling and verifying weights. The address is a local file or a tiny server on this machine: no network."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nasion.core import ModelError
from nasion.models import ModelCard, catalogue, find_model, pull_model, store, verify_models
from nasion.models.catalogue import Catalogue, read_catalogue

CONTENT = bytes(range(256)) * 40
CARD = ModelCard(
    name="toy",
    task="nothing",
    file="toy.onnx",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
    embedded=False,
    licence="MIT",
    consent="",
    trained_on="nothing",
    input="none",
    measured="",
    source="a test",
    url="",
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at /whole, half of it with the whole length announced at /torn, other bytes at /other."""

    def do_GET(self) -> None:
        body = {"/whole": CONTENT, "/torn": CONTENT[: len(CONTENT) // 2], "/other": CONTENT[::-1]}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A catalogue with one model and an empty cache; gives the cache folder."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("NASION_CACHE", str(cache))
    monkeypatch.delenv("NASION_MODELS", raising=False)
    use(monkeypatch, CARD)
    return cache


def use(monkeypatch: pytest.MonkeyPatch, card: ModelCard) -> None:
    monkeypatch.setattr(store, "catalogue", lambda: Catalogue({card.name: card}))


def test_pull_then_find(toy: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(CARD, url=f"{server}/whole"))
    seen: list[tuple[int, int]] = []
    path = pull_model("toy", progress=lambda done, total: seen.append((done, total)))
    assert path == toy / "toy.onnx"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert find_model("toy") == path
    assert [p.name for p in toy.iterdir()] == ["toy.onnx"]


@pytest.mark.parametrize("page", ["torn", "other", "missing"])
def test_a_bad_download_leaves_nothing(toy: Path, server: str, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    use(monkeypatch, replace(CARD, url=f"{server}/{page}"))
    with pytest.raises(ModelError, match="toy"):
        pull_model("toy")
    assert list(toy.iterdir()) == []
    with pytest.raises(ModelError, match="nasion models pull toy"):
        find_model("toy")


def test_an_unfinished_file_is_never_used(toy: Path) -> None:
    toy.mkdir()
    (toy / ".toy.onnx.abc123").write_bytes(CONTENT[:100])
    (toy / "toy.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="not the catalogue's file"):
        find_model("toy")
    assert verify_models(Catalogue({"toy": CARD}))[0].state == "wrong bytes"


def test_a_wrong_copy_is_replaced_by_pulling(toy: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(CARD, url=f"{server}/whole"))
    toy.mkdir()
    (toy / "toy.onnx").write_bytes(b"not it")
    assert pull_model("toy").read_bytes() == CONTENT


def test_models_folder_goes_by_content_not_by_name(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "renamed.onnx").write_bytes(CONTENT)
    (folder / "toy.onnx").write_bytes(CONTENT[::-1])  # the right name on the wrong bytes does not win
    monkeypatch.setenv("NASION_MODELS", f"{tmp_path / 'nowhere'}{store.os.pathsep}{folder}")
    assert find_model("toy") == folder / "renamed.onnx"


def test_models_folder_comes_before_the_cache(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (toy, tmp_path / "mine"):
        folder.mkdir()
        (folder / "toy.onnx").write_bytes(CONTENT)
    monkeypatch.setenv("NASION_MODELS", str(tmp_path / "mine"))
    assert find_model("toy").parent == tmp_path / "mine"


def test_consent_is_asked_for(toy: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(CARD, url=f"{server}/whole", consent="research use only", licence="none stated"))
    with pytest.raises(ModelError, match=r"research use only.*none stated"):
        pull_model("toy")
    assert pull_model("toy", accept_licence=True).is_file()


def test_no_address(toy: Path) -> None:
    with pytest.raises(ModelError, match=r"no pinned address.*NASION_MODELS"):
        pull_model("toy")


def test_unwritable_cache(toy: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.write_text("a file where the folder should be")
    use(monkeypatch, replace(CARD, url=f"{server}/whole"))
    with pytest.raises(ModelError, match="could not be pulled"):
        pull_model("toy")


def test_a_changed_file_is_read_again(toy: Path) -> None:
    toy.mkdir()
    path = toy / "toy.onnx"
    path.write_bytes(CONTENT)
    assert find_model("toy") == path
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(ModelError):
        find_model("toy")


def test_paths(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(b"x")
    assert find_model(path) == path
    assert find_model(str(path)) == path
    with pytest.raises(ModelError, match="no model file"):
        find_model(tmp_path / "absent.onnx")


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ModelError, match="detector"):
        find_model("detctor")


def test_the_catalogue_is_whole() -> None:
    cards = catalogue()
    assert {"detector", "landmarker", "yunet_2023mar", "yunet_n_dynamic", "pfld68"} <= set(cards)
    for card in cards.values():
        assert len(card.sha256) == 64
        assert card.size > 0
        assert card.licence
        assert card.trained_on
        assert card.source
        if not card.url.startswith("https://"):
            assert card.url == ""


def test_pinned_addresses_name_a_commit() -> None:
    for card in catalogue().values():
        if card.url:
            assert any(len(part) == 40 and set(part) <= set("0123456789abcdef") for part in card.url.split("/"))


def test_embedded_models_are_the_catalogues_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NASION_MODELS", raising=False)
    monkeypatch.setenv("NASION_CACHE", str(tmp_path))
    for card in catalogue().values():
        if card.embedded:
            assert find_model(card.name) == store.PACKAGE_WEIGHTS / card.file
            assert (store.PACKAGE_WEIGHTS / f"{card.name}.md").is_file(), "every embedded model has its card"


def test_a_catalogue_entry_with_a_slip_is_refused() -> None:
    with pytest.raises(ModelError, match="licence"):
        read_catalogue('[toy]\nfile = "x"\n')
