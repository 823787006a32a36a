"""The host coordinator: makes many cabinets one plant."""
