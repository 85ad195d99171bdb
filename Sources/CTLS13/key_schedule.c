#include "include/CTLS13.h"
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <string.h>
#include <strings.h>

// MARK: HKDF (RFC 5869)

enum { most_digest = 48, most_block = 128, most_label = 2 + 1 + 255 + 1 + 255 };

static size_t digest_size(ctls13_digest digest) { return digest == ctls13_sha384 ? 48 : 32; }
static size_t block_size(ctls13_digest digest) { return digest == ctls13_sha384 ? 128 : 64; }

typedef struct {
  const unsigned char *bytes;
  size_t count;
} piece;

static EVP_MD_CTX *context_of(ctls13_digests *digests, ctls13_digest digest) {
  EVP_MD_CTX **made = &digests->contexts[digest];
  if (*made != NULL) return *made;
  *made = EVP_MD_CTX_new();
  EVP_MD *method = EVP_MD_fetch(NULL, digest == ctls13_sha384 ? "SHA2-384" : "SHA2-256", NULL);
  if (*made == NULL || method == NULL || EVP_DigestInit_ex2(*made, method, NULL) != 1) {
    EVP_MD_CTX_free(*made);
    *made = NULL;
  }
  EVP_MD_free(method);
  return *made;
}

// The digest of a block and what follows it.
static int digest_after(
    EVP_MD_CTX *context, piece block, const piece *pieces, size_t count, unsigned char *output) {
  int result = EVP_DigestInit_ex2(context, NULL, NULL) == 1
      && EVP_DigestUpdate(context, block.bytes, block.count) == 1;
  for (size_t at = 0; at < count; at++) {
    result = result && EVP_DigestUpdate(context, pieces[at].bytes, pieces[at].count) == 1;
  }
  return result && EVP_DigestFinal_ex(context, output, NULL) == 1;
}

// HMAC (RFC 2104); the key is not longer than a block. `output` has as many bytes as the digest.
static int hmac(
    ctls13_digests *digests, ctls13_digest digest, piece key, const piece *pieces, size_t count,
    unsigned char *output) {
  EVP_MD_CTX *made = context_of(digests, digest);
  const size_t size = block_size(digest);
  if (made == NULL || key.count > size) return 0;
  unsigned char pad[most_block] = {0}, inner[EVP_MAX_MD_SIZE];
  if (key.count > 0) memcpy(pad, key.bytes, key.count);
  for (size_t at = 0; at < size; at++) pad[at] ^= 0x36;
  int result = digest_after(made, (piece){pad, size}, pieces, count, inner);
  for (size_t at = 0; at < size; at++) pad[at] ^= 0x36 ^ 0x5C;
  const piece whole = {inner, digest_size(digest)};
  result = result && digest_after(made, (piece){pad, size}, &whole, 1, output);
  OPENSSL_cleanse(pad, sizeof pad);
  OPENSSL_cleanse(inner, sizeof inner);
  return result;
}

// HKDF-Expand of HkdfLabel (RFC 8446 7.1).
static int expand(
    ctls13_digests *digests, ctls13_digest digest, piece secret, piece prefix, piece label,
    piece context, unsigned char *output, size_t count) {
  const size_t size = digest_size(digest);
  if (prefix.count + label.count > 255 || context.count > 255 || count > 255 * size) return 0;
  unsigned char information[most_label], block[most_digest];
  size_t used = 0;
  information[used++] = (unsigned char)(count >> 8);
  information[used++] = (unsigned char)count;
  information[used++] = (unsigned char)(prefix.count + label.count);
  memcpy(information + used, prefix.bytes, prefix.count);
  used += prefix.count;
  memcpy(information + used, label.bytes, label.count);
  used += label.count;
  information[used++] = (unsigned char)context.count;
  if (context.count > 0) memcpy(information + used, context.bytes, context.count);
  used += context.count;
  int result = 1;
  unsigned char number = 1;
  for (size_t done = 0; result && done < count; number++) {
    // Each block begins with the one before.
    const piece pieces[] = {{block, done > 0 ? size : 0}, {information, used}, {&number, 1}};
    result = hmac(digests, digest, secret, pieces, 3, block);
    const size_t taken = count - done < size ? count - done : size;
    if (result) memcpy(output + done, block, taken);
    done += taken;
  }
  OPENSSL_cleanse(block, sizeof block);
  return result;
}

// One step down the key schedule: HKDF-Extract, salted with what is derived from the secret above. Nothing
// above, and nothing to put in, are zeros.
static int extract(
    ctls13_digests *digests, ctls13_digest digest, piece above, piece prefix, piece label, piece input,
    unsigned char *output) {
  static const unsigned char zeros[most_digest] = {0};
  const size_t size = digest_size(digest);
  unsigned char nothing[EVP_MAX_MD_SIZE], salt[most_digest] = {0};
  int result = 1;
  if (above.bytes != NULL) {
    EVP_MD_CTX *made = context_of(digests, digest);
    result = made != NULL && digest_after(made, (piece){zeros, 0}, NULL, 0, nothing)
        && expand(digests, digest, above, prefix, label, (piece){nothing, size}, salt, size);
  }
  if (input.bytes == NULL) input = (piece){zeros, size};
  result = result && hmac(digests, digest, (piece){salt, size}, &input, 1, output);
  OPENSSL_cleanse(salt, sizeof salt);
  return result;
}

void ctls13_digests_forget(ctls13_digests *digests) {
  static const unsigned char zeros[most_block] = {0};
  for (ctls13_digest digest = ctls13_sha256; digest <= ctls13_sha384; digest++) {
    EVP_MD_CTX *made = digests->contexts[digest];
    if (made == NULL) continue;
    // Begins anew and fills what holds the last block; not the whole, which would be digested.
    if (EVP_DigestInit_ex2(made, NULL, NULL) == 1
        && EVP_DigestUpdate(made, zeros, block_size(digest) - 1) == 1) {
      continue;
    }
    // Freeing overwrites, too.
    EVP_MD_CTX_free(made);
    digests->contexts[digest] = NULL;
  }
}

void ctls13_digests_release(ctls13_digests *digests) {
  for (int at = 0; at < 2; at++) {
    EVP_MD_CTX_free(digests->contexts[at]);
    digests->contexts[at] = NULL;
  }
}

// MARK: Keys of a connection

static int expand_label(
    ctls13_digests *digests, const unsigned char *secret, size_t secret_size, const char *label,
    unsigned char *output, size_t count) {
  const ctls13_digest digest = secret_size == 48 ? ctls13_sha384 : ctls13_sha256;
  return expand(
      digests, digest, (piece){secret, secret_size}, (piece){(const unsigned char *)"tls13 ", 6},
      (piece){(const unsigned char *)label, strlen(label)}, (piece){NULL, 0}, output, count);
}

static int replace(
    ctls13_traffic_keys *keys, ctls13_traffic_keys *next, ctls13_digests *digests, uint64_t id) {
  next->sequence = 0;
  next->id = id;
  int result = next->key_size <= sizeof next->key
      && expand_label(digests, next->secret, next->secret_size, "key", next->key, next->key_size)
      && expand_label(digests, next->secret, next->secret_size, "iv", next->iv, sizeof next->iv);
  if (result) *keys = *next;
  OPENSSL_cleanse(next, sizeof *next);
  ctls13_digests_forget(digests);
  return result;
}

int ctls13_keys_derive(ctls13_traffic_keys *keys, ctls13_digests *digests, uint64_t id) {
  ctls13_traffic_keys next = *keys;
  return replace(keys, &next, digests, id);
}

int ctls13_keys_advance(ctls13_traffic_keys *keys, ctls13_digests *digests, uint64_t id) {
  ctls13_traffic_keys next = *keys;
  if (expand_label(
          digests, keys->secret, keys->secret_size, "traffic upd", next.secret, keys->secret_size)) {
    return replace(keys, &next, digests, id);
  }
  OPENSSL_cleanse(&next, sizeof next);
  ctls13_digests_forget(digests);
  return 0;
}

// MARK: A provider of OpenSSL's

// What the handshake that runs on this thread derives with, and where its secrets go.
static _Thread_local ctls13_digests *current;
static _Thread_local ctls13_secrets *wanted;

void ctls13_begin(ctls13_digests *digests, ctls13_secrets *secrets) {
  current = digests;
  wanted = secrets;
}

void ctls13_end(void) {
  if (current != NULL) ctls13_digests_forget(current);
  current = NULL;
  wanted = NULL;
}

// What one derivation is told.
typedef struct {
  int mode;
  int has_digest;
  ctls13_digest digest;
  piece key, salt, prefix, label, data;
} derivation;

static int read_digest(const OSSL_PARAM *parameter, ctls13_digest *digest) {
  const char *name = NULL;
  if (OSSL_PARAM_get_utf8_string_ptr(parameter, &name) != 1 || name == NULL) return 0;
  if (strcasecmp(name, "SHA256") == 0 || strcasecmp(name, "SHA2-256") == 0) {
    *digest = ctls13_sha256;
  } else if (strcasecmp(name, "SHA384") == 0 || strcasecmp(name, "SHA2-384") == 0) {
    *digest = ctls13_sha384;
  } else {
    return 0;
  }
  return 1;
}

// What is not known is passed over, as providers do. 0 for what is malformed or missing.
static int read_parameters(const OSSL_PARAM *parameters, derivation *told) {
  for (; parameters != NULL && parameters->key != NULL; parameters++) {
    const char *key = parameters->key;
    const piece bytes = {parameters->data, parameters->data_size};
    if (strcmp(key, OSSL_KDF_PARAM_MODE) == 0) {
      if (OSSL_PARAM_get_int(parameters, &told->mode) != 1) return 0;
    } else if (strcmp(key, OSSL_KDF_PARAM_DIGEST) == 0) {
      if (!read_digest(parameters, &told->digest)) return 0;
      told->has_digest = 1;
    } else if (parameters->data_type != OSSL_PARAM_OCTET_STRING) {
      continue;
    } else if (strcmp(key, OSSL_KDF_PARAM_KEY) == 0) {
      told->key = bytes;
    } else if (strcmp(key, OSSL_KDF_PARAM_SALT) == 0) {
      told->salt = bytes;
    } else if (strcmp(key, OSSL_KDF_PARAM_PREFIX) == 0) {
      told->prefix = bytes;
    } else if (strcmp(key, OSSL_KDF_PARAM_LABEL) == 0) {
      told->label = bytes;
    } else if (strcmp(key, OSSL_KDF_PARAM_DATA) == 0) {
      told->data = bytes;
    }
  }
  return told->has_digest && told->prefix.bytes != NULL && told->label.bytes != NULL;
}

static int is_label(piece label, const char *text) {
  return label.count == strlen(text) && memcmp(label.bytes, text, label.count) == 0;
}

static void keep(piece label, const unsigned char *secret, size_t count) {
  if (wanted == NULL || count > sizeof wanted->client) return;
  if (is_label(label, "c ap traffic")) {
    memcpy(wanted->client, secret, count);
    wanted->client_size = (unsigned char)count;
  } else if (is_label(label, "s ap traffic")) {
    memcpy(wanted->server, secret, count);
    wanted->server_size = (unsigned char)count;
  }
}

static int derive_with(
    ctls13_digests *digests, const derivation *told, unsigned char *output, size_t count) {
  switch (told->mode) {
    case EVP_KDF_HKDF_MODE_EXTRACT_ONLY:
      return count == digest_size(told->digest)
          && extract(
                 digests, told->digest, told->salt, told->prefix, told->label, told->key, output);
    case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
      if (told->key.bytes == NULL
          || !expand(
              digests, told->digest, told->key, told->prefix, told->label, told->data, output, count)) {
        return 0;
      }
      keep(told->label, output, count);
      return 1;
    default:
      return 0;
  }
}

static int derive(void *ignored, unsigned char *output, size_t count, const OSSL_PARAM parameters[]) {
  (void)ignored;
  derivation told = {.mode = -1};
  if (!read_parameters(parameters, &told)) return 0;
  if (current != NULL) return derive_with(current, &told, output, count);
  ctls13_digests own = {{NULL, NULL}};
  int result = derive_with(&own, &told, output, count);
  ctls13_digests_release(&own);
  return result;
}

// All that a derivation needs comes with its parameters, so there is nothing to allocate.
static void *new_context(void *provider) { return provider; }
static void free_context(void *ignored) { (void)ignored; }

typedef void (*function)(void);

static const OSSL_DISPATCH kdf_functions[] = {
    {OSSL_FUNC_KDF_NEWCTX, (function)new_context},
    {OSSL_FUNC_KDF_FREECTX, (function)free_context},
    {OSSL_FUNC_KDF_DERIVE, (function)derive},
    {0, NULL},
};

static const OSSL_ALGORITHM kdfs[] = {
    {"TLS13-KDF", "provider=sluice,sluice.schedule=own", kdf_functions, "RFC 8446 7.1"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *ignored, int operation, int *is_not_cached) {
  (void)ignored;
  *is_not_cached = 0;
  return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (function)query},
    {0, NULL},
};

static int initialize(
    const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **provided,
    void **context) {
  (void)core;
  *provided = provider_functions;
  // Has to be something; what it points to is never looked at.
  *context = (void *)handle;
  return 1;
}

// A property of its own: `provider` here would take the place of a `provider` in the operator's
// `default_properties` (openssl.cnf), for all algorithms.
const char *const ctls13_properties = "?sluice.schedule=own";

int ctls13_install(void) {
  // The default provider still comes by itself.
  return OSSL_PROVIDER_add_builtin(NULL, "sluice", initialize) == 1
      && OSSL_PROVIDER_try_load(NULL, "sluice", 1) != NULL;
}
