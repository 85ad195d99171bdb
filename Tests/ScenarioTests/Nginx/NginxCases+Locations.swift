extension NginxCases {
  private static func location(_ pattern: String, _ mark: String) -> String {
    "location \(pattern) { proxy_pass http://TARGET; proxy_set_header X-Mark \(mark); }\n"
  }

  /// Which location is taken.
  static let locations: [NginxCase] = [
    NginxCase(
      "everything", location("/", "root"),
      ["/", "/a", "/a/b?c=d", "/a%20b", NginxRequest("/x", method: "POST", body: "hello")]),
    NginxCase(
      "a prefix without a slash ends anywhere", location("/stocks", "s") + location("/", "root"),
      ["/stocks", "/stocks/", "/stocks/a", "/stocksfoo", "/stock", "/STOCKS", "/stocks?x=1"]),
    NginxCase(
      "nothing matches", location("/a/", "a"), ["/b", "/a/x", "/", "/A/x"]),
    NginxCase(
      "the longest prefix, whatever the order",
      location("/a/", "a") + location("/a/b/c", "abc") + location("/a/b", "ab")
        + location("/", "root"),
      ["/a/", "/a/x", "/a/b", "/a/bx", "/a/b/", "/a/b/c", "/a/b/cd/e", "/b"]),
    NginxCase(
      "exact before all",
      location("/", "root") + location("= /a", "exact") + location("~ ^/a", "regex"),
      ["/a", "/a?x", "/ab", "/a/"]),
    NginxCase(
      "exact root", location("= /", "exact") + location("/", "root"), ["/", "/?a=b", "/x"]),
    NginxCase(
      "regular expressions before prefixes",
      location("/images/", "prefix") + location("~ \\.png$", "png") + location("/", "root"),
      ["/images/a.png", "/images/a.jpg", "/a.png", "/a.pngx", "/a.PNG"]),
    NginxCase(
      "without regard to case", location("/", "root") + location("~* \\.(gif|jpe?g)$", "picture"),
      ["/a.gif", "/a.JPG", "/b.Jpeg", "/gif", "/a.gif/x"]),
    NginxCase(
      "a prefix that skips regular expressions",
      location("^~ /static/", "static") + location("~ \\.png$", "png") + location("/", "root"),
      ["/static/a.png", "/a.png", "/static", "/x"]),
    NginxCase(
      "a longer prefix inside of one that skips",
      location("^~ /s/", "skips") + location("/s/deep/", "deep") + location("~ png$", "png")
        + location("/", "root"),
      ["/s/a.png", "/s/deep/a.png", "/s/deep/a.gif", "/b.png"]),
    NginxCase(
      "the first regular expression wins",
      location("~ ^/a", "first") + location("~ ^/ab", "second") + location("~ b$", "third"),
      ["/ab", "/xb", "/a", "/x"]),
    NginxCase(
      "the documentation's own example",
      location("= /", "A") + location("/", "B") + location("/documents/", "C")
        + location("^~ /images/", "D") + location("~* \\.(gif|jpg|jpeg)$", "E"),
      ["/", "/index.html", "/documents/document.html", "/images/1.gif", "/documents/1.jpg"]),
    NginxCase(
      "paths are decoded and resolved before",
      "location /a/ { proxy_pass http://TARGET/in/; }" + location("/", "root"),
      ["/%61/x", "/b/../a/x", "/a//x", "/a/./x", "/b"]),
    NginxCase(
      "nested locations",
      """
      location /a/ { proxy_pass http://TARGET; proxy_set_header X-Mark outer;
        location /a/b/ { proxy_pass http://TARGET; proxy_set_header X-Mark inner; }
        location ~ \\.txt$ { proxy_pass http://TARGET; proxy_set_header X-Mark text; } }
      """ + location("/", "root"), ["/a/x", "/a/b/x", "/a/x.txt", "/x.txt"]),
    NginxCase(
      "a name that is quoted", location("\"/with space/\"", "space") + location("/", "root"),
      ["/with%20space/a", "/with", "/x"]),
    NginxCase(
      "signs that may be encoded", location("/a(b)/", "signs") + location("/", "root"),
      ["/a(b)/c", "/a/c"]),
    NginxCase(
      "the slash that nginx adds", location("/docs/", "docs") + location("/", "root"),
      ["/docs", "/docs?a=b", "/docs/", "/docsx"]),
    NginxCase(
      "no slash where a location has the name",
      location("/docs/", "docs") + location("= /docs", "exact"), ["/docs", "/docs/", "/docs/a"]),
    NginxCase(
      "internal",
      "location /secret { internal; proxy_pass http://TARGET; }" + location("/", "root"),
      ["/secret", "/secret/x", "/open"]),
  ]
}
