"""What happens on a site, by whom it is done, what must hold, and what a run leaves behind."""
