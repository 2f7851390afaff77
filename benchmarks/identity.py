"""Open-set identification, distance from the eyes, ten minutes of known and unknown people.

The same as ``nasion bench identity``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["identity", *sys.argv[1:]])
