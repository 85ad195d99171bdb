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

    init(prefix: String = "/") throws {
      file = try TemporaryFile(RunTests.configuration(prefix: prefix))
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

  @Test func theStatFileMayHoldAnyName() {
    var facts = ProcessFacts()
    let fields = (3...52).map { "\($0)" }.joined(separator: " ")
    facts.read(stat: "17 (a) b (c)) \(fields)\n", bootSeconds: 1_000)
    #expect(facts.startSeconds == 1_000 + 22 / Double(sysconf(Int32(_SC_CLK_TCK))))
    #expect(facts.residentBytes == 24 * UInt64(sysconf(Int32(_SC_PAGESIZE))))
  }
}
