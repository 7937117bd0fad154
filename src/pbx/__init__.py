"""PBX as code: model, decisions, calls, media, desired state."""
