import SluiceConfiguration
import SluiceGateway
import SluiceReactor

extension AdminEndpoint {
  private static let configurationBody = Body(
    contentType: "application/yaml", summary: "A configuration, YAML or JSON, at most 32 MiB.",
    isRequired: true, maxBytes: ConfigurationReader.maximumBytes)

  static let configuration = [
    AdminEndpoint(
      method: .get, path: "/config",
      summary: "The configuration in force, with its defaults; what came from references and "
        + "credentials are `***`.",
      answers: [.json(200, "The configuration.", example: ["version": 1])],
      handler: { (_, context) throws(AdminProblem) in
        .admin(200, "application/json", try context.process.shownConfiguration)
      }),
    AdminEndpoint(
      method: .get, path: "/routes",
      summary: "The routes in force: what they match, where they lead, what they count.",
      answers: [.json(200, "The routes by name.", example: [RouteContent.example])],
      handler: { (_, context) async throws(AdminProblem) in
        let gateway = try context.process.gateway
        return .json(
          RouteContent.list(gateway.configuration, await gateway.reports()))
      }),
    AdminEndpoint(
      method: .get, path: "/services",
      summary: "The services in force: targets with their health and connections.",
      answers: [.json(200, "The services by name.", example: [ServiceContent.example])],
      handler: { (_, context) async throws(AdminProblem) in
        let gateway = try context.process.gateway
        return .json(
          ServiceContent.list(gateway.configuration, await gateway.reports()))
      }),
    AdminEndpoint(
      method: .post, path: "/reload",
      summary: "Puts a configuration in force, whole or not at all; without a body the file again.",
      body: Body(
        contentType: "application/yaml",
        summary: "A configuration, YAML or JSON, at most 32 MiB; none to read the file again.",
        isRequired: false, maxBytes: ConfigurationReader.maximumBytes),
      answers: [
        .json(200, "It is in force.", example: ReloadContent.example),
        .problem(.invalidConfiguration), .problem(.reloadRefused), .problem(.noFile),
        .problem(.fileUnreadable), .problem(.bodyNotText),
      ],
      handler: reload),
    AdminEndpoint(
      method: .post, path: "/plan",
      summary: "What a reload with this configuration would change; changes nothing.",
      body: configurationBody,
      answers: [
        .json(200, "What would change.", example: PlanContent.example),
        .problem(.invalidConfiguration), .problem(.bodyMissing), .problem(.bodyNotText),
      ],
      handler: { (request, context) async throws(AdminProblem) in
        let process = try context.process
        let result = process.read(try request.bodyText())
        guard let configuration = result.configuration else {
          throw AdminProblem(diagnostics: result.diagnostics)
        }
        return .json(
          await PlanContent(
            from: process.gateway, to: configuration,
            warnings: result.diagnostics.map(DiagnosticContent.init)))
      }),
  ]

  private static let reload: Handler = { (request, context) throws(AdminProblem) in
    let process = try context.process
    do throws(GatewayProcess.ReloadRefusal) {
      if request.body.isEmpty {
        return .json(ReloadContent(difference: try process.rereadAndReload()))
      }
    } catch {
      throw AdminProblem(of: error)
    }
    let result = process.read(try request.bodyText())
    do throws(GatewayProcess.ReloadRefusal) {
      return .json(
        ReloadContent(
          difference: try process.reload(result),
          warnings: result.diagnostics.map(DiagnosticContent.init)))
    } catch {
      throw AdminProblem(of: error)
    }
  }
}

extension AdminRequest {
  func bodyText() throws(AdminProblem) -> String {
    guard let text = String(validating: body, as: UTF8.self) else {
      throw AdminProblem(.bodyNotText)
    }
    return text
  }
}

extension AdminProblem {
  init(diagnostics: [Diagnostic]) {
    self.init(.invalidConfiguration)
    self.diagnostics = diagnostics
  }

  init(of refusal: GatewayProcess.ReloadRefusal) {
    switch refusal {
    case .invalid(let diagnostics): self.init(diagnostics: diagnostics)
    case .refused(let error): self.init(.reloadRefused, error.text)
    case .noFile: self.init(Code.noFile)
    case .unreadable(let error): self.init(.fileUnreadable, error.reason)
    }
  }
}
