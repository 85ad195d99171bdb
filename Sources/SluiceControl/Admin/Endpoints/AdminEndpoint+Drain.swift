import SluiceGateway

extension AdminEndpoint {
  static let drain = [
    AdminEndpoint(
      method: .get, path: "/drain",
      summary: "Whether the gateway drains, what is still open, and how long it may take.",
      answers: [.json(200, "The state.", example: DrainContent.example)],
      handler: { (_, context) async throws(AdminProblem) in
        .json(await DrainContent(of: try context.process.gateway))
      }),
    AdminEndpoint(
      method: .post, path: "/drain",
      summary: "Accepts no more, closes sessions one after the other, and cuts off the rest when "
        + "`shutdown.timeout` is over. The process stays, and can be told to serve again.",
      answers: [.json(202, "It drains, now or already.", example: DrainContent.example)],
      handler: { (_, context) async throws(AdminProblem) in
        let gateway = try context.process.gateway
        gateway.beginDrain()
        return .json(await DrainContent(of: gateway), status: 202)
      }),
    AdminEndpoint(
      method: .delete, path: "/drain",
      summary: "Takes a drain back, one that a signal began included: the listeners open again.",
      answers: [
        .json(200, "It serves again.", example: DrainContent.example), .problem(.notDraining),
        .problem(.resumeFailed),
      ],
      handler: { (_, context) async throws(AdminProblem) in
        let gateway = try context.process.gateway
        let wasDraining: Bool
        do throws(Gateway.StartError) {
          wasDraining = try gateway.abortDrain()
        } catch {
          throw AdminProblem(.resumeFailed, error.text)
        }
        if !wasDraining { throw AdminProblem(.notDraining) }
        return .json(await DrainContent(of: gateway))
      }),
  ]
}

/// The answer to `/drain`.
struct DrainContent: Codable, Sendable {
  /// `serving`, `draining` or `drained`.
  var state: String
  /// Of callers, those of the admin listener aside.
  var openConnections: Int
  var openSessions: Int
  var elapsedSeconds: Double
  /// Until what is left is cut off.
  var leftSeconds: Double

  static let example = DrainContent(
    state: "draining", openConnections: 42, openSessions: 40, elapsedSeconds: 2.5,
    leftSeconds: 27.5)
}

extension DrainContent {
  init(of gateway: Gateway) async {
    let reports = await gateway.reports()
    let status = gateway.drainStatus
    state = status.phase.rawValue
    openConnections = reports.reduce(0) { $0 + $1.callerConnections }
    openSessions = reports.flatMap(\.routes).reduce(0) { $0 + ($1.sessions?.open ?? 0) }
    elapsedSeconds = Double(status.elapsedNanoseconds) / 1e9
    leftSeconds = Double(status.leftNanoseconds) / 1e9
  }
}
