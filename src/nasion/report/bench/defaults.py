"""What the commands take when nothing is said; kept apart so that asking for help loads no benchmark."""

from pathlib import Path

RESULTS_FOLDER = Path("benchmarks") / "results"
PEERS_FOLDER = Path("benchmarks") / "peers"
DENSE_PEER = "mediapipe"
VIDEO_PAIRS = 5
FPS = 25  # of the memory benchmark's clip
MEMORY_FRAMES = 10 * 60 * FPS
