/// OpenSSL, and as functions what it has as macros.
#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/ocsp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

// What Swift can't call, because it is a macro or a list of parameters.

/// SHA-256 of `count` bytes; false where the library can't. By its plain functions: those of EVP allocate and
/// free their state for each digest (OpenSSL 3.0), which takes longer than the digest of a key.
static inline bool sluice_sha256(const void *bytes, size_t count, unsigned char *digest) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  SHA256_CTX context;
  return SHA256_Init(&context) == 1 && SHA256_Update(&context, bytes, count) == 1
    && SHA256_Final(digest, &context) == 1;
#pragma GCC diagnostic pop
}

/// A public key from PEM (a public key or a certificate); NULL when it is none.
static inline EVP_PKEY *sluice_key_from_pem(const void *text, int count) {
  BIO *bio = BIO_new_mem_buf(text, count);
  if (bio == NULL) return NULL;
  EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
  if (key == NULL) {
    (void)BIO_reset(bio);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (certificate != NULL) {
      key = X509_get_pubkey(certificate);
      X509_free(certificate);
    }
  }
  BIO_free(bio);
  ERR_clear_error();
  return key;
}

static inline EVP_PKEY *sluice_key_from_parameters(const char *type, OSSL_PARAM *parameters) {
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
  if (context != NULL && parameters != NULL && EVP_PKEY_fromdata_init(context) == 1) {
    if (EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) key = NULL;
  }
  EVP_PKEY_CTX_free(context);
  ERR_clear_error();
  return key;
}

/// An RSA public key from its big-endian numbers.
static inline EVP_PKEY *sluice_key_from_rsa(
  const unsigned char *n, int n_count, const unsigned char *e, int e_count) {
  BIGNUM *modulus = BN_bin2bn(n, n_count, NULL);
  BIGNUM *exponent = BN_bin2bn(e, e_count, NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  EVP_PKEY *key = NULL;
  if (modulus != NULL && exponent != NULL && builder != NULL
      && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1
      && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    key = sluice_key_from_parameters("RSA", parameters);
    OSSL_PARAM_free(parameters);
  }
  OSSL_PARAM_BLD_free(builder);
  BN_free(modulus);
  BN_free(exponent);
  return key;
}

/// A public key on a curve, from an uncompressed point (0x04, x, y).
static inline EVP_PKEY *sluice_key_from_point(
  const char *curve, const unsigned char *point, size_t count) {
  OSSL_PARAM parameters[3];
  parameters[0] = OSSL_PARAM_construct_utf8_string(
    OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve, 0);
  parameters[1] = OSSL_PARAM_construct_octet_string(
    OSSL_PKEY_PARAM_PUB_KEY, (void *)point, count);
  parameters[2] = OSSL_PARAM_construct_end();
  return sluice_key_from_parameters("EC", parameters);
}

/// Whether the signature is good. `digest` is NULL for Ed25519 and Ed448; `pss` asks for RSASSA-PSS
/// with a salt as long as the digest.
static inline int sluice_verify(
  EVP_PKEY *key, const char *digest, int pss, const unsigned char *data, size_t data_count,
  const unsigned char *signature, size_t signature_count) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  EVP_PKEY_CTX *parameters = NULL;
  int result = 0;
  if (context != NULL
      && EVP_DigestVerifyInit_ex(context, &parameters, digest, NULL, NULL, key, NULL) == 1
      && (!pss
          || (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1
              && EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1))) {
    result = EVP_DigestVerify(context, signature, signature_count, data, data_count) == 1;
  }
  EVP_MD_CTX_free(context);
  ERR_clear_error();
  return result;
}

/// The DER form of an ECDSA signature given as two numbers of the same length; its length, or 0.
/// `output` has room for 16 bytes more than the signature.
static inline int sluice_ecdsa_der(
  const unsigned char *signature, int count, unsigned char *output) {
  ECDSA_SIG *pair = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(signature, count / 2, NULL);
  BIGNUM *s = BN_bin2bn(signature + count / 2, count / 2, NULL);
  int result = 0;
  if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
    r = s = NULL;
    unsigned char *end = output;
    result = i2d_ECDSA_SIG(pair, &end);
  }
  BN_free(r);
  BN_free(s);
  ECDSA_SIG_free(pair);
  return result < 0 ? 0 : result;
}

static inline int sluice_key_is(const EVP_PKEY *key, const char *type) {
  return EVP_PKEY_is_a(key, type);
}

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
static inline SSL_TICKET_RETURN copenssl_judge_ticket(
    SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t count, SSL_TICKET_STATUS status,
    void *argument) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  const X509 *peer = SSL_SESSION_get0_peer(session);
  if (peer != NULL && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}
/// Sessions whose caller's certificate has expired are not taken up: OpenSSL would not verify it again.
static inline void copenssl_ctx_judge_tickets(SSL_CTX *context) {
  SSL_CTX_set_session_ticket_cb(context, NULL, copenssl_judge_ticket, NULL);
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
/// Whether the peer has asked for records of less than 16 KiB (RFC 6066 4).
static inline bool copenssl_has_small_records(SSL *ssl) {
  const SSL_SESSION *session = SSL_get0_session(ssl);
  if (session == NULL) return true;
  const uint8_t mode = SSL_SESSION_get_max_fragment_length(session);
  return mode >= 1 && mode <= 4;
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
