"""What a detail screen is made of."""

Line = tuple[str, str | None]
"""Label and value; None and an empty value are shown as `–`, an empty label continues the line above."""
HEADING = "\0"
"""The value of a label that is a heading."""
