import SluiceConfiguration

// Plugins about who calls from where: browsers, programs, gRPC-Web.

extension KongConversion {
  func cors(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    addOrigins(config, to: &node)
    let methods =
      config.strings("methods")?.map(\.text)
      ?? ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE"]
    node.add("methods", .texts(methods.filter { $0 != "CONNECT" }))
    for (key, setting) in [("headers", "headers"), ("exposed_headers", "exposedHeaders")] {
      if let names = config.strings(key), !names.isEmpty {
        node.add(setting, .list(names.map { .text($0.text, origin: $0.origin) }))
      }
    }
    if config.boolean("credentials", default: false) { node.add("credentials", .boolean(true)) }
    let age = config.integer("max_age", default: 0, in: 0...Int(Int32.max))
    node.add("maxAge", .literal("\(age)s"))
    if config.boolean("preflight_continue", default: false) {
      node.add("preflightContinue", .boolean(true))
    }
    if config.boolean("private_network", default: false) {
      node.add("privateNetwork", .boolean(true))
    }
    config.warn("allow_origin_absent", unless: "true", because: "is not there")
    return [policy("cors", node, plugin)]
  }

  /// Kong takes whatever has another character than letters, digits and `.:/-` for a regular expression,
  /// which matches the whole origin, or, without a colon, its host (kong/plugins/cors/handler.lua).
  private func addOrigins(_ config: KongObject, to node: inout DocumentNode) {
    var origins: [DocumentNode] = []
    var patterns: [DocumentNode] = []
    let written = config.strings("origins") ?? []
    for (text, origin) in written {
      let isPlain = text.utf8.allSatisfy { byte in
        byte >= 48 && byte <= 57 || byte >= 65 && byte <= 90 || byte >= 97 && byte <= 122
          || ".:/-".utf8.contains(byte)
      }
      let scheme = ["https://*.", "http://*."].first { text.hasPrefix($0) }
      if text == "*" || isPlain && text.contains("://") {
        origins.append(.text(text, origin: origin))
      } else if isPlain {
        report.error(
          "\(config.title): '\(KongText.shown(text))' is no origin", at: origin,
          hint: "write it with its scheme, as https://name")
      } else if let scheme, text.dropFirst(scheme.count).utf8.allSatisfy({ $0 != 42 && $0 != 40 }) {
        report.warning(
          "\(config.title): '\(KongText.shown(text))' is a regular expression in Kong, of which no "
            + "browser's origin is one; here it means every name below", at: origin,
          hint: "write ^\(scheme.dropLast(2))[^/]+\\.name$ for Kong")
        origins.append(.text(text, origin: origin))
      } else {
        if !RegexGroups.areClosed(text) {
          report.error("the groups of the regular expression do not match", at: origin)
        }
        var pattern = text
        if pattern.hasPrefix("^") { pattern.removeFirst() }
        if pattern.hasSuffix("$"), !pattern.hasSuffix("\\$") { pattern.removeLast() }
        let whole =
          text.contains(":") ? "(?:\(pattern))" : "[^/]+://(?:\(pattern))(?::[0-9]+)?"
        patterns.append(.text(whole, origin: origin))
      }
    }
    if !origins.isEmpty || written.isEmpty {
      node.add("origins", origins.isEmpty ? .texts(["*"]) : .list(origins))
    }
    if !patterns.isEmpty { node.add("originsRegex", .list(patterns)) }
  }

  // MARK: Programs

  /// Kong's own list, as far as it goes by names (kong/plugins/bot-detection/rules.lua): what calls
  /// itself a bot with a version, libraries that fetch, and names that tell nothing.
  private static let knownBots = [
    "(?i)(?:bot|spider|scraper?|crawl\\w*|archiver|indexer)\\b[ /-]v?\\d",
    "(?i)\\b(?:spider|crawler|scrape)",
    "\\b(?:Google-HTTP-Java-Client|Apache-HttpClient|Go-http-client|Python-urllib|scalaj-http|okhttp"
      + "|axios|reqwest|aihttp|unirest-\\w+|WinHTTP|JNLP|HttpMonitor|TLSProber"
      + "|Boto3?|JetS3t|aws-(?:cli|sdk-[\\w-]+)|s3fs)\\b",
    "(?i)\\b(?:Pingdom\\.com_bot|facebookexternalhit|Google.*/\\+/web/snippet|Twitterbot|Googlebot|AdsBot"
      + "|Mediapartners-Google|bingbot|BingPreview|msnbot|Slurp|Baiduspider|Yandex\\w+|MJ12bot"
      + "|SemrushBot|ia_archiver|heritrix|Scrapy|masscan|larbin|Nutch|LinkedInBot|Slackbot|WhatsApp"
      + "|WordPress|Qwantify|htdig|Netvibes|WhatWeb|Gomez\\w*|Catchpoint)",
    " PTST/\\d", "MSIECrawler",
  ]

  func botDetection(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    let allow = config.strings("allow") ?? config.strings("whitelist") ?? []
    let deny = config.strings("deny") ?? config.strings("blacklist") ?? []
    if !allow.isEmpty {
      node.add("allow", .list(allow.map { .text($0.text, origin: $0.origin) }))
    }
    node.add(
      "deny",
      .list(deny.map { .text($0.text, origin: $0.origin) } + Self.knownBots.map { .text($0) }))
    report.warning(
      "\(config.title): which programs are known bots is a shorter list here, written out in the "
        + "converted file", at: plugin.origin,
      hint: "it has okhttp, axios and the like, as Kong's has: name in allow what may call")
    return [policy("user-agent-restriction", node, plugin)]
  }

  // MARK: gRPC-Web

  func grpcWeb(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    config.refuse(
      "proto", because: "is not read: messages stay what they are, and JSON is not made of them")
    config.refuse(
      "pass_stripped_path", unless: "false", because: "is a matter of the route here",
      hint: "set strip_path of the route")
    let origin = config.string("allow_origin_header") ?? "*"
    let web = policy("grpc-web", .map([], origin: plugin.origin), plugin)
    if plugins.contains(where: { $0.name == "cors" }) {
      report.warning(
        "\(config.title): the plugin cors says which pages may call; allow_origin_header does not",
        at: plugin.origin)
      return [web]
    }
    let cors = DocumentNode.map(
      [
        .init("origins", .list([.text(origin, origin: config.origin(of: "allow_origin_header"))])),
        .init("methods", .texts(["POST"])),
        .init("headers", .texts(["content-type", "x-grpc-web", "x-user-agent", "grpc-timeout"])),
        .init("exposedHeaders", .texts(["grpc-status", "grpc-message"])),
      ], origin: plugin.origin)
    return [web, policy("cors", cors, plugin)]
  }
}
