/// OpenSSL, and as functions what it has as macros.
#pragma once
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

typedef int (*copenssl_name_callback)(SSL *, int *, void *);
typedef int (*copenssl_status_callback)(SSL *, void *);

static inline void copenssl_ctx_set_mode(SSL_CTX *context, long mode) {
  SSL_CTX_set_mode(context, mode);
}
static inline int copenssl_ctx_set_min_version(SSL_CTX *context, int version) {
  return SSL_CTX_set_min_proto_version(context, version) == 1;
}
static inline int copenssl_ctx_set_max_version(SSL_CTX *context, int version) {
  return SSL_CTX_set_max_proto_version(context, version) == 1;
}
static inline void copenssl_ctx_set_session_cache(SSL_CTX *context, long mode) {
  SSL_CTX_set_session_cache_mode(context, mode);
}
static inline int copenssl_ctx_set_groups(SSL_CTX *context, const char *names) {
  return SSL_CTX_set1_groups_list(context, names) == 1;
}
static inline void copenssl_ctx_set_name_callback(
    SSL_CTX *context, copenssl_name_callback callback, void *argument) {
  SSL_CTX_set_tlsext_servername_callback(context, callback);
  SSL_CTX_set_tlsext_servername_arg(context, argument);
}
static inline void copenssl_ctx_set_status_callback(
    SSL_CTX *context, copenssl_status_callback callback, void *argument) {
  SSL_CTX_set_tlsext_status_cb(context, callback);
  SSL_CTX_set_tlsext_status_arg(context, argument);
}
/// Takes ownership of `bytes`, which OPENSSL_malloc gave.
static inline int copenssl_set_staple(SSL *ssl, unsigned char *bytes, long count) {
  return SSL_set_tlsext_status_ocsp_resp(ssl, bytes, count) == 1;
}
static inline void copenssl_ask_for_staple(SSL *ssl) {
  SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
}
/// What the peer stapled: its length, or -1.
static inline long copenssl_staple(SSL *ssl, const unsigned char **bytes) {
  return SSL_get_tlsext_status_ocsp_resp(ssl, bytes);
}
static inline int copenssl_set_server_name(SSL *ssl, const char *name) {
  return SSL_set_tlsext_host_name(ssl, name) == 1;
}
static inline void *copenssl_malloc(size_t count) { return OPENSSL_malloc(count); }
static inline void copenssl_free(void *bytes) { OPENSSL_free(bytes); }
static inline int copenssl_is_reason(unsigned long error, int library, int reason) {
  return ERR_GET_LIB(error) == library && ERR_GET_REASON(error) == reason;
}
/// HMAC-SHA256 with this key.
static inline int copenssl_mac_set_key(EVP_MAC_CTX *mac, const unsigned char *key, size_t count) {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, count),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}
static inline STACK_OF(X509) *copenssl_stack_new(void) { return sk_X509_new_null(); }
/// The stack does not own the certificate.
static inline void copenssl_stack_push(STACK_OF(X509) *stack, X509 *certificate) {
  sk_X509_push(stack, certificate);
}
static inline void copenssl_stack_free(STACK_OF(X509) *stack) { sk_X509_free(stack); }
static inline int copenssl_names_count(GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *copenssl_names_item(GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}

static const uint64_t copenssl_op_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t copenssl_op_no_ticket = SSL_OP_NO_TICKET;
static const uint64_t copenssl_op_no_compression = SSL_OP_NO_COMPRESSION;
static const unsigned long copenssl_name_rfc2253 = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
