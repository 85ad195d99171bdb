extension PolicyRegistry {
  /// Every policy that comes with the gateway: one line each. Within a stage they run in this order.
  public static let standard = PolicyRegistry([
    // entry
    Configuration.RequestID.self,
    Configuration.CORS.self,
    // identify
    Configuration.KeyAuth.self,
    // authorize
    Configuration.ACL.self,
    // limit
    // transform
    Configuration.Fault.self,
    Configuration.Mock.self,
    Configuration.Redirect.self,
    Configuration.RequestTransform.self,
    Configuration.ResponseTransform.self,
    // cache
    Configuration.Cache.self,
  ])
}
