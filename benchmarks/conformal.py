"""Regions and what they promise: points taught from 20 clicks, circles around our own points, drawn patches.

The same as ``nasion bench conformal``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["conformal", *sys.argv[1:]])
