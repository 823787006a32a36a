"""Limits of cells that the test sets."""


class Cells:
    def __init__(self, low_dc=250, high_dc=250, low_dmv=33000, high_dmv=33000):
        self.temp_min_dc = low_dc
        self.temp_max_dc = high_dc
        self.cell_min_dmv = low_dmv
        self.cell_max_dmv = high_dmv
