extension PolicyRegistry {
  /// Every policy that comes with the gateway: one line each. Within a stage they run in this order.
  public static let standard = PolicyRegistry([
    // entry
    Configuration.RequestID.self,
    // identify
    Configuration.KeyAuth.self,
    // authorize
    Configuration.ACL.self,
    // limit: what costs nothing first, what is spent for longest last
    Configuration.RequestSizeLimit.self,
    Configuration.ConcurrencyLimit.self,
    Configuration.RateLimit.self,
    Configuration.Quota.self,
      // transform
      // cache
  ])
}
