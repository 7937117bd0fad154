"""PBX as code: model, decisions, calls, media, desired state."""

__version__ = "0.1.0"
