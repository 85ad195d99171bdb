/// Files of this repository, wherever the tests run.
enum Repository {
  static let root: String = {
    let here = #filePath
    let parts = here.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    return parts.joined(separator: "/")
  }()

  static func path(_ relative: String) -> String { "\(root)/\(relative)" }
}
