/// Why a head was refused. A connection that sent such a head can't be used any further.
public enum HeadError: UInt8, Error, CaseIterable {
  // Limits.
  case headTooLarge, tooManyFields, targetTooLong
  // Any line.
  case bareLineFeed, bareCarriageReturn, nulByte, controlCharacter, incompleteHead
  // The request line.
  case leadingEmptyLines, invalidMethod, invalidRequestLine, invalidTarget, fragmentInTarget
  case unsupportedScheme, userinfoInTarget, invalidVersion, unsupportedVersion
  // The status line.
  case invalidStatusLine, invalidStatus, unexpectedSuccessToConnect, bodyNotAllowed
  // Field lines.
  case emptyFieldName, spaceInFieldName, invalidFieldName, obsoleteLineFolding, missingColon
  // What fields say.
  case missingHost, duplicateHost, invalidHost, hostMismatch
  case duplicateContentLength, invalidContentLength, contentLengthWithTransferEncoding
  case duplicateTransferEncoding, invalidTransferEncoding, unsupportedTransferCoding
  case transferEncodingInOldVersion, invalidConnection, forbiddenConnectionOption
  case invalidUpgrade, unsupportedExpectation

  /// The status a request with this fault is answered with. For a response it says nothing: a target
  /// that sends such a head is a bad gateway's case.
  public var status: Int {
    switch self {
    case .headTooLarge, .tooManyFields: 431
    case .targetTooLong: 414
    case .unsupportedVersion: 505
    case .unsupportedTransferCoding: 501
    case .unsupportedExpectation: 417
    default: 400
    }
  }

  /// A stable name for logs and documentation.
  public var code: StaticString { description.code }
  /// One sentence for a person.
  public var text: StaticString { description.text }

  private var description: (code: StaticString, text: StaticString) {
    switch self {
    case .headTooLarge: ("head-too-large", "The head exceeds the limit of bytes.")
    case .tooManyFields: ("too-many-fields", "The head exceeds the limit of fields.")
    case .targetTooLong: ("target-too-long", "The request target exceeds the limit of bytes.")
    case .bareLineFeed: ("bare-line-feed", "A line ends in a line feed without carriage return.")
    case .bareCarriageReturn:
      ("bare-carriage-return", "A carriage return is not followed by a line feed.")
    case .nulByte: ("nul-byte", "The head contains a NUL byte.")
    case .controlCharacter: ("control-character", "The head contains a control character.")
    case .incompleteHead: ("incomplete-head", "The head does not end in an empty line.")
    case .leadingEmptyLines: ("leading-empty-lines", "Empty lines precede the head.")
    case .invalidMethod: ("invalid-method", "The method is not a token or is too long.")
    case .invalidRequestLine:
      ("invalid-request-line", "The request line is not method, target and version.")
    case .invalidTarget:
      ("invalid-target", "The request target has a form or character that is not allowed.")
    case .fragmentInTarget: ("fragment-in-target", "The request target contains a fragment.")
    case .unsupportedScheme:
      ("unsupported-scheme", "The request target's scheme is not http or https.")
    case .userinfoInTarget: ("userinfo-in-target", "The request target contains user information.")
    case .invalidVersion: ("invalid-version", "The protocol version is malformed.")
    case .unsupportedVersion:
      ("unsupported-version", "The protocol version is not HTTP/1.0 or HTTP/1.1.")
    case .invalidStatusLine: ("invalid-status-line", "The status line is malformed.")
    case .invalidStatus: ("invalid-status", "The status code is not between 100 and 599.")
    case .unexpectedSuccessToConnect:
      ("unexpected-success-to-connect", "A CONNECT request was answered with success.")
    case .bodyNotAllowed:
      ("body-not-allowed", "A response that can't have a body announces one.")
    case .emptyFieldName: ("empty-field-name", "A field has no name.")
    case .spaceInFieldName:
      ("space-in-field-name", "A field name contains or is followed by whitespace.")
    case .invalidFieldName: ("invalid-field-name", "A field name is not a token.")
    case .obsoleteLineFolding:
      ("obsolete-line-folding", "A field line is folded or begins with whitespace.")
    case .missingColon: ("missing-colon", "A field line has no colon.")
    case .missingHost: ("missing-host", "The Host field is missing.")
    case .duplicateHost: ("duplicate-host", "There is more than one Host field.")
    case .invalidHost: ("invalid-host", "The Host field or target authority is not a valid host.")
    case .hostMismatch: ("host-mismatch", "The Host field and the target name different hosts.")
    case .duplicateContentLength:
      ("duplicate-content-length", "There is more than one Content-Length.")
    case .invalidContentLength:
      ("invalid-content-length", "Content-Length is not a decimal number in range.")
    case .contentLengthWithTransferEncoding:
      (
        "content-length-with-transfer-encoding",
        "Content-Length and Transfer-Encoding are both set."
      )
    case .duplicateTransferEncoding:
      ("duplicate-transfer-encoding", "There is more than one Transfer-Encoding.")
    case .invalidTransferEncoding:
      ("invalid-transfer-encoding", "Transfer-Encoding is malformed or ambiguous.")
    case .unsupportedTransferCoding:
      ("unsupported-transfer-coding", "A transfer coding other than chunked is not supported.")
    case .transferEncodingInOldVersion:
      ("transfer-encoding-in-old-version", "Transfer-Encoding is not allowed in HTTP/1.0.")
    case .invalidConnection: ("invalid-connection", "The Connection field is not a list of tokens.")
    case .forbiddenConnectionOption:
      ("forbidden-connection-option", "The Connection field names an end-to-end field.")
    case .invalidUpgrade: ("invalid-upgrade", "The Upgrade field is malformed or repeated.")
    case .unsupportedExpectation:
      ("unsupported-expectation", "The Expect field asks for something unknown.")
    }
  }
}
