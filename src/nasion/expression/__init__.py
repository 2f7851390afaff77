"""What faces express, and how it is carried over to other faces."""
