"""Gaze: directions on rendered heads, points on a screen in a recorded session, time a frame.

The same as ``nasion bench gaze``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["gaze", *sys.argv[1:]])
