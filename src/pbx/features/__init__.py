"""What callers meet, each a story told from top to bottom: flow, announcement, IVR, ring group, person, outside."""
