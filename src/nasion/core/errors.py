"""The one tree of errors. Every message says what was wrong, with which input, and what to do about it."""


class NasionError(Exception):
    """Base of every error nasion raises on purpose."""


class InputError(NasionError, ValueError):
    """An argument has the wrong type, shape, range or value."""


class MediaError(NasionError):
    """A picture, video, camera or landmark file cannot be read or written."""


class ModelError(NasionError):
    """A model cannot be found, verified, loaded or run as asked."""


class SchemeError(InputError):
    """A landmark scheme, group or conversion does not exist."""


class TaskError(InputError):
    """A task does not exist, or its needs cannot be met."""


class MissingExtraError(NasionError, ImportError):
    """An optional library is needed; the message names the extra that installs it."""
