"""Recall on 703 street and group photos, and the time per photo.

The same as ``nasion bench detect``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["detect", *sys.argv[1:]])
