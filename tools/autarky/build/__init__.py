"""From source to what a board gets: images, signed packages, keys, a board's files."""
