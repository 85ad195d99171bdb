import SluiceConfiguration

/// docs/reference/admin-api.md.
enum AdminPage {
  static func text() -> String {
    """
    # Admin API

    <!-- Made from the code by `make docs`; edits here are lost. -->

    The admin listener is there when the configuration has `admin`:

    ```yaml
    admin: {address: "\(Configuration.Admin().address)"}
    ```

    It takes loopback addresses only, because whoever reaches it is not asked who they are. Changing
    it needs a restart.

    \(MarkdownTable.text(
      ["Path", "Answer"], AdminEndpoint.allCases.map { ["`\($0.rawValue)`", $0.summary] }))
    GET and HEAD only. Other methods are answered with 405, other paths with 404, as problem JSON; so is a
    `Host` that is neither `localhost` nor a loopback address, with 403, because a web page could have
    its own name resolved to this machine.

    See also: [metrics](metrics.md).

    """
  }
}
