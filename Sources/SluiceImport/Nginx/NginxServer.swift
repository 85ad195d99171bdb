import SluiceConfiguration

/// One `server` block.
struct NginxServer {
  var directive: NginxDirective
  var scope: NginxScope
  var listens: [NginxListen]
  /// As routes write them: `name`, `*.name`, `name.*` or `~regex`.
  var hosts: [String]
  /// As written; `server_name` variables and names of routes are made of it.
  var firstName: String

  /// Hosts and listeners of some of its requests.
  struct Place {
    /// Empty for every host.
    var hosts: [String]
    /// Names; empty for every listener.
    var listeners: [String]
    var isEncrypted: Bool
    /// Nil where they listen on several, and for a Unix-domain socket.
    var port: Int?
  }
}

extension NginxBuilder {
  func convertServers() {
    var servers: [NginxServer] = []
    for directive in http where directive.name.text == "server" {
      guard let block = directive.block else {
        error("server has no block", at: directive.position)
        continue
      }
      let all = block.filter { $0.name.text == "listen" }.compactMap { NginxListen($0, self) }
      let listens = all.filter { !$0.isQUIC }
      if listens.isEmpty, let quic = all.first {
        error("nobody could come to this server: HTTP/3 is not spoken", at: quic.origin)
      }
      var server = NginxServer(
        directive: directive, scope: NginxScope(levels: [http, block]), listens: listens,
        hosts: [], firstName: "")
      if !block.contains(where: { $0.name.text == "listen" }) {
        server.listens = [NginxListen(default: directive.position)]
      }
      readNames(of: &server, block)
      var seen: Set<String> = []
      server.hosts.removeAll { !seen.insert($0).inserted }
      servers.append(server)
    }
    let listeners = listenersOf(servers)
    for listener in listeners { convertListener(listener, servers) }
    checkCallers(listeners, servers)
    var taken: Set<String> = []
    for (index, server) in servers.enumerated() {
      for place in places(of: index, servers, listeners, &taken) {
        convert(server, at: place)
      }
    }
  }

  private func readNames(of server: inout NginxServer, _ block: [NginxDirective]) {
    for directive in block where directive.name.text == "server_name" {
      for word in directive.arguments {
        let isRegex = word.text.hasPrefix("~")
        let text = isRegex ? word.text : word.text.lowercased()
        if server.firstName.isEmpty {
          server.firstName = text.hasPrefix(".") ? String(text.dropFirst()) : text
        }
        if isRegex {
          guard text.count > 1 else {
            error("the regular expression is empty", at: word.position)
            continue
          }
          guard RegexGroups.areClosed(String(text.dropFirst())) else {
            error("the groups of the regular expression do not match", at: word.position)
            continue
          }
          server.hosts.append("~\(Self.wholeHost(String(text.dropFirst())))")
        } else if text.hasPrefix("*.") || text.hasPrefix(".") {
          let suffix = String(text.drop { $0 == "*" }.dropFirst())
          if text.hasPrefix(".") { server.hosts.append(suffix) }
          server.hosts.append("*.\(suffix)")
        } else if text == "$hostname" {
          error("server_name $hostname can't be carried over", at: word.position)
        } else if !text.isEmpty, text.contains(where: { $0 != "_" }) {
          server.hosts.append(text)
        }
      }
    }
  }

  /// An expression for the whole name that matches where nginx's is found anywhere in it.
  private static func wholeHost(_ regex: String) -> String {
    let isBounded =
      regex.hasPrefix("^") && regex.hasSuffix("$") && !regex.hasSuffix("\\$")
      && !regex.contains("|")
    return isBounded ? String(regex.dropFirst().dropLast()) : "(?s:.*?)(?:\(regex))(?s:.*)"
  }

  private func listenersOf(_ servers: [NginxServer]) -> [NginxListener] {
    var listeners: [NginxListener] = []
    for (index, server) in servers.enumerated() {
      for listen in server.listens {
        if let place = listeners.firstIndex(where: {
          $0.listens[0].listen.address == listen.address
        }) {
          listeners[place].listens.append((listen, index))
        } else {
          let name = name("listener", Self.listenerName(listen))
          listeners.append(NginxListener(name: name, listens: [(listen, index)]))
        }
      }
    }
    return listeners
  }

  private static func listenerName(_ listen: NginxListen) -> String {
    let kind = listen.isEncrypted ? "https" : "http"
    if listen.address.hasPrefix("0.0.0.0:"), let port = listen.port { return "\(kind)-\(port)" }
    if listen.address.hasPrefix("[::]:"), let port = listen.port { return "\(kind)-v6-\(port)" }
    return "\(kind)-\(listen.address)"
  }

  /// Where a server's routes stand: for the names it has, and for all others where it is the default.
  private func places(
    of index: Int, _ servers: [NginxServer], _ listeners: [NginxListener],
    _ taken: inout Set<String>
  ) -> [NginxServer.Place] {
    let server = servers[index]
    let own = listeners.filter { $0.listens.contains { $0.server == index } }
    let kinds: [(isEncrypted: Bool, isDefault: Bool)] = [
      (false, true), (true, true), (false, false), (true, false),
    ]
    var places: [NginxServer.Place] = []
    for kind in kinds {
      let here = own.filter {
        $0.isEncrypted == kind.isEncrypted && ($0.defaultServer == index) == kind.isDefault
      }
      if here.isEmpty { continue }
      var hosts = server.hosts
      if kind.isDefault {
        hosts = []
      } else {
        hosts = hosts.filter { host in
          let isNew = here.allSatisfy { !taken.contains("\($0.name) \(host)") }
          if !isNew {
            warning(
              "another server has the name '\(host)' here already: it is the first that answers",
              at: server.directive.position)
          }
          return isNew
        }
        if hosts.isEmpty {
          warning(
            "no request can come to this server: it has no name of its own and is not the default",
            at: server.directive.position)
          continue
        }
      }
      // Names that an earlier server has are that one's.
      let fresh = server.hosts.filter { host in
        here.allSatisfy { !taken.contains("\($0.name) \(host)") }
      }
      for listener in here { for host in server.hosts { taken.insert("\(listener.name) \(host)") } }
      let isEverywhere = here.count == listeners.count
      let ports = Set(here.map { $0.listens[0].listen.port })
      var place = NginxServer.Place(
        hosts: hosts, listeners: isEverywhere ? [] : here.map(\.name),
        isEncrypted: kind.isEncrypted, port: ports.count == 1 ? here[0].listens[0].listen.port : nil
      )
      places.append(place)
      // A default server is asked for its names, too, where another one's wildcard covers them.
      if kind.isDefault, isCovered(fresh, by: servers, here, except: index) {
        place.hosts = fresh
        places.append(place)
      }
    }
    return places
  }

  /// Whether another server on these listeners has a wildcard for one of these names, or what is found before
  /// the default. A name that captures has to be written in any case.
  private func isCovered(
    _ hosts: [String], by servers: [NginxServer], _ listeners: [NginxListener], except index: Int
  ) -> Bool {
    let others = Set(listeners.flatMap { $0.listens.map(\.server) }).subtracting([index])
    let isCapturing = hosts.contains { $0.hasPrefix("~") && $0.contains("(") }
    let isFoundBefore = others.contains { other in
      servers[other].hosts.contains { $0.hasPrefix("~") || $0.hasSuffix(".*") }
    }
    if !hosts.isEmpty, isCapturing || isFoundBefore { return true }
    let suffixes = others.flatMap { servers[$0].hosts }.filter { $0.hasPrefix("*.") }
      .map { $0.dropFirst() }
    return hosts.contains { host in suffixes.contains { host.hasSuffix($0) } }
  }
}
