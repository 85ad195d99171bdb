import Testing

@testable import SluiceConfiguration

@Suite struct MessageSettingsTests {
  private func route(_ settings: String) -> String {
    file(route: "kind: websocket, match: {path: /a}, \(settings)")
  }

  @Test func defaults() throws {
    let text = route("connection: {}, messages: {rateLimit: {limit: 5}, conflate: {key: $.a}}")
    let settings = try #require(read(text).configuration?.routes["a"])
    #expect(settings.connection?.maxBacklog == .kibibytes(64))
    #expect(settings.connection?.slowConsumer == .backPressure)
    #expect(settings.connection?.slowConsumerTimeout == .seconds(10))
    #expect(settings.messages?.maxControlFrames == 100)
    #expect(settings.messages?.maxFragments == 1_024)
    #expect(settings.messages?.inspect == false)
    #expect(settings.messages?.rateLimit?.window == .seconds(1))
    #expect(settings.messages?.rateLimit?.action == .delay)
    #expect(settings.messages?.rateLimit?.burst == nil)
    #expect(settings.messages?.rateLimit?.bytes == nil)
    #expect(settings.messages?.conflate?.maxKeys == 1_024)
    #expect(settings.isInspected)
  }

  @Test(arguments: [
    "connection: {slowConsumer: back-pressure}", "connection: {slowConsumer: drop-oldest}",
    "connection: {slowConsumer: drop-newest}",
    "connection: {slowConsumer: close, slowConsumerTimeout: 1s}",
    "connection: {maxBacklog: 4KiB}", "connection: {maxBacklog: 1GiB}",
    "messages: {maxControlFrames: 1}", "messages: {maxControlFrames: 65535}",
    "messages: {inspect: true, maxFragments: 1}", "messages: {inspect: true, maxFragments: 65535}",
    "messages: {rateLimit: {limit: 1, window: 1ms, burst: 1, action: drop}}",
    "messages: {rateLimit: {limit: 1000000, window: 24h, burst: 1000000, action: close}}",
    "messages: {rateLimitFromUpstream: {bytes: 1B, action: delay}}",
    "messages: {rateLimitFromUpstream: {limit: 1, bytes: 1024GiB}}",
    "messages: {conflate: {key: \"$.data[0]['any name']\", maxKeys: 1}}",
    "messages: {authorize: {key: $.action, allow: {buy: [traders], '': ['*']}, otherwise: ['*']}}",
    "messages: {authorize: {key: $.action, action: close}}",
    "messages: {conflate: {key: $, maxKeys: 65536}}, connection: {slowConsumer: drop-oldest}",
  ])
  func right(settings: String) {
    #expect(diagnostics(route(settings)) == [])
  }

  @Test(arguments: [
    "connection: {slowConsumer: drop}",
    "connection: {slowConsumer: close, slowConsumerTimeout: 0s}",
    "connection: {maxBacklog: 4095}", "connection: {maxBacklog: 1025MiB}",
    "messages: {maxControlFrames: 0}", "messages: {maxControlFrames: 65536}",
    "messages: {inspect: true, maxFragments: 0}", "messages: {inspect: true, maxFragments: 65536}",
    "messages: {rateLimit: {limit: 0}}", "messages: {rateLimit: {limit: 1000001}}",
    "messages: {rateLimit: {limit: 1, window: 0s}}",
    "messages: {rateLimit: {limit: 1, window: 25h}}",
    "messages: {rateLimit: {limit: 1, burst: 0}}",
    "messages: {rateLimit: {limit: 1, action: wait}}", "messages: {rateLimit: {bytes: 0}}",
    "messages: {conflate: {}}", "messages: {conflate: {key: $.a, maxKeys: 0}}",
    "messages: {conflate: {key: $.a, maxKeys: 65537}}", "messages: {conflate: {key: symbol}}",
    "messages: {conflate: {key: \"$.*\"}}", "messages: {authorize: {allow: {buy: [a]}}}",
    "messages: {authorize: {key: action}}",
    "messages: {authorize: {key: $.a, allow: {b: ['a b']}}}",
    "messages: {authorize: {key: $.a, action: drop}}",
  ])
  func wrong(settings: String) {
    let found = diagnostics(route(settings))
    #expect(found.count == 1)
    #expect(found.allSatisfy { $0.contains("error") }, "\(found)")
  }

  /// What the gateway goes by: the route's own settings, and limits of whoever may call it.
  @Test func limitsThatCountMessagesHaveThemInspected() throws {
    func isInspected(_ rest: String, _ route: String = "") throws -> Bool {
      let text = file(route: "kind: websocket, match: {path: /a}\(route)", rest: rest)
      return try #require(read(text).configuration).inspectsMessages(ofRoute: "a")
    }
    let quota = "quota: {day: 5, messages: {}}"
    #expect(try !isInspected("policies: {quota: {day: 5}}"))
    #expect(try isInspected("policies: {\(quota)}"))
    #expect(try !isInspected("policies: {\(quota)}", ", policies: {quota: false}"))
    #expect(try isInspected("groups: {g: {policies: {\(quota)}}}"))
    #expect(try isInspected("", ", groups: {g: {\(quota)}}"))
    #expect(try isInspected("", ", messages: {authorize: {key: $.a}}"))
    #expect(try isInspected("", ", connection: {onDenial: refuse}"))
  }

  @Test func rulesAcrossSettings() {
    let place = "4:"
    func check(_ settings: String, _ expected: String...) {
      let found = diagnostics(route(settings)).map { text in
        text.hasPrefix(place) ? String(text.split(separator: ": ", maxSplits: 1)[1]) : text
      }
      #expect(found == expected)
    }
    check(
      "messages: {rateLimit: {action: drop}}",
      """
      error: routes.a.messages.rateLimit needs 'limit' or 'bytes'
        hint: write it like {limit: 50, window: 1s}
      """)
    check(
      "messages: {rateLimitFromUpstream: {bytes: 1KiB, burst: 3}}",
      "error: routes.a.messages.rateLimitFromUpstream.burst is a number of messages and needs 'limit'"
    )
    check(
      "messages: {conflate: {key: $.a}}, connection: {slowConsumer: drop-newest}",
      """
      error: routes.a.messages.conflate keeps the newest message, and connection.slowConsumer: \
      drop-newest drops it
        hint: use drop-oldest, back-pressure or close
      """)
    check(
      "connection: {slowConsumerTimeout: 1s}",
      "warning: routes.a.connection.slowConsumerTimeout has no effect without slowConsumer: close")
    check(
      "connection: {refresh: {}}",
      "error: routes.a.connection.refresh needs a policy that says who calls, such as jwt")
    check(
      "connection: {refresh: {http: false}}, policies: {key-auth: {}}",
      "error: routes.a.connection.refresh needs 'http' or 'message'")
    check("connection: {refresh: {message: $.token, http: false}}, policies: {key-auth: {}}")
    check(
      "messages: {maxFragments: 9}",
      """
      warning: routes.a.messages.maxFragments has no effect on messages that are not inspected
        hint: set inspect: true
      """)
  }

  /// Wherever the policy is set; routes of other kinds have no messages.
  @Test func grantedActionsNeedToBeFoundInMessages() {
    let grants = "policies: {forward-auth: {service: api, grants: [expiry, actions]}}"
    let error = """
      error: routes.a: forward-auth grants actions, and no messages.authorize says what an action is
        hint: add messages: {authorize: {key: $.action}}, or take actions out of 'grants'
      """
    let onEverything = file(route: "kind: websocket, match: {path: /a}", rest: grants)
    for text in [route(grants), onEverything] {
      let found = diagnostics(text)
      #expect(found.count == 1 && found[0].hasSuffix(error), "\(found)")
    }
    #expect(diagnostics(route("\(grants), messages: {authorize: {key: $.a}}")) == [])
    #expect(diagnostics(route(grants.replacing(", actions", with: ""))) == [])
    #expect(diagnostics(file(route: "match: {path: /a}, \(grants)")) == [])
    let off = "kind: websocket, match: {path: /a}, policies: {forward-auth: false}"
    #expect(diagnostics(file(route: off, rest: grants)) == [])
  }

  // MARK: onUpstreamLoss

  @Test func aLostTargetEndsTheSessionUnlessSaidOtherwise() throws {
    let text = route("connection: {}")
    let connection = try #require(read(text).configuration?.routes["a"]?.connection)
    #expect(connection.onUpstreamLoss == .close)
    #expect(connection.reconnect.deadline == .seconds(30))
    #expect(connection.reconnect.maxHeld == .kibibytes(64))
    #expect(connection.reconnect.backoff == .milliseconds(100))
    #expect(connection.reconnect.maxBackoff == .seconds(5))
  }

  @Test(arguments: [
    "", "{deadline: 10ms}", "{deadline: 1h}", "{maxHeld: 0}", "{maxHeld: 1GiB}",
    "{backoff: 1ms, maxBackoff: 1ms}", "{backoff: 60s, maxBackoff: 60s}",
  ])
  func rightReconnect(settings: String) {
    let reconnect = settings.isEmpty ? "" : ", reconnect: \(settings)"
    #expect(diagnostics(route("connection: {onUpstreamLoss: reconnect\(reconnect)}")) == [])
  }

  @Test(arguments: [
    ("onUpstreamLoss: retry", "is not one of close, reconnect"),
    ("onUpstreamLoss: reconnect, reconnect: {deadline: 9ms}", "must be 10ms to"),
    ("onUpstreamLoss: reconnect, reconnect: {deadline: 3601s}", "must be 10ms to"),
    ("onUpstreamLoss: reconnect, reconnect: {maxHeld: 2GiB}", "must be 0"),
    ("onUpstreamLoss: reconnect, reconnect: {backoff: 0ms}", "must be 1ms to"),
    ("onUpstreamLoss: reconnect, reconnect: {maxBackoff: 61s}", "must be 1ms to"),
    ("onUpstreamLoss: reconnect, reconnect: {tries: 3}", "'tries'"),
    (
      "onUpstreamLoss: reconnect, reconnect: {backoff: 2s, maxBackoff: 1s}",
      "maxBackoff is shorter than backoff"
    ),
    ("reconnect: {deadline: 1s}", "has no effect without onUpstreamLoss: reconnect"),
  ])
  func wrongReconnect(settings: String, message: String) {
    let found = diagnostics(route("connection: {\(settings)}"))
    #expect(found.count == 1 && found[0].contains(message), "\(found)")
  }
}
