"""Renew the catalogue's entry of an embedded model after training: its sha256, its size, its measured figures.

Use:
    python training/register.py NAME [--measured "..."]
"""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / "src" / "nasion" / "models"


def renew(name: str, measured: str | None = None) -> None:
    catalogue = MODELS / "catalogue.toml"
    text = catalogue.read_text("utf-8")
    section = re.search(rf"^\[{re.escape(name)}\]\n(?:(?!\[).*\n?)*", text, re.MULTILINE)
    if section is None:
        raise SystemExit(f"{catalogue} has no model {name!r}")
    body = section.group()
    content = (MODELS / "weights" / f"{name}.onnx").read_bytes()
    body = re.sub(r"^sha256 = .*$", f'sha256 = "{hashlib.sha256(content).hexdigest()}"', body, flags=re.MULTILINE)
    body = re.sub(r"^size = .*$", f"size = {len(content)}", body, flags=re.MULTILINE)
    if measured is not None:
        body = re.sub(r"^measured = .*\n", "", body, flags=re.MULTILINE)
        body = body.replace("\nsource = ", f'\nmeasured = "{measured}"\nsource = ', 1)
    catalogue.write_text(text[: section.start()] + body + text[section.end() :], "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--measured", help="figures for the card, one line")
    args = parser.parse_args()
    renew(args.name, args.measured)


if __name__ == "__main__":
    main()
