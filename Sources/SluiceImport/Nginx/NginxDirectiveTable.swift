/// What becomes of each directive of nginx that is known here; `docs/guides/from-nginx.md` lists the same.
enum NginxDirectiveTable {
  enum Use: Equatable {
    /// Carried over, as a whole or as far as the converter says where it is not.
    case carried
    /// Changes nothing that a caller or a target sees, or nothing that this gateway does in another way.
    case ignored(String)
    /// Would change what is answered, and can't be carried over.
    case refused(String)
  }

  /// Nil for a directive that nobody knows.
  static func use(of name: String) -> Use? {
    if let use = table[name] { return use }
    let isOther = ["fastcgi_", "uwsgi_", "scgi_", "memcached_"].contains { name.hasPrefix($0) }
    return isOther ? .refused("only HTTP targets are spoken to") : nil
  }

  static var names: [String] { table.keys.sorted() }

  static let table: [String: Use] = {
    var table: [String: Use] = [:]
    for name in carried.split(whereSeparator: \.isWhitespace) { table[String(name)] = .carried }
    for (names, reason) in ignored {
      for name in names.split(whereSeparator: \.isWhitespace) {
        table[String(name)] = .ignored(reason)
      }
    }
    for (names, reason) in refused {
      for name in names.split(whereSeparator: \.isWhitespace) {
        table[String(name)] = .refused(reason)
      }
    }
    return table
  }()

  private static let carried = """
    events http server location upstream worker_processes
    listen server_name if return rewrite set break map limit_except satisfy internal default_type
    proxy_pass proxy_set_header proxy_hide_header proxy_pass_header proxy_http_version
    proxy_connect_timeout proxy_read_timeout proxy_method proxy_redirect proxy_next_upstream
    proxy_next_upstream_tries proxy_next_upstream_timeout proxy_intercept_errors proxy_ssl_verify
    proxy_ssl_trusted_certificate proxy_ssl_name proxy_ssl_server_name proxy_ssl_certificate
    proxy_ssl_certificate_key proxy_cache proxy_cache_path proxy_cache_valid proxy_cache_lock
    proxy_cache_use_stale proxy_cache_key proxy_cache_bypass proxy_no_cache proxy_cache_methods
    proxy_ignore_headers proxy_cache_background_update
    proxy_pass_request_headers proxy_pass_request_body
    proxy_cookie_domain proxy_cookie_path proxy_cookie_flags expires
    grpc_pass grpc_set_header grpc_hide_header grpc_pass_header grpc_connect_timeout
    grpc_read_timeout grpc_next_upstream grpc_next_upstream_tries grpc_next_upstream_timeout
    grpc_intercept_errors grpc_ssl_verify grpc_ssl_trusted_certificate grpc_ssl_name grpc_ssl_server_name
    grpc_ssl_certificate grpc_ssl_certificate_key
    ip_hash least_conn hash random keepalive keepalive_timeout keepalive_requests keepalive_time
    add_header error_page limit_req limit_req_zone limit_req_status limit_conn limit_conn_zone
    limit_conn_status limit_req_dry_run limit_conn_dry_run allow deny auth_basic
    auth_basic_user_file auth_request auth_request_set
    client_max_body_size client_body_timeout client_header_timeout send_timeout
    large_client_header_buffers underscores_in_headers
    ssl_certificate ssl_certificate_key ssl_protocols ssl_session_tickets ssl_client_certificate
    ssl_verify_client ssl_crl http2 gzip gzip_types gzip_comp_level gzip_min_length
    set_real_ip_from real_ip_header real_ip_recursive access_log split_clients geo merge_slashes
    """

  private static let ignored: [(String, String)] = [
    (
      """
      user pid daemon master_process worker_rlimit_nofile worker_rlimit_core worker_priority
      worker_cpu_affinity worker_shutdown_timeout working_directory lock_file pcre_jit thread_pool
      timer_resolution debug_points env ssl_engine worker_connections use multi_accept accept_mutex
      accept_mutex_delay debug_connection error_log
      """, "how the process runs is set in another way here"
    ),
    (
      """
      sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio aio_write directio directio_alignment
      output_buffers postpone_output read_ahead reset_timedout_connection lingering_close
      lingering_time lingering_timeout connection_pool_size request_pool_size
      client_header_buffer_size client_body_buffer_size client_body_in_file_only
      client_body_in_single_buffer client_body_temp_path fastcgi_temp_path uwsgi_temp_path
      scgi_temp_path open_file_cache open_file_cache_errors
      open_file_cache_min_uses open_file_cache_valid disable_symlinks subrequest_output_buffer_size
      max_ranges if_modified_since etag types types_hash_max_size types_hash_bucket_size
      server_names_hash_max_size server_names_hash_bucket_size variables_hash_max_size
      variables_hash_bucket_size map_hash_max_size map_hash_bucket_size proxy_headers_hash_max_size
      proxy_headers_hash_bucket_size
      """, "memory, files and sockets are handled without it"
    ),
    (
      """
      proxy_buffering proxy_request_buffering proxy_buffer_size proxy_buffers
      proxy_busy_buffers_size proxy_max_temp_file_size proxy_temp_file_write_size proxy_temp_path
      proxy_send_lowat proxy_socket_keepalive proxy_limit_rate
      """, "bodies pass as they come, in bounded memory"
    ),
    (
      """
      grpc_buffer_size grpc_socket_keepalive grpc_ssl_session_reuse
      grpc_ssl_protocols grpc_ssl_ciphers grpc_ssl_verify_depth grpc_ssl_crl grpc_ssl_conf_command
      grpc_send_timeout
      """, "it is as for proxy_pass"
    ),
    ("proxy_send_timeout", "a target that takes no more is bounded by the service's `idle`"),
    ("proxy_ignore_client_abort", "a request ends with its caller"),
    ("zone", "every worker has its own balancing and all share the limits"),
    ("server_tokens", "no version is shown"),
    ("log_format", "the access log is JSON with fields of its own"),
    (
      "log_not_found log_subrequest open_log_file_cache limit_req_log_level limit_conn_log_level "
        + "rewrite_log uninitialized_variable_warn", "the log has its own rules"
    ),
    ("root index autoindex autoindex_exact_size autoindex_format", "no static files are served"),
    (
      """
      ssl_ciphers ssl_prefer_server_ciphers ssl_dhparam ssl_ecdh_curve ssl_session_cache
      ssl_session_timeout ssl_session_ticket_key ssl_stapling ssl_stapling_verify
      ssl_stapling_file ssl_stapling_responder ssl_trusted_certificate ssl_buffer_size
      ssl_early_data ssl_conf_command ssl_verify_depth proxy_ssl_session_reuse proxy_ssl_protocols
      proxy_ssl_ciphers proxy_ssl_verify_depth proxy_ssl_crl proxy_ssl_conf_command
      """, "TLS follows Mozilla's recommendations"
    ),
    (
      "resolver resolver_timeout", "names of targets are looked up again all the time"
    ),
    (
      "gzip_buffers gzip_disable gzip_http_version gzip_proxied gzip_vary gzip_static",
      "compression follows Accept-Encoding and sets Vary"
    ),
    (
      """
      http2_max_concurrent_streams http2_recv_buffer_size http2_chunk_size http2_body_preread_size
      http2_idle_timeout http2_max_field_size http2_max_header_size http2_max_requests
      http2_recv_timeout http2_push http2_push_preload http2_max_concurrent_pushes
      keepalive_disable
      """, "HTTP/2 and connections have limits of their own"
    ),
    (
      "http3 http3_hq http3_max_concurrent_streams http3_stream_buffer_size quic_active_connection_id_limit quic_bpf quic_gso quic_host_key quic_retry",
      "HTTP/3 is not spoken: callers come by HTTP/2 and 1.1"
    ),
    (
      "port_in_redirect server_name_in_redirect absolute_redirect",
      "redirects name the host that the caller used"
    ),
    (
      "proxy_cache_min_uses proxy_cache_lock_timeout proxy_cache_lock_age proxy_cache_revalidate "
        + "proxy_cache_convert_head proxy_cache_max_range_offset",
      "the cache follows RFC 9111"
    ),
    ("ignore_invalid_headers", "malformed fields are always refused"),
    (
      "chunked_transfer_encoding msie_padding msie_refresh", "it makes no difference here"
    ),
    ("recursive_error_pages", "a page that fails is not looked at again"),
    ("keepalive_min_timeout", "idle connections are closed at their timeout"),
    ("max_headers", "the number of fields has a bound of its own"),
    (
      "ssl_key_log ssl_object_cache_inheritable ssl_certificate_cache proxy_ssl_key_log grpc_ssl_key_log proxy_ssl_certificate_cache",
      "keys and certificates are held in another way"
    ),
  ]

  private static let refused: [(String, String)] = [
    (
      "alias try_files random_index dav_methods mp4 flv",
      "static files are out: this gateway serves none; put a web server behind it"
    ),
    (
      """
      fastcgi_pass uwsgi_pass scgi_pass memcached_pass perl js_content js_import js_set empty_gif
      """, "only HTTP targets are spoken to"
    ),
    ("stub_status status api", "the admin listener has metrics and the state of everything"),
    ("stream mail", "only HTTP is carried over"),
    ("load_module", "modules of nginx can't be loaded"),
    (
      """
      sub_filter sub_filter_once sub_filter_types add_before_body add_after_body ssi ssi_types
      image_filter xslt_stylesheet charset charset_map charset_types override_charset source_charset
      gunzip slice mirror add_trailer
      """, "responses are not changed in this way"
    ),
    (
      """
      proxy_set_body proxy_bind proxy_store proxy_force_ranges proxy_cache_purge grpc_bind grpc_ignore_headers
      """, "there is no setting for it"
    ),
    (
      "auth_jwt auth_delay secure_link secure_link_md5 secure_link_secret referer_hash_bucket_size valid_referers userid",
      "this way to let callers in is not carried over"
    ),
    (
      "sticky sticky_cookie_insert slow_start queue ntlm",
      "this way to pick a target is not carried over"
    ),
    (
      "limit_rate limit_rate_after",
      "there is no such limit; see the policy bandwidth-limit"
    ),
    ("geoip_country geoip_city geoip_org", "places of addresses are not known here"),
    (
      "ssl_reject_handshake ssl_password_file ssl ssl_ocsp",
      "there is no setting for it"
    ),
    ("post_action", "there is no setting for it"),
  ]
}
