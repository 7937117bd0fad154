"""The model: YAML with positions → schema → references → frozen values. Never imports a server."""
