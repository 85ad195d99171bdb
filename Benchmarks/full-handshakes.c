// Preloaded into wrk: every connection makes a whole TLS handshake. wrk takes a connection's object for the next
// one by SSL_clear(3), which keeps the session, and so resumes it wherever the server's ticket allows that.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

int SSL_clear(SSL *ssl) {
  static int (*next)(SSL *);
  if (next == NULL) next = (int (*)(SSL *))dlsym(RTLD_NEXT, "SSL_clear");
  if (next == NULL || SSL_session_reused(ssl)) {
    fputs("a session was resumed, or libssl is not where it was\n", stderr);
    abort();
  }
  SSL_set_session(ssl, NULL);
  return next(ssl);
}
