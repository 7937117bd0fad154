"""The media room: rtpengine's control protocol, and our own batch engine that plays, listens and (later) mixes.

`ng` and `relay` steer rtpengine; `engine` is the process `pbx-media`; `engine_client` is how `calls` talks to it.
Nothing here knows SIP, the model or a feature.
"""
