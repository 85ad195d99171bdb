import Glibc

/// What the kernel knows of this process.
struct ProcessFacts: Sendable {
  var cpuSeconds = 0.0
  var residentBytes: UInt64 = 0
  var maxDescriptors: UInt64 = 0
  /// Since the epoch.
  var startSeconds = 0.0

  static func now() -> ProcessFacts {
    var facts = ProcessFacts()
    var usage = rusage()
    if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
      facts.cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
    facts.maxDescriptors = DescriptorLimit.current
    if let text = try? TextFile.read("/proc/self/stat") {
      facts.read(stat: text, bootSeconds: bootSeconds())
    }
    return facts
  }

  /// proc(5): the fields behind the command's name, which is in parentheses and may hold spaces.
  mutating func read(stat text: String, bootSeconds: Double) {
    guard let end = text.lastIndex(of: ")") else { return }
    let fields = text[text.index(after: end)...].split(separator: " ")
    // Field 3 is the first here: start time is the 22nd, resident pages the 24th.
    guard fields.count > 21, let start = Double(fields[19]), let pages = UInt64(fields[21]) else {
      return
    }
    startSeconds = bootSeconds + start / Double(sysconf(Int32(_SC_CLK_TCK)))
    residentBytes = pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
  }

  private static func bootSeconds() -> Double {
    guard let text = try? TextFile.read("/proc/stat"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
    else { return 0 }
    return Double(line.dropFirst(6)) ?? 0
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }
}
