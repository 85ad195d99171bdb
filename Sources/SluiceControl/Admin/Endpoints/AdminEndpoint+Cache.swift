import SluiceGateway

extension AdminEndpoint {
  static let cache = [
    AdminEndpoint(
      method: .get, path: "/cache",
      summary: "How many responses are stored, and how much of the memory for them is in use.",
      answers: [.json(200, "The state.", example: CacheContent.example)],
      handler: { (_, context) throws(AdminProblem) in
        .json(CacheContent(try context.process.gateway.cacheUsage))
      }),
    AdminEndpoint(
      method: .post, path: "/cache/purge",
      summary: "Forgets stored responses, for all consumers and in all variants; what is being "
        + "fetched is not stored either. Takes exactly one of the parameters.",
      parameters: [
        AdminParameter(
          "url", .text,
          "`host[:port]/path[?query]`: the host as callers ask for it, the path as the access log "
            + "shows it."),
        AdminParameter(
          "prefix", .text, "What the same begins with; at least a host, such as `api.test/news/`."),
        AdminParameter(
          "tag", .text, "One of the words that the target's `Surrogate-Key` or `Cache-Tag` has."),
        AdminParameter("all", .choice(["true"]), "Everything."),
      ],
      answers: [
        .json(200, "They are forgotten.", example: PurgeContent.example),
        .problem(.purgeUnclear), .problem(.invalidParameter), .problem(.unknownParameter),
      ],
      handler: { (request, context) throws(AdminProblem) in
        let purge = try request.purge
        return .json(PurgeContent(purged: try context.process.gateway.purgeCache(purge)))
      }),
  ]
}

extension AdminRequest {
  var purge: CachePurge {
    get throws(AdminProblem) {
      let given = ["url", "prefix", "tag", "all"].compactMap { name in
        text(name).map { (name, $0) }
      }
      guard given.count == 1, let (name, value) = given.first else {
        throw AdminProblem(.purgeUnclear)
      }
      let purge: CachePurge? =
        switch name {
        case "url": .url(value)
        case "prefix": .prefix(value)
        case "tag": .tag(value)
        default: .everything
        }
      guard let purge else {
        throw AdminProblem(.invalidParameter, "\(name): begin with a host, as in api.test/news.")
      }
      return purge
    }
  }
}

/// The answer to `/cache`.
struct CacheContent: Codable, Equatable, Sendable {
  var responses: Int
  var bytes: Int
  var maxBytes: Int

  static let example = CacheContent(responses: 1_200, bytes: 9_400_000, maxBytes: 134_217_728)
}

extension CacheContent {
  init(_ usage: CacheUsage) {
    self.init(responses: usage.entries, bytes: usage.bytes, maxBytes: usage.maxBytes)
  }
}

/// The answer to `/cache/purge`.
struct PurgeContent: Codable, Sendable {
  /// How many responses were forgotten.
  var purged: Int

  static let example = PurgeContent(purged: 17)
}
