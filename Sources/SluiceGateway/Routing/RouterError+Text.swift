extension RouterError: CustomStringConvertible {
  /// One line for a person.
  var description: String {
    switch self {
    case .severalPaths(let route): "route \(route): only one of path, prefix and regex can be given"
    case .invalidPath(let route, let path): "route \(route): \(path) is not a path"
    case .invalidHost(let route, let host): "route \(route): \(host) is not a host"
    case .invalidAddress(let route): "route \(route): not every address is a range"
    case .unknownListener(let route, let listener):
      "route \(route): there is no listener \(listener)"
    case .invalidRegex(let route, let message, let offset):
      "route \(route): the regex is not valid: \(message) at character \(offset + 1)"
    case .tooManyMethods: "routes name more than 64 different methods"
    case .tooManySegments(let route):
      "route \(route): the path has more than \(Router.maximumSegments) segments"
    case .tooManyOverlaps(let steps):
      "paths with {name} segments overlap so much that one request could take \(steps) steps"
        + " (the limit is \(Router.maximumSteps)); merge some, or use literal segments"
    }
  }
}
