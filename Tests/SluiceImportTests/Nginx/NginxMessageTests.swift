import SluiceConfiguration
import Testing

@testable import SluiceImport

/// What people get to read about files that they have from tutorials.
@Suite struct NginxMessageTests {
  private func messages(_ text: String) -> [String] {
    NginxConverter.convert(text, file: "f") { _ in
      .failure(IncludeProblem("there is none"))
    }.diagnostics.map(\.description)
  }

  private func messages(inLocation text: String) -> [String] {
    messages("server { listen 80; location / {\n\(text)\nproxy_pass http://a; } }")
  }

  /// Beside the one of files without an `http`.
  private func errors(_ messages: [String]) -> [String] {
    messages.filter { $0.contains(" error: ") }
  }

  /// Variables that are often used and known to nobody here come with what to do.
  @Test(arguments: [
    ("ssl_client_escaped_cert", "$ssl_client_fingerprint"), ("ssl_client_cert", "$ssl_client_s_dn"),
    ("upstream_http_x_a", "pass as they are"), ("sent_http_x_a", "pass as they are"),
    ("hostname", "write the text itself"), ("msec", "access log"), ("time_local", "access log"),
    ("request_filename", "no static files"), ("server_addr", "$host"),
    ("invalid_referer", "$http_referer"), ("remote_adr", "did you mean 'remote_addr'?"),
    ("hsot", "did you mean 'host'?"),
  ])
  func unknownVariablesHaveHints(name: String, hint: String) {
    let found = errors(messages(inLocation: "proxy_set_header X-A $\(name);"))
    #expect(found.count == 1)
    #expect(found[0].hasPrefix("f:2:22: error: the variable $\(name) is not known here"))
    #expect(found[0].contains(hint), "\(found)")
  }

  /// Fields that the gateway writes are left out, as in the snippets for CORS that everybody copies.
  @Test(arguments: ["Content-Length", "connection", "Transfer-Encoding", "Date"])
  func fieldsOfFramingAreTheGateways(name: String) {
    let found = messages(
      """
      server { listen 80; location / { if ($request_method = OPTIONS) {
      add_header '\(name)' 0; return 204; } proxy_pass http://a; } }
      """)
    #expect(errors(found).isEmpty, "\(found)")
    #expect(
      found.contains { $0.contains("f:2:1: warning: \(name) is written by the gateway itself") })
  }

  /// One mistake is one error.
  @Test func whatIsLeftOutIsSaidOnce() {
    let stream = messages(
      "stream { upstream a { least_conn; server b:1; } server { listen 443; proxy_pass a; } }")
    #expect(stream == ["f:1:1: error: stream can't be carried over: only HTTP is carried over"])
    #expect(errors(messages("events {}")) == ["f:1:1: error: there is no http block"])
    let files = messages("server { listen 80; location /.well-known/ { root /var/www; } }")
    #expect(errors(files).count == 1 && errors(files)[0].contains("static files are out"))
    #expect(!files.contains { $0.contains("this gateway answers 404") })
    let status = messages("server { listen 80; location /s { stub_status; } }")
    #expect(errors(status).count == 1 && errors(status)[0].contains("admin listener"))
  }

  @Test func certificatesThatNobodyVerifiesAreNamed() {
    let found = errors(
      messages(
        """
        server { listen 443 ssl; ssl_certificate a; ssl_certificate_key b; ssl_verify_client optional_no_ca;
        location / { proxy_pass http://a; } }
        """))
    #expect(found.count == 1 && found[0].contains("always verified"), "\(found)")
    let bare = errors(
      messages(
        """
        server { listen 443 ssl; ssl_certificate a; ssl_certificate_key b; ssl_verify_client on;
        location / { proxy_pass http://a; } }
        """))
    #expect(bare.count == 1 && bare[0].contains("needs ssl_client_certificate"), "\(bare)")
  }

  /// The body of who is asked is nobody's; a location for callers can't leave it out.
  @Test func bodiesAreLeftOutWhereSomebodyIsAskedOnly() {
    let asked = messages(
      """
      server { listen 80; location = /auth { proxy_pass http://d; proxy_pass_request_body off; }
      location / { auth_request /auth; proxy_pass http://a; } }
      """)
    #expect(errors(asked).isEmpty, "\(asked)")
    #expect(asked.contains { $0.contains("auth_request sends no body") })
    let found = errors(messages(inLocation: "proxy_pass_request_body off;"))
    #expect(found.count == 1)
  }

  @Test func whereToIsNotWhatAnAnswerSays() {
    let found = errors(
      messages(
        """
        server { listen 80; location = /auth { internal; proxy_pass http://d; }
        location / { auth_request /auth; auth_request_set $to $upstream_http_location;
        error_page 401 =302 $to; proxy_pass http://a; } }
        """))
    #expect(
      found.count == 1 && found[0].hasPrefix("f:3:21: error: an error_page that auth_request's"))
  }

  @Test(arguments: [
    ("", "", 0), ("limit_req_status 429;", "", 1), ("", "limit_conn_status 429;", 1),
    ("limit_req_status 429;", "limit_conn_status 429;", 0),
  ])
  func limitsHaveOneStatus(request: String, connection: String, warnings: Int) {
    let found = messages(
      """
      limit_req_zone a zone=r:1m rate=1r/s; limit_conn_zone a zone=c:1m;
      server { listen 80; location / { limit_req zone=r; limit_conn c 1; \(request) \(connection)
      proxy_pass http://a; } }
      """)
    #expect(found.count { $0.contains("both have one status here") } == warnings, "\(found)")
  }
}
