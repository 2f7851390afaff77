"""Distance of the 478 points to MediaPipe's, on people never trained on.

The same as ``nasion bench dense``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["dense", *sys.argv[1:]])
