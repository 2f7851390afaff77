"""Pairs right by optimal transport: two views with noise, four faces, layouts, and a conversion found by matching.

The same as ``nasion bench matching``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["matching", *sys.argv[1:]])
