import Foundation
import SluiceReactor
import Testing

/// `sluice run` from the outside: start, reload, drain.
@Suite struct RunTests {
  static func configuration(
    target: String = "http://127.0.0.1:9", prefix: String = "/", web: String = "127.0.0.1:0",
    log: String = "off"
  ) -> String {
    """
    version: 1
    workers: 2
    listeners:
      web: {address: "\(web)"}
    admin: {address: "127.0.0.1:0"}
    services:
      one: {targets: ["\(target)"]}
    routes:
      one: {match: {prefix: \(prefix)}, service: one}
    accessLog: {format: \(log)}
    """
  }

  /// A gateway in front of a socket that the test answers from.
  private struct Running {
    let command: Command
    let file: TemporaryFile
    let target: Int32
    let web: SocketAddress
    let admin: SocketAddress

    init(log: String = "off") throws {
      target = try Sockets.listen(on: SocketAddress("127.0.0.1:0")!, count: 1)[0]
      let address = try #require(Sockets.localAddress(of: target))
      file = try TemporaryFile(RunTests.configuration(target: "http://\(address)", log: log))
      command = try Command("run", file.path)
      web = try command.address(ofListener: "web")
      admin = try command.address(ofListener: "admin")
      try command.line(containing: " started ")
    }

    /// A request that has reached the target and waits there for its answer.
    func pendingRequest() throws -> (client: Peer, target: Peer) {
      let client = try Peer.connect(to: web)
      client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
      let upstream = Peer.accept(target)
      _ = try upstream.readHead()
      return (client, upstream)
    }

    /// Whether `path` reaches the target, which then answers 200.
    func isForwarded(_ path: String) throws -> Bool {
      let client = try Peer.connect(to: web)
      client.send("GET \(path) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
      var wait = [
        pollfd(fd: target, events: Int16(POLLIN), revents: 0),
        pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      poll(&wait, 2, 30_000)
      guard wait[0].revents != 0 else { return false }
      let upstream = Peer.accept(target)
      _ = try upstream.readHead()
      upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      return client.readToEnd().hasPrefix("HTTP/1.1 200")
    }
  }

  @Test func aTakenPortIsOneLine() throws {
    let taken = try Sockets.listen(on: SocketAddress("127.0.0.1:0")!, count: 1)[0]
    defer { close(taken) }
    let address = try #require(Sockets.localAddress(of: taken))
    let file = try TemporaryFile(Self.configuration(web: "\(address)"))
    let (status, errors) = try Command("run", file.path).finish()
    #expect(status == 1)
    #expect(
      errors
        == "sluice: listener web can't listen on \(address): the address is in use by another process\n"
    )
  }

  @Test func anAddressOfAnotherMachineIsSaid() throws {
    let file = try TemporaryFile(Self.configuration(web: "192.0.2.1:0"))
    let (status, errors) = try Command("run", file.path).finish()
    #expect(status == 1)
    #expect(errors.hasSuffix("this machine has no such address\n"))
  }

  @Test func aBrokenFileLeavesTheOldOneInForce() throws {
    let running = try Running()
    defer { close(running.target) }
    try running.file.write(Self.configuration().replacing("prefix", with: "prefax"))
    running.command.send(SIGHUP)
    try running.command.line(containing: ":9:17: error: unknown key 'prefax'")
    try running.command.line(containing: "former configuration stays in force errors=1")
    #expect(try running.isForwarded("/old"))
    let address = try #require(Sockets.localAddress(of: running.target))
    try running.file.write(Self.configuration(target: "http://\(address)", prefix: "/new"))
    running.command.send(SIGHUP)
    try running.command.line(containing: " reloaded ")
    #expect(try !running.isForwarded("/old"))
    #expect(try running.isForwarded("/new"))
    let metrics = try Peer.get("/metrics", from: running.admin)
    #expect(metrics.contains("sluice_reloads_total{result=\"success\"} 1\n"))
    #expect(metrics.contains("sluice_reloads_total{result=\"refused\"} 1\n"))
  }

  @Test func aMissingFileLeavesTheOldOneInForce() throws {
    let running = try Running()
    defer { close(running.target) }
    try FileManager.default.removeItem(atPath: running.file.path)
    running.command.send(SIGHUP)
    try running.command.line(
      containing: "stays in force reason=\"the file can't be read: No such file or directory\"")
    #expect(try running.isForwarded("/"))
    let metrics = try Peer.get("/metrics", from: running.admin)
    #expect(metrics.contains("sluice_reloads_total{result=\"refused\"} 1\n"))
    let answer = try Peer.get("/reload", from: running.admin, method: "POST")
    #expect(answer.hasPrefix("HTTP/1.1 500 "))
    #expect(answer.body.contains("\"detail\":\"No such file or directory\""))
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func aDrainLetsRequestsFinish(signal: Int32) throws {
    let running = try Running()
    defer { close(running.target) }
    let (client, upstream) = try running.pendingRequest()
    let health = try Peer.connect(to: running.admin)
    running.command.send(signal)
    try running.command.line(containing: " draining ")
    // Refused from the moment the listeners are closed, soon after the line.
    var isOpen = true
    while isOpen { isOpen = (try? Peer.connect(to: running.web)) != nil }
    health.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(try health.readHead().hasPrefix("HTTP/1.1 503 "))
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    let answer = client.readToEnd()
    #expect(answer.hasPrefix("HTTP/1.1 200 "))
    #expect(answer.body == "done")
    let (status, errors) = running.command.finish()
    #expect(status == 0)
    #expect(errors.contains(" stopped"))
  }

  @Test func aDrainThatASignalBeganCanBeTakenBack() throws {
    let running = try Running()
    defer { close(running.target) }
    let (client, upstream) = try running.pendingRequest()
    running.command.send(SIGTERM)
    try running.command.line(containing: " draining ")
    let answer = try Peer.get("/drain", from: running.admin, method: "DELETE")
    #expect(answer.hasPrefix("HTTP/1.1 200 "))
    try running.command.line(containing: " drain aborted")
    #expect(try running.isForwarded("/again"))
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    #expect(client.readToEnd().body == "done")
    running.command.send(SIGTERM)
    let (status, errors) = running.command.finish()
    #expect(status == 0)
    #expect(errors.contains(" draining ") && errors.contains(" stopped"))
  }

  /// What many clients say for "no body", and what no body ever follows.
  @Test(arguments: ["GET /livez", "POST /plan", "DELETE /drain"])
  func anEmptyBodyIsAnsweredAtOnce(request: String) throws {
    let running = try Running()
    defer { close(running.target) }
    let client = try Peer.connect(to: running.admin)
    client.send("\(request) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    #expect(try client.readHead().hasPrefix("HTTP/1.1 "))
  }

  @Test func whatCameThroughStandardInputIsNotReadAgain() throws {
    let command = try Command("run", "-", input: Self.configuration())
    let admin = try command.address(ofListener: "admin")
    try command.line(containing: " started ")
    command.send(SIGHUP)
    try command.line(containing: "reason=\"the configuration did not come from a file\"")
    let answer = try Peer.get("/reload", from: admin, method: "POST")
    #expect(answer.hasPrefix("HTTP/1.1 409 ") && answer.body.contains("no-file"))
    command.send(SIGTERM)
    #expect(command.finish().status == 0)
  }

  /// What `timeout` and other wrappers do: both wait for the process, however late it gets to them.
  @Test func twoSignalsAtATimeAreOneRequest() throws {
    let running = try Running()
    defer { close(running.target) }
    let (client, upstream) = try running.pendingRequest()
    for signal in [SIGSTOP, SIGTERM, SIGINT, SIGCONT] { running.command.send(signal) }
    try running.command.line(containing: " draining ")
    var isOpen = true
    while isOpen { isOpen = (try? Peer.connect(to: running.web)) != nil }
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    #expect(client.readToEnd().body == "done")
    let (status, errors) = running.command.finish()
    #expect(status == 0)
    #expect(!errors.contains("stopped before the drain was over"))
  }

  @Test func aLaterSignalEndsAtOnce() throws {
    let running = try Running()
    defer { close(running.target) }
    let (client, upstream) = try running.pendingRequest()
    running.command.send(SIGTERM)
    try running.command.line(containing: " draining ")
    while running.command.process.isRunning {
      running.command.send(SIGTERM)
      usleep(20_000)
    }
    let (status, errors) = running.command.finish()
    #expect(status == 1)
    #expect(errors.contains("stopped before the drain was over"))
    #expect(client.readToEnd() == "")
    withExtendedLifetime(upstream) {}
  }

  @Test func theAccessLogHasDocumentedKeys() throws {
    let running = try Running(log: "json")
    defer { close(running.target) }
    #expect(try running.isForwarded("/logged?secret=1"))
    running.command.send(SIGTERM)
    #expect(running.command.finish().status == 0)
    let line = try #require(running.command.output.split(separator: "\n").first)
    let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    #expect(entry?["path"] as? String == "/logged")
    #expect(entry?["status"] as? Int == 200)
    #expect(entry?["route"] as? String == "one")
    #expect(entry?["connection"] as? String == "new")
  }
}
