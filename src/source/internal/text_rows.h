// Rows of text formats, read one by one: CSV with a header, and JSON lines.
// Private to src/source. One thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time_zone.h"
#include "base/value.h"
#include "source/internal/files.h"
#include "table/table.h"

namespace millrace::source::internal {

// The narrowest type of all the values of a column that were seen: int64, then
// double, bool, timestamp, and string for everything else.
class TypeGuess {
 public:
  void SeeText(std::string_view text);
  void SeeJson(const Json& json);
  DataType Type() const;

 private:
  bool any_ = false;
  bool int64_ = true;
  bool double_ = true;
  bool bool_ = true;
  bool timestamp_ = true;
};

// Columns in the order in which they were first seen.
class Guesses {
 public:
  TypeGuess& At(const std::string& name);
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::map<std::string, TypeGuess> guesses_;
};

class TextRows {
 public:
  virtual ~TextRows() = default;

  // Before the first row: what Get reads. InvalidArgument when the file has other columns.
  virtual Status Bind(const Schema& schema, const TimeZone& zone) = 0;
  // To the next row; false at the end.
  virtual bool Next() = 0;
  // Why the row cannot be used at all; empty when it can.
  virtual std::string_view problem() const = 0;
  virtual std::string_view text() const = 0;
  // The value of the bound schema's column.
  virtual Result<Value> Get(size_t column) const = 0;
  // Lets the guesses see the row.
  virtual void Observe(Guesses& guesses) const = 0;
  // Bytes of the file read so far.
  virtual int64_t position() const = 0;
};

// Rows from the bytes of a file, which outlive them. DataLoss without a usable CSV header.
Result<std::unique_ptr<TextRows>> OpenRows(FileFormat format, const std::string& path,
                                           std::string_view bytes);

}  // namespace millrace::source::internal
