import Testing

@testable import SluiceReactor

@Suite struct UsableProcessorsTests {
  private func quota(_ files: [String: String]) -> Int? {
    UsableProcessors.quota { files[$0] }
  }

  @Test func thereIsAtLeastOne() { #expect(UsableProcessors.count >= 1) }

  @Test(arguments: [
    ("max 100000\n", nil), ("100000 100000\n", 1), ("100001 100000\n", 2), ("200000 100000", 2),
    ("50000 100000\n", 1), ("1 100000\n", 1), ("0 100000\n", nil), ("100000 0\n", nil),
    ("-1 100000\n", nil), ("100000\n", nil), ("", nil), ("a b\n", nil),
    ("9223372036854775807 1\n", 9_223_372_036_854_775_807),
  ])
  func aQuotaIsRoundedUp(text: String, processors: Int?) {
    let files = ["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": text]
    #expect(quota(files) == processors)
  }

  /// A group can have no more than those above it.
  @Test func theSmallestOnTheWayUpCounts() {
    var files = [
      "/proc/self/cgroup": "0::/system.slice/sluice.service\n",
      "/sys/fs/cgroup/system.slice/sluice.service/cpu.max": "400000 100000\n",
      "/sys/fs/cgroup/system.slice/cpu.max": "300000 100000\n",
    ]
    #expect(quota(files) == 3)
    files["/sys/fs/cgroup/system.slice/cpu.max"] = "max 100000\n"
    #expect(quota(files) == 4)
    files["/sys/fs/cgroup/system.slice/sluice.service/cpu.max"] = "200000 100000\n"
    #expect(quota(files) == 2)
  }

  /// The path is that of the host, and the mount is the container's.
  @Test func theFormerVersionIsFoundInAContainer() {
    let files = [
      "/proc/self/cgroup":
        "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n1:cpuset:/x\n0::/docker/a\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/memory/docker/a/cpu.max": "100000 100000\n",
    ]
    #expect(quota(files) == 2)
    #expect(
      quota(files.merging(["/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n"]) { $1 }) == nil)
  }

  @Test func withoutControlGroupsThereIsNone() {
    #expect(quota([:]) == nil)
    #expect(quota(["/proc/self/cgroup": "nonsense\n\n1:\n"]) == nil)
  }
}
