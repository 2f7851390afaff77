"""``nasion models``: list, pull, verify."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nasion.cli.models import models_app
from nasion.models import catalogue


@pytest.fixture(autouse=True)
def nothing_pulled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NASION_CACHE", str(tmp_path))
    monkeypatch.delenv("NASION_MODELS", raising=False)


def test_list() -> None:
    done = CliRunner().invoke(models_app, ["list"])
    assert done.exit_code == 0
    for card in catalogue().values():
        assert card.name in done.stdout


def test_list_json() -> None:
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(models_app, ["list", "--json"]).stdout)}
    assert rows["detector"]["state"] == "ok"
    assert rows["yunet_2023mar"]["state"] == "absent"
    assert rows["yunet_2023mar"]["licence"] == "MIT"


def test_verify() -> None:
    done = CliRunner().invoke(models_app, ["verify", "--json"])
    assert done.exit_code == 0
    assert {row["name"]: row["state"] for row in json.loads(done.stdout)}["detector"] == "ok"


def test_verify_names_wrong_bytes(tmp_path: Path) -> None:
    (tmp_path / "yunet_2023mar.onnx").write_bytes(b"not it")
    done = CliRunner().invoke(models_app, ["verify"])
    assert done.exit_code == 1
    assert "yunet_2023mar" in done.stderr
    assert "wrong bytes" in done.stderr


def test_pull_asks_for_consent_before_any_connection() -> None:
    done = CliRunner().invoke(models_app, ["pull", "pfld68"])
    assert done.exit_code == 1
    assert "none stated" in done.stdout
    assert "--accept-licence" in done.stderr


def test_pull_of_an_unknown_model_goes_on_with_the_next() -> None:
    done = CliRunner().invoke(models_app, ["pull", "nonsense", "detector"])
    assert done.exit_code == 1
    assert "nonsense" in done.stderr
    assert "detector.onnx" in done.stdout.replace("\n", "")
