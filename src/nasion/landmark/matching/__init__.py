"""Which points, views and faces belong together: optimal transport that flags doubtful pairs (extra `matching`)."""

from nasion.landmark.matching.plan import Matching, match
from nasion.landmark.matching.schemes import SchemeMatch, convert_or_match, learn_conversion, match_schemes, mean_face
from nasion.landmark.matching.shapes import ShapeMatching, match_shapes
from nasion.landmark.matching.views import (
    FaceMatching,
    View,
    epipolar_cost,
    fundamental_matrix,
    match_faces,
    match_views,
    ray_cost,
    read_rig,
    triangulate,
)

__all__ = [
    "FaceMatching",
    "Matching",
    "SchemeMatch",
    "ShapeMatching",
    "View",
    "convert_or_match",
    "epipolar_cost",
    "fundamental_matrix",
    "learn_conversion",
    "match",
    "match_faces",
    "match_schemes",
    "match_shapes",
    "match_views",
    "mean_face",
    "ray_cost",
    "read_rig",
    "triangulate",
]
