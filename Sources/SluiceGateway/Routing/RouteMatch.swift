/// What the router found for a request.
enum RouteMatch: Equatable, Sendable {
  /// `index` counts in `Router.routeNames`. `matchedLength` is the number of bytes of the path that
  /// `path` or `prefix` matched, without the slash a prefix may end in, so that what follows is
  /// empty or begins with a slash; all that `startsWith` matched, whatever follows; 0 for a regex or no path at all.
  case route(index: Int, matchedLength: Int)
  /// Routes would have matched but for their methods; `Router.allowValue(_:)` lists those.
  case methodNotAllowed(allow: Int)
  case notFound
  /// A regex of a route that comes before all others which hold gave up on this request. Nobody knows
  /// whose request it is: to pass it on would let a caller choose hosts, paths or fields that get around a route.
  case regexLimit
}

/// Why routes cannot be compiled. The validator reports most of these earlier, with a position.
enum RouterError: Error, Equatable, Sendable {
  /// More than one of `path`, `prefix` and `regex`.
  case severalPaths(route: String)
  case invalidPath(route: String, path: String)
  case invalidHost(route: String, host: String)
  case invalidAddress(route: String)
  case unknownListener(route: String, listener: String)
  /// PCRE2's message and the offset in the pattern.
  case invalidRegex(route: String, message: String, offset: Int)
  /// More than 64 different methods in all routes.
  case tooManyMethods
  /// A path of more than `Router.maximumSegments` segments.
  case tooManySegments(route: String)
  /// Patterns overlap so much that one path could take more than `Router.maximumSteps` steps.
  case tooManyOverlaps(steps: Int)
}
