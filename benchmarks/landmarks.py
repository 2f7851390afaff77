"""Error of the 68 points on 90 HELEN test photos, each system with its own boxes.

The same as ``nasion bench landmarks``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["landmarks", *sys.argv[1:]])
