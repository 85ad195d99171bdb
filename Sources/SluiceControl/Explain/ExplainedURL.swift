public import SluiceConfiguration
public import SluiceGateway
import SluiceWire

/// A method, a URL and header lines from a command line, as the request a client would send.
public enum ExplainedURL {
  public enum Mistake: Error, Equatable, CustomStringConvertible {
    case headerWithoutColon(String)
    case unknownListener(String, known: [String])
    case noListener
    case url(String)
    case address(String)

    public var description: String {
      switch self {
      case .headerWithoutColon(let text): "'\(text)' is not a header; write 'name: value'"
      case .unknownListener(let name, let known):
        "there is no listener '\(name)'; the file has \(known.joined(separator: ", "))"
      case .noListener: "the file has no listener"
      case .url(let text):
        "'\(text)' is not a URL; write /path or http://host/path"
      case .address(let text): "'\(text)' is not an address"
      }
    }
  }

  /// - Parameters:
  ///   - url: `/path?query` or `http://host[:port]/path?query`; a fragment is left out, as clients do.
  ///     A `ws:` URL stands for a handshake with all its fields.
  ///   - listener: a name; nil takes the one that has the URL's port, else the first by name. One with
  ///     `tls` is told the URL's host in the handshake.
  ///   - address: where the request comes from.
  public static func request(
    method: String, url: String, headers: [String], listener: String?,
    address: String = "127.0.0.1", in configuration: Configuration
  ) throws(Mistake) -> RouteExplanation.Request {
    var fields: [(name: String, value: String)] = []
    for header in headers {
      guard let colon = header.firstIndex(of: ":") else { throw .headerWithoutColon(header) }
      let value = header[header.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      fields.append((name: String(header[..<colon]), value: String(value)))
    }
    let (authority, target) = try split(url)
    if !fields.contains(where: { $0.name.lowercased() == "host" }) {
      fields.insert((name: "Host", value: authority ?? "localhost"), at: 0)
    }
    if url.lowercased().hasPrefix("ws") { completeHandshake(&fields) }
    guard IPAddress(address) != nil else { throw .address(address) }
    let listener = try choose(listener, authority: authority, configuration)
    let isEncrypted = configuration.listeners[listener]?.tls != nil
    return RouteExplanation.Request(
      method: method, target: target, fields: fields, listener: listener,
      serverName: isEncrypted ? serverName(authority) : nil, address: address)
  }

  /// What a client names in its handshake: no port, and no address (RFC 6066 3).
  private static func serverName(_ authority: String?) -> String {
    guard let authority, !authority.hasPrefix("[") else { return "" }
    let name = String(authority.prefix { $0 != ":" })
    return IPAddress(name) == nil ? name : ""
  }

  /// What every WebSocket client sends (RFC 6455 4.1), where nothing else was said.
  private static func completeHandshake(_ fields: inout [(name: String, value: String)]) {
    let handshake = [
      ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
      ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    for (name, value) in handshake
    where !fields.contains(where: { $0.name.lowercased() == name.lowercased() }) {
      fields.append((name: name, value: value))
    }
  }

  private static func split(_ url: String) throws(Mistake) -> (authority: String?, target: String) {
    let url = url.prefix { $0 != "#" }
    if url.hasPrefix("/") || url == "*" { return (nil, String(url)) }
    let schemes = ["http://", "https://", "ws://", "wss://"]
    guard let scheme = schemes.first(where: { url.lowercased().hasPrefix($0) }) else {
      throw .url(String(url))
    }
    let rest = url.dropFirst(scheme.count)
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    guard end > rest.startIndex else { throw .url(String(url)) }
    let target = rest[end...]
    return (String(rest[..<end]), target.hasPrefix("/") ? String(target) : "/\(target)")
  }

  private static func choose(
    _ name: String?, authority: String?, _ configuration: Configuration
  ) throws(Mistake) -> String {
    let known = configuration.listeners.keys.sorted()
    if let name {
      guard known.contains(name) else { throw .unknownListener(name, known: known) }
      return name
    }
    guard let first = known.first else { throw .noListener }
    guard let authority, let colon = authority.lastIndex(of: ":") else { return first }
    let port = authority[colon...]
    return known.first { configuration.listeners[$0]?.address.hasSuffix(port) == true } ?? first
  }
}
