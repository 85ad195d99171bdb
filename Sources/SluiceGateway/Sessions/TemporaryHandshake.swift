import SluiceWire
enum WebSocketHandshake { static func isKey(_ key: Span<UInt8>) -> Bool { key.count == 24 && key[22] == 0x3D && key[23] == 0x3D && key[21] != 0x3D } }
enum WebSocketAnswer { static func agrees(_ head: borrowing ResponseHead, _ request: borrowing RequestHead) -> Bool { true } }
