"""Workbooks and structures of MATLAB: read, or refused in words."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from rigs.traces import RIGHT_AH, TIME_S, counted_ah

from autarky.soc.traces import TraceError, read_traces

_SCHEMA = "http://schemas.openxmlformats.org"


def workbook(path: Path, sheets: dict[str, list[list]]) -> Path:
    """The least that is an Excel file."""

    def cell(value) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    places = [f"worksheets/sheet{i + 1}.xml" for i in range(len(sheets))]
    relations = "".join(
        f'<Relationship Id="r{i}" Target="{place}" '
        f'Type="{_SCHEMA}/officeDocument/2006/relationships/worksheet"/>'
        for i, place in enumerate(places)
    )
    names = "".join(
        f'<sheet name="{name}" sheetId="{i + 1}" r:id="r{i}"/>' for i, name in enumerate(sheets)
    )
    main = f'xmlns="{_SCHEMA}/spreadsheetml/2006/main"'
    package = f'xmlns="{_SCHEMA}/package/2006'
    files = {
        "[Content_Types].xml": f'<Types {package}/content-types"/>',
        "_rels/.rels": f'<Relationships {package}/relationships"><Relationship Id="b" '
        f'Type="{_SCHEMA}/officeDocument/2006/relationships/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f"<workbook {main} "
        f'xmlns:r="{_SCHEMA}/officeDocument/2006/relationships"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships {package}/relationships">{relations}'
        "</Relationships>",
    }
    for place, rows in zip(places, sheets.values()):
        lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        files[f"xl/{place}"] = f"<worksheet {main}><sheetData>{lines}</sheetData></worksheet>"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_the_sheet_with_data_of_a_workbook_is_read(tmp_path: Path) -> None:
    sheets = {
        "Info": [["Test", "Cell 7"], ["Operator", "me"]],
        "Channel_1-008": [["Test_Time(s)", "Current(A)", "Voltage(V)"],
                          *([t, 1.0, 3.33] for t in TIME_S)],
    }  # fmt: skip
    assert counted_ah(workbook(tmp_path / "cell.xlsx", sheets)) == pytest.approx(RIGHT_AH)


def test_a_workbook_of_remarks_alone_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "cell.xlsx", {"Info": [["Operator", "me"]]})
    with pytest.raises(TraceError, match="no sheet has a row of names above rows of numbers"):
        read_traces(path)


def test_a_workbook_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    path = workbook(tmp_path / "cell.xlsx", {"a": [["time", "current", "voltage"], [0, 1.0, 3.3]]})
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(TraceError, match=r"make setup EXTRAS=soc`, or save it as CSV"):
        read_traces(path)


def matlab(path: Path, content: dict) -> Path:
    from scipy.io import savemat

    savemat(path, content)
    return path


def arrays(**names) -> dict:
    sizes = {"time": np.array(TIME_S, float), "current": np.ones(6), "voltage": np.full(6, 3.33)}
    return {name: sizes[role] for role, name in names.items()}


@pytest.mark.parametrize(
    "content",
    [
        arrays(time="time", current="current", voltage="voltage"),
        {"meas": arrays(time="Time", current="Current", voltage="Voltage") | {"TimeStamp": "x"}},
        {"D": {"script1": arrays(time="time", current="current", voltage="voltage")}},
    ],
)
def test_structures_of_matlab_are_read(tmp_path: Path, content: dict) -> None:
    assert counted_ah(matlab(tmp_path / "cell.mat", content)) == pytest.approx(RIGHT_AH)


def test_several_structures_are_several_traces_and_can_be_selected(tmp_path: Path) -> None:
    names = {"time": "Time", "current": "Current_measured", "voltage": "Voltage_measured"}
    cycles = [{"type": "discharge", "data": arrays(**names)} for _ in range(3)]
    path = matlab(tmp_path / "B0005.mat", {"B0005": {"cycle": cycles}})
    found = read_traces(path)
    assert len(found) == 3
    assert "part=B0005.cycle.1.data" in found[1].name
    assert len(read_traces(path, {"part": "B0005.cycle.1.data"})) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"voltage": 3.3, "name": "cell 7"}, "holds no columns of equal length; export time"),
        ({"cycle": [arrays(time="t", current="I")] * 401}, "holds 401 tables; export those you"),
    ],
    ids=["no column", "too many"],
)
def test_a_matlab_file_without_a_table_that_is_meant_is_refused(
    tmp_path: Path, content: dict, sentence: str
) -> None:
    with pytest.raises(TraceError, match=sentence):
        read_traces(matlab(tmp_path / "cell.mat", content))
