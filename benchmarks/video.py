"""Frames per second on three clips, and identities.

The same as ``nasion bench video``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["video", *sys.argv[1:]])
