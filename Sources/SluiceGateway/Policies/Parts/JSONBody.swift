import SluiceWire

/// Whether a message has a JSON body that can be read as it is.
enum JSONBody {
  static func isJSON(_ head: borrowing RequestHead) -> Bool {
    for field in head.fields where field.known == .contentType {
      if MediaTypeSet.json.contains(head.span(field.value)) { return true }
    }
    return false
  }

  static func isJSON(_ head: borrowing ResponseHead) -> Bool {
    for field in head.fields where field.known == .contentType {
      if MediaTypeSet.json.contains(head.span(field.value)) { return true }
    }
    return false
  }

  static func isEncoded(_ head: borrowing RequestHead) -> Bool {
    for field in head.fields where field.known == .contentEncoding {
      if !head.span(field.value).equalsIgnoringCase("identity") { return true }
    }
    return false
  }

  static func isEncoded(_ head: borrowing ResponseHead) -> Bool {
    for field in head.fields where field.known == .contentEncoding {
      if !head.span(field.value).equalsIgnoringCase("identity") { return true }
    }
    return false
  }
}
