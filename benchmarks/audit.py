"""Whether the audit finds planted gaps and no others, and what a landmarker's consistency says about its accuracy.

The same as ``nasion bench audit``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["audit", *sys.argv[1:]])
