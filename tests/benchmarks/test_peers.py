import ast
import sys
import tomllib

import pytest

from conftest import CHECKOUT
from nasion.core import InputError, NasionError
from nasion.report.bench.peers import find_peers, peer_python, run_peer, split_by_weights

OURS = CHECKOUT / "benchmarks" / "peers"


def test_all_means_those_that_take_part():
    assert {peer.name for peer in find_peers(["all"], "video", OURS)} == {"mediapipe"}
    assert {peer.name for peer in find_peers(["all"], "detect", OURS)} == {"yunet-n", "yunet-s"}
    assert find_peers([], "detect", OURS) == []
    assert find_peers(["yunet-n"], "landmarks", OURS) == []


def test_every_listed_script_and_requirement_is_there_and_parses():
    for name, row in tomllib.loads((OURS / "peers.toml").read_text()).items():
        ast.parse((OURS / row["script"]).read_text())
        assert "requirements" not in row or (OURS / row["requirements"]).read_text().strip(), name


def test_unknown_names_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="there is no peer openface"):
        find_peers(["openface"], "landmarks", OURS)
    with pytest.raises(InputError, match="--peers-folder"):
        find_peers(["all"], "landmarks", tmp_path)


def test_a_peer_without_requirements_runs_in_our_environment():
    assert str(peer_python(find_peers(["yunet-n"], "detect", OURS)[0])) == sys.executable


def test_what_a_failing_peer_said_is_passed_on(fake_peer, tmp_path):
    peer = find_peers(["broken"], "video", fake_peer)[0]
    with pytest.raises(NasionError, match="no weights here"):
        run_peer(peer, "video", [tmp_path / "clip.mp4"], tmp_path)


def test_peers_whose_weights_are_absent_are_set_apart(tmp_path, monkeypatch):
    peers = find_peers(["mediapipe", "dlib"], "landmarks", OURS)
    monkeypatch.setenv("NASION_MODELS", str(tmp_path))
    ready, absent = split_by_weights(peers, tmp_path)
    assert ([p.name for p in ready], [p.name for p in absent]) == (["mediapipe"], ["dlib"])
    (tmp_path / absent[0].weights[0]).touch()
    assert split_by_weights(peers, tmp_path) == (peers, [])
