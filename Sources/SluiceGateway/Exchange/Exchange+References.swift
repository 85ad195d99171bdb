import SluiceReactor
import SluiceWire

/// What an exchange refers to without counting it.
///
/// To count a reference takes two atomic operations, and a request that is passed on as it is used some 25;
/// together that was a tenth of what a request costs besides the kernel (`docs/decisions/0023-uncounted-references.md`).
/// What is referred to so has an owner, who keeps it at least until the loop's turn ends, also when it is
/// replaced or closes itself meanwhile:
///
/// - the loop keeps handlers (exchanges, connections, targets), see `HandlerSlab`;
/// - the worker's snapshot keeps the routes and services of the configuration in force; it is replaced between calls
///   of handlers;
/// - exchanges that began before a reload keep their route, and give it to the loop for the rest of the turn in
///   which they end;
/// - a route keeps its policies, and an exchange its identity.
extension Exchange {
  /// The route that the request matched; nil while there is none.
  var route: CompiledRoute? {
    get { heldRoute.inUse?.takeUnretainedValue() }
    set {
      if let newValue {
        heldRoute.enterForeign(newValue, loop)
      } else {
        heldRoute.leave(current: worker.configurationNumber, loop)
      }
    }
  }

  var isRouted: Bool { heldRoute.inUse != nil }

  /// Calls `body` with the route, uncounted; nil while there is none.
  @inline(__always)
  func withRoute<R>(_ body: (CompiledRoute) -> R) -> R? {
    heldRoute.inUse?._withUnsafeGuaranteedRef(body)
  }

  /// Where the request arrived.
  var listener: CompiledListener { listenerInUse.takeUnretainedValue() }

  /// Calls `body` with the listener, uncounted. An exchange keeps it until it begins on another one.
  @inline(__always)
  func withListener<R>(_ body: (CompiledListener) -> R) -> R {
    listenerInUse._withUnsafeGuaranteedRef(body)
  }

  /// The policies that this exchange meets; nil for none.
  var policies: PolicyChain? { heldChain.inUse?.takeUnretainedValue() }

  /// Calls `body` with them, uncounted; nil while there are none.
  @inline(__always)
  @discardableResult
  func withPolicies<R>(_ body: (PolicyChain) -> R) -> R? {
    heldChain.inUse?._withUnsafeGuaranteedRef(body)
  }

  /// Who calls; nil while nobody knows.
  public internal(set) var identity: Identity? {
    get { ownedIdentity }
    set {
      ownedIdentity = newValue
      // SAFETY: `ownedIdentity` keeps it.
      identityInUse = newValue.map { .passUnretained($0) }
    }
  }

  /// Calls `body` with who calls, uncounted; nil while nobody knows. `body` changes nothing of the exchange.
  @inline(__always)
  @discardableResult
  func withIdentity<R>(_ body: (Identity) -> R) -> R? {
    identityInUse?._withUnsafeGuaranteedRef(body)
  }

  /// What carries the exchange at the caller's side; nil once that is over for the carrier.
  var downstream: (any DownstreamStream)? {
    if let connectionInUse { return connectionInUse.takeUnretainedValue() }
    return otherDownstream
  }

  func carry(by downstream: any DownstreamStream) {
    connectionInUse = downstream.keptByLoop
    if connectionInUse == nil { otherDownstream = downstream }
  }

  func leaveCarrier() {
    connectionInUse = nil
    if otherDownstream != nil { otherDownstream = nil }
  }

  /// See `DownstreamStream.isCrowded`; a connection that carries nothing else is not.
  var isCallerCrowded: Bool { otherDownstream?.isCrowded ?? false }

  // MARK: What every response passes, without counting its carrier

  func deliverHead(_ head: borrowing ResponseHead) {
    if let connectionInUse {
      connectionInUse._withUnsafeGuaranteedRef { $0.sendHead(head, of: self) }
    } else {
      otherDownstream?.sendHead(head, of: self)
    }
  }

  /// Returns how much the caller did not take yet.
  func deliverBody(_ bytes: Span<UInt8>) -> Int {
    if let connectionInUse {
      return connectionInUse._withUnsafeGuaranteedRef {
        $0.sendBody(bytes)
        return $0.responseBacklog
      }
    }
    guard let otherDownstream else { return 0 }
    otherDownstream.sendBody(bytes)
    return otherDownstream.responseBacklog
  }

  func deliverEnd(_ trailers: borrowing TrailerSection) {
    if let connectionInUse {
      connectionInUse._withUnsafeGuaranteedRef { $0.sendEnd(trailers) }
    } else {
      otherDownstream?.sendEnd(trailers)
    }
  }
}

extension Unmanaged<Exchange>? {
  /// Whether this is the one that is referred to.
  func refers(to exchange: Exchange) -> Bool {
    // SAFETY: addresses are only compared.
    self?.toOpaque() == Unmanaged.passUnretained(exchange).toOpaque()
  }
}
