"""The public interface changes only on purpose: its signatures are frozen in public_api.txt.

After a wanted change run ``make api``, look at the difference, and tell users in CHANGELOG.md.
"""

import difflib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import nasion

FROZEN = Path(__file__).with_name("public_api.txt")


class Plain(str):
    """An annotation that prints without quotes, as it does where annotations are evaluated."""

    __slots__ = ()
    __repr__ = str.__str__


def signature(function: Callable[..., object]) -> str:
    found = inspect.signature(function)
    parameters = [p.replace(annotation=plain(p.annotation)) for p in found.parameters.values()]
    text = str(found.replace(parameters=parameters, return_annotation=plain(found.return_annotation)))
    return text.replace("pathlib._local.", "pathlib.")  # what Python 3.13 calls the same thing


def plain(annotation: object) -> object:
    return Plain(annotation) if isinstance(annotation, str) else annotation


def members(cls: type) -> Iterator[str]:
    """Methods and properties that the class itself adds, by name."""
    for name, member in sorted(vars(cls).items()):
        if name.startswith("_") and name not in ("__call__", "__getitem__", "__iter__", "__len__"):
            continue
        if isinstance(member, (classmethod, staticmethod)):
            yield f"    {type(member).__name__} {name}{signature(member.__func__)}"
        elif inspect.isfunction(member):
            yield f"    {name}{signature(member)}"
        elif isinstance(member, property) or type(member).__name__ == "cached_property":
            getter = member.fget if isinstance(member, property) else member.func
            yield f"    property {name}{signature(getter)}"


def describe(name: str) -> Iterator[str]:
    value = getattr(nasion, name)
    if inspect.isclass(value) and issubclass(value, BaseException):
        yield f"error {name}({', '.join(base.__name__ for base in value.__bases__)})"
    elif inspect.isclass(value):
        yield f"class {name}{signature(value)}"
        yield from members(value)
    elif callable(value):
        yield f"{name}{signature(value)}"


def interface() -> str:
    """Every public name of ``nasion`` with its signature, one line each."""
    return "".join(f"{line}\n" for name in sorted(nasion.__all__) for line in describe(name))


def test_signatures_are_frozen() -> None:
    changes = difflib.unified_diff(
        FROZEN.read_text("utf-8").splitlines(), interface().splitlines(), "frozen", "now", "", "", 0
    )
    assert not list(changes), (
        "the public interface changed; if it was meant to, run `make api` and add it to CHANGELOG.md"
    )


def test_every_public_name_is_documented() -> None:
    bare = [
        name for name in nasion.__all__ if name != "__version__" and not (getattr(nasion, name).__doc__ or "").strip()
    ]
    assert not bare


if __name__ == "__main__":
    FROZEN.write_text(interface(), "utf-8")
