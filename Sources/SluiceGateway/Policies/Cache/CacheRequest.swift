import SluiceConfiguration
import SluiceWire

/// What the cache has to know of a request, from one pass over its fields.
struct CacheRequest {
  var control = CacheControl()
  var isPragmaNoCache = false
  var hasAuthorization = false
  var hasCookies = false
  /// Says something that targets may obey and that is no part of the key, asks for a part, or is
  /// conditional in a way that only the target can judge.
  var isBypassed = false

  /// - Parameter isForPage: what the caller says of its body, a range or conditions does not count.
  init(_ head: borrowing RequestHead, isForPage: Bool = false) {
    // A body is no part of the key either.
    isBypassed =
      head.framing != .none && !isForPage || head.authority == nil || head.form == .asterisk
    for field in head.fields {
      switch field.known {
      case .cacheControl: control.add(head.span(field.value))
      case .pragma: isPragmaNoCache = head.span(field.value).equalsIgnoringCase("no-cache")
      case .authorization: hasAuthorization = true
      case .cookie: hasCookies = true
      case .range, .ifRange, .ifMatch, .ifUnmodifiedSince: if !isForPage { isBypassed = true }
      case .other: if UnkeyedFields.contains(head.span(field.name)) { isBypassed = true }
      default: break
      }
    }
    if control.isMalformed { isBypassed = true }
  }

  /// What the caller demands of a stored response (RFC 9111 5.4 for Pragma).
  var demands: CacheControl {
    if !isPragmaNoCache || control != CacheControl() { return control }
    var demands = CacheControl()
    let noCache: [UInt8] = Array("no-cache".utf8)
    demands.add(noCache.span)
    return demands
  }
}

/// Fields by which frameworks let a caller change method, path or host. They are no part of any key, so
/// a response to a request with one of them must not become everybody's.
enum UnkeyedFields {
  static func contains(_ name: Span<UInt8>) -> Bool {
    guard name.count > 5, name[0] | 0x20 == 0x78, name[1] == 0x2D else { return false }
    return switch name.count {
    case 6: name.equalsIgnoringCase("x-host")
    case 13: name.equalsIgnoringCase("x-http-method") || name.equalsIgnoringCase("x-rewrite-url")
    case 14: name.equalsIgnoringCase("x-original-url")
    case 15:
      name.equalsIgnoringCase("x-original-host") || name.equalsIgnoringCase("x-forwarded-ssl")
    case 16:
      name.equalsIgnoringCase("x-forwarded-path")
    case 17: name.equalsIgnoringCase("x-method-override")
    case 18:
      name.equalsIgnoringCase("x-forwarded-server") || name.equalsIgnoringCase("x-forwarded-scheme")
    case 22: name.equalsIgnoringCase("x-http-method-override")
    default: false
    }
  }
}

/// Reads of a response what the rules go by.
extension CacheRules.Response {
  init(_ head: borrowing ResponseHead) {
    self.init()
    status = head.status
    if let index = head.onlyIndex(of: .etag) {
      hasETag = EntityTag.isTag(head.span(head.fields[index].value))
    }
    for field in head.fields {
      let value = head.span(field.value)
      switch field.known {
      case .cacheControl:
        control.add(value)
        hasControl = true
      case .date: date = HTTPDateSyntax.seconds(value)
      case .expires: expires = HTTPDateSyntax.seconds(value) ?? .min
      case .lastModified: lastModified = HTTPDateSyntax.seconds(value)
      // An age that can't be read must not make the response younger.
      case .age: age = Int64(CacheControl.seconds(value) ?? CacheControl.longest)
      case .setCookie: hasSetCookie = true
      case .pragma: isPragmaNoCache = value.equalsIgnoringCase("no-cache")
      default: break
      }
    }
    readTargeted(head)
  }

  /// RFC 9213: a targeted field that is well-formed counts in the place of Cache-Control and Expires.
  private mutating func readTargeted(_ head: borrowing ResponseHead) {
    guard head.firstIndex(named: Self.targeted.span) != nil else { return }
    var joined = ByteBuffer()
    for field in head.fields
    where field.known == .other && head.span(field.name).equalsIgnoringCase(Self.targeted.span) {
      if !joined.isEmpty { joined.append(", ") }
      joined.append(head.span(field.value))
    }
    guard let targeted = CacheControl(targeted: joined.span) else { return }
    control = targeted
    hasControl = true
    expires = nil
  }

  private static let targeted = Array("cdn-cache-control".utf8)
}
