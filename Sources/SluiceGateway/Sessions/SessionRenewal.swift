import SluiceReactor
import SluiceWire

/// Asking a service again, before what it has granted ends.
struct SessionRenewal {
  /// Nanoseconds before the end of trust.
  let before: Int64
  /// Of the handshake: what the service is asked with. The same bytes as in `KeptHandshake`, if there is
  /// one, and bounded as there.
  let head: [UInt8]
  /// Not before this moment; never again after the service said no.
  var pause: MonotonicTime

  /// A grant that ends sooner than `before` must not make a question follow the other: half of its life
  /// passes first.
  static func pause(now: MonotonicTime, trustEnd: MonotonicTime) -> MonotonicTime {
    now.advanced(byNanoseconds: max(500_000_000, trustEnd.nanoseconds(since: now) / 2))
  }

  /// After a question without an answer.
  var pauseNanoseconds: Int64 { max(1_000_000_000, before / 4) }
}

extension Session {
  /// When the service is to be asked again; never while it is being asked.
  var renewalTime: MonotonicTime {
    guard let trust, let renewal = trust.renewal, !trust.isAsking else { return .distantFuture }
    return max(renewal.pause, trustEnd.advanced(byNanoseconds: -renewal.before))
  }

  /// The session goes on meanwhile, and ends in its time if the answer is no.
  func renew() {
    guard let renewal = trust?.renewal else { return }
    judge(renewal.head, isRenewal: true) { session, status in
      let now = session.loop.now
      session.trust?.renewal?.pause =
        switch status {
        case 204: SessionRenewal.pause(now: now, trustEnd: session.trustEnd)
        case 500...: now.advanced(byNanoseconds: renewal.pauseNanoseconds)
        default: .distantFuture
        }
      if !session.machine.isEnding { session.schedule() }
    }
  }
}
