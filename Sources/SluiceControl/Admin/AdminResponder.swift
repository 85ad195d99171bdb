import SluiceConfiguration
import SluiceGateway

/// Answers the admin listener: who may ask, which endpoint it is, whether the parameters are right.
/// Handlers run on a thread of their own; health is answered by the worker that was asked.
final class AdminResponder: LocalResponder {
  /// A configuration is the largest thing that anybody sends here.
  let maxBodyBytes = 1 << 20

  private let context: AdminContext
  private let access: AdminAccess
  private let router = AdminRouter()

  init(_ context: AdminContext, settings: Configuration.Admin?) {
    self.context = context
    access = AdminAccess(settings)
  }

  func answer(_ request: LocalRequest) async -> LocalAnswer {
    if let endpoint = try? router.match(method: request.method, path: request.path).endpoint,
      endpoint.isOpen
    {
      return await answerHere(request)
    }
    return await context.thread.run { await self.answerHere(request) }
  }

  private func answerHere(_ request: LocalRequest) async -> LocalAnswer {
    do throws(AdminProblem) {
      return try await respond(to: request)
    } catch {
      return error.answer
    }
  }

  private func respond(to request: LocalRequest) async throws(AdminProblem) -> LocalAnswer {
    let match: (endpoint: AdminEndpoint, pathValues: [String: String])
    do throws(AdminProblem) {
      match = try router.match(method: request.method, path: request.path)
    } catch {
      // Only whoever may ask learns what there is.
      try access.check(request, Self.anything)
      throw error
    }
    try access.check(request, match.endpoint)
    let asked = try AdminRequest(request, match.endpoint, pathValues: match.pathValues)
    return try await match.endpoint.handler(asked, context)
  }

  private static let anything = AdminEndpoint(
    method: .get, path: "", summary: "", answers: [],
    handler: { (_, _) throws(AdminProblem) in throw AdminProblem(.noSuchResource) })
}
