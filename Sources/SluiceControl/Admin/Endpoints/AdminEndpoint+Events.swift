import SluiceGateway

extension AdminEndpoint {
  static let events = [
    AdminEndpoint(
      method: .get, path: "/events",
      summary:
        "What happens, as server-sent events, for as long as the caller stays. A caller that "
        + "reads too slowly loses events and is told how many by an event `lost`.",
      parameters: [
        AdminParameter(
          "type", .choice(AdminEvent.Kind.allCases.map(\.rawValue)),
          "Only events of this type; all unless given.", isRepeated: true)
      ],
      answers: [.events("Events, each with JSON as its data."), .problem(.tooManyStreams)],
      handler: { (request, context) throws(AdminProblem) in
        let kinds = Set(request.texts("type").compactMap(AdminEvent.Kind.init(rawValue:)))
        guard let stream = context.events.listen(to: kinds) else {
          throw AdminProblem(.tooManyStreams)
        }
        return .events(stream)
      })
  ]
}

extension LocalAnswer {
  static func events(_ stream: LocalStream) -> LocalAnswer {
    var answer = admin(200, "text/event-stream", "")
    answer.stream = stream
    return answer
  }
}
