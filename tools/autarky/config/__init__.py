"""One description of a site, for every tool."""
