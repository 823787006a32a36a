"""Objects of CiA 301 and 302-3 that are no parameters: part of the object dictionary.

Columns: index[.sub-index], name, type, access, unit, source. Types: u8..i32, str, oct
(octet string), dom (DOMAIN). Access: ro, wo, rw; a write needs an unlocked session and a
safe state, but for `s` (session only) and `f` (free). Source: attribute path from the root, or
from its `string` where it begins with a dot, called when it can be; `reader|writer` where both
exist, `=N` for a constant. `.*` is an array of the source. `value?known`: there is no data unless
the path `known` says so, called with the element's number when it can be.
"""

TABLE = b"""\

0x1000 device_type               u32 ro  - =0
0x1001 error_register            u8  ro  - node.emcy.register
0x1003 error_history.count       u8  rw  - node.emcy.count|node.emcy.clear_history
0x1003.* error_history           u32 ro  - node.emcy.history
0x1005 sync_cob_id               u32 ro  - =0x80
0x1008 device_name               str ro  - device_name
0x1009 hardware_version          str ro  - hardware_version
0x100A software_version          str ro  - software_version
0x1010.1 store_all               u32 rw  - =1|keeper.store
0x1011.1 restore_all             u32 rw  - =1|keeper.restore
0x1014 emergency_cob_id          u32 ro  - node.emergency_cob_id
0x1018.1 identity.vendor            u32 ro  - node.vendor_id
0x1018.2 identity.product         u32 ro  - node.product_code
0x1018.3 identity.revision      u32 ro  - node.revision_number
0x1018.4 identity.serial        u32 ro  - node.serial_number
0x1200.1 sdo_request_cob_id      u32 ro  - node.sdo_request_id
0x1200.2 sdo_response_cob_id     u32 ro  - node.sdo_response_id
0x1F50.1 program_data            dom rw  - program|program
0x1F51.1 program_control         u8  rw  - program.state|program.control
0x1F56.1 program_crc             u32 ro  - program.crc
0x1F57.1 program_status          u32 ro  - program.status
0x2F00.1 session.nonce           oct ro  - session.nonce
0x2F00.2 session.answer          oct wof - session.answer
0x2F00.3 session.unlocked        u8  rwf - session.unlocked|session.lock
0x2F00.4 session.left            u32 ro  s session.left_s
0x2F00.5 session.wait            u32 ro  s session.wait_s
"""
