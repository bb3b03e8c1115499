#include "source/internal/csv.h"

#include <algorithm>

#include "base/text.h"

namespace millrace::source::internal {
namespace {

constexpr size_t kMaxRecord = 1 << 20;
constexpr size_t kMaxFields = 10'000;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

char MostFrequentDelimiter(std::string_view line) {
  char best = ',';
  std::ptrdiff_t most = std::count(line.begin(), line.end(), best);
  for (const char c : {';', '\t', '|'}) {
    const std::ptrdiff_t count = std::count(line.begin(), line.end(), c);
    if (count > most) {
      most = count;
      best = c;
    }
  }
  return best;
}

}  // namespace

CsvParser::CsvParser(std::string_view bytes) : bytes_(bytes) {
  if (bytes_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  const size_t end = std::min({bytes_.find('\n', at_), bytes_.size(), at_ + kMaxRecord});
  delimiter_ = MostFrequentDelimiter(bytes_.substr(at_, end - at_));
}

bool CsvParser::AtLineEnd() const {
  if (at_ >= bytes_.size() || bytes_[at_] == '\n') return true;
  return bytes_[at_] == '\r' && (at_ + 1 == bytes_.size() || bytes_[at_ + 1] == '\n');
}

void CsvParser::SkipLineEnd() {
  if (at_ < bytes_.size() && bytes_[at_] == '\r') ++at_;
  if (at_ < bytes_.size() && bytes_[at_] == '\n') ++at_;
}

// Gives up on the record: its first line is bad, and the next one is tried.
bool CsvParser::Fail(std::string_view why) {
  record_.error = why;
  at_ = std::min(bytes_.find('\n', record_begin_), bytes_.size());
  return false;
}

bool CsvParser::ParseQuoted() {
  const size_t begin = ++at_;
  bool doubled = false;
  for (;;) {
    const size_t quote = bytes_.find('"', at_);
    if (quote == std::string_view::npos || quote - record_begin_ > kMaxRecord)
      return Fail("a quote is never closed");
    at_ = quote + 1;
    if (at_ >= bytes_.size() || bytes_[at_] != '"') break;
    doubled = true;
    ++at_;
  }
  std::string_view text = bytes_.substr(begin, at_ - 1 - begin);
  if (doubled) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
      plain += text[i];
      if (text[i] == '"') ++i;  // quotes within come in pairs
    }
    text = unescaped_.emplace_back(std::move(plain));
  }
  if (!AtLineEnd() && bytes_[at_] != delimiter_) return Fail("text follows a closing quote");
  record_.fields.push_back({text, true});
  return true;
}

bool CsvParser::ParseField() {
  if (record_.fields.size() == kMaxFields) return Fail("the row has more than 10,000 fields");
  if (at_ < bytes_.size() && bytes_[at_] == '"') return ParseQuoted();
  const size_t begin = at_;
  while (!AtLineEnd() && bytes_[at_] != delimiter_) ++at_;
  if (at_ - record_begin_ > kMaxRecord) return Fail("the row has more than 1 MiB");
  record_.fields.push_back({bytes_.substr(begin, at_ - begin), false});
  return true;
}

const CsvRecord* CsvParser::Next() {
  while (at_ < bytes_.size() && AtLineEnd()) SkipLineEnd();
  if (at_ >= bytes_.size()) return nullptr;
  record_.fields.clear();
  record_.error.clear();
  unescaped_.clear();
  record_begin_ = at_;
  while (ParseField() && !AtLineEnd()) {
    ++at_;  // the delimiter
    if (AtLineEnd()) {
      record_.fields.push_back({{}, false});
      break;
    }
  }
  record_.text = bytes_.substr(record_begin_, at_ - record_begin_);
  if (record_.text.ends_with('\r')) record_.text.remove_suffix(1);
  SkipLineEnd();
  if (record_.error.empty() && !IsUtf8(record_.text)) record_.error = "the row is not UTF-8";
  return &record_;
}

}  // namespace millrace::source::internal
