import ArgumentParser
import SluiceControl

/// What stands in the place of what the file says.
struct SourceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where targets with this name and port are; may be repeated.",
      valueName: "NAME:PORT=ADDRESS:PORT"))
  var resolve: [String] = []

  @Option(
    help: ArgumentHelp(
      "Where a listener is bound instead; may be repeated.",
      discussion: """
        OLD is a listener's name, its address or :PORT, NEW an address or :PORT. NEW alone is for a \
        file with one listener.
        """,
      valueName: "OLD=NEW"))
  var listen: [String] = []

  func validate() throws {
    do throws(ConfigurationOverrides.Mistake) {
      _ = try ConfigurationOverrides(resolve: resolve, listen: listen)
    } catch {
      throw ValidationError(error.description)
    }
  }

  /// Checked by `validate`.
  var overrides: ConfigurationOverrides {
    (try? ConfigurationOverrides(resolve: resolve, listen: listen)) ?? ConfigurationOverrides()
  }
}
