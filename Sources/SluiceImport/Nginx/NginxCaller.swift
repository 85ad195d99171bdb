import SluiceConfiguration

/// Who calls: `set_real_ip_from` and its kin, and PROXY headers.
extension NginxBuilder {
  /// What the three directives of the real address mean for one server.
  private struct RealAddress: Equatable {
    /// As written; empty where no field and no PROXY header is believed.
    var proxies: Set<String>
    /// In lower case; empty without proxies.
    var field: String
    var isRecursive: Bool

    static let names: Set<String> = ["set_real_ip_from", "real_ip_header", "real_ip_recursive"]

    init(_ scope: NginxScope) {
      proxies = Set(scope.all("set_real_ip_from").compactMap(\.words.first))
      let field = scope.last("real_ip_header")?.words.first ?? "X-Real-IP"
      self.field = proxies.isEmpty ? "" : field.lowercased()
      isRecursive = !proxies.isEmpty && scope.isOn("real_ip_recursive")
    }

    /// Whether anybody who comes to this address is believed.
    func believes(at listener: NginxListener) -> Bool {
      listener.isSocket ? proxies.contains("unix:") : proxies.contains { $0 != "unix:" }
    }
  }

  /// `proxyProtocol`, `trustedProxies` and `clientAddress` of a listener.
  func callers(_ listener: NginxListener, _ servers: [NginxServer]) -> [DocumentNode.Entry] {
    let scope = servers[listener.defaultServer].scope
    let real = RealAddress(scope)
    let isBelieved = real.believes(at: listener)
    let origin = listener.listens[0].listen.origin
    let directive = scope.last("set_real_ip_from")
    var ranges = scope.all("set_real_ip_from").compactMap(\.words.first).filter { $0 != "unix:" }
    if !listener.isSocket, real.proxies.contains("unix:"), let directive {
      warning("nobody comes by a Unix-domain socket here", at: directive.position)
    }
    let header = scope.last("real_ip_header")
    if !real.proxies.isEmpty, (real.field == "proxy_protocol") != listener.takesProxyHeader {
      error(
        listener.takesProxyHeader
          ? "behind a PROXY header the caller's address is the one in it"
          : "there is no PROXY header without 'listen … proxy_protocol'",
        at: header?.position ?? directive?.position ?? origin,
        hint: listener.takesProxyHeader ? "real_ip_header proxy_protocol;" : nil)
    }
    let noField = Configuration.ClientAddressSource.noField
    if real.field == noField, let header {
      error("a field with the name '\(noField)' can't be read", at: header.position)
    }
    // Whoever the PROXY header names is no proxy, whatever the address; and a socket's peers are none either
    // where the file does not say so.
    let nobody = DocumentNode.Entry("clientAddress", .map([.init("field", .text(noField))]))
    guard listener.takesProxyHeader else {
      var entries: [DocumentNode.Entry] = []
      if !ranges.isEmpty { entries.append(.init("trustedProxies", .texts(ranges))) }
      if listener.isSocket, !isBelieved { return entries + [nobody] }
      return isBelieved ? entries + field(scope) : entries
    }
    if isBelieved {
      warning(
        "who is not named by set_real_ip_from may not connect here; nginx serves them by their own address",
        at: directive?.position ?? origin)
    } else if !listener.isSocket {
      warning(
        "whoever sends a PROXY header is believed, as nginx does: say with trustedProxies who may",
        at: origin)
      ranges = ["0.0.0.0/0", "::/0"]
    }
    var entries = [DocumentNode.Entry("proxyProtocol", .boolean(true), origin: origin)]
    if !ranges.isEmpty { entries.append(.init("trustedProxies", .texts(ranges))) }
    return entries + [nobody]
  }

  /// The field that says who calls, where it is another one than X-Forwarded-For with all its addresses.
  private func field(_ scope: NginxScope) -> [DocumentNode.Entry] {
    let header = scope.last("real_ip_header")
    let name = header?.words.first ?? "X-Real-IP"
    var entries: [DocumentNode.Entry] = []
    if name.lowercased() != "x-forwarded-for" {
      entries.append(.init("field", .text(name), origin: header?.position))
    }
    if !scope.isOn("real_ip_recursive") {
      let recursive = scope.last("real_ip_recursive")
      entries.append(.init("recursive", .boolean(false), origin: recursive?.position))
    }
    return entries.isEmpty
      ? [] : [.init("clientAddress", .map(entries), origin: header?.position)]
  }

  // MARK: What would be another address than nginx's

  /// Reports where servers of one address, or their locations, believe different proxies, and what asks for
  /// an address that only nginx knows.
  func checkCallers(_ listeners: [NginxListener], _ servers: [NginxServer]) {
    for server in servers {
      for directive in server.directive.block ?? [] { checkInner(directive.block ?? []) }
    }
    var different: Set<Int> = []
    var behindProxy: Set<Int> = []
    var withBalancer: Set<Int> = []
    for listener in listeners {
      let first = RealAddress(servers[listener.defaultServer].scope)
      for index in Set(listener.listens.map(\.server)) {
        if RealAddress(servers[index].scope) != first { different.insert(index) }
        guard listener.takesProxyHeader else { continue }
        behindProxy.insert(index)
        if !first.believes(at: listener) { withBalancer.insert(index) }
      }
    }
    for index in different.sorted() {
      let server = servers[index]
      let own = server.directive.block?.last { RealAddress.names.contains($0.name.text) }
      error(
        "this server differs from the default one of its address in set_real_ip_from, real_ip_header or real_ip_recursive, which are the listener's here",
        at: (own ?? server.directive).position,
        hint: "write the same in both, or in http for all of them")
    }
    for (found, isBalancers) in [(behindProxy, false), (withBalancer, true)] where !found.isEmpty {
      // What stands in http is every server's; upstreams and logs let nobody in.
      let apart: Set<String> = ["server", "upstream", "log_format", "access_log"]
      checkAddresses(http.filter { !apart.contains($0.name.text) }, isBalancers)
      for index in found.sorted() {
        checkAddresses(servers[index].directive.block ?? [], isBalancers)
      }
    }
  }

  private func checkInner(_ directives: [NginxDirective]) {
    for directive in directives {
      if RealAddress.names.contains(directive.name.text) {
        error(
          "\(directive.name.text) in a location can't be carried over: it is the listener's here",
          at: directive.position, hint: "write it in the server")
      }
      checkInner(directive.block ?? [])
    }
  }

  /// - Parameter isBalancers: `$remote_addr` is the balancer's address in nginx; otherwise only
  ///   `$realip_remote_addr` is.
  private func checkAddresses(_ directives: [NginxDirective], _ isBalancers: Bool) {
    let variables: Set<String> =
      isBalancers
      ? ["remote_addr", "binary_remote_addr", "remote_port", "proxy_add_x_forwarded_for"]
      : ["realip_remote_addr", "realip_remote_port"]
    let hint =
      isBalancers
      ? "write $proxy_protocol_addr, or set_real_ip_from with the balancers and real_ip_header proxy_protocol"
      : "write $proxy_protocol_addr"
    for directive in directives {
      var found: NginxDirective?
      switch directive.name.text {
      case "log_format", "access_log": continue
      case "allow" where directive.words != ["all"], "deny" where directive.words != ["all"]:
        if isBalancers { found = directive }
      case "geo" where directive.arguments.count == 1: if isBalancers { found = directive }
      default: break
      }
      let texts = [directive.name.text] + directive.words
      if texts.contains(where: { !variables.isDisjoint(with: Self.variableNames($0)) }) {
        found = directive
      }
      if let found {
        error(
          "\(found.name.text) asks for the balancer's address in nginx; behind a PROXY header it is not known here",
          at: found.position, hint: hint)
      }
      checkAddresses(directive.block ?? [], isBalancers)
    }
  }

  /// Names behind dollar signs, in lower case, whatever kind of text it is.
  private static func variableNames(_ text: String) -> Set<String> {
    Set(
      text.split(separator: "$", omittingEmptySubsequences: false).dropFirst().map { rest in
        let rest = rest.hasPrefix("{") ? rest.dropFirst() : rest
        return rest.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }.lowercased()
      })
  }
}
