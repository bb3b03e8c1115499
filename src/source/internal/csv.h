// Comma-separated values (RFC 4180), record by record, from bytes in memory.
//
//   CsvParser parser(bytes);
//   while (const CsvRecord* record = parser.Next()) …
//
// The delimiter is the one of , ; tab | that the first line has most of. Lines
// end in LF or CRLF; blank ones are skipped. A record that cannot be read has
// its reason in `error`; the parser goes on with the next line, so that a quote
// that is never closed costs one line and not the rest of the file. Any bytes
// are safe to parse. Private to src/source.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::source::internal {

struct CsvField {
  std::string_view text;  // without its quotes
  bool quoted = false;
};

struct CsvRecord {
  std::vector<CsvField> fields;
  std::string_view text;  // the record as it stands in the file, without its line end
  std::string error;      // empty when the record is good
};

class CsvParser {
 public:
  // `bytes` outlives the parser.
  explicit CsvParser(std::string_view bytes);

  // The next record, until the next call; null at the end.
  const CsvRecord* Next();
  char delimiter() const { return delimiter_; }
  size_t position() const { return at_; }  // bytes parsed so far

 private:
  bool ParseField();
  bool ParseQuoted();
  bool Fail(std::string_view why);
  bool AtLineEnd() const;
  void SkipLineEnd();

  std::string_view bytes_;
  size_t at_ = 0;
  size_t record_begin_ = 0;
  char delimiter_ = ',';
  CsvRecord record_;
  std::deque<std::string> unescaped_;  // a deque: views into it stay good while it grows
};

}  // namespace millrace::source::internal
