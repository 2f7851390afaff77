"""Geometry of points: rotations, similarities, Procrustes, warps, pose from points. NumPy only."""
