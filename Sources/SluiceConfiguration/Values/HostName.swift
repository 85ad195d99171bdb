import SluiceWire

/// Host names as configuration writes them: letters, digits, `-` and `_` in labels of 1 to 63
/// bytes.
enum HostName {
  /// In lower case; nil when it is no host name, or reads as a malformed IPv4 address.
  static func normalized(_ text: String) -> String? {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count <= 253, labels.allSatisfy(isLabel), !isNumber(labels.last ?? "") else {
      return nil
    }
    return text.lowercased()
  }

  /// Whether it is a name, an IPv4 address or an IPv6 address in brackets.
  static func isHost(_ text: some StringProtocol) -> Bool {
    if text.hasPrefix("["), text.hasSuffix("]") {
      return (try? parseBracketedAddress(text)) != nil
    }
    return normalized(String(text)) != nil || isQuad(text)
  }

  /// Not `isIPv4`: an IPv6 address needs brackets even where it stands for an IPv4 one.
  private static func isQuad(_ text: some StringProtocol) -> Bool {
    !text.utf8.contains(UInt8(ascii: ":")) && IPAddress(String(text)) != nil
  }

  private static func isLabel(_ label: Substring) -> Bool {
    (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
      && label.utf8.allSatisfy { isAlphanumeric($0) || "-_".utf8.contains($0) }
  }

  private static func isNumber(_ label: Substring) -> Bool {
    label.utf8.allSatisfy { 48...57 ~= $0 }
  }
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "A")...UInt8(ascii: "Z"):
    true
  default: false
  }
}

/// A token of RFC 9110 section 5.6.2: methods, field names, cookie names.
func isToken(_ text: some StringProtocol) -> Bool {
  !text.isEmpty
    && text.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
}
