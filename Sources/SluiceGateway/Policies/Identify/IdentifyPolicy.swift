/// A policy of the stage `identify`: finds a credential and says whose it is.
open class IdentifyPolicy: CompiledPolicy {
  /// Whether this request needs a credential of this kind at all.
  open func asks(_ exchange: Exchange) -> Bool { true }

  /// What this policy finds.
  open func identify(_ exchange: Exchange) -> IdentifyOutcome { .absent }

  /// How many bytes of this request's body are to be read to look for a credential where `identify` found none;
  /// nil for not at all. Asked when no other policy has found out who calls.
  func bodyLimit(_ exchange: Exchange) -> Int? { nil }

  /// The whole body is here, because of `bodyLimit` or after `identify` answered `collect`: `exchange.withCollectedBody`.
  open func identifyByBody(_ exchange: Exchange) -> IdentifyOutcome { .absent }

  /// Names of fields that targets believe to come from this policy: what callers send there never
  /// passes, not even when another policy found out who they are.
  open var ownedFields: [[UInt8]] { [] }

  /// Whether who was found before, by this policy or another, would be found still. What a credential is worth
  /// by itself others say.
  func wouldFind(_ identity: Identity) -> Bool { true }

  /// Whether it would accept what this key has signed.
  func holds(key: SHA256Digest) -> Bool { false }

  /// Whether, and within which bounds, it also looks into the first message of a WebSocket; what came is
  /// `exchange.firstMessage` when `identify` is called again.
  var firstMessage: FirstMessageLimits? { nil }

  /// `WWW-Authenticate` and the like, for the 401 of a request without credentials.
  open var challenges: [FieldLine] { [] }
}

public enum IdentifyOutcome {
  /// The request has no credential of this kind.
  case absent
  case known(Identity)
  /// It has one, and it is not good.
  case refused(PolicyRefusal)
  /// Only as what `exchange.waitToIdentify` returned.
  case wait
  /// `identifyByBody` is called when the whole body is here.
  case collect(upTo: Int)
}
