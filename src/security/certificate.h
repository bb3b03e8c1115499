// The certificate of a server on this machine: self-signed, for loopback names alone.
//
// Clients of Kubernetes send a token over TLS only, so `millrace up` serves TLS
// beside plain HTTP on its loopback address. Nobody else vouches for such a
// server: its clients are given the certificate itself as the one to trust.
//
//   MR_ASSIGN_OR_RETURN(const CertificateFiles files, EnsureLoopbackCertificate(dir, clock.Now()));
//
// ECDSA on P-256; valid for ten years; for localhost, 127.0.0.1 and ::1.
#pragma once

#include <string>

#include "base/status.h"
#include "base/time.h"

namespace millrace::security {

struct CertificateFiles {
  std::string certificate;  // DIR/tls.crt, PEM
  std::string key;          // DIR/tls.key, PEM, mode 0600
};

// Where they are, or would be.
CertificateFiles LoopbackCertificateFiles(const std::string& directory);

// Makes both files unless they are there and valid for at least 30 more days. DataLoss when a file is there
// that is no certificate: it may be somebody's, and is left alone.
Result<CertificateFiles> EnsureLoopbackCertificate(const std::string& directory, EventTime now);

}  // namespace millrace::security
