/// The lowest bits of `choice` as a setting, with limits that a short input can pass.
func webSocketSetting(_ choice: UInt8) -> WebSocketSetting {
  WebSocketSetting(
    sender: choice & 1 == 0 ? .server : .client, allowsRSV1: choice & 2 != 0, maxSize: 1_000,
    maxFragments: 12)
}
