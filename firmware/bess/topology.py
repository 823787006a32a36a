"""What a cabinet is made of: strings in parallel, modules in series, cells in a module."""


class Topology:
    """`strings` of `modules` each; of every string `layout` (bytearray: cells of each front end in
    chain order, a module's cells spread evenly over its devices), `devices`, `cells`,
    `sensors_per_device` and `sensors`.

    cells_per_device: the most that one front end measures.
    """

    def __init__(self, parameters, cells_per_device):
        self.strings = parameters.get("string_count")
        self.modules = parameters.get("modules_per_string")
        self.sensors_per_device = parameters.get("sensors_per_afe")
        self.layout = spread(self.modules, parameters.get("cells_per_module"), cells_per_device)
        self.devices = len(self.layout)
        self.sensors = self.devices * self.sensors_per_device
        self.cells = 0
        for count in self.layout:
            self.cells += count


def spread(modules, cells_per_module, cells_per_device):
    """Cells of each front end of a string, evenly over those of a module."""
    devices = (cells_per_module + cells_per_device - 1) // cells_per_device
    layout = bytearray()
    for _ in range(modules):
        for device in range(devices):
            extra = 1 if device < cells_per_module % devices else 0
            layout.append(cells_per_module // devices + extra)
    return layout
