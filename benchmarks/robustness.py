"""Error of the 68 points on the 90 HELEN test photos, spoiled in known ways.

The same as ``nasion bench robustness``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["robustness", *sys.argv[1:]])
