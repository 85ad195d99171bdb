import Glibc
public import SluiceReactor

/// The sample services of `sluice demo`, on a thread of their own.
public final class SampleServices: Sendable {
  private let thread: LoopThread
  public let time: SocketAddress
  public let stocks: SocketAddress

  public struct StartError: Error, CustomStringConvertible {
    public let description: String
  }

  /// Listens on both addresses (port 0 is any free one); throws when one is taken.
  public init(time: SocketAddress, stocks: SocketAddress) throws(StartError) {
    let timeSocket = try Self.listen(on: time, for: "time")
    let stocksSocket: Int32
    do throws(StartError) {
      stocksSocket = try Self.listen(on: stocks, for: "stocks")
    } catch {
      close(timeSocket)
      throw error
    }
    self.time = Sockets.localAddress(of: timeSocket) ?? time
    self.stocks = Sockets.localAddress(of: stocksSocket) ?? stocks
    do throws(SystemError) {
      thread = try LoopThread(name: "samples") { loop in
        _ = SampleListener(loop: loop, descriptor: timeSocket, service: .time)
        _ = SampleListener(loop: loop, descriptor: stocksSocket, service: .stocks)
      }
    } catch {
      throw StartError(description: "the sample services can't start: \(error.description)")
    }
  }

  private static func listen(
    on address: SocketAddress, for name: String
  ) throws(StartError) -> Int32 {
    do throws(SystemError) {
      return try Sockets.listen(on: address, count: 1)[0]
    } catch {
      let reason =
        error.code == EADDRINUSE ? "the address is in use by another process" : error.description
      throw StartError(
        description: "the sample \(name) service can't listen on \(address): \(reason)")
    }
  }

  /// Ends the thread; open connections are dropped with it.
  public func stop() {
    thread.stop()
    thread.join()
  }
}
