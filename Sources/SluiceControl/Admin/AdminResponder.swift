import SluiceConfiguration
import SluiceGateway

/// Answers the admin listener: who may ask, which endpoint it is, whether the parameters are right.
/// Handlers run away from the workers, because a page about thousands of routes or sessions takes
/// longer than a worker should be away.
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
    await Task.detached { [self] in
      do throws(AdminProblem) {
        return try await respond(to: request)
      } catch {
        return error.answer
      }
    }.value
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
