import SluiceWire

/// Why a request's head that came by HTTP/2 is refused.
///
/// What is malformed is a stream error of the type PROTOCOL_ERROR (RFC 9113 8.1.1); a caller that
/// reads gets a 400 before it.
enum HTTP2HeadFault: Error, Equatable {
  case tooLarge, tooManyFields
  case invalidFieldName, invalidFieldValue
  case invalidPseudoField, misplacedPseudoField, repeatedPseudoField, missingPseudoField
  case unsupportedScheme, invalidPath
  case connectionField, invalidTE
  case repeatedHost, hostMismatch
  case contentLengthMismatch
  case invalidTunnel, protocolNotOffered
  /// Of the words of HTTP/1.1.
  case head(HeadError)

  var error: GatewayError {
    switch self {
    case .tooLarge, .tooManyFields: .headTooLarge
    case .head(let error): GatewayError(error)
    case .protocolNotOffered: .protocolNotOffered
    default: .malformedRequest
    }
  }

  /// A request that is well-formed and not served can be answered like any other.
  var isMalformed: Bool { error == .malformedRequest }

  /// One sentence for a person.
  var text: StaticString {
    switch self {
    case .tooLarge: "The head exceeds the limit of bytes."
    case .tooManyFields: "The head exceeds the limit of fields."
    case .invalidFieldName: "A field name is not a token in lower case."
    case .invalidFieldValue: "A field value contains a character that is not allowed."
    case .invalidPseudoField: "A pseudo-header field is unknown or malformed."
    case .misplacedPseudoField: "A pseudo-header field follows other fields or is a trailer."
    case .repeatedPseudoField: "A pseudo-header field is there twice."
    case .missingPseudoField: "A pseudo-header field is missing or one too many."
    case .unsupportedScheme: "The scheme is not http or https."
    case .invalidPath: "The path does not begin with a slash."
    case .connectionField: "A field belongs to a connection of HTTP/1.1."
    case .invalidTE: "TE says something other than trailers."
    case .repeatedHost: "There is more than one Host field."
    case .hostMismatch: "The Host field and :authority name different hosts."
    case .contentLengthMismatch: "Content-Length announces a body, and there is none."
    case .invalidTunnel: "A CONNECT with :protocol has a length or an end."
    case .protocolNotOffered: "The :protocol is not websocket."
    case .head(let error): error.text
    }
  }
}
