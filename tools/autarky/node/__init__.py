"""`autarky node`: read, write, watch and scan cabinets by names, over the canopen package."""
