#include "security/certificate.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "base/file.h"

namespace millrace::security {
namespace {

constexpr const char* kNames = "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";
constexpr long kValidDays = 3650;
constexpr int64_t kRenewSeconds = int64_t{30} * 24 * 3600;
constexpr long kSecondsOfDay = 24 * 3600;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free>>;

time_t Seconds(EventTime time) {
  constexpr int64_t kMicrosOfSecond = 1'000'000;
  return time.micros / kMicrosOfSecond;
}

bool AddExtension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return false;
  random[0] &= 0x7f;  // positive: RFC 5280, section 4.1.2.2
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(
      BN_bin2bn(random.data(), static_cast<int>(random.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

Certificate SelfSigned(EVP_PKEY* key, EventTime now) {
  Certificate certificate(X509_new());
  if (!certificate) return nullptr;
  time_t from = Seconds(now);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const auto* common_name = reinterpret_cast<const unsigned char*>("millrace on this machine");
  const bool made =
      X509_set_version(certificate.get(), 2) == 1 && SetSerial(certificate.get()) &&
      X509_time_adj_ex(X509_getm_notBefore(certificate.get()), 0, -kSecondsOfDay, &from) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(certificate.get()), static_cast<int>(kValidDays), 0, &from) !=
          nullptr &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common_name, -1, -1, 0) == 1 &&
      X509_set_issuer_name(certificate.get(), name) == 1 && X509_set_pubkey(certificate.get(), key) == 1 &&
      AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(certificate.get(), NID_key_usage, "critical,digitalSignature") &&
      AddExtension(certificate.get(), NID_ext_key_usage, "serverAuth") &&
      AddExtension(certificate.get(), NID_subject_alt_name, kNames) &&
      X509_sign(certificate.get(), key, EVP_sha256()) > 0;
  return made ? std::move(certificate) : nullptr;
}

template <typename Write>
Result<std::string> Pem(const Write& write) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!memory || !write(memory.get())) return Internal("a certificate for loopback cannot be written");
  char* bytes = nullptr;
  const long size = BIO_ctrl(memory.get(), BIO_CTRL_INFO, 0, &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

// Whether it has to be made anew.
Result<bool> IsDue(const std::string& path, EventTime now) {
  constexpr uint64_t kLargest = 1 << 20;
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kLargest));
  const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  if (!certificate) return DataLoss("{} is no certificate in PEM: remove it, and it is made anew", path);
  time_t soon = Seconds(now) + kRenewSeconds;
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &soon) <= 0;
}

}  // namespace

CertificateFiles LoopbackCertificateFiles(const std::string& directory) {
  return {.certificate = directory + "/tls.crt", .key = directory + "/tls.key"};
}

Result<CertificateFiles> EnsureLoopbackCertificate(const std::string& directory, EventTime now) {
  CertificateFiles files = LoopbackCertificateFiles(directory);
  if (FileExists(files.certificate) && FileExists(files.key)) {
    MR_ASSIGN_OR_RETURN(const bool due, IsDue(files.certificate, now));
    if (!due) return files;
  }
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key ? SelfSigned(key.get(), now) : nullptr;
  if (!certificate) return Internal("a certificate for loopback cannot be made");
  MR_ASSIGN_OR_RETURN(const std::string key_pem, Pem([&](BIO* to) {
                        return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr,
                                                        nullptr) == 1;
                      }));
  MR_ASSIGN_OR_RETURN(const std::string certificate_pem,
                      Pem([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()) == 1; }));
  // The certificate last: a pair that does not match, after a kill in between, has no certificate.
  MR_RETURN_IF_ERROR(RemoveTree(files.certificate));
  MR_RETURN_IF_ERROR(WriteFileAtomically(files.key, key_pem, 0600));
  MR_RETURN_IF_ERROR(WriteFileAtomically(files.certificate, certificate_pem, 0644));
  return files;
}

}  // namespace millrace::security
