extension PolicyRegistry {
  /// Every policy that comes with the gateway: one line each. Within a stage they run in this order.
  public static let standard = PolicyRegistry([
    // entry
    Configuration.KongFields.self,
    Configuration.RequestID.self,
    Configuration.CORS.self,
    Configuration.UserAgentRestriction.self,
    Configuration.CallerHeaders.self,
    Configuration.ErrorAnswers.self,
    Configuration.Reroute.self,
    // identify
    Configuration.Identify.self,
    Configuration.MTLSAuth.self,
    Configuration.KeyAuth.self,
    Configuration.BasicAuth.self,
    Configuration.HMACAuth.self,
    Configuration.JWT.self,
    Configuration.Introspection.self,
    Configuration.ForwardAuth.self,
    Configuration.Anonymous.self,
    // authorize
    Configuration.IPRestriction.self,
    Configuration.ACL.self,
    Configuration.Claims.self,
    // limit: what costs nothing first, what is spent for longest last
    Configuration.RequestSizeLimit.self,
    Configuration.ConcurrencyLimit.self,
    Configuration.RateLimit.self,
    Configuration.Quota.self,
    Configuration.ResponseLimit.self,
    Configuration.BandwidthLimit.self,
    // transform; responses meet these the other way round, so what compresses is the first
    Configuration.Compression.self,
    Configuration.GRPCWeb.self,
    Configuration.Fault.self,
    Configuration.JSONSchema.self,
    Configuration.Mock.self,
    Configuration.Redirect.self,
    Configuration.Rewrite.self,
    Configuration.RequestTransform.self,
    Configuration.TargetHeaders.self,
    Configuration.ResponseTransform.self,
    Configuration.Split.self,
    // when all is said that targets get
    Configuration.Mirror.self,
    // cache
    Configuration.Cache.self,
    // log
    Configuration.FileLog.self,
    Configuration.HTTPLog.self,
  ])
}
