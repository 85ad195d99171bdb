import SluiceConfiguration
import SluiceWire

@testable import SluiceGateway

/// What routing sees of a request, written down.
struct Ask: CustomStringConvertible {
  var method = "GET"
  var host = ""
  var path = "/"
  var query = ""
  var headers: [(name: String, value: String)] = []
  var listener = 0
  var serverName: String?
  var address: String?

  var caller: RoutedCaller {
    RoutedCaller(
      serverName: serverName.map { Array($0.utf8) }, address: address.flatMap(IPAddress.init))
  }

  init(_ line: String, host: String = "", headers: [(String, String)] = [], listener: Int = 0) {
    let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
    method = parts[0]
    let target = parts[1].split(separator: "?", maxSplits: 1).map(String.init)
    path = target[0]
    query = target.count > 1 ? target[1] : ""
    self.host = host
    self.headers = headers.map { (name: $0.0, value: $0.1) }
    self.listener = listener
  }

  var description: String {
    "\(method) \(host) \(path)?\(query) \(headers) listener \(listener) "
      + "\(serverName ?? "-") \(address ?? "-")"
  }

  var headText: [UInt8] {
    var text = "\(method) / HTTP/1.1\r\nHost: example.org\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    return Array((text + "\r\n").utf8)
  }
}

extension Router {
  func find(_ ask: Ask) -> RouteMatch {
    var head = RequestHead()
    let (text, host) = (ask.headText, Array(ask.host.utf8))
    let (path, query) = (Array(ask.path.utf8), Array(ask.query.utf8))
    do { try head.parse(text.span, limits: HeadLimits()) } catch { fatalError("\(error)") }
    return match(
      head, host: host.span, path: path.span, query: query.span, listener: ask.listener,
      caller: ask.caller)
  }

  func explain(_ ask: Ask) -> RouteTrace {
    var head = RequestHead()
    let (text, host) = (ask.headText, Array(ask.host.utf8))
    let (path, query) = (Array(ask.path.utf8), Array(ask.query.utf8))
    do { try head.parse(text.span, limits: HeadLimits()) } catch { fatalError("\(error)") }
    return trace(
      head, host: host.span, path: path.span, query: query.span, listener: ask.listener,
      caller: ask.caller)
  }

  /// The route's name and the length it matched, `404`, or `405` with the methods.
  func answer(_ ask: Ask) -> Answer { answer(find(ask)) }

  func answer(_ match: RouteMatch) -> Answer {
    switch match {
    case .route(let index, let length): .route(routeNames[index], length)
    case .methodNotAllowed(let allow):
      .notAllowed(String(decoding: allowValue(allow), as: UTF8.self))
    case .notFound: .notFound
    case .regexLimit: .regexLimit
    }
  }

  /// The route's name only, or `404` or `405 <methods>`.
  func name(_ line: String, host: String = "", headers: [(String, String)] = [], listener: Int = 0)
    -> String
  {
    switch answer(Ask(line, host: host, headers: headers, listener: listener)) {
    case .route(let name, _): name
    case .notAllowed(let methods): "405 \(methods)"
    case .notFound: "404"
    case .regexLimit: "500"
    }
  }
}

enum Answer: Equatable {
  case route(String, Int)
  case notAllowed(String)
  case notFound
  case regexLimit
}

let testListeners = ["web", "internal"]

/// A router of routes that are written as closures over their match.
func router(_ routes: [String: (inout Configuration.Match) -> Void]) throws -> Router {
  try Router(routes: routes.mapValues(route), listeners: testListeners)
}

func route(_ edit: (inout Configuration.Match) -> Void) -> Configuration.Route {
  var route = Configuration.Route()
  edit(&route.match)
  return route
}
