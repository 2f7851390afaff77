"""Sub-verbs of ``nasion gaze`` about looking at pictures: foveate, locate, search, looks, follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from nasion.core import Face, ImageArray

Photo: TypeAlias = Annotated[Path, typer.Argument(metavar="PHOTO", help="A picture.")]
Out: TypeAlias = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The picture to write.")]


def add_commands(app: typer.Typer) -> None:
    """Hang the sub-verbs on ``nasion gaze``."""
    app.command("follow")(follow_command)
    app.command("looks")(looks_command)
    app.command("foveate")(foveate_command)
    app.command("locate")(locate_command)
    app.command("search")(search_command)


def follow_command(
    photo: Photo,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Network of `nasion train vitgaze`; without, the cone.")
    ] = None,
    out: Out = Path("following.png"),
    heat: Annotated[
        int | None, typer.Option(min=0, metavar="FACE", help="Lay this face's heatmap over the picture.")
    ] = None,
) -> None:
    """Draw who looks where: at another face, elsewhere in the picture, or out of it."""
    import numpy as np

    from nasion.cli.screen import stdout
    from nasion.core import InputError
    from nasion.gaze.following import GazeFollower, eye_middle, follow_gaze
    from nasion.media.look_drawing import draw_heat, draw_looks

    image, faces = _faces(photo, ("pose", "gaze"))
    found = follow_gaze(image, faces) if model is None else GazeFollower(model).follow(image, faces)
    screen = stdout()
    for row, target in enumerate(found):
        if target is None:
            screen.print(f"face {row}: its gaze cannot be read")
            continue
        where = "out of the picture" if target.inside < 0.5 else f"at {target.point[0]:.0f},{target.point[1]:.0f}"
        whom = "" if target.face is None else f", face {target.face}"
        screen.print(f"face {row}: looks {where}{whom} (inside the picture: {100 * target.inside:.0f} %)")
    shown = image
    if heat is not None:
        chosen = found[heat] if heat < len(found) else None
        if chosen is None:
            raise InputError(f"--heat {heat}: there is no map for that face; {photo} has {len(found)} faces")
        shown = draw_heat(image, chosen.heatmap)
    drawn = [(eye_middle(face), target) for face, target in zip(faces, found, strict=True) if target is not None]
    points = [np.array(target.point) for _, target in drawn]
    _write(out, draw_looks(shown, [eyes for eyes, _ in drawn], points, [target.inside for _, target in drawn]))


def looks_command(
    photo: Photo,
    count: Annotated[int, typer.Option(min=1, max=30, metavar="N", help="How many looks.")] = 3,
    out: Out = Path("looks.png"),
) -> None:
    """Draw where faces are looked at first, by the detail that each look makes visible. A rule, no data of people."""
    import numpy as np

    from nasion.cli.screen import stdout
    from nasion.gaze.first_looks import first_looks
    from nasion.media.look_drawing import draw_path

    image, faces = _faces(photo, ("landmarks",))
    looks = first_looks(image, faces, count)
    for number, look in enumerate(looks, 1):
        stdout().print(
            f"{number}: face {look.face}, {look.part} at {look.x:.0f},{look.y:.0f}; "
            f"{100 * look.seen:.0f} % of its detail seen"
        )
    _write(out, draw_path(image, np.array([(look.x, look.y) for look in looks])))


def foveate_command(
    photo: Photo,
    at: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Where one looks, px; by default at the first face's first look.")
    ] = None,
    view: Annotated[bool, typer.Option("--view", help="Write the log-polar view itself.")] = False,
    out: Out = Path("foveated.png"),
) -> None:
    """Show the picture as an eye keeps it: sharp where it looks, coarse far away."""
    from nasion.gaze.first_looks import first_looks
    from nasion.gaze.retina import Retina, foveate
    from nasion.media import read_image

    if at is None:
        image, faces = _faces(photo, ("landmarks",))
        look = first_looks(image, faces, 1)[0]
        place = (look.x, look.y)
    else:
        image, place = read_image(photo), _pair(at)
    if view:
        import numpy as np

        _write(out, np.asarray(Retina().view(image, place), np.uint8))
    else:
        _write(out, foveate(image, place))


def locate_command(
    photo: Photo,
    model: Annotated[Path, typer.Option(metavar="FILE", help="Network of `nasion train foveated-retinotopy`.")],
    ratio: Annotated[
        float, typer.Option(min=0.05, max=1, metavar="R", help="Half-size of the windows over the picture's half.")
    ] = 0.5,
    out: Out = Path("located.png"),
) -> None:
    """Lay over the picture how likely a log-polar network finds a face at each of 11 x 11 fixations."""
    import numpy as np

    from nasion.cli.screen import stdout
    from nasion.gaze.localise import FaceProbe
    from nasion.media import read_image
    from nasion.media.look_drawing import draw_heat, draw_path

    image = read_image(photo)
    found = FaceProbe(model).localise(image, ratio=ratio)
    x, y = found.peak
    stdout().print(f"most like a face at {x:.0f},{y:.0f}: {100 * float(found.scores.max()):.0f} %")
    heat = found.over(image.shape[1], image.shape[0])
    _write(out, draw_path(draw_heat(image, heat), np.array([[x, y]])))


def search_command(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A picture of the person to look for.")],
    scene: Annotated[Path, typer.Argument(metavar="SCENE", help="A picture of many people.")],
    hog: Annotated[
        bool, typer.Option("--hog", help="Compare oriented gradients, which needs no weights and is much worse.")
    ] = False,
    model: Annotated[str, typer.Option(metavar="NAME|FILE", help="The face embedding.")] = "mobilefacenet_casia",
    out: Out = Path("search.png"),
) -> None:
    """Draw the scan path of eyes that look for a person among many, blurred where they do not look."""
    from nasion.cli.screen import stdout
    from nasion.gaze.search.people import SAME, SAME_HOG, PersonSearch, aligned, face_codes, hog_codes
    from nasion.media.look_drawing import draw_path

    wanted, known = _faces(target, ("landmarks",))
    image, faces = _faces(scene, ("landmarks",))
    code = hog_codes if hog else face_codes(model)
    largest = max(known, key=lambda face: face.box.area)
    looked_for = code(aligned(wanted, largest)[0][None])[0]
    path = PersonSearch(image, faces, code, same=SAME_HOG if hog else SAME).search(looked_for)
    screen = stdout()
    for number, (row, likeness) in enumerate(zip(path.visited, path.likeness, strict=True), 1):
        x, y = faces[row].box.center
        screen.print(f"{number}: face {row} at {x:.0f},{y:.0f}, likeness {likeness:.2f}")
    if path.answer is None:
        screen.print(f"none of the {len(faces)} faces was taken for the person")
    else:
        screen.print(f"found after {len(path.visited)} looks: face {path.answer}")
    _write(out, draw_path(image, path.points, found=path.answer is not None, numbered_from=0))


def _faces(path: Path, tasks: tuple[str, ...]) -> tuple[ImageArray, list[Face]]:
    from nasion.core import InputError
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    image = read_image(path)
    faces = list(Analyzer(tasks=tasks)(image))
    if not faces:
        raise InputError(f"{path} shows no face: give a picture with one, or a larger one")
    return image, faces


def _write(out: Path, image: ImageArray) -> None:
    from nasion.cli.screen import stdout
    from nasion.media import write_image
    from nasion.media.paths import prepare_output

    write_image(prepare_output(out), image)
    stdout().print(f"wrote {out}")


def _pair(text: str) -> tuple[float, float]:
    from nasion.core import InputError

    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--at {text}: give x and y in px, such as 320,200") from None
    return x, y
