import Foundation
import SluiceConfiguration
import Testing

@testable import SluiceControl

@Suite struct FileWatchTests {
  private func look(_ inodes: [String: UInt64]) -> FileWatchStateMachine.Look {
    inodes.mapValues {
      FileWatchStateMachine.Stamp(device: 1, inode: $0, size: 2, seconds: 3, nanoseconds: 4)
    }
  }

  /// After which of these looks the files are read.
  private func reads(_ first: [String: UInt64], _ looks: [String: UInt64]...) -> [Bool] {
    var machine = FileWatchStateMachine(look(first))
    return looks.map {
      let reads = machine.shouldRead(look($0))
      if reads { machine.wasRead(look($0), succeeded: true) }
      return reads
    }
  }

  /// A file that is right again need not have changed; it is read again, later each time.
  @Test func whatCouldNotBeReadIsReadAgain() {
    var machine = FileWatchStateMachine(look(["a": 1]))
    var reads: [Int] = []
    for number in 0..<100 where machine.shouldRead(look(["a": 2])) {
      reads.append(number)
      machine.wasRead(look(["a": 2]), succeeded: false)
    }
    #expect(reads == [1, 3, 7, 15, 31, 63, 95])
    // What changes meanwhile is new, and what is as before needs nothing.
    let changed = [3, 3].map { machine.shouldRead(look(["a": $0])) }
    #expect(changed == [false, true])
    machine.wasRead(look(["a": 3]), succeeded: true)
    let after = [3, 2, 2, 3, 3].map { machine.shouldRead(look(["a": $0])) }
    #expect(after == [false, false, true, false, false])
  }

  /// What changes between a reload's reading and the next look is seen.
  @Test func aReloadMissesNothing() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("ca.pem")
    try "one".write(to: file, atomically: true, encoding: .utf8)
    var configuration = Configuration()
    var service = Configuration.Service()
    var tls = Configuration.ServiceTLS()
    tls.ca = file.path
    service.tls = tls
    configuration.services["a"] = service
    var watch = TLSFileWatch(configuration)
    try "another".write(to: file, atomically: true, encoding: .utf8)
    let looks = (0..<3).map { _ in watch.shouldRead() }
    #expect(looks == [false, true, true])
    watch.wasRead(succeeded: true)
    let again = watch.shouldRead()
    #expect(!again)
  }

  @Test func whatStaysIsNotReadAgain() {
    #expect(reads(["a": 1, "b": 1], ["a": 1, "b": 1], ["a": 1, "b": 1]) == [false, false])
  }

  @Test func aChangeIsReadOnceWhenItHasSettled() {
    // The key follows its certificate.
    let found = reads(
      ["a": 1, "b": 1], ["a": 2, "b": 1], ["a": 2, "b": 2], ["a": 2, "b": 2], ["a": 2, "b": 2])
    #expect(found == [false, false, true, false])
  }

  @Test func whatGoesAndComesBackHasNotChanged() {
    #expect(reads(["a": 1], [:], ["a": 1], [:], [:], [:]) == [false, false, false, true, false])
  }

  @Test func theFilesOfAConfiguration() {
    var configuration = Configuration()
    var tls = Configuration.ListenerTLS()
    var one = Configuration.Certificate()
    (one.certificate, one.key, one.ocsp) = ("/c", "-----BEGIN PRIVATE KEY-----\n", "/o")
    tls.certificates = [one]
    var callers = Configuration.ClientCertificates()
    (callers.ca, callers.crl) = ("/ca", "/crl")
    tls.clientCertificates = callers
    var listener = Configuration.Listener()
    listener.tls = tls
    configuration.listeners["web"] = listener
    var service = Configuration.Service()
    var secure = Configuration.ServiceTLS()
    var identity = Configuration.ClientIdentity()
    (identity.certificate, identity.key) = ("/ic", "/ik")
    (secure.ca, secure.clientCertificate) = ("/ca", identity)
    service.tls = secure
    configuration.services["one"] = service
    #expect(configuration.tlsFiles == ["/c", "/o", "/ca", "/crl", "/ic", "/ik"])
  }

  private func makeCertificate(_ name: String, in folder: URL) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-days", "2", "-subj", "/CN=\(name)", "-keyout", folder.appending(path: "new.key").path,
      "-out", folder.appending(path: "new.pem").path,
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    for file in ["key", "pem"] {
      let (new, old) = ("\(folder.path)/new.\(file)", "\(folder.path)/one.\(file)")
      try #require(rename(new, old) == 0)
    }
  }

  /// A renewal that nobody announces; and one that goes wrong.
  @Test func aRunningGatewayTakesNewCertificates() throws {
    let folder = TemporaryFile.url("certificates")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try makeCertificate("first", in: folder)
    let file = try TemporaryFile(
      """
      version: 1
      workers: 1
      listeners:
        web:
          address: "127.0.0.1:0"
          tls: {certificates: [{certificate: "\(folder.path)/one.pem", key: "\(folder.path)/one.key"}]}
      accessLog: {format: "off"}
      """)
    let command = try Command("run", file.path)
    try command.line(containing: " started ")
    try makeCertificate("second", in: folder)
    try command.line(containing: " files of TLS have changed")
    try command.line(containing: " reloaded ")
    try Data("no key".utf8).write(to: folder.appending(path: "one.key"))
    try command.line(containing: " files of TLS have changed")
    try command.line(containing: "former configuration stays in force")
  }
}
