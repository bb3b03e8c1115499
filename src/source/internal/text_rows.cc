#include "source/internal/text_rows.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "source/internal/csv.h"
#include "source/internal/typed_value.h"

namespace millrace::source::internal {
namespace {

constexpr size_t kMaxLine = 16 << 20;
constexpr int kMaxDepth = 16;

// 007 is a code, not the number seven.
bool HasLeadingZero(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

bool IsA(std::string_view text, DataType type) { return ParseText(text, type, TimeZone()).ok(); }

std::string DescribeColumns(std::span<const std::string> names) { return Join(names, ", "); }

class CsvRows : public TextRows {
 public:
  static Result<std::unique_ptr<TextRows>> Open(const std::string& path, std::string_view bytes) {
    auto rows = std::make_unique<CsvRows>(path, bytes);
    const CsvRecord* header = rows->parser_.Next();
    if (header == nullptr) return DataLoss("{} is empty: its first line names the columns", path);
    if (!header->error.empty()) return DataLoss("{}: the header: {}", path, header->error);
    std::set<std::string_view> seen;
    for (const CsvField& field : header->fields) {
      if (field.text.empty()) return DataLoss("{}: a column of the header has no name", path);
      rows->names_.emplace_back(field.text);
    }
    for (const std::string& name : rows->names_) {
      if (!seen.insert(name).second)
        return DataLoss("{}: two columns of the header are named '{}'", path, name);
    }
    return std::unique_ptr<TextRows>(std::move(rows));
  }

  CsvRows(std::string path, std::string_view bytes) : path_(std::move(path)), parser_(bytes) {}

  Status Bind(const Schema& schema, const TimeZone& zone) override {
    schema_ = schema;
    zone_ = zone;
    for (const Field& field : schema.fields()) {
      const auto found = std::find(names_.begin(), names_.end(), field.name);
      if (found == names_.end()) {
        return InvalidArgument(
            "{} has no column '{}', which other files have: files of one source have one schema; "
            "its columns are {}",
            path_, field.name, DescribeColumns(names_));
      }
      index_.push_back(static_cast<size_t>(found - names_.begin()));
    }
    for (const std::string& name : names_) {
      if (schema.Find(name)) continue;
      return InvalidArgument(
          "{} has a column '{}', which other files have not: files of one source have one schema", path_,
          name);
    }
    return Ok();
  }

  bool Next() override {
    record_ = parser_.Next();
    if (record_ == nullptr) return false;
    problem_ = record_->error;
    if (problem_.empty() && record_->fields.size() != names_.size()) {
      problem_ =
          fmt::format("the row has {} fields, but the header {}", record_->fields.size(), names_.size());
    }
    return true;
  }

  std::string_view problem() const override { return problem_; }
  std::string_view text() const override { return record_->text; }

  Result<Value> Get(size_t column) const override {
    const CsvField& field = record_->fields[index_[column]];
    const DataType type = schema_[column].type;
    // Nothing between two delimiters is null; "" is the empty text.
    if (field.text.empty() && (!field.quoted || type != DataType::kString)) return Value(Null{});
    return ParseText(field.text, type, zone_);
  }

  void Observe(Guesses& guesses) const override {
    for (size_t i = 0; i < names_.size(); ++i) {
      TypeGuess& guess = guesses.At(names_[i]);
      if (problem_.empty() && record_ != nullptr) guess.SeeText(record_->fields[i].text);
    }
  }

  int64_t position() const override { return static_cast<int64_t>(parser_.position()); }

 private:
  std::string path_;
  CsvParser parser_;
  std::vector<std::string> names_;
  Schema schema_;
  TimeZone zone_;
  std::vector<size_t> index_;          // of the schema's columns, in the file
  const CsvRecord* record_ = nullptr;  // the parser's
  std::string problem_;
};

class JsonRows : public TextRows {
 public:
  explicit JsonRows(std::string_view bytes) : bytes_(bytes) {}

  Status Bind(const Schema& schema, const TimeZone& zone) override {
    schema_ = schema;
    zone_ = zone;
    bound_ = true;
    return Ok();
  }

  bool Next() override {
    do {
      if (at_ >= bytes_.size()) return false;
      const size_t end = std::min(bytes_.find('\n', at_), bytes_.size());
      line_ = bytes_.substr(at_, end - at_);
      at_ = end + 1;
      if (line_.ends_with('\r')) line_.remove_suffix(1);
    } while (line_.find_first_not_of(" \t") == std::string_view::npos);
    problem_.clear();
    Parse();
    return true;
  }

  std::string_view problem() const override { return problem_; }
  std::string_view text() const override { return line_; }

  Result<Value> Get(size_t column) const override {
    const auto found = row_.find(schema_[column].name);
    if (found == row_.end()) return Value(Null{});
    return FromJson(*found, schema_[column].type, zone_);
  }

  void Observe(Guesses& guesses) const override {
    if (!problem_.empty() || !row_.is_object()) return;
    for (const auto& [name, value] : row_.items()) guesses.At(name).SeeJson(value);
  }

  int64_t position() const override { return static_cast<int64_t>(std::min(at_, bytes_.size())); }

 private:
  void Parse() {
    if (line_.size() > kMaxLine) {
      problem_ = "the line has more than 16 MiB";
      return;
    }
    Result<Json> row = ParseJson(line_, kMaxDepth);
    if (!row.ok()) {
      problem_ = row.status().message();
      return;
    }
    row_ = std::move(row).value();
    if (!row_.is_object()) {
      problem_ = "the line is no JSON object";
    } else if (bound_) {
      FindUnknown();
    }
  }

  void FindUnknown() {
    for (const auto& [name, value] : row_.items()) {
      if (schema_.Find(name)) continue;
      const std::vector<std::string> names = schema_.Names();
      const std::string nearest = Nearest(name, names);
      problem_ =
          fmt::format("the field '{}' is in none of the first rows; {}", name,
                      nearest.empty() ? "declare it under columns" : "did you mean '" + nearest + "'?");
      return;
    }
  }

  std::string_view bytes_;
  size_t at_ = 0;
  std::string_view line_;
  Json row_;
  std::string problem_;
  Schema schema_;
  TimeZone zone_;
  bool bound_ = false;
};

}  // namespace

void TypeGuess::SeeText(std::string_view text) {
  if (text.empty()) return;
  any_ = true;
  int64_ = int64_ && !HasLeadingZero(text) && IsA(text, DataType::kInt64);
  double_ = double_ && !HasLeadingZero(text) && IsA(text, DataType::kDouble);
  bool_ = bool_ && text != "0" && text != "1" && IsA(text, DataType::kBool);
  timestamp_ = timestamp_ && IsA(text, DataType::kTimestamp);
}

void TypeGuess::SeeJson(const Json& json) {
  if (json.is_null()) return;
  any_ = true;
  int64_ = int64_ && json.is_number_integer();
  double_ = double_ && json.is_number();
  bool_ = bool_ && json.is_boolean();
  timestamp_ =
      timestamp_ && json.is_string() && IsA(json.get_ref<const std::string&>(), DataType::kTimestamp);
}

DataType TypeGuess::Type() const {
  if (!any_) return DataType::kString;
  if (int64_) return DataType::kInt64;
  if (double_) return DataType::kDouble;
  if (bool_) return DataType::kBool;
  return timestamp_ ? DataType::kTimestamp : DataType::kString;
}

TypeGuess& Guesses::At(const std::string& name) {
  const auto [guess, added] = guesses_.try_emplace(name);
  if (added) names_.push_back(name);
  return guess->second;
}

Result<std::unique_ptr<TextRows>> OpenRows(FileFormat format, const std::string& path,
                                           std::string_view bytes) {
  if (format == FileFormat::kCsv) return CsvRows::Open(path, bytes);
  return std::unique_ptr<TextRows>(std::make_unique<JsonRows>(bytes));
}

}  // namespace millrace::source::internal
