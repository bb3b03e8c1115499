// A certificate for localhost and 127.0.0.1 that signs itself, made for a test.
#pragma once

#include <string>

#include "base/status.h"

namespace millrace::http::testing {

// Writes FOLDER/cert.pem and FOLDER/key.pem; valid for an hour.
Status MakeCertificate(const std::string& folder);

}  // namespace millrace::http::testing
