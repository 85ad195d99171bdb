import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Logs of policies: who is in them, and that nobody waits for a file or a server.
  @Suite struct LogTests {
    private func temporary() -> String {
      FileManager.default.temporaryDirectory.appendingPathComponent(
        "sluice-log-\(UUID().uuidString).log"
      ).path
    }

    private func lines(_ path: String) -> [String] {
      ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(
        String.init)
    }

    private func object(_ line: String) throws -> [String: Any] {
      try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    }

    private func fileLog(_ path: String, _ format: Configuration.LogFormat = .json)
      -> Configuration.FileLog
    {
      var log = Configuration.FileLog()
      log.path = path
      log.format = format
      return log
    }

    private func httpLog(
      _ url: String, _ edit: (inout Configuration.HTTPLog) -> Void = { _ in }
    ) -> Configuration.HTTPLog {
      var log = Configuration.HTTPLog()
      log.url = url
      log.firstPause = .milliseconds(1)
      log.maxPause = .milliseconds(5)
      edit(&log)
      return log
    }

    // MARK: Files

    /// Whatever became of a request: answered, refused before anybody knows who calls, matched by nothing.
    @Test func everyRequestOfAPlaceHasALine() throws {
      let (all, own) = (temporary(), temporary())
      defer {
        try? FileManager.default.removeItem(atPath: all)
        try? FileManager.default.removeItem(atPath: own)
      }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.FileLog.self] = fileLog(all)
        $0.all.match.prefix = "/a"
        var closed = $0.all
        closed.match.prefix = "/a/closed"
        closed.policies[Configuration.FileLog.self] = fileLog(own)
        closed.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        $0.routes["closed"] = closed
        var silent = $0.all
        silent.match.prefix = "/a/silent"
        silent.policies.turnOff(Configuration.FileLog.self)
        $0.routes["silent"] = silent
      }
      for (path, status) in [
        ("/a/1?secret=x", 200), ("/a/closed/2", 401), ("/a/silent/3", 200), ("/none", 404),
      ] { #expect(try fixture.get(path).status == status) }
      fixture.shutDown()
      let general = try lines(all).map { try object($0) }
      #expect(general.map { $0["path"] as? String } == ["/a/1", "/none"])
      #expect(general.map { $0["status"] as? Int } == [200, 404])
      let closed = try lines(own).map { try object($0) }
      #expect(closed.map { $0["code"] as? String } == ["unauthorized"])
      #expect(closed.map { $0["route"] as? String } == ["closed"])
    }

    /// developer.konghq.com/plugins/file-log, log format.
    @Test func linesMayHaveTheKeysOfKong() throws {
      let path = temporary()
      defer { try? FileManager.default.removeItem(atPath: path) }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.FileLog.self] = fileLog(path, .kong)
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        var alice = Configuration.Consumer()
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "alice-key-000000")
        alice.credentials = [credential]
        $0.consumers["alice"] = alice
      }
      #expect(try fixture.client().get("/x?apikey=alice-key-000000").status == 200)
      #expect(try fixture.client().get("/y", "apikey: wrong").status == 401)
      fixture.shutDown()
      let text = lines(path).joined()
      #expect(!text.contains("alice-key") && !text.contains("wrong"))
      let (good, bad) = (try object(lines(path)[0]), try object(lines(path)[1]))
      let request = try #require(good["request"] as? [String: Any])
      #expect(request["method"] as? String == "GET" && request["uri"] as? String == "/x")
      #expect((request["url"] as? String)?.hasPrefix("http://") == true)
      #expect((good["response"] as? [String: Any])?["status"] as? Int == 200)
      #expect((good["consumer"] as? [String: Any])?["username"] as? String == "alice")
      #expect((good["route"] as? [String: Any])?["name"] as? String == "all")
      #expect((good["service"] as? [String: Any])?["name"] as? String == "service")
      #expect((good["latencies"] as? [String: Any])?["proxy"] as? Int ?? -1 >= 0)
      #expect(good["source"] as? String == "upstream" && bad["source"] as? String == "kong")
      #expect(good["client_ip"] as? String == "127.0.0.1")
      let started = try #require(good["started_at"] as? Double)
      #expect(abs(started / 1_000 - Date().timeIntervalSince1970) < 600)
      #expect((bad["latencies"] as? [String: Any])?["proxy"] as? Int == -1)
      #expect(bad["consumer"] == nil)
    }

    /// Callers' own places count, too: theirs is the log.
    @Test func aConsumerMayHaveALogOfItsOwn() throws {
      let path = temporary()
      defer { try? FileManager.default.removeItem(atPath: path) }
      let fixture = try Fixture(to: try .echoing()) {
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        for name in ["alice", "bob"] {
          var consumer = Configuration.Consumer()
          var credential = Configuration.Credential()
          credential.keyAuth = Configuration.KeyCredential(key: "\(name)-key-000000")
          consumer.credentials = [credential]
          if name == "bob" { consumer.policies[Configuration.FileLog.self] = fileLog(path) }
          $0.consumers[name] = consumer
        }
      }
      for name in ["alice", "bob"] {
        #expect(try fixture.client().get("/", "apikey: \(name)-key-000000").status == 200)
      }
      fixture.shutDown()
      #expect(try lines(path).map { try object($0)["consumer"] as? String } == ["bob"])
    }

    @Test func sessionsAreLoggedWhenTheyEnd() throws {
      let path = temporary()
      defer { try? FileManager.default.removeItem(atPath: path) }
      let upstream = try ScriptedUpstream { peer in
        let socket = try peer.accept()
        while try socket.read() != nil {}
      }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        $0.all.policies[Configuration.FileLog.self] = fileLog(path)
      }
      let socket = try fixture.client().open()
      try socket.sendClose(1_000)
      try waitUntil("the end") { lines(path).contains { $0.contains("session-closed") } }
      let events = try lines(path).map { try object($0)["event"] as? String }
      #expect(events.contains("session-opened") && events.last == "session-closed")
    }

    /// What a disk that is full costs is lines, and they are counted.
    @Test func aFullDiskHoldsNobodyUp() async throws {
      let lost = Locked<UInt64>(0)
      var options = Gateway.Options()
      options.onEvent = { event in
        if case .logLost("/dev/full", let batches) = event { lost.withLock { $0 += batches } }
      }
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(
        configuration(targets: [upstream.url]) {
          $0.policies[Configuration.FileLog.self] = fileLog("/dev/full")
        }, options: options)
      for _ in 0..<5 { #expect(try fixture.get("/").status == 200) }
      try await eventually("the loss") { fixture.gateway.logCounts.fileLost == 5 }
      #expect(lost.withLock { $0 } > 0)
    }

    /// What can't be written is said before anything changes.
    @Test func aFileThatCannotBeIsRefused() throws {
      let upstream = try ScriptedUpstream.echoing()
      let wrong = configuration(targets: [upstream.url]) {
        $0.all.policies[Configuration.FileLog.self] = fileLog("/no/such/directory/a.log")
      }
      #expect(throws: Gateway.StartError.self) { _ = try Gateway(wrong) }
      let fixture = try Fixture(to: upstream)
      var next = fixture.gateway.configuration
      next.all.policies = wrong.all.policies
      let error = #expect(throws: Gateway.StartError.self) { try fixture.gateway.reload(next) }
      #expect(error?.description.contains("no file can be made in /no/such/directory") == true)
      #expect(try fixture.get("/").status == 200)
    }

    /// A reload moves the log; what began before is where it was to be, or where it is now.
    @Test func aReloadMovesTheLog() throws {
      let (before, after) = (temporary(), temporary())
      defer {
        try? FileManager.default.removeItem(atPath: before)
        try? FileManager.default.removeItem(atPath: after)
      }
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/slow" { gate.wait() }
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
      }
      let fixture = try Fixture(to: upstream) {
        $0.policies[Configuration.FileLog.self] = fileLog(before)
      }
      #expect(try fixture.get("/first").status == 200)
      let slow = try fixture.client()
      try slow.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
      try waitUntil("the request") { upstream.requests.contains { $0.target == "/slow" } }
      var next = fixture.gateway.configuration
      next.policies[Configuration.FileLog.self] = fileLog(after)
      try fixture.gateway.reload(next)
      #expect(try fixture.get("/second").status == 200)
      gate.open()
      #expect(try slow.reader.readResponse(to: "GET").status == 200)
      try waitUntil("the late line") { lines(before).count == 2 }
      fixture.shutDown()
      #expect(try lines(before).map { try object($0)["path"] as? String } == ["/first", "/slow"])
      #expect(try lines(after).map { try object($0)["path"] as? String } == ["/second"])
    }

    // MARK: Servers

    @Test func aServerGetsWhatWasAskedFor() async throws {
      let server = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 204 No Content\r\n\r\n"
      }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.HTTPLog.self] = httpLog("\(server.url)/in/logs?key=abc%20d") {
          $0.method = .put
          $0.headers = ["Authorization": Secret("Bearer let-me-in")]
        }
      }
      #expect(try fixture.get("/x").status == 200)
      try await eventually("the line") { fixture.gateway.logCounts.httpSent == 1 }
      let request = try #require(server.requests.first)
      #expect(request.method == "PUT" && request.target == "/in/logs?key=abc%20d")
      #expect(request["Authorization"] == "Bearer let-me-in")
      #expect(request["Content-Type"] == "application/json")
      #expect(request["Host"] == "127.0.0.1:\(server.port)")
      #expect(try object(request.text)["path"] as? String == "/x")
      // Secrets stay where they are.
      let shown = fixture.gateway.configuration.shownJSON(referencedPaths: [])
      #expect(!shown.contains("let-me-in") && !shown.contains("abc%20d"))
    }

    @Test func batchesAreArrays() async throws {
      let gate = Gate()
      let server = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          gate.wait()
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
      }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.HTTPLog.self] = httpLog(server.url) {
          $0.batchSize = 3
          $0.batchDelay = .milliseconds(1)
        }
      }
      #expect(try fixture.get("/0").status == 200)
      try await eventually("the first") { server.requests.count == 1 }
      for number in 1...4 { #expect(try fixture.get("/\(number)").status == 200) }
      gate.open()
      try await eventually("the lines") { fixture.gateway.logCounts.httpSent == 5 }
      let batches = try server.requests.map { request in
        try #require(
          try JSONSerialization.jsonObject(with: Data(request.text.utf8)) as? [[String: Any]]
        ).compactMap { $0["path"] as? String }
      }
      #expect(batches == [["/0"], ["/1", "/2", "/3"], ["/4"]])
    }

    /// Errors and connections that break are tried again; the line is there once the server is.
    @Test func whatFailsIsTriedAgain() async throws {
      let count = Locked(0)
      let server = try ScriptedUpstream.answering { _ in
        let number = count.withLock { count in
          count += 1
          return count
        }
        return number < 4
          ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
          : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.HTTPLog.self] = httpLog(server.url)
      }
      #expect(try fixture.get("/x").status == 200)
      try await eventually("the line") { fixture.gateway.logCounts.httpSent == 1 }
      #expect(fixture.gateway.logCounts.httpLost == 0)
      #expect(server.requests.count == 4)
      #expect(Set(server.requests.map(\.text)).count == 1)
    }

    /// Nobody listens there: requests go on, lines wait, the oldest are lost, and the end does not wait.
    @Test func aServerThatIsNotThereHoldsNobodyUp() async throws {
      let port = try unusedPort()
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.HTTPLog.self] = httpLog("http://127.0.0.1:\(port)") {
          $0.maxLines = 3
          $0.firstPause = .seconds(60)
          $0.maxPause = .seconds(60)
          $0.retryFor = .seconds(600)
        }
      }
      for number in 0..<10 { #expect(try fixture.get("/\(number)").status == 200) }
      #expect(fixture.gateway.logCounts.httpLost == 7)
      fixture.shutDown()
      #expect(fixture.gateway.logCounts.httpLost == 10)
    }

    @Test func aServerThatHangsHoldsNobodyUp() async throws {
      let gate = Gate()
      let server = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil { gate.wait() }
      }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.HTTPLog.self] = httpLog(server.url) {
          $0.timeout = .milliseconds(30)
          $0.retryFor = .milliseconds(0)
        }
      }
      for number in 0..<3 { #expect(try fixture.get("/\(number)").status == 200) }
      try await eventually("the loss") { fixture.gateway.logCounts.httpLost == 3 }
      gate.open()
    }

    /// A reload that leaves the log as it is keeps what waits; a drain sends it.
    @Test func whatWaitsOutlivesAReload() throws {
      let server = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.HTTPLog.self] = httpLog(server.url) {
          $0.batchSize = 100
          $0.batchDelay = .seconds(3_600)
        }
        $0.shutdown.timeout = .seconds(10)
      }
      #expect(try fixture.get("/1").status == 200)
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.RequestID.self] = Configuration.RequestID()
      try fixture.gateway.reload(next)
      #expect(try fixture.get("/2").status == 200)
      #expect(server.requests.isEmpty)
      fixture.shutDown()
      #expect(fixture.gateway.logCounts.httpSent == 2)
      #expect(server.requests.count == 1)
    }

    /// A reload that takes the log away sends what waits.
    @Test func aLogThatEndsIsSent() async throws {
      let server = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      }
      let fixture = try Fixture(to: try .echoing()) {
        $0.policies[Configuration.HTTPLog.self] = httpLog(server.url) {
          $0.batchSize = 100
          $0.batchDelay = .seconds(3_600)
        }
      }
      #expect(try fixture.get("/1").status == 200)
      var next = fixture.gateway.configuration
      next.policies[Configuration.HTTPLog.self] = nil
      try fixture.gateway.reload(next)
      try await eventually("the line") { fixture.gateway.logCounts.httpSent == 1 }
      #expect(try fixture.get("/2").status == 200)
      #expect(server.requests.count == 1)
    }
  }
}
