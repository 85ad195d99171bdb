import Foundation
import Glibc

/// The real nginx with one configuration, until its owner goes.
final class NginxProcess {
  let port: UInt16
  private let process = Process()
  private let folder: URL

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// nginx belongs to what the tests need (`scripts/install-dependencies.sh test`); without it they fail.
  static func executable() throws -> String {
    let paths = [
      "/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx",
    ]
    guard let path = paths.first(where: { access($0, X_OK) == 0 }) else {
      throw Failure(
        description: "nginx is not installed; run scripts/install-dependencies.sh test")
    }
    return path
  }

  /// - Parameter http: what stands in the `http` block; listens on `port`.
  init(http: String, port: UInt16) throws {
    self.port = port
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "sluice-nginx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let errors = folder.appendingPathComponent("error.log")
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map { "\($0)_temp_path \(folder.path)/\($0);" }.joined(separator: " ")
    try """
    daemon off; master_process off; worker_processes 1;
    pid \(folder.path)/nginx.pid; error_log \(errors.path) info;
    events { worker_connections 256; }
    http { access_log off; \(temporary)
    \(http)
    }
    """.write(to: folder.appendingPathComponent("nginx.conf"), atomically: true, encoding: .utf8)
    process.executableURL = URL(fileURLWithPath: try Self.executable())
    process.arguments = [
      "-p", folder.path, "-c", folder.appendingPathComponent("nginx.conf").path, "-e", errors.path,
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    try waitUntil("nginx's start") {
      if !process.isRunning {
        let text = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
        throw Failure(description: "nginx does not take the configuration: \(text)")
      }
      return (try? RawSocket(port: port)) != nil
    }
  }

  deinit {
    if process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(at: folder)
  }
}
