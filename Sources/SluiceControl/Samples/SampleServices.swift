import Glibc
public import SluiceReactor

/// The sample services of `sluice demo`, on a thread of their own.
public final class SampleServices: Sendable {
  private let thread: LoopThread
  public let time: SocketAddress
  public let stocks: SocketAddress

  /// Listens on both addresses (port 0 is any free one); throws when one is taken.
  public init(time: SocketAddress, stocks: SocketAddress) throws(SystemError) {
    let timeSocket = try Sockets.listen(on: time, count: 1)[0]
    let stocksSocket: Int32
    do throws(SystemError) {
      stocksSocket = try Sockets.listen(on: stocks, count: 1)[0]
    } catch {
      close(timeSocket)
      throw error
    }
    self.time = Sockets.localAddress(of: timeSocket) ?? time
    self.stocks = Sockets.localAddress(of: stocksSocket) ?? stocks
    thread = try LoopThread(name: "samples") { loop in
      _ = SampleListener(loop: loop, descriptor: timeSocket, service: .time)
      _ = SampleListener(loop: loop, descriptor: stocksSocket, service: .stocks)
    }
  }

  /// Ends the thread; open connections are dropped with it.
  public func stop() {
    thread.stop()
    thread.join()
  }
}
