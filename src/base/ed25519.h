// Ed25519 signatures (RFC 8032): who wrote these bytes.
//
// A key lives in a file of one line, 64 hex digits of its seed, that nobody but
// its owner may read. Keys and signatures are passed as lower-case hex.
//
//   MR_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::OpenOrCreate(dir + "/signing.key"));
//   const std::string signature = key.Sign(bytes);
//   MR_RETURN_IF_ERROR(VerifySignature(key.public_key(), bytes, signature));
//
// Values; thread safe.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

class SigningKey {
 public:
  // Reads the key, or makes one (mode 0600) when there is no file. DataLoss when it is no key;
  // FailedPrecondition when others may read it.
  static Result<SigningKey> OpenOrCreate(const std::string& path);
  // From the 32 bytes of its seed.
  static Result<SigningKey> FromSeed(std::string_view seed);

  const std::string& public_key() const { return public_key_; }  // 64 digits
  std::string Sign(std::string_view bytes) const;                // 128 digits

 private:
  SigningKey(std::string seed, std::string public_key)
      : seed_(std::move(seed)), public_key_(std::move(public_key)) {}

  std::string seed_;  // 32 bytes
  std::string public_key_;
};

// DataLoss when the signature is not that key's over these bytes; InvalidArgument when one is not of its
// form.
Status VerifySignature(std::string_view public_key, std::string_view bytes, std::string_view signature);

}  // namespace millrace
