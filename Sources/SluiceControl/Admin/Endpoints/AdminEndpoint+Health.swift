import SluiceGateway

extension AdminEndpoint {
  static let health = [
    AdminEndpoint(
      method: .get, path: "/livez",
      summary: "200 as long as the process answers; for restarting it when it does not.",
      answers: [.text(200, "It lives.")], isOpen: true, isQuick: true,
      handler: { (_, _) throws(AdminProblem) in .text("ok\n") }),
    AdminEndpoint(
      method: .get, path: "/readyz",
      summary: "200 while the gateway takes requests, 503 while it drains; for load balancers.",
      answers: [.text(200, "It takes requests."), .text(503, "It drains, starts or ends.")],
      isOpen: true, isQuick: true,
      handler: { (_, context) throws(AdminProblem) in
        context.isReady ? .text("ok\n") : .text("draining\n", status: 503)
      }),
    AdminEndpoint(
      method: .get, path: "/metrics",
      summary: "Metrics in the Prometheus text format, see the page of metrics.",
      answers: [.text(200, "The metrics.")],
      handler: { (_, context) async throws(AdminProblem) in
        let gateway = try? context.process.gateway
        let page = MetricsPage(
          reports: await gateway?.reports() ?? [], control: context.counters.values,
          process: ProcessFacts.now(), isReady: context.isReady,
          lostLogBatches: gateway?.lostLogBatches ?? 0,
          logCounts: gateway?.logCounts ?? LogCounts())
        return .admin(200, Exposition.contentType, page.render())
      }),
  ]

  static let openAPI = AdminEndpoint(
    method: .get, path: "/openapi.json",
    summary: "This API as an OpenAPI 3.1 document.",
    answers: [
      .json(200, "The document.", example: ["openapi": "3.1.0"])
    ],
    handler: { (_, _) throws(AdminProblem) in
      .admin(200, "application/json", OpenAPIDocument.document().text() + "\n")
    })
}
