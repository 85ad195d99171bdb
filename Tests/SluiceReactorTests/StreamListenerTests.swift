import CLinux
import Glibc
import Testing

@testable import SluiceReactor

private final class Door: StreamListener {
  var sockets: [Int32] = []
  var turns: Set<UInt64> = []
  var wanted = 0

  override func accepted(_ descriptor: Int32, from address: SocketAddress) {
    sockets.append(descriptor)
    turns.insert(loop.turnNumber)
    if sockets.count == wanted { loop.stop() }
  }
}

@Suite struct StreamListenerTests {
  private func connected(to address: SocketAddress) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let result = address.withSockaddr { connect(descriptor, $0, $1) }
    #expect(result == 0)
    return descriptor
  }

  /// All who wait are accepted, in few turns, and write without Nagle's delay.
  @Test(arguments: [1, 3, 200]) func whoeverWaitsIsAccepted(count: Int) throws {
    let loop = try EventLoop()
    let any = try #require(SocketAddress("127.0.0.1:0"))
    let listening = try #require(try Sockets.listen(on: any, count: 1).first)
    let door = Door(loop: loop, descriptor: listening, isShared: false)
    door.wanted = count
    let address = try #require(Sockets.localAddress(of: listening))
    let callers = (0..<count).map { _ in connected(to: address) }
    door.startAccepting()
    loop.run()
    #expect(door.sockets.count == count)
    #expect(door.turns.count < 12)
    for socket in door.sockets {
      var isSet: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      #expect(getsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &isSet, &length) == 0)
      #expect(isSet != 0)
    }
    for descriptor in door.sockets + callers { close(descriptor) }
  }
}
