/// What `sluice top` shows: the routes and sessions of one moment, and what changed since the one
/// before. Pure.
struct TopScreen {
  enum View: Sendable { case routes, sessions }

  /// What the gateway said at one moment.
  struct Sample: Sendable {
    var seconds: Double
    var routes: [RouteContent]
    var sessions: [SessionContent]
    var sessionCount: Int
    var state: String
  }

  static let routeSorts = ["requests", "errors", "sessions", "messages", "backlog", "name"]
  static let sessionSorts = ["-messages", "-bytes", "-backlog", "-rtt", "active", "opened"]

  var view = View.routes
  private(set) var routeSort = 0
  private(set) var sessionSort = 0
  /// What went wrong with the last question.
  var complaint: String?
  private var now: Sample?
  private var before: Sample?

  /// The order to ask sessions in.
  var sessionOrder: String { Self.sessionSorts[sessionSort] }

  mutating func add(_ sample: Sample) {
    before = now
    now = sample
    complaint = nil
  }

  /// What the terminal sent at once. Longer keys, as of arrows, begin with an escape and mean nothing here.
  /// False ends it.
  mutating func keys(_ bytes: ArraySlice<UInt8>) -> Bool {
    if bytes.first == 0x1B && bytes.count > 1 { return true }
    return bytes.allSatisfy { key($0) }
  }

  /// False ends it.
  mutating func key(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "q"), 0x03, 0x04, 0x1B: return false
    case UInt8(ascii: "r"): view = .routes
    case UInt8(ascii: "c"): view = .sessions
    case 0x09: view = view == .routes ? .sessions : .routes
    case UInt8(ascii: "s"):
      if view == .routes {
        routeSort = (routeSort + 1) % Self.routeSorts.count
      } else {
        sessionSort = (sessionSort + 1) % Self.sessionSorts.count
      }
    default: break
    }
    return true
  }

  /// At most `height` lines of at most `width` characters.
  func lines(width: Int, height: Int) -> [String] {
    var lines = [header()]
    if let complaint { lines.append(complaint) }
    lines.append("")
    if let now { lines += view == .routes ? routeLines(now) : sessionLines(now) }
    let foot = "q quit   tab routes/connections   s sort by (now \(sortName))"
    let room = max(1, height - 2)
    return (Array(lines.prefix(room)) + ["", foot]).map { String($0.prefix(width)) }
  }

  private var sortName: String {
    view == .routes ? Self.routeSorts[routeSort] : Self.sessionSorts[sessionSort]
  }

  private func header() -> String {
    guard let now else { return "sluice" }
    let requests = rate { $0.routes.reduce(0) { $0 + Double($1.requests) } }
    let messages = rate { $0.routes.reduce(0) { $0 + Self.messages($1) } }
    return "sluice \(now.state)   \(now.routes.count) routes   \(now.sessionCount) sessions   "
      + "requests \(requests)   messages \(messages)"
  }

  /// Per second since the sample before; the total where there is none.
  private func rate(_ value: (Sample) -> Double) -> String {
    guard let now else { return "-" }
    guard let before, now.seconds > before.seconds else {
      return "\(Readable.count(value(now))) in all"
    }
    let change = max(0, value(now) - value(before))
    return "\(Readable.count(change / (now.seconds - before.seconds)))/s"
  }

  // MARK: Routes

  private static func messages(_ route: RouteContent) -> Double {
    Double(route.sessions.messagesFromClient) + Double(route.sessions.messagesFromUpstream)
  }

  private static func bytes(_ route: RouteContent) -> Double {
    Double(route.sessions.bytesFromClient) + Double(route.sessions.bytesFromUpstream)
  }

  /// What a route did since the sample before, per second; since ever where there is none.
  private func change(_ route: RouteContent, _ value: (RouteContent) -> Double) -> Double {
    guard let before, let now, now.seconds > before.seconds else { return value(route) }
    let former = before.routes.first { $0.name == route.name }.map(value) ?? 0
    return max(0, value(route) - former) / (now.seconds - before.seconds)
  }

  private func routeLines(_ sample: Sample) -> [String] {
    let per = before == nil ? "" : "/S"
    var table = TextTable(columns: [
      .init("ROUTE"), .init("KIND"), .init("SERVICE"), .init("REQUESTS\(per)", isRight: true),
      .init("ERRORS\(per)", isRight: true), .init("SESSIONS", isRight: true),
      .init("MESSAGES\(per)", isRight: true), .init("BYTES\(per)", isRight: true),
      .init("BACKLOG", isRight: true),
    ])
    table.rows = sorted(sample.routes).map { route in
      [
        route.name, route.kind, route.service,
        Readable.count(change(route) { Double($0.requests) }),
        Readable.count(change(route) { Double($0.errors) }),
        Readable.count(Double(route.sessions.open)), Readable.count(change(route, Self.messages)),
        Readable.bytes(change(route, Self.bytes)),
        Readable.bytes(Double(route.sessions.backlogBytes)),
      ]
    }
    return table.lines()
  }

  private func sorted(_ routes: [RouteContent]) -> [RouteContent] {
    let name = Self.routeSorts[routeSort]
    if name == "name" { return routes.sorted { $0.name < $1.name } }
    func value(_ route: RouteContent) -> Double {
      switch name {
      case "requests": change(route) { Double($0.requests) }
      case "errors": change(route) { Double($0.errors) }
      case "sessions": Double(route.sessions.open)
      case "messages": change(route, Self.messages)
      default: Double(route.sessions.backlogBytes)
      }
    }
    return routes.sorted { (-value($0), $0.name) < (-value($1), $1.name) }
  }

  private func sessionLines(_ sample: Sample) -> [String] {
    SessionView.table(sample.sessions).lines()
  }
}
