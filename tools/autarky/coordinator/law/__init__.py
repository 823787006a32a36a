"""Pure laws: a snapshot of the site in, a wish out; no bus, no clock."""
