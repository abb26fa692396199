"""What a detail screen is made of."""

Line = tuple[str, str | None] | tuple[str, str | None, str]
"""Label and value; None and an empty value are shown as `–`, an empty label continues the line above. A third part says
in a letter each who tells the value."""
HEADING = "\0"
"""The value of a label that is a heading."""
