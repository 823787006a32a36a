"""Text tables kept in flash: one bytes literal per table, read row by row.

A row object costs heap; a bytes literal in ROMFS costs none. So every table of
the firmware (parameters, faults, frames) is one literal of lines, `#` starts a
comment, and readers turn the rows they need into arrays once, at boot.
"""


def rows(text):
    """Yield each row of `text` (bytes) as a list of str fields split at white space."""
    for _, fields in rows_at(text):
        yield fields


def rows_at(text):
    """Yield (offset, fields) of each row."""
    start = 0
    size = len(text)
    while start < size:
        end = text.find(b"\n", start)
        if end < 0:
            end = size
        line = text[start:end]
        mark = line.find(b"#")
        if mark >= 0:
            line = line[:mark]
        fields = line.decode().split()
        if fields:
            yield start, fields
        start = end + 1
