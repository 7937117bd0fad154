"""Live calls: legs over SIP dialogs, media over rtpengine and the engine."""
