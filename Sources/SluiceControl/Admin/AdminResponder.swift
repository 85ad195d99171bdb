import SluiceGateway
import SluiceReactor
import SluiceWire

/// Answers the admin listener: health and metrics.
///
/// The gateway takes its responders when it starts, so it is handed over afterwards; until then the
/// process is not ready.
final class AdminResponder: LocalResponder {
  private struct Reference: Sendable { weak var gateway: Gateway? }
  private let reference = Locked(Reference())
  private let counters: ControlCounters

  init(counters: ControlCounters) { self.counters = counters }

  func attach(_ gateway: Gateway) { reference.withLock { $0.gateway = gateway } }

  func answer(_ request: LocalRequest) async -> LocalAnswer {
    if let host = request.host, !Self.isLocal(host) {
      return Self.problem(403, "host-not-local", "The admin API answers to loopback names only.")
    }
    guard let endpoint = AdminEndpoint(rawValue: request.path) else {
      let known = AdminEndpoint.allCases.map(\.rawValue).joined(separator: ", ")
      return Self.problem(404, "no-such-resource", "The admin API has \(known).")
    }
    guard request.method == "GET" || request.method == "HEAD" else {
      var answer = Self.problem(405, "method-not-allowed", "\(endpoint.rawValue) can be read only.")
      answer.fields.append(FieldLine("Allow", "GET, HEAD"))
      return answer
    }
    let gateway = reference.withLock { $0.gateway }
    let isReady = gateway?.isReady ?? false
    switch endpoint {
    case .live: return Self.text(200, "ok\n")
    case .ready: return isReady ? Self.text(200, "ok\n") : Self.text(503, "draining\n")
    case .metrics:
      let page = MetricsPage(
        reports: await gateway?.reports() ?? [], control: counters.values,
        process: ProcessFacts.now(), isReady: isReady,
        lostLogBatches: gateway?.lostLogBatches ?? 0)
      // With thousands of routes the page takes longer than a worker should be away.
      let body = await Task.detached { page.render() }.value
      return Self.fresh(200, Exposition.contentType, body)
    }
  }

  /// Whether a Host field says `localhost` or a loopback address. A page in a browser on this machine
  /// can get its own name resolved to 127.0.0.1 and read the answers (DNS rebinding), but then it
  /// sends that name.
  static func isLocal(_ host: String) -> Bool {
    let name: Substring
    if host.hasPrefix("["), let bracket = host.firstIndex(of: "]") {
      name = host[..<bracket].dropFirst()
    } else {
      name = host.prefix { $0 != ":" }
    }
    return name.lowercased() == "localhost" || IPAddress(String(name))?.isLoopback == true
  }

  private static func text(_ status: Int, _ text: String) -> LocalAnswer {
    fresh(status, "text/plain; charset=utf-8", Array(text.utf8))
  }

  /// RFC 9457. The texts are our own and need no escaping.
  private static func problem(_ status: Int, _ code: String, _ title: String) -> LocalAnswer {
    let text = #"{"type":"about:blank","title":"\#(title)","status":\#(status),"code":"\#(code)"}"#
    return fresh(status, "application/problem+json", Array((text + "\n").utf8))
  }

  private static func fresh(
    _ status: Int, _ contentType: StaticString, _ body: [UInt8]
  ) -> LocalAnswer {
    var answer = LocalAnswer(status: status, contentType: contentType, body: body)
    answer.fields.append(FieldLine("Cache-Control", "no-store"))
    return answer
  }
}
