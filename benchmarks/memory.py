"""Memory while a ten-minute clip streams through.

The same as ``nasion bench memory``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["memory", *sys.argv[1:]])
