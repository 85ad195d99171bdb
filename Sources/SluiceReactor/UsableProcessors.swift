import CLinux
import Glibc

/// How many CPUs the process can keep busy: those it may run on, and no more than the quota of its control
/// groups allows for, which is what the CPU limit of a container is. Threads beyond it only wait for each other.
public enum UsableProcessors {
  /// Looks at the system, now; at least 1.
  public static var count: Int {
    min(Int(clinux_usable_cpu_count()), quota(readFile: read) ?? .max)
  }

  /// The smallest quota of the process's control group and of those above it, in whole CPUs and rounded up;
  /// nil when there is none. Both versions of control groups, which may be mounted at a time.
  static func quota(readFile: (String) -> String?) -> Int? {
    var smallest: Int?
    for line in (readFile("/proc/self/cgroup") ?? "").split(separator: "\n") {
      // number:controllers:path; version 2 has no controllers.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isUnified = parts[1].isEmpty
      guard isUnified || parts[1].split(separator: ",").contains("cpu") else { continue }
      let mount = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/\(parts[1])"
      // Inside of a container the path may be that of the host, of which only the mount's root is seen.
      var names = parts[2].split(separator: "/")
      while true {
        let folder = ([Substring(mount)] + names).joined(separator: "/")
        if let found = isUnified ? unified(folder, readFile) : former(folder, readFile) {
          smallest = min(smallest ?? .max, found)
        }
        if names.popLast() == nil { break }
      }
    }
    return smallest
  }

  /// `200000 100000`: microseconds in each period; `max` is no quota.
  private static func unified(_ folder: String, _ readFile: (String) -> String?) -> Int? {
    let words = (readFile("\(folder)/cpu.max") ?? "").split { $0 == " " || $0 == "\n" }
    guard words.count == 2 else { return nil }
    return processors(Int(words[0]), Int(words[1]))
  }

  /// Version 1, where -1 is no quota.
  private static func former(_ folder: String, _ readFile: (String) -> String?) -> Int? {
    func number(_ name: String) -> Int? {
      readFile("\(folder)/\(name)").flatMap { Int($0.prefix { $0 != "\n" }) }
    }
    return processors(number("cpu.cfs_quota_us"), number("cpu.cfs_period_us"))
  }

  private static func processors(_ quota: Int?, _ period: Int?) -> Int? {
    guard let quota, let period, quota > 0, period > 0 else { return nil }
    return max(1, (quota - 1) / period + 1)
  }

  /// A small file of the kernel's; nil when it is not there.
  private static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }
}
