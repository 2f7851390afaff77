"""Lids, blinks, open or shut, head orientation.

The same as ``nasion bench eyes``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["eyes", *sys.argv[1:]])
