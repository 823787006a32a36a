"""What a cabinet is made of."""

from bess.topology import spread


def test_cells_of_a_module_are_spread_evenly_over_its_front_ends():
    def layout(modules, cells):
        return spread(modules, cells, 18)

    assert list(layout(5, 52)) == [18, 17, 17] * 5
    assert list(layout(2, 48)) == [16] * 6
    assert list(layout(1, 16)) == [16]
    assert list(layout(1, 18)) == [18]
    assert list(layout(3, 19)) == [10, 9] * 3
    assert list(layout(1, 20)) == [10, 10]
