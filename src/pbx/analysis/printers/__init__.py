"""A report as text, JSON, SARIF or JUnit: one module a format, each with `lines(report) -> Iterator[str]`."""
