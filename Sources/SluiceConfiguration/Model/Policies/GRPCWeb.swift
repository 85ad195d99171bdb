extension Configuration {
  /// Lets pages call services of gRPC.
  public struct GRPCWeb: PolicySettings {
    public init() {}
  }
}

extension Configuration.GRPCWeb {
  public static let policyName = "grpc-web"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "GRPCWeb", of: Self(),
    "Translates calls of gRPC-Web (`application/grpc-web` and `application/grpc-web-text`, by HTTP/1.1 or HTTP/2) to gRPC, and the answers back: trailers become the last frame of the body. Other requests pass as they are. The service needs `protocol: http2`, or `auto`. Pages of other origins need the policy `cors` beside it, with `grpc-status` and `grpc-message` among its `exposedHeaders`.",
    [])

  /// gRPC is spoken by HTTP/2.
  public func check(_ check: inout PolicyCheck) {
    let configuration = check.configuration
    let names: [String]
    switch check.origin {
    case .service(let name), .serviceGroup(let name, _), .serviceConsumer(let name, _):
      names = [name]
    case .route(let name), .routeGroup(let name, _), .routeConsumer(let name, _):
      guard let route = configuration.routes[name] else { return }
      let splits = route.policies[Configuration.Split.self]?.services.keys.sorted() ?? []
      names = [route.service] + splits
    case .everything, .group, .consumer:
      // Where it holds for all routes, it is for those that it means something to.
      if configuration.services.values.allSatisfy({ $0.protocol == .http1 }) {
        check.error("no service speaks gRPC", hint: "set protocol: http2 in those that do")
      }
      return
    }
    for name in names where configuration.services[name]?.protocol == .http1 {
      check.error(
        "service \(name) does not speak gRPC", hint: "set protocol: http2 in the service")
    }
  }

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      greeter: {protocol: http2, targets: ["http://127.0.0.1:50051"]}
    routes:
      greeter:
        match: {prefix: /helloworld.Greeter/}
        service: greeter
        policies:
          grpc-web: {}
          cors:
            origins: ["https://app.example.com"]
            methods: [POST]
            headers: [content-type, x-grpc-web, x-user-agent, grpc-timeout]
            exposedHeaders: [grpc-status, grpc-message]
    """
}
