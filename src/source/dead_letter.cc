#include "source/dead_letter.h"

#include <algorithm>

#include "base/text.h"
#include "source/internal/raw_rows.h"

namespace millrace::source {
namespace {

constexpr size_t kMaxText = 4096;

// Cut between characters; what is no UTF-8 has its odd bytes replaced, since tables hold text.
std::string Printable(std::string_view text) {
  size_t length = std::min(text.size(), kMaxText);
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80)
    --length;
  std::string printable(text.substr(0, length));
  if (IsUtf8(printable)) return printable;
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return printable;
}

// The builders are of these types, so an append cannot fail.
void Add(ColumnBuilder& builder, const Value& value) {
  const Status status = builder.Append(value);
  MR_CHECK(status.ok(), "{}", status.message());
}

}  // namespace

Schema DeadLetterSchema() {
  return Schema({{"file", DataType::kString},
                 {"row", DataType::kInt64},
                 {"reason", DataType::kString},
                 {"text", DataType::kString}});
}

Table DeadLetterTable(std::span<const DeadLetter> letters) {
  ColumnBuilder file(DataType::kString);
  ColumnBuilder row(DataType::kInt64);
  ColumnBuilder reason(DataType::kString);
  ColumnBuilder text(DataType::kString);
  for (const DeadLetter& letter : letters) {
    Add(file, Printable(letter.file));
    Add(row, letter.row);
    Add(reason, Printable(letter.reason));
    Add(text, letter.text.empty() ? Value(Null{}) : Value(Printable(letter.text)));
  }
  Result<Table> table =
      Table::Create(DeadLetterSchema(), {std::move(file).Finish(), std::move(row).Finish(),
                                         std::move(reason).Finish(), std::move(text).Finish()});
  return std::move(table).value();
}

namespace internal {
namespace {

// A dead letter without its reason: where row `row` of the table came from, and its values.
DeadLetter Origin(const RawRows& rows, int64_t row) {
  DeadLetter letter;
  const auto index = static_cast<size_t>(row);
  for (size_t c = 0; c < rows.table.num_columns() && letter.text.size() < kMaxText; ++c) {
    letter.text += fmt::format("{}{}={}", c == 0 ? "" : ", ", rows.table.schema()[c].name,
                               ToText(rows.table.column(c).Get(index)));
  }
  for (const FileRows& part : rows.files) {
    if (row < part.rows) {
      letter.file = part.file;
      letter.row = part.numbers.empty() ? row + 1 : part.numbers[static_cast<size_t>(row)];
      return letter;
    }
    row -= part.rows;
  }
  MR_CHECK(false, "no such row");
}

}  // namespace

void Drop(RawRows& rows, int64_t row, std::string reason) {
  if (rows.IsDropped(row)) return;
  if (rows.dropped.empty()) rows.dropped.resize(rows.table.num_rows());
  rows.dropped[static_cast<size_t>(row)] = 1;
  DeadLetter letter = Origin(rows, row);
  letter.reason = std::move(reason);
  rows.dead_letters.push_back(std::move(letter));
}

}  // namespace internal
}  // namespace millrace::source
