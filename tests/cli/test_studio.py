"""``nasion studio``: where it listens, and what it says when it cannot."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from importlib import util
from typing import Any

import pytest

Run = Callable[..., Any]


def test_without_the_extra_it_says_which(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    find = util.find_spec
    monkeypatch.setattr("nasion.cli.studio.find_spec", lambda name: None if name == "uvicorn" else find(name))
    done = run("studio", "--no-open")
    assert done.exit_code == 1
    assert 'pip install "nasion[studio]"' in done.stderr


def test_a_port_in_use_says_so_and_names_another(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("studio", "--port", port, "--no-open")
    assert done.exit_code == 2
    assert f"port {port} of 127.0.0.1" in done.stderr
    assert f"--port {port + 1}" in done.stderr


def test_a_host_that_is_nowhere_says_so(run: Run) -> None:
    done = run("studio", "--host", "no.such.host.invalid", "--no-open")
    assert done.exit_code == 2
    assert "no such address" in done.stderr


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_it_warns_when_others_can_reach_it(run: Run, host: str, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    served: list[Any] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda _, sockets: served.append(sockets[0].getsockname()[0]))
    done = run("studio", "--host", host, "--port", "0", "--no-open")
    assert done.exit_code == 0, done.output
    assert served == [host]
    assert "http://localhost:" in done.stdout
    assert ("https only" in done.stderr) == warned


def test_it_serves_and_ends_with_ctrl_c() -> None:
    command = [sys.executable, "-c", "from nasion.cli.main import app; app()", "studio", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[3]
        for _ in range(100):
            try:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    assert b"nasion studio" in answer.read()
                break
            except OSError:
                time.sleep(0.05)
        process.send_signal(2)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
