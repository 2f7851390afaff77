"""Time to import the package, and to analyse one photo in a new process.

The same as ``nasion bench startup``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["startup", *sys.argv[1:]])
