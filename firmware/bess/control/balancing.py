"""Passive balancing by estimated charge: bleed what a cell holds above the lowest one.

Voltage tells charge only where the curve is steep, so surpluses are taken up near full
and worked off by bled charge at any time: never by the voltage of the plateau. Never the
lowest cell, neighbours only in turns, and not in fault, on a hot board, or unmeasured.
"""

from array import array

from bess.port.interpreter import const

_REST_MA = const(5000)  # the terminal voltage must be near the open-circuit voltage
# charge of a cell above 3.40 V: 0.1 mV is about 0.0021 % of capacity (steep end of the LFP curve)
_PPM_PER_DMV = const(21)
_PERIOD_S = const(10)  # even and odd cells in turns


class Balancing:
    """`step()` once a second; `bleeding` counts closed switches.

    `surplus_uah` (array('i')) is what is left to bleed of each cell. source: cell source with
    `bleed(masks)` (measure.cells), whose diagnosis writes and verifies it.
    """

    def __init__(self, source, cells, parameters):
        self._source = source
        self._cells = cells
        self._layout = cells.layout
        self._capacity_mah = parameters.get("capacity_mah")
        self._bleed_mohm = parameters.get("bleed_mohm")
        self._start_dmv = parameters.get("balance_start_dmv")
        self._gap_uah = parameters.get("balance_gap_mah") * 1000
        self._board_max_dc = parameters.get("balance_board_max_dc")
        self.surplus_uah = array("i", bytes(4 * cells.cell_count))
        self._masks = array("i", bytes(4 * len(cells.layout)))
        self._second = 0
        self._left = False  # something is left to bleed
        self.bleeding = 0
        self.lowest = 0  # cell that was the lowest at the newest choice

    def step(self, allowed, current_ma):
        """allowed: nothing stands against bleeding (no fault, cells fresh and whole)."""
        cells = self._cells
        self._second = (self._second + 1) % (2 * _PERIOD_S)
        magnitude_ma = current_ma if current_ma >= 0 else -current_ma
        if allowed and cells.cell_min_dmv >= self._start_dmv and magnitude_ma < _REST_MA:
            self._take_up()
        safe = allowed and cells.afe_temp_dc < self._board_max_dc
        if not self._left and not self.bleeding:
            return  # most of the year
        self._work_off()
        self._choose(safe)

    def stop(self):
        """Open every switch with the next writes of the configuration, and keep them open."""
        for device in range(len(self._layout)):
            self._masks[device] = 0
        self._source.bleed(self._masks)
        self.bleeding = 0

    def _take_up(self):
        """All cells stand on the steep end: how much each holds above the lowest."""
        cells = self._cells
        lowest = cells.cell_min_dmv
        uah_per_dmv = self._capacity_mah * _PPM_PER_DMV // 1000
        for i in range(cells.cell_count):
            self.surplus_uah[i] = (cells.voltage_dmv[i] - lowest) * uah_per_dmv
        self._left = True

    def _work_off(self):
        """Charge that went through the closed switches in the last second."""
        first = 0
        for device in range(len(self._layout)):
            mask = self._masks[device]
            count = self._layout[device]
            if mask:
                for i in range(count):
                    if mask >> i & 1:
                        cell = first + i
                        # 0.1 mV / mohm: U / R in 0.1 A; for one second, / 3600 in Ah
                        bled = self._cells.voltage_dmv[cell] * 100 // (self._bleed_mohm // 1000)
                        left = self.surplus_uah[cell] - bled // 3600
                        self.surplus_uah[cell] = max(left, 0)
            first += count

    def _choose(self, safe):
        """Even cells in one period, odd ones in the next: neighbours never at once."""
        odd = 1 if self._second >= _PERIOD_S else 0
        self.lowest = lowest = self._cells.cell_min_index
        first = 0
        total = 0
        left = not safe  # unless every cell is looked at
        changed = False
        for device in range(len(self._layout)):
            mask = 0
            count = self._layout[device]
            if safe:
                for i in range(count):
                    cell = first + i
                    if self.surplus_uah[cell] > self._gap_uah and cell != lowest:
                        left = True
                        if i & 1 == odd:
                            mask |= 1 << i
                            total += 1
            if mask != self._masks[device]:
                self._masks[device] = mask
                changed = True
            first += count
        if changed:
            self._source.bleed(self._masks)
        self.bleeding = total
        self._left = left
