"""Head-pose error on 16 AFLW2000-3D photos, and the mirror test on HELEN.

The same as ``nasion bench pose``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["pose", *sys.argv[1:]])
