import SluiceConfiguration

extension Configuration.Identify {
  init(require: Requirement) {
    self.init()
    self.require = require
  }
}

extension Configuration.Group {
  init(policies: Configuration.Policies) {
    self.init()
    self.policies = policies
  }
}
