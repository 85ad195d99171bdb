import Glibc
import SluiceReactor
import Testing

@testable import SluiceControl

@Suite struct MetricsTests {
  /// A gateway without targets that answer.
  private struct Running {
    let file: TemporaryFile
    let command: Command
    let web: SocketAddress
    let admin: SocketAddress

    init(prefix: String = "/", target: String = "http://127.0.0.1:9") throws {
      file = try TemporaryFile(RunTests.configuration(target: target, prefix: prefix, log: "json"))
      command = try Command("run", file.path)
      web = try command.address(ofListener: "web")
      admin = try command.address(ofListener: "admin")
    }
  }

  @Test func thePageCountsWhatHappened() throws {
    let running = try Running(prefix: "/api")
    let (web, admin) = (running.web, running.admin)
    #expect(try Peer.get("/api/x", from: web).hasPrefix("HTTP/1.1 503 "))
    #expect(try Peer.get("/other", from: web).hasPrefix("HTTP/1.1 404 "))
    let malformed = try Peer.connect(to: web)
    malformed.send("GET / HTTP/1.1\r\n\r\n")
    #expect(malformed.readToEnd().hasPrefix("HTTP/1.1 400 "))
    _ = try Peer.get("/metrics", from: admin)

    let answer = try Peer.get("/metrics", from: admin)
    #expect(answer.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
    let page = try ExpositionParser(answer.body)
    #expect(page.value("sluice_requests_total", ["route": "one", "class": "5xx"]) == 1)
    #expect(page.value("sluice_requests_total", ["route": "", "class": "4xx"]) == 2)
    #expect(
      page.value("sluice_gateway_errors_total", ["route": "one", "code": "upstream-refused"]) == 1)
    #expect(page.value("sluice_gateway_errors_total", ["route": "", "code": "no-route"]) == 1)
    #expect(page.value("sluice_malformed_requests_total") == 1)
    #expect(page.value("sluice_request_duration_seconds_count", ["route": "one"]) == 1)
    #expect(page.value("sluice_accepted_connections_total") == 5)
    #expect(page.value("sluice_open_connections", ["listener": "admin"]) != nil)
    #expect(page.value("sluice_target_healthy_ratio", ["target": "http://127.0.0.1:9"]) == 1)
    #expect(page.value("sluice_ready") == 1)
    #expect(page.value("sluice_worker_turns_total", ["worker": "1"]) != nil)
    #expect(try #require(page.value("process_resident_memory_bytes")) > 1_000_000)
    let now = Double(time(nil))
    #expect(try #require(page.value("process_start_time_seconds")) <= now + 1)
  }

  /// A base path may come from `${env:…}`.
  @Test func basePathsAreShownNeitherInMetricsNorInLogs() throws {
    // Two, because a service's only target is not ejected.
    let running = try Running(
      target: #"http://127.0.0.1:9/S3CR3T/x", "http://127.0.0.1:9/S3CR3T/y"#)
    for _ in 0..<24 {
      #expect(try Peer.get("/", from: running.web).hasPrefix("HTTP/1.1 503 "))
    }
    let page = try Peer.get("/metrics", from: running.admin)
    #expect(page.contains("target=\"http://127.0.0.1:9\""))
    #expect(!page.contains("S3CR3T"))
    running.command.send(SIGTERM)
    let (status, errors) = running.command.finish()
    #expect(status == 0)
    #expect(errors.contains("target=http://127.0.0.1:9"))
    #expect(!errors.contains("S3CR3T"))
    #expect(running.command.output.contains(#""target":"http://127.0.0.1:9""#))
    #expect(!running.command.output.contains("S3CR3T"))
  }

  @Test func thePageHasExactlyTheDocumentedFamilies() throws {
    let page = try ExpositionParser(String(decoding: MetricsPage().render(), as: UTF8.self))
    let documented = MetricFamily.sections.flatMap(\.families)
    #expect(page.families.map(\.name) == documented.map(\.name))
    #expect(page.families.map(\.kind) == documented.map(\.kind.rawValue))
  }

  @Test(arguments: ["plain", "a\"b", "a\\b", "a\nb", "\\\"\n\\n", "ü 🙂 }{,="])
  func labelsAreEscaped(value: String) throws {
    var output = Exposition()
    output.begin(.retries)
    output.sample(value, value: 7)
    let page = try ExpositionParser(String(decoding: output.bytes(), as: UTF8.self))
    #expect(page["sluice_retries_total"]?.samples.first?.labels["route"] == value)
    #expect(page["sluice_retries_total"]?.samples.first?.value == 7)
  }

  @Test func bucketsAddUp() throws {
    var output = Exposition()
    output.begin(.requestDuration)
    output.histogram("r", "2xx", counts: [1, 0, 2, 4], bounds: [0.001, 0.5, 10], sum: 12.5)
    let page = try ExpositionParser(String(decoding: output.bytes(), as: UTF8.self))
    let values = page["sluice_request_duration_seconds"]?.samples.map(\.value)
    #expect(values == [1, 1, 3, 7, 12.5, 7])
  }

  @Test func otherPathsAndMethodsAreRefused() throws {
    let running = try Running()
    let admin = running.admin
    let missing = try Peer.get("/", from: admin)
    #expect(missing.hasPrefix("HTTP/1.1 404 "))
    #expect(missing.contains("Content-Type: application/problem+json\r\n"))
    let posted = try Peer.get("/livez", from: admin, method: "POST")
    #expect(posted.hasPrefix("HTTP/1.1 405 "))
    #expect(posted.contains("Allow: GET, HEAD\r\n"))
    #expect(try Peer.get("/livez", from: admin).body == "ok\n")
    #expect(try Peer.get("/readyz", from: admin).body == "ok\n")
    let head = try Peer.get("/metrics", from: admin, method: "HEAD")
    #expect(head.hasPrefix("HTTP/1.1 200 ") && head.hasSuffix("\r\n\r\n"))
  }

  @Test func namesThatAreNotLocalAreRefused() throws {
    let running = try Running()
    for host in ["evil.test", "evil.test:\(running.admin.port)", "localhost.evil.test", "10.0.0.1"]
    {
      let answer = try Peer.get("/metrics", from: running.admin, host: host)
      #expect(answer.hasPrefix("HTTP/1.1 403 "), "\(host)")
      #expect(answer.contains(#""code":"host-not-local""#))
    }
    for host in ["LocalHost", "localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:80"] {
      #expect(try Peer.get("/livez", from: running.admin, host: host).body == "ok\n", "\(host)")
    }
    let old = try Peer.connect(to: running.admin)
    old.send("GET /livez HTTP/1.0\r\n\r\n")
    #expect(old.readToEnd().body == "ok\n")
  }

  /// No web page reaches a socket's file.
  @Test func anyNameWillDoOverAUnixSocket() throws {
    let path = "/tmp/sluice-admin-\(getpid()).sock"
    let text = RunTests.configuration().replacing(
      "admin: {address: \"127.0.0.1:0\"}", with: "admin: {address: \"unix:\(path)\"}")
    let file = try TemporaryFile(text)
    let command = try Command("run", file.path)
    try command.line(containing: " started ")
    let address = try #require(SocketAddress(unixPath: Array(path.utf8)))
    #expect(try Peer.get("/livez", from: address, host: "evil.test").body == "ok\n")
    command.send(SIGTERM)
    #expect(command.finish().status == 0)
  }

  @Test func theStatFileMayHoldAnyName() {
    var facts = ProcessFacts()
    let fields = (3...52).map { "\($0)" }.joined(separator: " ")
    facts.read(stat: "17 (a) b (c)) \(fields)\n", bootSeconds: 1_000)
    #expect(facts.startSeconds == 1_000 + 22 / Double(sysconf(Int32(_SC_CLK_TCK))))
    #expect(facts.residentBytes == 24 * UInt64(sysconf(Int32(_SC_PAGESIZE))))
  }
}
