"""What the image carries of the sources."""

import re

from autarky.build import image
from bess.table import rows

TABLE = re.compile(rb'b"""(.*?)"""', re.S)


def test_a_table_in_the_image_has_the_rows_of_its_source_and_every_line_its_number() -> None:
    saved = tables = 0
    for path, _ in image.sources().values():
        source = path.read_bytes()
        small = image.squeezed(source)
        assert source.count(b"\n") == small.count(b"\n"), path
        pairs = zip(TABLE.findall(source), TABLE.findall(small), strict=True)
        for whole, squeezed in pairs:
            assert list(rows(whole)) == list(rows(squeezed)), path
            tables += 1
        assert TABLE.sub(b"", source) == TABLE.sub(b"", small), path
        saved += len(source) - len(small)
    assert tables >= 14
    assert saved > 10_000


def test_every_board_has_room_for_the_image() -> None:
    from autarky.build.boards import all_boards

    size = image.build().stat().st_size
    assert all(size <= board.rom_bytes for board in all_boards() if board.rom_bytes)
