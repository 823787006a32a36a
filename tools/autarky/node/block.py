"""SDO block download that recovers (CiA 301, clause 7.2.4.3).

canopen's own stream cannot send the last block again: its `_retransmit` raises RuntimeError once
all data were written, and its `close` sends an end of transfer even where the transfer has failed.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable

from canopen.sdo.client import SdoClient
from canopen.sdo.exceptions import SdoAbortedError, SdoCommunicationError

_BYTES = 7
_OPEN, _OPENED, _ACKNOWLEDGED = 0xC6, 0xA4, 0xA2
_END, _ENDED = 0xC1, 0xA1
_LAST = 0x80
_MISCOUNTED = (0x06070012, 0x06070013)  # more or less data than was announced
_TIMED_OUT, _SEQUENCE, _COMMAND, _GENERAL = 0x05040000, 0x05040003, 0x05040001, 0x08000000
_SETTLE_S = 0.1


class BlockDownload:
    """`run(data)` writes one object; a lost, late or repeated segment costs a sub-block.

    `told(done)`: bytes the server has acknowledged. Raises SdoAbortedError where the server ends
    it, SdoCommunicationError where it stays silent. Where an acknowledgement came too late, a
    server that has taken the length counts other blocks than we: that is a wrong sequence.
    Whatever else ends it, Ctrl-C too, the server is told so, and keeps nothing half.
    """

    def __init__(self, sdo: SdoClient, index: int, subindex: int) -> None:
        self._sdo = sdo
        self._address = struct.pack("<HB", index, subindex)
        self._opened = False

    def run(self, data: bytes, told: Callable[[int], None] = lambda done: None) -> None:
        try:
            self._transfer(data, told)
        except SdoAbortedError as error:  # the server ended it, or was told why
            if self._opened and error.code in _MISCOUNTED:
                raise SdoAbortedError(_SEQUENCE) from error
            raise
        except SdoCommunicationError:
            self._abort(_TIMED_OUT)
            raise
        except BaseException:
            self._abort(_GENERAL)
            raise

    def _transfer(self, data: bytes, told: Callable[[int], None]) -> None:
        sdo = self._sdo
        while not sdo.responses.empty():
            sdo.responses.get_nowait()
        sdo.send_request(bytes((_OPEN,)) + self._address + struct.pack("<I", len(data)))
        opened = self._response(_OPENED)
        self._opened = True
        with_crc, size, at = opened[0] & 4, opened[4], 0
        while at < len(data):
            sent = self._send_block(data, at, size)
            taken, size = self._acknowledged(sent)
            at = min(at + taken * _BYTES, len(data))
            told(at)
        unused = -len(data) % _BYTES
        crc = binascii.crc_hqx(data, 0) if with_crc else 0
        sdo.send_request(struct.pack("<BH5x", _END | unused << 2, crc))
        self._response(_ENDED)

    def _send_block(self, data: bytes, at: int, size: int) -> int:
        """Segments of one sub-block from byte `at`; returns how many."""
        parts = [data[i : i + _BYTES] for i in range(at, len(data), _BYTES)[:size]]
        for number, part in enumerate(parts, 1):
            last = _LAST if at + number * _BYTES >= len(data) else 0
            self._sdo.send_request(bytes((number | last,)) + part.ljust(_BYTES, b"\0"))
        return len(parts)

    def _acknowledged(self, sent: int) -> tuple[int, int]:
        """(segments taken, size of the next block); the next begins after the last one taken.

        A server that waited for a slow client acknowledges nothing, perhaps just before it takes
        the whole block: what it says next counts then.
        """
        answer = self._response(_ACKNOWLEDGED)
        if answer[1] == 0:
            patience_s, self._sdo.RESPONSE_TIMEOUT = self._sdo.RESPONSE_TIMEOUT, _SETTLE_S
            try:
                answer = self._response(_ACKNOWLEDGED)
            except SdoAbortedError:
                raise
            except SdoCommunicationError:
                pass  # it took nothing
            finally:
                self._sdo.RESPONSE_TIMEOUT = patience_s
        if answer[1] > sent or not 1 <= answer[2] <= 127:
            self._abort(_SEQUENCE)
            raise SdoAbortedError(_SEQUENCE)
        return answer[1], answer[2]

    def _response(self, wanted: int) -> bytes:
        """The next answer of this kind; acknowledgements of an earlier block may be before it."""
        while True:
            answer: bytes = self._sdo.read_response()
            if answer[0] & 0xE3 == wanted & 0xE3 and (
                wanted != _OPENED or answer[1:4] == self._address
            ):
                return answer
            if answer[0] != _ACKNOWLEDGED and wanted != _OPENED:
                self._abort(_COMMAND)
                raise SdoAbortedError(_COMMAND)

    def _abort(self, code: int) -> None:
        self._sdo.send_request(b"\x80" + self._address + struct.pack("<I", code))
