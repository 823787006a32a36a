"""NMT, PDOs, SYNC, emergencies and LSS, by the unmodified PyPI client."""

import threading
import time

import canopen
import pytest
from canopen.lss import LssMaster
from patience import PATIENCE_S

from autarky.node.unlock import unlock

pytestmark = pytest.mark.slow
KEY = bytes(32)


def test_nmt_states_are_followed(site, node) -> None:
    for command, state in (("OPERATIONAL", "OPERATIONAL"), ("STOPPED", "STOPPED")):
        node.nmt.state = command
        assert node.nmt.wait_for_heartbeat(timeout=PATIENCE_S) or True
        deadline = time.monotonic() + PATIENCE_S
        while node.nmt.state != state:
            assert time.monotonic() < deadline
            node.nmt.wait_for_heartbeat(timeout=PATIENCE_S)
    node.sdo.RESPONSE_TIMEOUT = 0.3
    with pytest.raises(canopen.SdoCommunicationError):
        node.sdo.upload(0x1000, 0)  # no SDO in stopped
    node.sdo.RESPONSE_TIMEOUT = 60.0
    node.nmt.state = "PRE-OPERATIONAL"
    node.nmt.wait_for_heartbeat(timeout=PATIENCE_S)
    assert node.sdo.upload(0x1000, 0) == bytes(4)


def test_pdos_are_read_and_decoded(site, node) -> None:
    node.tpdo.read()
    node.rpdo.read()
    assert [m.cob_id for m in node.tpdo.values()] == [0x182, 0x282, 0x382, 0x482, 0x302, 0x502]
    assert node.rpdo[1].cob_id == 0x202
    assert all(m.enabled for m in node.tpdo.values())
    node.nmt.state = "OPERATIONAL"
    cells = node.tpdo[4]
    assert cells.wait_for_reception(timeout=PATIENCE_S)
    assert 3000 < cells["cells_image.cells.cell_min"].raw < 3500
    stop = threading.Event()

    def sync() -> None:
        counter = 0
        while not stop.is_set():
            counter = counter % 240 + 1
            site.network.sync.transmit(counter)
            time.sleep(0.02)

    thread = threading.Thread(target=sync)
    thread.start()
    try:
        assert node.tpdo[1].wait_for_reception(timeout=PATIENCE_S)
    finally:
        stop.set()
        thread.join()
    node.nmt.state = "PRE-OPERATIONAL"


def test_pdo_parameters_act_at_once(site, unlocked) -> None:
    node = unlocked
    node.nmt.state = "OPERATIONAL"
    node.tpdo.read()
    energy = node.tpdo[3]
    assert energy.wait_for_reception(timeout=PATIENCE_S)
    energy.enabled = False
    energy.save()
    assert node.sdo[0x1802][1].raw == 0xC0000382
    energy.is_received = False
    assert energy.wait_for_reception(timeout=2.5) is None  # it came each second
    energy.enabled = True
    energy.event_timer = 500
    energy.save()
    assert energy.wait_for_reception(timeout=PATIENCE_S)
    node.sdo[0x1802][5].raw = 1000
    node.nmt.state = "PRE-OPERATIONAL"


def test_every_nth_sync_and_the_start_value_count(site, unlocked) -> None:
    node = unlocked
    # CiA 301: inhibit time and SYNC start are fixed while the PDO exists
    cob_id = node.sdo[0x1800][1].raw
    node.sdo[0x1800][1].raw = cob_id | 1 << 31
    node.sdo[0x1800][2].raw = 3
    node.sdo[0x1800][6].raw = 10
    node.sdo[0x1800][1].raw = cob_id
    node.nmt.state = "OPERATIONAL"
    node.sdo.upload(0x1001, 0)
    seen = []
    site.network.subscribe(0x182, lambda can_id, data, stamp: seen.append(counter))
    try:
        for counter in range(5, 30):
            site.network.sync.transmit(counter)
            node.sdo.upload(0x1001, 0)  # answered after the SYNC, and after what it made be sent
    finally:
        site.network.unsubscribe(0x182)
    assert seen == [10, 13, 16, 19, 22, 25, 28]
    node.sdo[0x1800][2].raw = 1
    node.sdo[0x1800][1].raw = cob_id | 1 << 31
    node.sdo[0x1800][6].raw = 0
    node.sdo[0x1800][1].raw = cob_id
    node.nmt.state = "PRE-OPERATIONAL"


def read_again(node: canopen.RemoteNode, index: int, sub: int) -> int:
    """Read from a node that is starting anew: it answers once it has booted."""
    deadline = time.monotonic() + PATIENCE_S
    patience_s, node.sdo.RESPONSE_TIMEOUT = node.sdo.RESPONSE_TIMEOUT, 0.2
    while True:
        try:
            value = int.from_bytes(node.sdo.upload(index, sub), "little")
            break
        except canopen.SdoCommunicationError:
            assert time.monotonic() < deadline
    node.sdo.RESPONSE_TIMEOUT = patience_s
    return value


def scanned(master: LssMaster) -> list[int] | None:
    """A scan of a machine that may be busy: a late answer is a wrong bit, so it is done again."""
    identity = None
    for master.RESPONSE_TIMEOUT in (0.1, 0.5, 3.0):
        _, identity = master.fast_scan()
        if identity is not None:
            break
        master.send_switch_state_global(LssMaster.WAITING_STATE)
    master.RESPONSE_TIMEOUT = PATIENCE_S
    return identity


def test_fastscan_finds_three_and_their_ids_outlive_a_power_cycle(start_site) -> None:
    site = start_site("--cabinets", "3", "--unconfigured", "--no-coordinator", "--realtime")
    master: LssMaster = site.network.lss
    serials = {}
    for node_id in (11, 12, 13):
        identity = scanned(master)
        assert identity is not None
        assert identity[1] == 0x215
        serials[node_id] = identity[3]
        master.configure_node_id(node_id)
        master.store_configuration()
        assert master.inquire_lss_address(0x5D) == identity[3]
        master.send_switch_state_global(LssMaster.WAITING_STATE)
    assert len(set(serials.values())) == 3
    assert scanned(master) is None
    for node_id, serial in serials.items():
        node = site.node(node_id)
        assert node.sdo[0x1018][4].raw == serial
    node = site.network[12]
    unlock(node, KEY)
    node.sdo["heartbeat_ms"].raw = 250
    node.store()
    site.network.nmt.state = "RESET"  # every chip restarts
    for node_id, serial in serials.items():
        node = site.network[node_id]
        assert read_again(node, 0x1018, 4) == serial
    assert site.network[12].sdo["heartbeat_ms"].raw == 250
    assert site.network[13].sdo["heartbeat_ms"].raw == 500
    unlock(site.network[12], KEY)
    site.network[12].restore()
    site.network.nmt.state = "RESET"
    assert read_again(site.network[12], 0x1017, 0) == 500


def test_selective_switch_and_identify(start_site) -> None:
    site = start_site("--cabinets", "1", "--no-coordinator")
    site.node(2)
    master: LssMaster = site.network.lss
    master.RESPONSE_TIMEOUT = PATIENCE_S
    assert master.send_switch_state_selective(0, 0x215, 0x10000, 1000)
    assert master.inquire_node_id() == 2
    assert master.inquire_lss_address(0x5B) == 0x215
    with pytest.raises(canopen.lss.LssError):
        master.configure_node_id(200)
    master.configure_bit_timing(3)
    with pytest.raises(canopen.lss.LssError):
        master.configure_bit_timing(8)
    master.send_switch_state_global(LssMaster.WAITING_STATE)


def test_emergencies_are_received_on_raise_and_clear(start_site) -> None:
    site = start_site("--cabinets", "1", "--no-coordinator")
    node = site.node(2)
    site.network.heartbeat = None
    beat = site.network.send_periodic(0x701, b"\x05", 0.01)
    time.sleep(0.3)
    beat.stop()  # the coordinator's heartbeat stays away: 0x8130
    emergency = node.emcy.wait(0x8130, timeout=PATIENCE_S)
    assert emergency is not None
    assert emergency.register == 0x11
    assert node.sdo[0x1001].raw == 0x11
    assert node.sdo[0x1003][1].raw & 0xFFFF == 0x8130
    site.network.send_message(0x701, b"\x05")
    deadline = time.monotonic() + PATIENCE_S
    while node.emcy.active:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    unlock(node, KEY)
    node.sdo[0x1003][0].raw = 0
    assert node.sdo[0x1003][0].raw == 0
