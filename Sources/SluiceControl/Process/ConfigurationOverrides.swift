public import SluiceConfiguration

/// What the command line puts in the place of what the file says, at every reading of it.
public struct ConfigurationOverrides: Sendable {
  /// Why an option is not one.
  public struct Mistake: Error, CustomStringConvertible {
    public let description: String
  }

  private struct Resolution: Sendable {
    var option: String
    /// `name:port`, in lower case.
    var name: String
    var address: String
  }

  private struct Move: Sendable {
    var option: String
    /// A listener's name, its address or `:port`; nil for the only one.
    var former: String?
    var address: String
  }

  private var resolutions: [Resolution] = []
  private var moves: [Move] = []

  public init() {}

  /// - Parameters:
  ///   - resolve: `NAME:PORT=ADDRESS:PORT`: where targets with this name and port are.
  ///   - listen: `OLD=NEW`, where OLD is a listener's name, its address or `:PORT` and NEW an address
  ///     or `:PORT`; or NEW alone when there is one listener.
  public init(resolve: [String], listen: [String]) throws(Mistake) {
    for option in resolve {
      guard let equals = option.firstIndex(of: "=") else {
        throw Mistake(description: "--resolve \(option): write NAME:PORT=ADDRESS:PORT")
      }
      let name = option[..<equals].lowercased()
      let address = String(option[option.index(after: equals)...])
      guard TextForm.hostEndpoint.problem(in: name) == nil else {
        throw Mistake(
          description: "--resolve \(option): '\(name)' is no NAME:PORT, as time.internal:8080")
      }
      guard TextForm.addressWithPort.problem(in: address) == nil else {
        throw Mistake(
          description: "--resolve \(option): '\(address)' is no ADDRESS:PORT, as 127.0.0.1:9000")
      }
      resolutions.append(Resolution(option: "--resolve \(option)", name: name, address: address))
    }
    for option in listen {
      let equals = option.firstIndex(of: "=")
      let address = String(equals.map { option[option.index(after: $0)...] } ?? option[...])
      let whole = address.hasPrefix(":") ? "0.0.0.0\(address)" : address
      guard TextForm.listenAddress.problem(in: whole) == nil else {
        throw Mistake(
          description: "--listen \(option): '\(address)' is no address, as 127.0.0.1:8080 or :8080")
      }
      moves.append(
        Move(
          option: "--listen \(option)", former: equals.map { String(option[..<$0]) },
          address: address))
    }
  }

  /// What was read, with these in force; a name that is nowhere in it is an error.
  public func applied(to result: ReadResult) -> ReadResult {
    guard var configuration = result.configuration else { return result }
    var result = result
    let known = Self.endpoints(in: configuration)
    for resolution in resolutions {
      if known.contains(resolution.name) {
        configuration.hosts[resolution.name, default: []] = []
      } else {
        result.add(
          "\(resolution.option): no target is at \(resolution.name)",
          hint: Suggestion.hint(for: resolution.name, among: known)
            ?? "targets: \(known.sorted().prefix(10).joined(separator: ", "))")
      }
    }
    // Several addresses for one name are all used.
    for resolution in resolutions {
      configuration.hosts[resolution.name]?.append(resolution.address)
    }
    let listeners = configuration.listeners
    for move in moves { apply(move, of: listeners, to: &configuration, &result) }
    result.configuration =
      result.diagnostics.contains { $0.severity == .error } ? nil : configuration
    return result
  }

  /// `name:port` of every target.
  private static func endpoints(in configuration: Configuration) -> Set<String> {
    var endpoints: Set<String> = []
    for service in configuration.allServices.values {
      for target in service.targets {
        if let endpoint = TargetURL(target.url)?.endpoint { endpoints.insert(endpoint) }
      }
    }
    return endpoints
  }

  private func apply(
    _ move: Move, of listeners: [String: Configuration.Listener],
    to configuration: inout Configuration, _ result: inout ReadResult
  ) {
    var names: [String]
    if let former = move.former {
      names =
        listeners[former] != nil
        ? [former]
        : listeners.filter { _, listener in
          listener.address == former
            || former.hasPrefix(":") && listener.address.hasSuffix(former)
        }.keys.sorted()
    } else {
      names = listeners.keys.sorted()
    }
    let known = listeners.sorted { $0.key < $1.key }
      .map { "\($0.key) (\($0.value.address))" }.joined(separator: ", ")
    if names.isEmpty {
      result.add("\(move.option): there is no such listener", hint: "listeners: \(known)")
    } else if names.count > 1 && !move.address.hasPrefix(":")
      || names.count > 1 && move.former == nil
    {
      result.add(
        "\(move.option): more than one listener is meant", hint: "write NAME=ADDRESS; \(known)")
      names = []
    }
    for name in names {
      guard var listener = listeners[name] else { continue }
      if move.address.hasPrefix(":") {
        guard !listener.address.hasPrefix("unix:"),
          let colon = listener.address.lastIndex(of: ":")
        else {
          result.add("\(move.option): \(listener.address) has no port", hint: nil)
          continue
        }
        listener.address = listener.address[..<colon] + move.address
      } else {
        listener.address = move.address
      }
      configuration.listeners[name] = listener
    }
  }
}

extension ReadResult {
  fileprivate mutating func add(_ message: String, hint: String?) {
    diagnostics.append(
      Diagnostic(
        severity: .error, file: "<command line>", line: 1, column: 1, message: message, hint: hint))
  }
}
