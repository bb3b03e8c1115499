#include "feature/internal/batch_output.h"

#include <cstring>
#include <new>
#include <utility>

namespace millrace::feature {
namespace {
constexpr int64_t kDefaultText = -1;
}

StagedRows::StagedRows(size_t rows, size_t width, Buffer<uint64_t> memory)
    : width_(width),
      words_(memory.size() >= rows * width ? std::move(memory)
                                           : Buffer<uint64_t>::Uninitialized(rows * width)),
      nulls_(static_cast<uint8_t*>(std::calloc(rows * width + 1, 1))) {
  if (nulls_ == nullptr) throw std::bad_alloc();
}

KeyOutput::KeyOutput(DataType type, const Value& default_value) {
  if (type == DataType::kString) {
    default_null_ = !std::holds_alternative<std::string>(default_value);
    default_word_ = static_cast<uint64_t>(kDefaultText);
  } else if (const auto* flag = std::get_if<bool>(&default_value)) {
    default_word_ = *flag ? 1 : 0;
  } else if (const auto* integer = std::get_if<int64_t>(&default_value)) {
    default_word_ = static_cast<uint64_t>(*integer);
  } else if (const auto* number = std::get_if<double>(&default_value)) {
    default_word_ = std::bit_cast<uint64_t>(*number);
  } else if (const auto* time = std::get_if<EventTime>(&default_value)) {
    default_word_ = static_cast<uint64_t>(time->micros);
  } else {
    default_null_ = true;
  }
}

void KeyOutput::Bind(StagedRows& staged, size_t first_row, size_t column) {
  staged_ = &staged;
  stride_ = staged.width();
  words_ = staged.Row(first_row) + column;
  nulls_ = staged.Nulls(first_row) + column;
}

OutputColumn::OutputColumn(DataType type, Value default_value, size_t rows)
    : type_(type), default_(std::move(default_value)), rows_(rows) {
  if (type == DataType::kDouble) {
    doubles_ = Buffer<double>::Uninitialized(rows);
  } else if (type == DataType::kBool) {
    bools_ = Buffer<uint8_t>::Uninitialized(rows);
  } else {
    ints_ = Buffer<int64_t>::Uninitialized(rows);
  }
}

void OutputColumn::ExpectNulls() { valid_.assign(rows_, 1); }

char* OutputColumn::WordBytes() {
  if (type_ == DataType::kBool) return nullptr;
  if (type_ == DataType::kDouble) return reinterpret_cast<char*>(doubles_.data());
  return reinterpret_cast<char*>(ints_.data());
}

void OutputColumn::Set(size_t row, uint64_t word, bool null) {
  if (type_ == DataType::kBool) {
    bools_[row] = static_cast<uint8_t>(word);
  } else {
    std::memcpy(WordBytes() + row * sizeof(word), &word, sizeof(word));
  }
  if (null) valid_[row] = 0;
}

Column OutputColumn::FinishText(const Column& of) {
  std::vector<int64_t> offsets(rows_ + 1, 0);
  std::string bytes;
  for (size_t row = 0; row < rows_; ++row) {
    if (valid_.empty() || valid_[row] != 0) {
      bytes += ints_[row] == kDefaultText ? std::string_view(std::get<std::string>(default_))
                                          : of.String(static_cast<size_t>(ints_[row]));
    }
    offsets[row + 1] = static_cast<int64_t>(bytes.size());
  }
  return Column::Strings(std::move(offsets), std::move(bytes), std::move(valid_));
}

Column OutputColumn::Finish(const Column* of) && {
  switch (type_) {
    case DataType::kString:
      return FinishText(*of);
    case DataType::kDouble:
      return Column::Doubles(std::move(doubles_), std::move(valid_));
    case DataType::kBool:
      return Column::Bools(std::move(bools_), std::move(valid_));
    case DataType::kTimestamp:
      return Column::Timestamps(std::move(ints_), std::move(valid_));
    case DataType::kInt64:
      break;
  }
  return Column::Ints(std::move(ints_), std::move(valid_));
}

}  // namespace millrace::feature
