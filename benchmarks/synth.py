"""Speed of the synthetic head's renderer, and its truth measured again.

The same as ``nasion bench synth``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["synth", *sys.argv[1:]])
