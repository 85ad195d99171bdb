import Glibc
import SluiceImport

/// The files that a configuration includes.
enum IncludeFiles {
  /// More than any configuration includes; a pattern like `/*` ends here.
  private static let limit = 1_000

  /// Reads what patterns name, relative to the folder of the file that is `path`.
  static func reader(of path: String) -> IncludeReader {
    let folder = path == "-" ? "" : path.lastIndex(of: "/").map { path[...$0] } ?? ""
    return { pattern in
      read(pattern.hasPrefix("/") ? pattern : folder + pattern)
    }
  }

  /// The files in the order of their names. A pattern may match none; a name without wildcards may
  /// not.
  private static func read(_ pattern: String) -> Result<[IncludedFile], IncludeProblem> {
    var found = glob_t()
    defer { globfree(&found) }
    switch glob(pattern, 0, nil, &found) {
    case 0: break
    case GLOB_NOMATCH where pattern.contains(where: { "*?[".contains($0) }): return .success([])
    case GLOB_NOMATCH: return .failure(IncludeProblem("there is no such file"))
    default: return .failure(IncludeProblem("the folder cannot be read"))
    }
    guard found.gl_pathc <= limit else {
      return .failure(IncludeProblem("it names more than \(limit) files"))
    }
    var files: [IncludedFile] = []
    for index in 0..<Int(found.gl_pathc) {
      // SAFETY: glob fills gl_pathc names that end with a NUL; globfree comes after.
      guard let pointer = found.gl_pathv[index] else { continue }
      let name = String(cString: pointer)
      guard let text = try? TextFile.read(name) else {
        return .failure(IncludeProblem("\(name) cannot be read"))
      }
      files.append(IncludedFile(name: name, text: text))
    }
    return .success(files)
  }
}
