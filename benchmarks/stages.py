"""Where the time of a video goes, stage by stage.

The same as ``nasion bench stages``; takes its options.
"""

import sys

from nasion.cli.bench import bench_app

if __name__ == "__main__":
    bench_app(["stages", *sys.argv[1:]])
