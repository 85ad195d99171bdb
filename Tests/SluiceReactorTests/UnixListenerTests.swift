import Foundation
import Testing

@testable import SluiceReactor

/// Paths of Unix-domain sockets: what is left of a process that has ended gives way, nothing else does.
@Suite struct UnixListenerTests {
  private func temporaryPath() -> String {
    "\(FileManager.default.temporaryDirectory.path)/sluice-\(UUID().uuidString.prefix(8)).sock"
  }

  @Test func aSocketNobodyListensOnGivesWay() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    let address = try #require(SocketAddress("unix:\(path)"))
    for descriptor in try Sockets.listen(on: address, count: 2) { close(descriptor) }
    let descriptors = try Sockets.listen(on: address, count: 2)
    defer { for descriptor in descriptors { close(descriptor) } }
    #expect(descriptors.count == 2)
    #expect(throws: SystemError(call: "bind", code: EADDRINUSE)) {
      try Sockets.listen(on: address, count: 1)
    }
  }

  /// Its content may be anything, the configuration itself included.
  @Test func aFileThatIsNoSocketStays() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
    let address = try #require(SocketAddress("unix:\(path)"))
    #expect(throws: SystemError(call: "bind", code: EADDRINUSE)) {
      try Sockets.listen(on: address, count: 1)
    }
    #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
    let link = temporaryPath()
    defer { unlink(link) }
    #expect(symlink(path, link) == 0)
    let linked = try #require(SocketAddress("unix:\(link)"))
    #expect(throws: SystemError(call: "bind", code: EADDRINUSE)) {
      try Sockets.listen(on: linked, count: 1)
    }
    #expect(FileManager.default.contents(atPath: link) == Data("precious".utf8))
  }
}
