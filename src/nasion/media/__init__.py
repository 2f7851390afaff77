"""Pictures, video, cameras, tables and landmark files, in and out; drawing.

The names below load their modules on first use: reading a picture loads neither PyAV nor PyArrow nor OpenCV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.media.cameras import CameraStream, open_camera
    from nasion.media.drawing import DrawStyle, contact_sheet, draw_faces
    from nasion.media.hiding import hide_faces
    from nasion.media.images import check_image, read_image, write_image
    from nasion.media.landmark_files import read_ljson, read_pts, write_ljson, write_pts
    from nasion.media.openface import read_openface_csv, write_openface_csv
    from nasion.media.paths import safe_name
    from nasion.media.region_drawing import draw_circles, draw_regions
    from nasion.media.sources import Source, find_sources
    from nasion.media.table import (
        FrameResult,
        faces_to_table,
        table_schema,
        table_to_faces,
    )
    from nasion.media.table_files import TableWriter, write_landmarks_parquet
    from nasion.media.table_read import read_landmarks_parquet, read_table
    from nasion.media.video import Frame, Video, open_video
    from nasion.media.video_writer import VideoWriter

_HOMES = {
    "CameraStream": "cameras",
    "DrawStyle": "drawing",
    "Frame": "video",
    "FrameResult": "table",
    "Source": "sources",
    "TableWriter": "table_files",
    "Video": "video",
    "VideoWriter": "video_writer",
    "check_image": "images",
    "contact_sheet": "drawing",
    "draw_circles": "region_drawing",
    "draw_faces": "drawing",
    "draw_regions": "region_drawing",
    "faces_to_table": "table",
    "find_sources": "sources",
    "hide_faces": "hiding",
    "open_camera": "cameras",
    "open_video": "video",
    "read_image": "images",
    "read_landmarks_parquet": "table_read",
    "read_ljson": "landmark_files",
    "read_openface_csv": "openface",
    "read_pts": "landmark_files",
    "read_table": "table_read",
    "safe_name": "paths",
    "table_schema": "table",
    "table_to_faces": "table",
    "write_image": "images",
    "write_landmarks_parquet": "table_files",
    "write_ljson": "landmark_files",
    "write_openface_csv": "openface",
    "write_pts": "landmark_files",
}

__all__ = [
    "CameraStream",
    "DrawStyle",
    "Frame",
    "FrameResult",
    "Source",
    "TableWriter",
    "Video",
    "VideoWriter",
    "check_image",
    "contact_sheet",
    "draw_circles",
    "draw_faces",
    "draw_regions",
    "faces_to_table",
    "find_sources",
    "hide_faces",
    "open_camera",
    "open_video",
    "read_image",
    "read_landmarks_parquet",
    "read_ljson",
    "read_openface_csv",
    "read_pts",
    "read_table",
    "safe_name",
    "table_schema",
    "table_to_faces",
    "write_image",
    "write_landmarks_parquet",
    "write_ljson",
    "write_openface_csv",
    "write_pts",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
