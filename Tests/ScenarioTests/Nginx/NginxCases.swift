/// The table of configurations that nginx and this gateway have to run alike.
enum NginxCases {
  static let all =
    locations + closings + passes + maps + headers + answers + servers + limits + failures
    + rewrites + names + responses + backups + pages + conditions + chains + variables + choices
    + expressions + files
}
