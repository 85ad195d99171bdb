/// `healthchecks` of an upstream (Kong's Admin API, the upstream object): who finds out how targets are.
///
/// Kong counts the kinds of failures apart from each other; here they are one count, the least of theirs.
/// A count of 0 counts nothing, and an interval of 0 is no active check.
enum KongHealth {
  static func settings(of upstream: KongObject) -> DocumentNode {
    var health = DocumentNode.map()
    var failures = 0
    var check: DocumentNode?
    if let checks = upstream.object("healthchecks") {
      checks.warn("threshold", unless: "0", because: "is not there")
      if let unhealthy = checks.object("passive")?.object("unhealthy") {
        failures = leastCount(unhealthy)
      }
      check = checks.object("active").flatMap(activeCheck)
      checks.finish()
    }
    health.add("failures", .integer(failures))
    if let check { health.add("check", check) }
    return health
  }

  private static func leastCount(_ unhealthy: KongObject) -> Int {
    ["tcp_failures", "timeouts", "http_failures"]
      .compactMap { unhealthy.integer($0, in: 0...255) }
      .filter { $0 > 0 }.min() ?? 0
  }

  /// Nil when Kong would ask nobody, or would draw no conclusion from the answers.
  private static func activeCheck(_ active: KongObject) -> DocumentNode? {
    let healthy = active.object("healthy")
    let unhealthy = active.object("unhealthy")
    let intervals = [healthy, unhealthy].compactMap { milliseconds("interval", of: $0) }
    guard let interval = intervals.filter({ $0 > 0 }).min() else { return nil }
    let failures = unhealthy.map(leastCount) ?? 0
    if failures == 0 {
      active.report.warning(
        "\(active.title): without a count of failures nobody is asked", at: active.origin)
      return nil
    }
    if Set(intervals.filter { $0 > 0 }).count > 1 {
      active.report.warning(
        "\(active.title): healthy and unhealthy targets are asked at one interval, the shorter one",
        at: active.origin)
    }
    var check = DocumentNode.map()
    switch active.string("type") ?? "http" {
    case "http", "https":
      if let path = active.string("http_path") {
        check.add("path", .text(path, origin: active.origin(of: "http_path")))
      }
      check.add("statuses", statuses(healthy))
    case "tcp": check.add("type", .literal("tcp"))
    case "grpc", "grpcs": check.add("type", .literal("grpc"))
    case let other:
      active.report.error(
        "\(active.title): \(KongText.shown(other)) is no type of check",
        at: active.origin(of: "type"))
    }
    check.add("interval", KongConversion.duration(interval))
    check.add("timeout", KongConversion.duration(milliseconds("timeout", of: active) ?? 1_000))
    let successes = healthy?.integer("successes", in: 0...255) ?? 0
    if successes == 0 {
      active.report.warning(
        "\(active.title): a target that passes again gets requests again; in Kong, without successes, "
          + "only by hand", at: active.origin)
    }
    check.add("healthyAfter", .integer(max(successes, 1)))
    check.add("unhealthyAfter", .integer(failures))
    active.warn("headers", because: "are not sent with checks")
    active.warn("https_sni", because: "is not there: checks use the name that requests use")
    active.warn(
      "https_verify_certificate", unless: "true",
      because: "is not there: checks verify as requests do")
    active.skip("concurrency")
    active.finish()
    return check
  }

  /// Those that Kong counts as successes; it ignores what is in neither of its lists.
  private static func statuses(_ healthy: KongObject?) -> DocumentNode {
    let given = healthy?.strings("http_statuses")?.map {
      DocumentNode.text($0.text, origin: $0.origin)
    }
    return .list(given ?? [.text("200"), .text("302")])
  }

  /// Kong has seconds, whole ones or not.
  private static func milliseconds(_ key: String, of object: KongObject?) -> Int? {
    guard let object, let text = object.string(key) else { return nil }
    guard let seconds = Double(text), (0...65_535).contains(seconds) else {
      object.report.error(
        "\(object.title): \(key) must be a number of seconds from 0 to 65535",
        at: object.origin(of: key))
      return nil
    }
    return Int((seconds * 1_000).rounded())
  }
}
