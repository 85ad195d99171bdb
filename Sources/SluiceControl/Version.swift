/// The version of this build; also in CHANGELOG.md.
public enum SluiceVersion {
  public static let current = "0.1.0"
}
