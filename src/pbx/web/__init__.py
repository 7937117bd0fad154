"""The API over HTTP: a process of its own that asks call processes and reads the store, and never touches SIP."""
