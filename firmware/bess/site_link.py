"""The cabinet on the site bus: its node, what can be read and written over it, and by whom."""

from bess import objects
from bess.link import abort, communication
from bess.link.can_port import CanPort
from bess.link.dictionary import Dictionary
from bess.link.frames import FrameCodec
from bess.link.keeper import Keeper
from bess.link.lss import LssSlave
from bess.link.node import Node
from bess.link.pdo import Pdos
from bess.link.sdo import SdoServer
from bess.link.session import Session
from bess.parameter_rules import ParameterJudge
from bess.port.interpreter import const
from bess.protect.fault_table import TABLE as FAULT_TABLE
from bess.protect.history import WRONG_ANSWERS

_HEARTBEAT_CONSUMER = const(0x1016)
_OWN_INDEX = const(0x2000)
_PRODUCT_CODE = const(0x0215)  # a cabinet of the 215 kWh class
_REVISION = const(0x00010000)  # major, minor


class StoredParameters:
    """The parameters with what storage holds of them, and what contradicts among them."""

    def __init__(self, board, parameters):
        self.keeper = Keeper(
            parameters, board.storage["parameters"], board.configure, self._objection
        )
        self.keeper.load()
        self.judge = ParameterJudge(parameters, FAULT_TABLE)  # of what was loaded

    def _objection(self):
        return self.judge.objection()

    def conflict(self):
        """0x2312: what contradicts among the parameters as they were written."""
        return self._objection() or "none"


class SiteLink:
    """`port`, `codec`, `pdo`, `node`, `session`, `dictionary` of one board.

    root: object whose attributes the dictionary's tables name, with `at_rest()`: no power flows;
    stored: StoredParameters; history: protect.history.
    """

    def __init__(self, board, root, parameters, stored, history, leaves):
        self._root = root
        self._parameters = parameters
        self._judge = stored.judge
        self._history = history
        self.codec = codec = FrameCodec(objects.PDO_TABLE, leaves)
        self.port = port = CanPort(board.site_can, ())
        port.set_bit_rate(parameters.get("can_kbit_s"))
        self.pdo = pdo = Pdos(port, codec, objects.PDO_TABLE, parameters, leaves)
        pdo.report = codec.frame("status")
        pdo.stream = codec.frame("cell_stream")
        identity = (parameters.get("vendor_id"), _PRODUCT_CODE, _REVISION, board.serial_number)
        self.node = node = Node(port, pdo, parameters, identity)
        self.session = Session(
            board.device_key, board.random, parameters.get("session_ms"),
            history.value[WRONG_ANSWERS], self._note_wrong_answers,
        )  # fmt: skip
        tables = (communication.TABLE, objects.OBJECT_TABLE)
        self.dictionary = Dictionary(
            root, parameters, tables, pdo, self._may_write, self._parameter_changed
        )
        node.sdo = SdoServer(self._send_sdo, self.dictionary, parameters.get("sdo_timeout_ms"))
        node.lss = LssSlave(
            node, stored.keeper, port.send, root.at_rest, parameters.get("can_kbit_s")
        )

    def _may_write(self, under_load):
        if not self.session.unlocked:
            return abort.ACCESS
        return abort.NONE if under_load or self._root.at_rest() else abort.STATE

    def _parameter_changed(self, index, sub):
        self._judge.changed(self._parameters.name(index, sub))
        if index == _HEARTBEAT_CONSUMER:
            self.node.forget_guard()
        if index < _OWN_INDEX:  # CiA 301's take effect at once, ours with the next start
            self.node.load()

    def _note_wrong_answers(self, wrong):
        self._history.put(WRONG_ANSWERS, wrong)

    def _send_sdo(self, data):
        return self.port.send(self.node.sdo_response_id, data)
