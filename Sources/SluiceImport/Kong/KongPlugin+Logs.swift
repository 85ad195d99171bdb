import SluiceConfiguration
import SluiceWire

// Plugins that tell others what has happened.

extension KongConversion {
  /// developer.konghq.com/plugins/file-log; `reopen` is what the gateway does anyway, once a second.
  func fileLog(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    if let path = config.text("path") {
      let streams = ["/dev/stdout": "stdout", "/dev/stderr": "stderr"]
      if let stream = streams[path.text] {
        node.add("path", .text(stream, origin: path.origin))
      } else if path.isReference || path.text.contains("/") {
        node.add("path", path.node, origin: path.origin)
      } else {
        node.add("path", .text("./\(path.text)", origin: path.origin))
      }
    } else {
      report.error("\(config.title): it needs a path", at: plugin.origin)
    }
    node.add("format", .text("kong"))
    _ = config.boolean("reopen", default: false)
    warnAboutLines(config)
    return [policy("file-log", node, plugin)]
  }

  /// developer.konghq.com/plugins/http-log, with the queue's fields of before Kong 3.3, too.
  func httpLog(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    var headers = DocumentNode.map()
    if let endpoint = config.text("http_endpoint") {
      node.add("url", url(endpoint, &headers, config), origin: endpoint.origin)
    } else {
      report.error("\(config.title): it needs an http_endpoint", at: plugin.origin)
    }
    for (key, setting) in [("method", "method"), ("content_type", "contentType")] {
      if let text = config.string(key) {
        node.add(setting, .text(text), origin: config.origin(of: key))
      }
    }
    addHeaders(config, to: &headers)
    if !headers.isEmpty { node.add("headers", headers) }
    node.add("format", .text("kong"))
    let timeout = config.integer("timeout", default: 10_000, in: 1...Int(Int32.max))
    node.add("timeout", Self.duration(timeout), origin: config.origin(of: "timeout"))
    config.warn(
      "keepalive", unless: "60000", because: "is 60 s here: so long an idle connection is kept")
    addQueue(config, to: &node)
    warnAboutLines(config)
    return [policy("http-log", node, plugin)]
  }

  private func warnAboutLines(_ config: KongObject) {
    config.warn(
      "custom_fields_by_lua", because: "is Lua, which is not run: lines have no such fields")
    report.warning(
      "\(config.title): lines have the keys of Kong's that the gateway knows of, without headers and "
        + "query, which may hold secrets", at: config.origin,
      hint: "format: json in the converted file has more")
  }

  /// A name and password in the endpoint become a field, as in Kong.
  private func url(
    _ endpoint: KongText, _ headers: inout DocumentNode, _ config: KongObject
  ) -> DocumentNode {
    guard !endpoint.isReference, let scheme = endpoint.text.firstRange(of: "://") else {
      return endpoint.node
    }
    if endpoint.text.hasPrefix("https") {
      report.warning(
        "\(config.title): the server's certificate is verified here, and not in Kong",
        at: endpoint.origin)
    }
    let rest = endpoint.text[scheme.upperBound...]
    let authority = rest.prefix { !"/?#".contains($0) }
    guard let at = authority.lastIndex(of: "@") else { return endpoint.node }
    var encoded = ByteBuffer()
    encoded.append(base64: Array(authority[..<at].utf8).span, .standard)
    headers.add(
      "Authorization", .text("Basic \(String(decoding: encoded.copiedBytes(), as: UTF8.self))"),
      origin: endpoint.origin)
    return .text(
      String(endpoint.text[..<scheme.upperBound]) + String(rest[rest.index(after: at)...]),
      origin: endpoint.origin)
  }

  private func addHeaders(_ config: KongObject, to headers: inout DocumentNode) {
    guard let written = config.object("headers") else { return }
    for entry in written.node.entries {
      // Of several values, which files before Kong 3.0 have, one is sent.
      guard let value = written.texts(entry.key)?.first else { continue }
      if headers.entries.contains(where: { $0.key.lowercased() == entry.key.lowercased() }) {
        report.error(
          "\(config.title): http_endpoint says \(entry.key), too",
          at: report.origin(entry.keyPosition))
        continue
      }
      headers.add(entry.key, value.node, origin: report.origin(entry.keyPosition))
    }
    written.finish()
  }

  private func addQueue(_ config: KongObject, to node: inout DocumentNode) {
    let queue = config.object("queue")
    func add(_ setting: String, _ value: DocumentNode?, _ owner: KongObject?, _ key: String) {
      guard let value else { return }
      node.add(setting, value, origin: owner?.origin(of: key))
    }
    let size = queue?.integer("max_batch_size", in: 1...100_000)
    let former = config.integer("queue_size", in: 1...100_000)
    if let size = size ?? former {
      add("batchSize", .integer(size), size == former ? config : queue, "max_batch_size")
    }
    let delay = queue.flatMap { milliseconds("max_coalescing_delay", of: $0) }
    add(
      "batchDelay", (delay ?? milliseconds("flush_timeout", of: config)).map(Self.duration), queue,
      "max_coalescing_delay")
    config.warn("retry_count", because: "is not there, in Kong since 3.3, too: max_retry_time is")
    guard let queue else { return }
    if let lines = queue.integer("max_entries", in: 1...1_000_000) {
      add("maxLines", .integer(lines), queue, "max_entries")
    }
    if let bytes = queue.integer("max_bytes", in: 1...Int(Int32.max)) {
      add("maxBytes", .integer(bytes), queue, "max_bytes")
    }
    for (key, setting, least) in [
      ("max_retry_time", "retryFor", 0), ("initial_retry_delay", "firstPause", 1),
      ("max_retry_delay", "maxPause", 1),
    ] {
      if let time = milliseconds(key, of: queue) {
        add(setting, Self.duration(max(least, time)), queue, key)
      }
    }
    queue.warn("concurrency_limit", unless: "1", because: "is 1: batches go one after the other")
    queue.finish()
  }

  /// From seconds with fractions; less than none, which Kong takes for never, is none.
  private func milliseconds(_ key: String, of object: KongObject) -> Int? {
    guard let text = object.string(key) else { return nil }
    guard let seconds = Double(text), seconds.isFinite, seconds <= 31_536_000 else {
      report.error(
        "\(object.title): \(key) must be a number of seconds", at: object.origin(of: key))
      return nil
    }
    return max(0, Int((seconds * 1_000).rounded(.up)))
  }

  /// developer.konghq.com/plugins/prometheus: metrics are those of the gateway, on its admin listener.
  mutating func prometheus(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    wantsMetrics = true
    // What Kong only counts if told so is always counted here.
    for key in [
      "status_code_metrics", "latency_metrics", "bandwidth_metrics", "upstream_health_metrics",
    ] { _ = config.boolean(key, default: false) }
    config.warn(
      "per_consumer", unless: "false",
      because: "is not there: metrics are by route; the access log names consumers")
    config.warn("ai_metrics", unless: "false", because: "is not there")
    config.warn("wasm_metrics", unless: "false", because: "is not there")
    report.warning(
      "\(config.title): metrics have names of their own, for all routes and services, at "
        + "http://127.0.0.1:9901/metrics", at: plugin.origin,
      hint:
        "admin.address of the converted file moves them; docs/guides/from-kong.md has Kong's names")
    return []
  }
}
