// fuzz: source
// CSV and JSON lines: any bytes become rows or problems, in time and memory in proportion to them.
#include <string>

#include "source/internal/text_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::source::internal;
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const FileFormat format = (data[0] & 1) != 0 ? FileFormat::kCsv : FileFormat::kJsonLines;
  Guesses guesses;
  const auto sample = OpenRows(format, "sample", bytes);
  if (!sample.ok()) return 0;
  for (int i = 0; i < 3 && (*sample)->Next(); ++i) (*sample)->Observe(guesses);
  std::vector<Field> fields;
  for (const std::string& name : guesses.names()) fields.push_back({name, guesses.At(name).Type()});
  const Schema schema(std::move(fields));
  const auto rows = OpenRows(format, "rows", bytes);
  if (!(*rows)->Bind(schema, TimeZone()).ok()) return 0;
  while ((*rows)->Next()) {
    if (!(*rows)->problem().empty()) continue;
    for (size_t c = 0; c < schema.size(); ++c) (void)(*rows)->Get(c);
  }
  return 0;
}
