"""Calls: one caller, the legs it rings, what joins them; live over SIP and rtpengine, or simulated on virtual time."""
