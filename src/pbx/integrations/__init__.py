"""What leaves the PBX for other systems."""
