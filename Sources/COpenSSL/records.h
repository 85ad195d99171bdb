/// The record layer of TLS 1.3 (RFC 8446 5) over OpenSSL's ciphers: the parts that are calls of C in a
/// row, once for each record.
#pragma once
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/core_names.h>
#include <stdint.h>
#include <string.h>

/// What protects one direction of a connection.
typedef struct {
  /// Of which the others are derived; a SHA-384 has 48 bytes, a SHA-256 32.
  unsigned char secret[48];
  unsigned char key[32];
  unsigned char iv[12];
  unsigned char secret_size;
  unsigned char key_size;
  /// Records since the key is in use.
  uint64_t sequence;
  /// Of no other key of the process's thread, ever: a cipher context remembers it.
  uint64_t id;
} copenssl_traffic_keys;

enum { copenssl_record_header = 5, copenssl_record_tag = 16 };

/// HMAC with this digest; NULL without memory.
static inline EVP_MAC_CTX *copenssl_hmac_new(const char *digest) {
  EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  if (hmac == NULL) return NULL;
  EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac);
  EVP_MAC_free(hmac);
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
      OSSL_PARAM_construct_end(),
  };
  if (context == NULL || EVP_MAC_CTX_set_params(context, parameters) != 1) {
    EVP_MAC_CTX_free(context);
    return NULL;
  }
  return context;
}

/// HKDF-Expand-Label (RFC 8446 7.1) with an empty context and not more than one block of output, of
/// which the first is HMAC(secret, info | 1) (RFC 5869 2.3).
static inline int copenssl_expand_label(
    EVP_MAC_CTX *hmac, const unsigned char *secret, size_t secret_size, const char *label,
    unsigned char *output, size_t count) {
  unsigned char info[32] = {0};
  unsigned char block[EVP_MAX_MD_SIZE];
  const size_t length = strlen(label);
  size_t written = 0;
  if (length > 16 || count > secret_size || secret_size > sizeof block) return 0;
  info[1] = (unsigned char)count;
  info[2] = (unsigned char)(6 + length);
  memcpy(info + 3, "tls13 ", 6);
  memcpy(info + 9, label, length);
  // The context's length, 0, lies behind the label.
  info[10 + length] = 1;
  int result = EVP_MAC_init(hmac, secret, secret_size, NULL) == 1
      && EVP_MAC_update(hmac, info, 11 + length) == 1
      && EVP_MAC_final(hmac, block, &written, sizeof block) == 1 && written == secret_size;
  if (result) memcpy(output, block, count);
  OPENSSL_cleanse(block, sizeof block);
  return result;
}

/// Lets the context forget the secret of its last use.
static inline void copenssl_hmac_forget(EVP_MAC_CTX *hmac) {
  static const unsigned char zeros[32] = {0};
  EVP_MAC_init(hmac, zeros, sizeof zeros, NULL);
}

/// Puts `next`, whose secret and sizes are set, in the place of `keys`, with its key and IV (RFC 8446
/// 7.3); its first record is number 0. 0 when OpenSSL fails: then `keys` are what they were, because no
/// key may begin with a number for the second time. Overwrites `next`.
static inline int copenssl_keys_replace(
    copenssl_traffic_keys *keys, copenssl_traffic_keys *next, EVP_MAC_CTX *hmac, uint64_t id) {
  next->sequence = 0;
  next->id = id;
  int result =
      copenssl_expand_label(hmac, next->secret, next->secret_size, "key", next->key, next->key_size)
      && copenssl_expand_label(hmac, next->secret, next->secret_size, "iv", next->iv, sizeof next->iv);
  if (result) *keys = *next;
  OPENSSL_cleanse(next, sizeof *next);
  copenssl_hmac_forget(hmac);
  return result;
}

/// Derives key and IV from the secret. 0 when OpenSSL fails.
static inline int copenssl_keys_derive(copenssl_traffic_keys *keys, EVP_MAC_CTX *hmac, uint64_t id) {
  copenssl_traffic_keys next = *keys;
  return copenssl_keys_replace(keys, &next, hmac, id);
}

/// The next secret and its key (RFC 8446 7.2). 0 when OpenSSL fails.
static inline int copenssl_keys_advance(copenssl_traffic_keys *keys, EVP_MAC_CTX *hmac, uint64_t id) {
  copenssl_traffic_keys next = *keys;
  if (!copenssl_expand_label(
          hmac, keys->secret, keys->secret_size, "traffic upd", next.secret, keys->secret_size)) {
    OPENSSL_cleanse(&next, sizeof next);
    copenssl_hmac_forget(hmac);
    return 0;
  }
  return copenssl_keys_replace(keys, &next, hmac, id);
}

/// Lets the context forget the key of its last record. 0 when OpenSSL fails.
static inline int copenssl_cipher_forget(EVP_CIPHER_CTX *context) {
  static const unsigned char zeros[32] = {0};
  return EVP_CipherInit_ex(context, NULL, NULL, zeros, zeros, -1) == 1;
}

static inline void copenssl_record_nonce(const copenssl_traffic_keys *keys, unsigned char *nonce) {
  memcpy(nonce, keys->iv, sizeof keys->iv);
  for (int i = 0; i < 8; i++) nonce[11 - i] ^= (unsigned char)(keys->sequence >> (8 * i));
}

/// Writes a record of `count` bytes of this type: `count` + 22 bytes at `output`. `is_keyed`: the
/// context has this key from its last use. 0 when OpenSSL fails.
static inline int copenssl_record_seal(
    EVP_CIPHER_CTX *context, copenssl_traffic_keys *keys, int is_keyed, unsigned char type,
    const unsigned char *text, int count, unsigned char *output) {
  unsigned char nonce[12];
  int written = 0;
  const int length = count + 1 + copenssl_record_tag;
  unsigned char *body = output + copenssl_record_header;
  output[0] = 23;
  output[1] = 3;
  output[2] = 3;
  output[3] = (unsigned char)(length >> 8);
  output[4] = (unsigned char)length;
  copenssl_record_nonce(keys, nonce);
  if (EVP_EncryptInit_ex(context, NULL, NULL, is_keyed ? NULL : keys->key, nonce) != 1
      || EVP_EncryptUpdate(context, NULL, &written, output, copenssl_record_header) != 1
      || (count > 0 && EVP_EncryptUpdate(context, body, &written, text, count) != 1)
      || EVP_EncryptUpdate(context, body + count, &written, &type, 1) != 1
      || EVP_EncryptFinal_ex(context, body + count + 1, &written) != 1
      || EVP_CIPHER_CTX_ctrl(
             context, EVP_CTRL_AEAD_GET_TAG, copenssl_record_tag, body + count + 1) != 1) {
    return 0;
  }
  keys->sequence++;
  return 1;
}

/// Opens the record that begins at `record` and whose header says `length` (at least 17): `length` - 16
/// bytes at `output`, type and padding behind the text. 0 when it was not sealed with these keys: then
/// `output` is overwritten.
static inline int copenssl_record_open(
    EVP_CIPHER_CTX *context, copenssl_traffic_keys *keys, int is_keyed,
    const unsigned char *record, int length, unsigned char *output) {
  unsigned char nonce[12];
  int written = 0;
  const int count = length - copenssl_record_tag;
  const unsigned char *body = record + copenssl_record_header;
  copenssl_record_nonce(keys, nonce);
  if (EVP_DecryptInit_ex(context, NULL, NULL, is_keyed ? NULL : keys->key, nonce) != 1
      || EVP_CIPHER_CTX_ctrl(
             context, EVP_CTRL_AEAD_SET_TAG, copenssl_record_tag, (void *)(body + count)) != 1
      || EVP_DecryptUpdate(context, NULL, &written, record, copenssl_record_header) != 1
      || EVP_DecryptUpdate(context, output, &written, body, count) != 1
      || EVP_DecryptFinal_ex(context, output + count, &written) != 1) {
    OPENSSL_cleanse(output, (size_t)count);
    return 0;
  }
  keys->sequence++;
  return 1;
}
