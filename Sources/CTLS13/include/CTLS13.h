/// Keys and records of TLS 1.3 over OpenSSL's digests and ciphers: its key schedule (RFC 8446 7), also in the
/// place of OpenSSL's own, and of its record layer (RFC 8446 5) the parts that are calls of C in a row.
#pragma once
#include <openssl/crypto.h>
#include <openssl/evp.h>
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
} ctls13_traffic_keys;

enum { ctls13_record_header = 5, ctls13_record_tag = 16 };

// MARK: The key schedule

/// A digest of TLS 1.3's suites.
typedef enum { ctls13_sha256, ctls13_sha384 } ctls13_digest;

/// What secrets are derived with: a context for each digest, made when first needed. For one thread at a time.
typedef struct {
  EVP_MD_CTX *contexts[2];
} ctls13_digests;

/// A handshake's two secrets of application data (RFC 8446 7.1, `… ap traffic`), as far as they are known.
typedef struct {
  unsigned char client[48];
  unsigned char server[48];
  /// 0 for a secret that is not known, else 32 or 48.
  unsigned char client_size;
  unsigned char server_size;
} ctls13_secrets;

/// Provides OpenSSL with the key derivation of TLS 1.3, EVP_KDF-TLS13-KDF(7), once for the process. What is made
/// for `ctls13_properties` uses it. 0 without memory.
int ctls13_install(void);
extern const char *const ctls13_properties;

/// Until `ctls13_end`, what OpenSSL derives on this thread takes these contexts, and puts the secrets of
/// application data into `secrets`, which may be NULL.
void ctls13_begin(ctls13_digests *digests, ctls13_secrets *secrets);
/// Nothing of what was derived is left in the contexts.
void ctls13_end(void);

/// Lets the contexts forget the secrets of their last use.
void ctls13_digests_forget(ctls13_digests *digests);
void ctls13_digests_release(ctls13_digests *digests);

/// Derives key and IV from the secret (RFC 8446 7.3); their first record is number 0. 0 when OpenSSL fails: then
/// `keys` are what they were.
int ctls13_keys_derive(ctls13_traffic_keys *keys, ctls13_digests *digests, uint64_t id);
/// The next secret and its key (RFC 8446 7.2). 0 when OpenSSL fails: then `keys` are what they were, because no
/// key may begin with a number for the second time.
int ctls13_keys_advance(ctls13_traffic_keys *keys, ctls13_digests *digests, uint64_t id);

// MARK: Records

/// Lets the context forget the key of its last record. 0 when OpenSSL fails.
static inline int ctls13_cipher_forget(EVP_CIPHER_CTX *context) {
  static const unsigned char zeros[32] = {0};
  return EVP_CipherInit_ex(context, NULL, NULL, zeros, zeros, -1) == 1;
}

static inline void ctls13_record_nonce(const ctls13_traffic_keys *keys, unsigned char *nonce) {
  memcpy(nonce, keys->iv, sizeof keys->iv);
  for (int i = 0; i < 8; i++) nonce[11 - i] ^= (unsigned char)(keys->sequence >> (8 * i));
}

/// Writes a record of `count` bytes of this type: `count` + 22 bytes at `output`. `is_keyed`: the
/// context has this key from its last use. 0 when OpenSSL fails.
static inline int ctls13_record_seal(
    EVP_CIPHER_CTX *context, ctls13_traffic_keys *keys, int is_keyed, unsigned char type,
    const unsigned char *text, int count, unsigned char *output) {
  unsigned char nonce[12];
  int written = 0;
  const int length = count + 1 + ctls13_record_tag;
  unsigned char *body = output + ctls13_record_header;
  output[0] = 23;
  output[1] = 3;
  output[2] = 3;
  output[3] = (unsigned char)(length >> 8);
  output[4] = (unsigned char)length;
  ctls13_record_nonce(keys, nonce);
  if (EVP_EncryptInit_ex(context, NULL, NULL, is_keyed ? NULL : keys->key, nonce) != 1
      || EVP_EncryptUpdate(context, NULL, &written, output, ctls13_record_header) != 1
      || (count > 0 && EVP_EncryptUpdate(context, body, &written, text, count) != 1)
      || EVP_EncryptUpdate(context, body + count, &written, &type, 1) != 1
      || EVP_EncryptFinal_ex(context, body + count + 1, &written) != 1
      || EVP_CIPHER_CTX_ctrl(
             context, EVP_CTRL_AEAD_GET_TAG, ctls13_record_tag, body + count + 1) != 1) {
    return 0;
  }
  keys->sequence++;
  return 1;
}

/// Opens the record that begins at `record` and whose header says `length` (at least 17): `length` - 16
/// bytes at `output`, type and padding behind the text. 0 when it was not sealed with these keys: then
/// `output` is overwritten.
static inline int ctls13_record_open(
    EVP_CIPHER_CTX *context, ctls13_traffic_keys *keys, int is_keyed,
    const unsigned char *record, int length, unsigned char *output) {
  unsigned char nonce[12];
  int written = 0;
  const int count = length - ctls13_record_tag;
  const unsigned char *body = record + ctls13_record_header;
  ctls13_record_nonce(keys, nonce);
  if (EVP_DecryptInit_ex(context, NULL, NULL, is_keyed ? NULL : keys->key, nonce) != 1
      || EVP_CIPHER_CTX_ctrl(
             context, EVP_CTRL_AEAD_SET_TAG, ctls13_record_tag, (void *)(body + count)) != 1
      || EVP_DecryptUpdate(context, NULL, &written, record, ctls13_record_header) != 1
      || EVP_DecryptUpdate(context, output, &written, body, count) != 1
      || EVP_DecryptFinal_ex(context, output + count, &written) != 1) {
    OPENSSL_cleanse(output, (size_t)count);
    return 0;
  }
  keys->sequence++;
  return 1;
}
