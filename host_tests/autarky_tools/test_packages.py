"""Keys, packages and cabinet files: what is wrong is said, and no leaf is ever used twice."""

import importlib.metadata
import json
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarky.build import boards, folder, image, keys, package
from autarky.build.folder import stored_lines
from autarky.build.keys import SigningKeyError
from autarky.errors import AutarkyError
from autarky.flash import cabinet, rack
from autarky.flash.flash import merged
from autarky.flash.refusals import WHY, why
from autarky.paths import ROOT
from bess.update.states import REFUSALS


def test_a_leaf_is_spent_on_disk_before_its_signature_is_given(key: Path, monkeypatch) -> None:
    before = keys.left(key)
    signature = keys.sign(key, b"one")
    assert keys.left(key) == before - 1
    assert struct.unpack_from(">I", signature)[0] == keys.SIGNATURES - before
    assert keys.verify(keys.public(key), b"one", signature)
    assert not keys.verify(keys.public(key), b"two", signature)

    def crash(*arguments):
        raise RuntimeError("the machine fails while it signs")

    monkeypatch.setattr(keys._Tree, "signed", crash)
    with pytest.raises(RuntimeError):
        keys.sign(key, b"two")
    monkeypatch.undo()
    assert keys.left(key) == before - 2  # that leaf is gone for ever
    leaf = struct.unpack_from(">I", keys.sign(key, b"two"))[0]
    assert leaf == keys.SIGNATURES - before + 2


def test_leaves_are_hashed_once_and_anew_when_they_are_not_this_keys(
    key: Path, tmp_path: Path, monkeypatch
) -> None:
    kept = key.with_name("key.json.leaves")
    good = kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0
    with monkeypatch.context() as patch:
        patch.setattr(keys.LmsPrivateKey, "__init__", None)  # nothing is hashed again
        assert keys.verify(keys.public(key), b"one", keys.sign(key, b"one"))
    kept.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert keys.verify(keys.public(key), b"two", keys.sign(key, b"two"))
    assert kept.read_bytes() == good
    kept.unlink()
    assert keys.verify(keys.public(key), b"three", keys.sign(key, b"three"))


def test_leaves_that_cannot_be_kept_cost_time_alone(key: Path) -> None:
    kept = key.with_name("key.json.leaves")
    kept.unlink()
    kept.mkdir()
    try:
        assert keys.verify(keys.public(key), b"one", keys.sign(key, b"one"))
    finally:
        kept.rmdir()


def test_a_key_that_has_signed_everything_says_so(key: Path, tmp_path: Path) -> None:
    values = json.loads(key.read_text())
    used = tmp_path / "used.json"
    used.write_text(json.dumps({**values, "next": keys.SIGNATURES, "home": str(used)}))
    with pytest.raises(SigningKeyError, match="has made all its 1024 signatures"):
        keys.sign(used, b"more")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"kind": "x"}, "another kind of key"), ({"seed": "00"}, "another kind of key"),
     ({"next": -1}, "out of range"), ({"identity": "zz"}, "is no signing key"),
     ({"public": "00"}, "its public key has another length")],
)  # fmt: skip
def test_a_file_that_is_no_key_is_refused(key: Path, tmp_path: Path, change, sentence: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({**json.loads(key.read_text()), **change}))
    with pytest.raises(SigningKeyError, match=sentence):
        keys.sign(path, b"x")


def test_keys_are_neither_overwritten_nor_imagined(key: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SigningKeyError, match="a key is there already; its signatures would be lost"
    ):
        keys.create(key)
    with pytest.raises(SigningKeyError, match="no signing key is there; `autarky sign --new-key"):
        keys.public(tmp_path / "none.json")
    other = tmp_path / "mixed.json"
    values = json.loads(key.read_text())
    mixed = {**values, "public": values["public"][:-2] + "00", "home": str(other)}
    other.write_text(json.dumps(mixed))
    with pytest.raises(SigningKeyError, match="does not belong"):
        keys.sign(other, b"x")


def test_no_second_name_of_a_key_can_use_a_leaf_again(key: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    keys.create(own)
    link = tmp_path / "link.json"
    link.symlink_to(own)
    leaves = [struct.unpack_from(">I", keys.sign(path, b"m"))[0] for path in (link, own, link)]
    assert leaves == [0, 1, 2]
    copy = tmp_path / "copy.json"
    copy.write_bytes(own.read_bytes())
    with pytest.raises(SigningKeyError, match="a copy must not sign"):
        keys.sign(copy, b"m")
    hard = tmp_path / "hard.json"
    hard.hardlink_to(own)
    for path in (hard, own):
        with pytest.raises(
            SigningKeyError, match=r"several names .hard links.: a leaf could be used twice"
        ):
            keys.sign(path, b"m")


def test_a_package_is_signed_once_and_read_back(key: Path, tmp_path: Path) -> None:
    first = package.wrap(b"image" * 100, "1.2.3", ["unix"], "1.29", key)
    left = keys.left(key)
    assert package.wrap(b"image" * 100, "1.2.3", ["unix"], "1.29", key).data == first.data
    assert keys.left(key) == left
    again = package.read(first.data)
    assert again.manifest == first.manifest
    assert again.signed_by(keys.public(key))
    path = tmp_path / "p.package"
    path.write_bytes(first.data)
    assert package.read_file(path).version == "1.2.3"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [(lambda d: d[:-1], "length than its manifest says"),
     (lambda d: d + b"x", "length than its manifest says"),
     (lambda d: b"X" + d[1:], "no package"),
     (lambda d: d[:-3] + b"abc", "is damaged: its image has another hash"),
     (lambda d: b"", "no package"), (lambda d: d[:60], "no package")],
)  # fmt: skip
def test_a_spoilt_package_is_refused_with_a_sentence(spoil, sentence: str) -> None:
    good = package.wrap(b"image" * 100, "1.2.3", ["unix"], "1.29", None)
    with pytest.raises(package.PackageError, match=sentence):
        package.read(spoil(good.data))


def test_a_version_that_is_none_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    for text in ("1.2", "a.b.c", "1.2.1000", ""):
        with pytest.raises(package.PackageError, match="version"):
            package.wrap(b"x", text, ["unix"], "1.29", None)
    with pytest.raises(package.PackageError, match="`autarky sign` makes packages"):
        package.read_file(tmp_path / "nothing.package")


def test_a_package_is_for_boards_of_one_processor() -> None:
    made = package.make(None, ["PYBD_SF6", "TEENSY41"])
    assert made.manifest["boards"] == "PYBD_SF6,TEENSY41"
    assert made.image == image.build(march="armv7m").read_bytes()
    ours = package.make(None)
    assert (ours.manifest["boards"], ours.image) == ("unix", image.build().read_bytes())
    with pytest.raises(
        package.PackageError,
        match="the machine code of one processor: PYBD_SF6 has armv7m and unix has x64; make a "
        "package for each",
    ):
        package.make(None, ["PYBD_SF6", "unix"])


def test_every_refusal_of_the_firmware_has_its_sentence() -> None:
    names = REFUSALS.decode().split()
    assert set(names[1:]) == set(WHY)
    assert all(why(number) == WHY[name] for number, name in enumerate(names) if number)
    assert why(99) == "refusal 99"


def test_boards_have_near_names() -> None:
    with pytest.raises(Exception, match="did you mean PYBD_SF6"):
        boards.find("pybd_sf5")


def test_the_image_fits_every_board_and_holds_each_board_file() -> None:
    for board in boards.all_boards():
        size = image.build(march=board.march).stat().st_size
        assert size <= board.rom_bytes, board.name
        assert f"boards/{board.name}/board" in image.sources(board.march)


def compiler_that_says(version: str, path: Path) -> str:
    """A compiler whose output is its version."""
    path.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && echo {version} && exit\n'
        'while [ "$1" != -o ]; do shift; done\n'
        f'echo {version} > "$2"\n'
    )
    path.chmod(0o755)
    return str(path)


def test_another_compiler_makes_another_image_and_loader(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(image, "BUILD", tmp_path / "build")
    main = image.sources()["main"]
    monkeypatch.setattr(image, "sources", lambda march: {"main": main})
    made = []
    for version in ("v1.29.0", "v1.30.0"):
        compiler = compiler_that_says(version, tmp_path / version)
        monkeypatch.setattr(image, "_compiler", lambda found=compiler: found)
        made.append((image.build(), image.build_loader()))
        assert (made[-1][1] / "loader" / "rom.mpy").read_text().strip() == version
        assert version.encode() in made[-1][0].read_bytes()
    assert made[0][0] != made[1][0]
    assert made[0][1] != made[1][1]


def test_another_packer_makes_another_image(tmp_path: Path, monkeypatch) -> None:
    installed = importlib.metadata.distributions

    def upgraded(name: str):
        found = list(installed(name=name))
        return [SimpleNamespace(name=f.name, version=f.version + ".post9") for f in found]

    monkeypatch.setattr(image, "BUILD", tmp_path / "build")
    main = image.sources()["main"]
    monkeypatch.setattr(image, "sources", lambda march: {"main": main})
    compiler = compiler_that_says("v1.29.0", tmp_path / "before")
    monkeypatch.setattr(image, "_compiler", lambda: compiler)
    before = image.build()
    monkeypatch.setattr(importlib.metadata, "distributions", upgraded)
    # a process asks once for its tools: the next one is played by another path
    compiler = compiler_that_says("v1.29.0", tmp_path / "after")
    assert image.build() != before


GOOD = f'[cabinet]\nserial = 3\ndevice_key = "{"a1" * 32}"\n[parameters]\nnode_id = 4\n'


def test_a_good_cabinet_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(GOOD)
    found = cabinet.read(path)
    assert found.lines(b"\x01").splitlines() == [
        "@serial=3", "@key=" + "a1" * 32, "@update_key=01", "node_id=4",
    ]  # fmt: skip


def test_a_rack_needs_a_file_a_serial_and_a_node_id_for_each_board(tmp_path: Path) -> None:
    files = []
    for number in range(2):
        files.append(tmp_path / f"{number}.toml")
        files[-1].write_text(GOOD.replace("serial = 3", f"serial = {number + 1}"))
    with pytest.raises(AutarkyError, match="files have the same node_id"):
        rack.read_cabinets(["a", "b"], files)
    files[1].write_text(GOOD.replace("node_id = 4", "node_id = 5"))
    assert len(rack.read_cabinets(["a", "b"], files)) == 2
    files[0].write_text(GOOD)
    files[1].write_text(GOOD)
    with pytest.raises(AutarkyError, match="have the same serial number"):
        rack.read_cabinets(["a", "b"], files)
    with pytest.raises(AutarkyError, match="1 cabinet files for 2 ports"):
        rack.read_cabinets(["a", "b"], files[:1])
    with pytest.raises(AutarkyError, match="--port a is given twice"):
        rack.choose_ports(["a", "a"], False)
    with pytest.raises(AutarkyError, match="--port is missing"):
        rack.choose_ports(None, False)


def test_the_example_is_good() -> None:
    assert cabinet.read(boards.BOARDS / "cabinet.example.toml").serial == 1


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (GOOD + "node_idd = 5\n", 6, "no parameter is named 'node_idd'; similar: node_id"),
        (GOOD.replace("node_id = 4", "node_id = 400"), 5, "node_id is 400, allowed are 1..127"),
        (GOOD.replace("node_id = 4", "node_id = 4.5"), 5, "must be an integer"),
        (GOOD.replace("node_id = 4", "node_id = 1"), 5, "is the coordinator's"),
        (GOOD.replace("node_id = 4", "node_id = true"), 5, "must be an integer"),
        (GOOD.replace("serial = 3", "serial = 0"), 2, "serial must be"),
        (GOOD.replace("serial = 3\n", ""), 1, "serial must be"),
        (GOOD.replace("a1", "zz"), 3, "64 hex digits"),
        (GOOD + "[parameter]\nx = 1\n", 6, "neither"),
        (GOOD.replace("serial = 3", "serial = 3\nfram = 1"), 3, "fram must be true or false"),
        (GOOD.replace("serial = 3", "serial = "), 2, "line 2"),
        ("", 1, "is missing"),
        (GOOD.replace("serial", "seriel"), 2, "has no 'seriel'; similar: serial"),
        ("# serial = 9\n" + GOOD.replace("serial = 3", "serial = -1"), 3, "serial must be"),
    ],
)
def test_every_fault_of_a_cabinet_file_has_its_line(
    tmp_path: Path, text: str, line: int, sentence: str
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(cabinet.CabinetFileError) as caught:
        cabinet.read(path)
    assert sentence in str(caught.value)
    assert f"c.toml:{line}: " in str(caught.value)


def test_parameters_that_contradict_are_told_at_the_line_that_does(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(GOOD + "insulation_3_ohm_v = 400\nchemistry = 1\n")
    with pytest.raises(cabinet.CabinetFileError) as caught:
        cabinet.read(path)
    told = str(caught.value)
    assert "c.toml:6: insulation_3_ohm_v is 400, insulation_2_ohm_v is 300: " in told
    assert "c.toml:7: cell_ov_3_dmv is 36500, chemistry is 1: " in told


def test_the_example_of_a_cabinet_file_is_taken() -> None:
    assert cabinet.read(ROOT / "boards" / "cabinet.example.toml").parameters == {"node_id": 2}


def test_all_faults_are_said_at_once_and_a_missing_file_too(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(GOOD.replace("serial = 3", "serial = 0").replace("node_id = 4", "node_id = 0"))
    with pytest.raises(cabinet.CabinetFileError) as caught:
        cabinet.read(path)
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(
        cabinet.CabinetFileError,
        match=r"No such file or directory; boards/cabinet.example.toml shows what",
    ):
        cabinet.read(tmp_path / "none.toml")


@given(st.text(alphabet="abc=@_0123456789\n", max_size=300))
def test_provisioning_reads_back_as_it_was_written(text: str) -> None:
    assert stored_lines(folder.provision_bytes(text)) == text


def test_flashing_without_a_file_keeps_the_identity_and_renews_the_key() -> None:
    before = "@serial=9\n@key=" + "11" * 32 + "\n@update_key=aa\nnode_id=5\n"
    after = merged(before, None, b"\xbb")
    assert "@serial=9" in after
    assert "node_id=5" in after
    assert "@update_key=bb" in after
    assert "=aa" not in after
    assert merged(after, None, b"\xbb") == after
    assert "@serial=1" in merged("", None, b"\xbb")
