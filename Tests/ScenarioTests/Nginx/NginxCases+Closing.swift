extension NginxCases {
  /// What a location closes here, and everything else is open.
  private static func closing(_ pattern: String, _ requests: [NginxRequest]) -> NginxCase {
    NginxCase(
      "closes \(pattern)",
      "location \(pattern) { return 403; } location / { proxy_pass http://TARGET; }", requests)
  }

  /// Nothing that nginx closes is open here, however the caller writes it.
  static let closings: [NginxCase] = [
    closing("~ \"^/admin|/secret\"", ["/admin", "/x/secret", "/secret", "/xadmin", "/x"]),
    closing("~ ^/@dmin", ["/@dmin", "/%40dmin", "/x@dmin", "/admin"]),
    closing(
      "~ ^/a.b$",
      ["/a%20b", "/a%40b", "/a@b", "/axb", "/ab", "/a%C3%A9b", "/a%2eb", "/a%20%20b"]),
    closing("~ \"^/f/[^/]+$\"", ["/f/a", "/f/%40", "/f/", "/f/a%20b", "/f/a%3Fb", "/f/a/b"]),
    closing(
      "~ \"^/f/[^/@]{2}$\"",
      ["/f/ab", "/f/a%20", "/f/a@", "/f/a%40", "/f/%20%20", "/f/%40%20", "/f/abc", "/f/a"]),
    closing("~ \"[(;]\"", ["/a(b", "/a%28b", "/a%3Bb", "/a;b", "/ab", "/a%2928"]),
    closing("~ 0$", ["/a%20", "/a0", "/%30", "/a%400", "/20"]),
    closing("~ ^/2", ["/%20", "/2", "/%32", "/a2"]),
    closing("~ \\+x", ["/+x", "/%2Bx", "/%20x", "/a+x"]),
    closing("~ \"^/b c$\"", ["/b%20c", "/b+c", "/bc"]),
    closing("~* \"^/[a-c:]+$\"", ["/A:b", "/a%3Ab", "/d", "/a%3A%3a", "/%61"]),
    closing("~ \"^/[!-]x\"", ["/!x", "/%21x", "/-x", "/x"]),
    closing("~ \"^/x{2}$\"", ["/xx", "/x", "/xxx"]),
    closing("~ \"^/(?<name>\\w+),(?=y)\"", ["/ab,y", "/ab%2Cy", "/ab,x", "/,y"]),
    NginxCase(
      "methods that two of them narrow",
      """
      location /m { if ($request_method != GET) { return 405; } limit_except GET POST { deny all; }
        proxy_pass http://TARGET; }
      """,
      ["/m", NginxRequest("/m", method: "POST", body: "x"), NginxRequest("/m", method: "PUT")]),
    NginxCase(
      "methods of the server and of the location",
      """
      if ($request_method !~ ^(GET|POST)$) { return 405; }
      location /m { if ($request_method !~* ^(get|put)$) { return 409; } proxy_pass http://TARGET; }
      location / { proxy_pass http://TARGET; }
      """,
      [
        "/m", NginxRequest("/m", method: "POST", body: "x"), NginxRequest("/m", method: "PUT"),
        NginxRequest("/m", method: "DELETE"), NginxRequest("/x", method: "DELETE"),
      ]),
    NginxCase(
      "what is within an internal location",
      """
      location /int/ { internal; proxy_pass http://TARGET;
        location /int/x/ { proxy_pass http://TARGET; } }
      location / { proxy_pass http://TARGET; }
      """, ["/int/", "/int/y", "/int/x/y", "/int/x", "/x"]),
  ]
}
