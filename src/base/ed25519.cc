#include "base/ed25519.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <array>
#include <memory>
#include <optional>

#include "base/file.h"

namespace millrace {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> Unhex(std::string_view text, size_t bytes) {
  if (text.size() != 2 * bytes) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = Digit(text[i]);
    const int low = Digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

Key PrivateKey(std::string_view seed) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed), seed.size()), EVP_PKEY_free};
}

}  // namespace

Result<SigningKey> SigningKey::FromSeed(std::string_view seed) {
  if (seed.size() != kKeyBytes) return InvalidArgument("a signing key's seed has {} bytes", kKeyBytes);
  const Key key = PrivateKey(seed);
  std::array<unsigned char, kKeyBytes> raw{};
  size_t size = raw.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1) {
    return Internal("the signing key cannot be used");
  }
  return SigningKey(std::string(seed), Hex({reinterpret_cast<const char*>(raw.data()), size}));
}

Result<SigningKey> SigningKey::OpenOrCreate(const std::string& path) {
  if (!FileExists(path)) {
    std::array<unsigned char, kKeyBytes> seed{};
    if (RAND_bytes(seed.data(), kKeyBytes) != 1) return Internal("there is no randomness for a signing key");
    const std::string_view bytes(reinterpret_cast<const char*>(seed.data()), seed.size());
    MR_RETURN_IF_ERROR(WriteFileAtomically(path, Hex(bytes) + "\n", 0600));
    return FromSeed(bytes);
  }
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return FailedPrecondition("{} may be read by others than its owner: chmod 600 {}", path, path);
  }
  MR_ASSIGN_OR_RETURN(std::string text, ReadFile(path, 4096));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::optional<std::string> seed = Unhex(text, kKeyBytes);
  if (!seed)
    return DataLoss("{} is no signing key: it should hold {} hexadecimal digits", path, 2 * kKeyBytes);
  return FromSeed(*seed);
}

std::string SigningKey::Sign(std::string_view bytes) const {
  const Key key = PrivateKey(seed_);
  const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::array<unsigned char, kSignatureBytes> signature{};
  size_t size = signature.size();
  const bool made = key && context &&
                    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                    EVP_DigestSign(context.get(), signature.data(), &size, Bytes(bytes), bytes.size()) == 1;
  MR_CHECK(made, "a valid key signs anything");
  return Hex({reinterpret_cast<const char*>(signature.data()), size});
}

Status VerifySignature(std::string_view public_key, std::string_view bytes, std::string_view signature) {
  const std::optional<std::string> raw_key = Unhex(public_key, kKeyBytes);
  const std::optional<std::string> raw_signature = Unhex(signature, kSignatureBytes);
  if (!raw_key) return InvalidArgument("a public key has {} hexadecimal digits", 2 * kKeyBytes);
  if (!raw_signature) return InvalidArgument("a signature has {} hexadecimal digits", 2 * kSignatureBytes);
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*raw_key), raw_key->size()),
                EVP_PKEY_free);
  const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool good = key && context &&
                    EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), Bytes(*raw_signature), raw_signature->size(),
                                     Bytes(bytes), bytes.size()) == 1;
  return good ? Ok() : DataLoss("the signature is not that of the key {}", public_key);
}

}  // namespace millrace
