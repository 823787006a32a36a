"""Host tools of Autarky: virtual bus, plants, co-simulation, coordinator."""

__version__ = "0.1.0"
