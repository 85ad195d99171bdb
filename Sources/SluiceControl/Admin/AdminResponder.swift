import SluiceConfiguration
import SluiceGateway

/// Answers the admin listener: who may ask, which endpoint it is, whether the parameters are right.
/// Handlers run on a thread of their own; those that are quick, on the worker that was asked.
final class AdminResponder: LocalResponder {
  private let context: AdminContext
  private let access: AdminAccess
  private let router = AdminRouter()

  /// Three of the largest configurations at a time; with none left the answer is 503 `overloaded`.
  static let bodyBytes = 3 * ConfigurationReader.maximumBytes

  /// Of the whole process, as there is one admin listener.
  let bodyBudget: LocalBodyBudget? = LocalBodyBudget(
    bytes: AdminResponder.bodyBytes, freeBytesPerBody: AdminEndpoint.Body.usualBytes)

  init(_ context: AdminContext, settings: Configuration.Admin?) {
    self.context = context
    access = AdminAccess(settings)
  }

  /// As much as the endpoint takes, and no more than `AdminEndpoint.Body.usualBytes` of whoever may not ask it.
  func maxBodyBytes(of request: LocalRequest) -> Int {
    let usual = AdminEndpoint.Body.usualBytes
    do throws(AdminProblem) {
      let match = try router.match(method: request.method, path: request.path)
      try access.check(request, match.endpoint)
      return match.endpoint.body?.maxBytes ?? usual
    } catch {
      return usual
    }
  }

  func answer(_ request: LocalRequest) async -> LocalAnswer {
    do throws(AdminProblem) {
      let match = try router.match(method: request.method, path: request.path)
      if match.endpoint.isQuick { return await respond(to: request, match) }
      return await context.thread.run { await self.respond(to: request, match) }
    } catch {
      // Only whoever may ask learns what there is.
      do throws(AdminProblem) { try access.check(request, Self.anything) } catch {
        return error.answer
      }
      return error.answer
    }
  }

  private func respond(to request: LocalRequest, _ match: AdminRouter.Match) async -> LocalAnswer {
    do throws(AdminProblem) {
      try access.check(request, match.endpoint)
      let asked = try AdminRequest(request, match.endpoint, pathValues: match.pathValues)
      return try await match.endpoint.handler(asked, context)
    } catch {
      return error.answer
    }
  }

  private static let anything = AdminEndpoint(
    method: .get, path: "", summary: "", answers: [],
    handler: { (_, _) throws(AdminProblem) in throw AdminProblem(.noSuchResource) })
}
