// fuzz: security
// A line of the audit log: refused, or a record that is the same after being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "security/audit.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::security;
  auto record = ParseAuditLine({reinterpret_cast<const char*>(data), size});
  if (!record.ok()) return 0;
  std::string line = FormatAuditLine(*record);
  auto again = ParseAuditLine(line);
  MR_CHECK(!again.ok() || HashOf(*again) == HashOf(*record), "a record changed by being written");
  return 0;
}
