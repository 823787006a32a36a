"""What the image carries of the sources."""

import re

from autarky.build import image
from autarky.build.boards import all_boards
from bess.table import rows

TABLE = re.compile(rb'b"""(.*?)"""', re.S)


def test_a_table_in_the_image_has_the_rows_of_its_source_and_every_line_its_number() -> None:
    saved = tables = 0
    for path in image.sources().values():
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


def test_every_board_has_room_for_its_image() -> None:
    for board in all_boards():
        assert image.build(march=board.march).stat().st_size <= board.rom_bytes, board.name


def compiled(march: str) -> dict[str, bytes]:
    folder = image.stage(march=march)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.mpy")
    }


def test_the_images_of_two_processors_differ_in_nothing_but_machine_code() -> None:
    ours, theirs = compiled("x64"), compiled("armv7m")
    same = {name for name in ours if not name.startswith("native/")}
    assert same == {name for name in theirs if not name.startswith("native/")}
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert len(same) > 100
    leaves = {path.stem for path in image.LEAVES}
    for march, files in (("x64", ours), ("armv7m", theirs)):
        assert files.keys() - same == {f"native/{march}/{name}.mpy" for name in leaves}
    assert all(ours[f"native/x64/{name}.mpy"] != theirs[f"native/armv7m/{name}.mpy"]
               for name in leaves)  # fmt: skip
