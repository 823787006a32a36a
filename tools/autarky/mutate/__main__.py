"""Runs the tests of the safety core against every mutant of it, a forked process each.

usage: python -m autarky.mutate [--module NAME] [--json FILE] [--jobs N]

A mutant dies when a test fails or takes more processor time than it may; every survivor must stand
in host_tests/mutation_allowed.txt with the reason why no test can tell it apart.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import os
import resource
import sys
from pathlib import Path

from autarky.mutate.mutants import Mutant, build, mutants
from autarky.paths import FIRMWARE, ROOT

ALLOWED = ROOT / "host_tests" / "mutation_allowed.txt"
GATE = 0.95
_CLEAN_S = 600  # of processor time, for the tests of a module as it is
# for a mutant, of what they take without: an endless loop is noticed, however busy the machine is
_MORE, _AT_LEAST_S = 3, 3
_OURS = ("autarky", "autarky_board", "autarky_firmware_main", "bess", "wire")
_KIT = "host_tests/kit/test_contracts.py"
_SDO = [
    "host_tests/bess/link/test_sdo.py", "host_tests/bess/link/test_sdo_segments.py",
    "host_tests/bess/link/test_sdo_block_download.py",
    "host_tests/bess/link/test_sdo_block_upload.py",
]  # fmt: skip
# module: the tests that must notice
TARGETS = {
    "bess.protect.faults": [
        "host_tests/bess/protect/test_faults.py",
        "host_tests/bess/protect/test_faults_clearing.py",
        "host_tests/bess/protect/test_faults_reactions.py",
        "host_tests/bess/protect/test_faults_of_strings.py", _KIT,
    ],
    "bess.protect.fault_table": [
        "host_tests/bess/protect/test_faults.py",
        "host_tests/bess/protect/test_faults_clearing.py",
        "host_tests/bess/protect/test_faults_reactions.py",
    ],
    "bess.protect.limits": [
        "host_tests/bess/protect/test_limits.py",
        "host_tests/bess/protect/test_limits_overload.py",
        "host_tests/invariants/test_limits_properties.py",
    ],
    "bess.protect.latches": [
        "host_tests/bess/protect/test_latches.py",
        "host_tests/bess/protect/test_faults_of_strings.py",
    ],
    "bess.protect.event_log": ["host_tests/bess/protect/test_event_log.py"],
    "bess.protect.trace": ["host_tests/bess/protect/test_trace.py"],
    "bess.protect.self_check": ["host_tests/bess/protect/test_self_check.py"],
    "bess.protect.history": ["host_tests/bess/protect/test_history.py"],
    "bess.protect.backup": [
        "host_tests/bess/protect/test_history.py", "host_tests/bess/protect/test_latches.py",
    ],
    "bess.protect.hazards": ["host_tests/bess/protect/test_hazards.py"],
    "bess.control.contactors": [
        "host_tests/bess/control/test_contactors.py",
        "host_tests/bess/control/test_contactors_precharge.py",
        "host_tests/bess/control/test_contactors_heat.py",
        "host_tests/bess/control/test_contactors_weld.py",
    ],
    "bess.control.pcs_control": ["host_tests/bess/control/test_pcs_control.py"],
    "bess.control.thermal": [
        "host_tests/bess/control/test_thermal.py", "host_tests/bess/control/test_thermal_times.py",
        "host_tests/bess/control/test_thermal_flow.py",
    ],
    "bess.control.balancing": ["host_tests/bess/control/test_balancing.py"],
    "bess.control.hot_swap": ["host_tests/bess/control/test_hot_swap.py"],
    "bess.modes": [
        "host_tests/bess/test_modes.py", "host_tests/bess/test_modes_stopping.py",
        "host_tests/bess/test_modes_reset.py",
    ],
    "bess.app": ["host_tests/bess/test_app.py", "host_tests/bess/test_journal.py"],
    "bess.tasks": ["host_tests/bess/test_tasks.py"],
    "bess.strings": ["host_tests/bess/test_strings.py", "host_tests/bess/test_tasks.py"],
    "bess.command": ["host_tests/bess/test_command.py"],
    "bess.health": ["host_tests/bess/test_health.py"],
    "bess.journal": ["host_tests/bess/test_journal.py", "host_tests/bess/test_app.py"],
    "bess.upkeep": ["host_tests/bess/test_upkeep.py"],
    "bess.site_link": ["host_tests/bess/test_site_link.py"],
    "bess.topology": ["host_tests/bess/test_topology.py"],
    "bess.control.derating": ["host_tests/bess/control/test_derating.py"],
    "bess.drivers.cabinet_bus": ["host_tests/bess/drivers/test_cabinet_bus.py"],
    "bess.records": ["host_tests/bess/test_sparing.py", "host_tests/bess/test_records_in_fram.py"],
    "bess.sparing": ["host_tests/bess/test_sparing.py", "host_tests/bess/test_records_in_fram.py"],
    "bess.parameter_rules": ["host_tests/bess/test_parameter_rules.py"],
    "bess.link.emcy": ["host_tests/bess/link/test_emcy.py"],
    "bess.link.keeper": ["host_tests/bess/link/test_keeper.py"],
    "bess.link.sdo": _SDO,
    "bess.link.sdo_block": _SDO,
    "bess.link.node": [
        "host_tests/bess/link/test_node.py", "host_tests/bess/link/test_node_heartbeats.py",
        "host_tests/bess/link/test_node_requests.py",
        "host_tests/bess/link/test_node_sync_and_timers.py",
        "host_tests/bess/link/test_node_unheard.py",
    ],
    "bess.link.pdo": [
        "host_tests/bess/link/test_pdo.py", "host_tests/bess/link/test_pdo_timers.py",
    ],
    "bess.link.dictionary": [
        "host_tests/bess/link/test_dictionary.py",
        "host_tests/bess/link/test_dictionary_entries.py",
    ],
    "bess.link.session": ["host_tests/bess/link/test_session.py"],
    "bess.link.lss": ["host_tests/bess/link/test_lss.py"],
    "bess.protect.means": ["host_tests/bess/protect/test_means.py"],
    "bess.link.e2e": [
        "host_tests/bess/link/test_e2e.py", "host_tests/bess/link/test_e2e_distance.py",
        "host_tests/bess/link/test_e2e_second_opinion.py",
    ],
    "bess.update.lms": ["host_tests/bess/update/test_lms.py"],
    "bess.update.update": ["host_tests/bess/update/test_update.py"],
    "bess.update.program": ["host_tests/bess/update/test_update.py"],
    "bess.port.ring": [
        "host_tests/bess/port/test_ring.py", "host_tests/bess/protect/test_event_log.py",
    ],
    "bess.port.slots": [
        "host_tests/bess/port/test_slots.py", "host_tests/boards/test_loader.py",
    ],
    "bess.measure.signals": ["host_tests/bess/measure/test_signals.py"],
    "bess.measure.inputs": ["host_tests/bess/measure/test_inputs.py"],
    "bess.measure.string_meter": ["host_tests/bess/measure/test_string_meter.py"],
    "bess.measure.insulation": ["host_tests/bess/measure/test_insulation.py"],
    "bess.measure.environment": ["host_tests/bess/measure/test_environment.py"],
    "bess.protect.plausibility": ["host_tests/bess/protect/test_plausibility.py"],
    "bess.measure.ntc": ["host_tests/bess/measure/test_cells_words.py"],
    "bess.measure.ltc_scan": [
        "host_tests/bess/measure/test_cells_words.py",
        "host_tests/bess/measure/test_cells_diagnosis.py",
        "host_tests/bess/measure/test_cells.py",
        "host_tests/bess/measure/test_cell_sources.py",
    ],
    "bess.measure.cells": [
        "host_tests/bess/measure/test_cells_words.py",
        "host_tests/bess/measure/test_cells_diagnosis.py",
        "host_tests/bess/measure/test_cells.py",
        "host_tests/bess/measure/test_cell_sources.py",
    ],
    "bess.drivers.iso165c": ["host_tests/bess/measure/test_insulation.py"],
    "bess.drivers.ivt_s": [
        "host_tests/bess/drivers/test_ivt_s.py", "host_tests/bess/drivers/test_ivt_s_set_up.py",
    ],
    "bess.drivers.ltc681x": ["host_tests/bess/drivers/test_ltc681x.py"],
    "bess.drivers.pec15": ["host_tests/bess/drivers/test_pec15.py"],
    "bess.drivers.pcs_can": ["host_tests/bess/drivers/test_pcs_can.py"],
    "bess.drivers.fram": ["host_tests/bess/drivers/test_fram_and_expander.py"],
    "bess.drivers.mcp23s17": ["host_tests/bess/drivers/test_fram_and_expander.py"],
}  # fmt: skip


class _Loader(importlib.abc.Loader):
    def __init__(self, mutant: Mutant, path: Path) -> None:
        self._mutant = mutant
        self._path = path

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: object) -> None:
        tree = build(self._path.read_text(), self._mutant)
        exec(compile(tree, str(self._path), "exec"), vars(module))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, mutant: Mutant, path: Path) -> None:
        self._name = name
        self._loader = _Loader(mutant, path)

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self._loader)


def path_of(module: str) -> Path:
    return FIRMWARE.joinpath(*module.split(".")).with_suffix(".py")


def _child(module: str, mutant: Mutant | None, most_s: int) -> int:
    """In the forked process: 0 when every test passed; mutant None: the module as it is."""
    resource.setrlimit(resource.RLIMIT_CPU, (most_s, most_s))
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    if mutant is not None:
        sys.meta_path.insert(0, _Finder(module, mutant, path_of(module)))
    import pytest

    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *TARGETS[module]]))


def _import_once() -> None:
    """Import here what every child needs and no mutant changes: libraries, never our own."""
    for name in ("hypothesis.strategies", "pytest", "autarky.sil.site"):
        importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in _OURS and not name.startswith("autarky.mutate"):
            del sys.modules[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # looking for them takes time only
    gc.freeze()


def _start(module: str, mutant: Mutant | None, most_s: int) -> int:
    process = os.fork()
    if process == 0:
        code = 1
        try:
            code = _child(module, mutant, most_s)
        finally:
            os._exit(1 if code else 0)
    return process


def allowed() -> dict[str, str]:
    """`module: change` -> reason, of the allow-list."""
    found = {}
    for line in ALLOWED.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            key, _, reason = line.rpartition(" ## ")
            if not reason.strip():
                raise SystemExit(f"{ALLOWED.name}: no reason given for {key!r}")
            found[key.strip()] = reason.strip()
    return found


def run(modules: list[str], jobs: int) -> tuple[int, list[tuple[str, Mutant]]]:
    """(number of mutants, survivors). SystemExit when tests fail without any mutant."""
    os.chdir(ROOT)
    _import_once()
    survivors: list[tuple[str, Mutant]] = []
    total = 0
    for name in modules:
        _, status, used = os.wait4(_start(name, None, _CLEAN_S), 0)
        if status:
            raise SystemExit(f"{name}: its tests fail on the module as it is: {TARGETS[name]}")
        work = mutants(path_of(name).read_text())
        total += len(work)
        most_s = _AT_LEAST_S + math.ceil(_MORE * (used.ru_utime + used.ru_stime))
        lived, processor_s = _run_module(name, work, jobs, most_s)
        survivors += [(name, mutant) for mutant in lived]
        print(
            f"{name}: {len(work)} mutants, {len(lived)} survived, "
            f"{processor_s:.0f} s of processor time",
            flush=True,
        )
    return total, survivors


def _run_module(
    name: str, work: list[Mutant], jobs: int, most_s: int
) -> tuple[list[Mutant], float]:
    """(survivors, seconds of processor time)."""
    waiting = list(work)
    running: dict[int, Mutant] = {}
    survivors: list[Mutant] = []
    processor_s = 0.0
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            running[_start(name, mutant, most_s)] = mutant
        process, status, used = os.wait4(-1, 0)
        mutant = running.pop(process)
        processor_s += used.ru_utime + used.ru_stime
        if status == 0:
            survivors.append(mutant)
            print(f"survived {name}:{mutant.line}: {mutant.change}", flush=True)
    return survivors, processor_s


def main() -> None:
    """Print the score; exit 1 below the gate or with a survivor that nobody has explained."""
    parser = argparse.ArgumentParser(description="Mutants of the safety core against its tests.")
    parser.add_argument("--module", action="append", choices=list(TARGETS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    reasons = allowed()
    total, survivors = run(options.module or list(TARGETS), options.jobs)
    unexplained = [
        f"{name}: {m.change}" for name, m in survivors if f"{name}: {m.change}" not in reasons
    ]
    score = 1 - len(survivors) / total
    print(f"{total} mutants, {total - len(survivors)} killed: {100 * score:.1f} %")
    for text in unexplained:
        print(f"unexplained survivor: {text}")
    if options.json:
        options.json.write_text(
            json.dumps({"mutants": total, "score": score, "unexplained": unexplained}, indent=2)
        )
    if score < GATE or unexplained:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
