"""Whether sigma and visibility mean what they say.

The same as ``nasion bench calibration``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["calibration", *sys.argv[1:]])
