import SluiceConfiguration

// `hash_on` and its fields of an upstream (Kong's Admin API, the upstream object).

extension KongConversion {
  func addHash(_ hashOn: String, _ object: KongObject, to settings: inout DocumentNode) {
    guard hashOn != "none" else {
      report.warning(
        "\(object.title): hash_on says nothing to hash; requests go by the caller's address",
        at: object.origin(of: "algorithm"), hint: "write hash_on: ip")
      settings.add("hash", .text("address"))
      return
    }
    settings.add("hash", hashKey(hashOn, "hash_on", object), origin: object.origin(of: "hash_on"))
    let fallback = object.string("hash_fallback").flatMap { $0 == "none" ? nil : $0 }
    if hashOn == "cookie" || fallback == "cookie" {
      let path = object.string("hash_on_cookie_path") ?? "/"
      settings.add(
        "hashCookiePath", .text(path), origin: object.origin(of: "hash_on_cookie_path"))
    }
    guard let fallback else { return }
    if hashOn == "cookie" {
      report.error(
        "\(object.title): hash_fallback has no use with hash_on cookie, in Kong, too",
        at: object.origin(of: "hash_fallback"), hint: "take it out")
      return
    }
    settings.add(
      "hashFallback", hashKey(fallback, "hash_fallback", object),
      origin: object.origin(of: "hash_fallback"))
  }

  /// The algorithm of Kong 3.11 (developer.konghq.com/gateway/entities/upstream, sticky sessions): a cookie
  /// that the gateway gives leads back to a target.
  func addStickySessions(_ object: KongObject, to settings: inout DocumentNode) {
    guard let name = object.string("sticky_sessions_cookie"), !name.isEmpty else {
      report.error(
        "\(object.title): sticky-sessions needs sticky_sessions_cookie",
        at: object.origin(of: "algorithm"))
      return
    }
    settings.add("balance", .text("consistent-hash"))
    settings.add(
      "hash", .text("cookie:\(name)"), origin: object.origin(of: "sticky_sessions_cookie"))
    settings.add(
      "hashCookiePath", .text(object.string("sticky_sessions_cookie_path") ?? "/"),
      origin: object.origin(of: "sticky_sessions_cookie_path"))
  }

  private func hashKey(_ kind: String, _ field: String, _ object: KongObject) -> DocumentNode {
    let named = [
      "header": "header", "cookie": "cookie", "query_arg": "query", "uri_capture": "capture",
    ]
    switch kind {
    case "ip": return .text("address")
    case "path", "consumer": return .text(kind)
    default:
      guard let prefix = named[kind] else {
        report.error(
          "\(object.title): \(KongText.shown(kind)) can't be hashed", at: object.origin(of: field),
          hint: "ip, path, consumer, header, cookie, query_arg and uri_capture can")
        return .text("address")
      }
      // There is one cookie, whichever of both it is for.
      let key = kind == "cookie" ? "hash_on_cookie" : "\(field)_\(kind)"
      guard let name = object.string(key), !name.isEmpty else {
        report.error(
          "\(object.title): \(field) \(kind) needs \(key)", at: object.origin(of: field))
        return .text("address")
      }
      return .text("\(prefix):\(name)", origin: object.origin(of: key))
    }
  }
}
