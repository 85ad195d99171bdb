/// PEM that stands in the configuration itself, in the place of a file's path.
public enum PEMText {
  /// Whether a setting is the text and no path.
  public static func isText(_ setting: String) -> Bool { setting.hasPrefix("-----BEGIN ") }

  /// What may be shown of such a setting: a path as it is, of a text nothing.
  static func shown(_ setting: String) -> String { isText(setting) ? "(PEM text)" : setting }
}
