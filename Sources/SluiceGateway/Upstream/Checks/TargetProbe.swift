import Glibc
import SluiceReactor

/// Connects to a target, with TLS where the target has it, and hangs up: one check of type `tcp`.
///
/// Addresses are tried one after the other, and the first look-up of the name is waited for; all of it
/// within one deadline. The loop keeps the probe until it is over.
final class TargetProbe: EventHandler {
  private let target: UpstreamTarget
  private let end: MonotonicTime
  private var done: ((CheckResult) -> Void)?
  private var attemptsLeft = 0
  private var connection: ProbeConnection?

  /// How often it is looked whether the first look-up is over.
  private static let patienceNanoseconds: Int64 = 20_000_000

  /// `done` is called once, maybe within `begin`.
  init(_ target: UpstreamTarget, timeout: Int64, _ done: @escaping (CheckResult) -> Void) {
    self.target = target
    self.done = done
    end = target.loop.now.advanced(byNanoseconds: timeout)
    super.init(loop: target.loop)
  }

  func begin() {
    loop.register(self)
    awaitAddresses()
  }

  private func awaitAddresses() {
    attemptsLeft = target.addressCount
    if attemptsLeft > 0 { return connect() }
    if target.isUnresolvable { return finish(.failed(.targetNotResolved)) }
    setDeadline(min(end, loop.now.advanced(byNanoseconds: Self.patienceNanoseconds)))
  }

  private func connect() {
    while attemptsLeft > 0, let address = target.takeAddress() {
      attemptsLeft -= 1
      let connection = ProbeConnection(self, target)
      do throws(SystemError) {
        try connection.open(to: address)
        self.connection = connection
        return setDeadline(end)
      } catch {
        if attemptsLeft == 0 { return finish(.failed(Self.error(error.code))) }
      }
    }
    finish(.failed(.targetNotResolved))
  }

  private static func error(_ code: Int32) -> GatewayError {
    UpstreamFailure(connectError: code).error
  }

  override func deadlineReached() {
    if loop.now < end { return awaitAddresses() }
    finish(.failed(target.addressCount == 0 ? .targetNotResolved : .upstreamConnectTimeout))
  }

  /// Nobody wants to know any more, and the two refer to each other.
  override func loopEnded() {
    connection = nil
    done = nil
  }

  fileprivate func connected() { finish(.passed) }

  fileprivate func failed(_ code: Int32) {
    connection = nil
    if attemptsLeft > 0 { connect() } else { finish(.failed(Self.error(code))) }
  }

  fileprivate func handshakeFailed(_ failure: TLSFailure) {
    target.logTLS(failure)
    finish(.failed(.upstreamTLSFailed))
  }

  private func finish(_ result: CheckResult) {
    guard let done else { return }
    self.done = nil
    connection?.close()
    connection = nil
    loop.unregister(self)
    done(result)
  }
}

/// The probe's connection; nothing is read from it.
private final class ProbeConnection: StreamConnection {
  private let probe: TargetProbe
  private let target: UpstreamTarget

  init(_ probe: TargetProbe, _ target: UpstreamTarget) {
    self.probe = probe
    self.target = target
    super.init(loop: target.loop)
  }

  func open(to address: SocketAddress) throws(SystemError) {
    if let origin = target.origin { try secure(for: origin) }
    if target.terms.isForOneCaller {
      sendFirst { target.terms.append(caller: .unnamedUnix, local: nil, to: &$0) }
    }
    try connect(to: address)
  }

  override func streamConnected() { probe.connected() }

  override func streamHandshakeFailed(_ failure: TLSFailure) {
    close()
    probe.handshakeFailed(failure)
  }

  override func streamFailed(_ code: Int32) {
    close()
    probe.failed(code)
  }
}
