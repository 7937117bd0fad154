"""The `pbx` command: one module a verb (see main.py)."""
