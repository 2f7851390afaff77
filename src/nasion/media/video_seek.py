"""Where to begin decoding for a part of a video, and the true number of its first picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer


def find_start(
    container: InputContainer, stream_index: int, before_start: Callable[[int], bool]
) -> tuple[int, int] | None:
    """Count the pictures before a moment, and find the key picture from which the one after it can be decoded.

    Packets are read, not decoded, because only counting them tells a picture's true number at a variable frame rate.

    Args:
        container: the file, opened for this alone.
        stream_index: of the video.
        before_start: whether a time stamp of the stream lies before the moment.

    Returns:
        How many pictures come before, and the time stamp to seek to. None when the file has no time stamps, no
        key picture before the moment or does not seek there exactly: then it is decoded from its beginning.
    """
    stream = container.streams[stream_index]
    early = 0
    keys: list[tuple[int, int]] = []  # PTS and size of the key pictures' packets
    last = None
    try:
        for packet in container.demux(stream):
            if packet.pts is None:
                if packet.size:
                    return None
                continue
            if packet.dts is not None and not before_start(packet.dts):
                break
            if before_start(packet.pts):
                early += not packet.is_discard
                if packet.is_keyframe:
                    last = packet.pts if packet.dts is None else packet.dts
                    keys.append((packet.pts, packet.size))
        if last is None:
            return None
        container.seek(last, stream=stream)
        landed = next((packet for packet in container.demux(stream) if packet.is_keyframe), None)
    except (OSError, ValueError):  # damaged before the moment, or a container that cannot seek
        return None
    # An MPEG program stream gives the same packet another time stamp after a seek: then no stamp there can be trusted.
    exact = landed is not None and (landed.pts, landed.size) in keys
    return (early, last) if exact else None
