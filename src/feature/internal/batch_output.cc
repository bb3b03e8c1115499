#include "feature/internal/batch_output.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "feature/internal/huge_pages.h"

namespace millrace::feature {
namespace {
constexpr int64_t kDefaultText = -1;
}

OutputColumn::OutputColumn(DataType type, Value default_value, size_t rows)
    : type_(type), default_(std::move(default_value)), rows_(rows), missing_(LargeArray<uint8_t>(rows)) {
  if (type == DataType::kDouble) {
    doubles_ = LargeArray<double>(rows);
  } else if (type == DataType::kBool) {
    bools_ = LargeArray<uint8_t>(rows);
  } else {
    ints_ = LargeArray<int64_t>(rows);
  }
}

OutputColumn::OutputColumn(OutputColumn&& other) noexcept
    : type_(other.type_),
      default_(std::move(other.default_)),
      rows_(other.rows_),
      ints_(std::move(other.ints_)),
      doubles_(std::move(other.doubles_)),
      bools_(std::move(other.bools_)),
      missing_(std::move(other.missing_)),
      any_null_(other.any_null_.load()) {}

void OutputColumn::Reset(size_t rows) {
  rows_ = rows;
  if (any_null() || missing_.size() < rows) missing_.assign(std::max(missing_.size(), rows), 0);
  any_null_.store(false, std::memory_order_relaxed);
  if (type_ == DataType::kDouble && doubles_.size() < rows) doubles_.resize(rows);
  if (type_ == DataType::kBool && bools_.size() < rows) bools_.resize(rows);
  if (type_ != DataType::kDouble && ints_.size() < rows) ints_.resize(rows);
}

const char* OutputColumn::WordBytes() {
  if (type_ == DataType::kDouble) return reinterpret_cast<const char*>(doubles_.data());
  if (type_ == DataType::kBool) std::copy_n(bools_.begin(), rows_, ints_.begin());
  return reinterpret_cast<const char*>(ints_.data());
}

void OutputColumn::CopyFrom(const StagedRows& staged, size_t column, size_t begin, size_t end) {
  for (size_t row = begin; row < end; ++row) {
    const uint64_t word = staged.Row(row)[column];
    if (type_ == DataType::kDouble) {
      doubles_[row] = std::bit_cast<double>(word);
    } else if (type_ == DataType::kBool) {
      bools_[row] = static_cast<uint8_t>(word);
    } else {
      ints_[row] = static_cast<int64_t>(word);
    }
  }
}

StagedRows::StagedRows(size_t rows, size_t width)
    : width_(width), words_(std::make_unique_for_overwrite<uint64_t[]>(rows * width)) {
  AdviseHugePages(words_.get(), rows * width * sizeof(uint64_t));
}

void OutputColumn::SetDefault(size_t row) {
  switch (default_.index()) {
    case 1:
      return SetBool(row, std::get<1>(default_));
    case 2:
      return SetInt(row, std::get<2>(default_));
    case 3:
      return SetDouble(row, std::get<3>(default_));
    case 4:
      return SetInt(row, kDefaultText);
    case 5:
      return SetInt(row, std::get<5>(default_).micros);
    default:
      return SetNull(row);
  }
}

Column OutputColumn::FinishText(const Column& of) {
  std::vector<int64_t> offsets(rows_ + 1, 0);
  std::string bytes;
  for (size_t row = 0; row < rows_; ++row) {
    if (missing_[row] == 0) {
      bytes += ints_[row] == kDefaultText ? std::string_view(std::get<std::string>(default_))
                                          : of.String(static_cast<size_t>(ints_[row]));
    }
    offsets[row + 1] = static_cast<int64_t>(bytes.size());
  }
  std::vector<uint8_t> valid;
  if (any_null_.load()) {
    valid.resize(rows_);
    for (size_t row = 0; row < rows_; ++row) valid[row] = missing_[row] == 0 ? 1 : 0;
  }
  return Column::Strings(std::move(offsets), std::move(bytes), std::move(valid));
}

Column OutputColumn::Finish(const Column* of) && {
  if (type_ == DataType::kString) return FinishText(*of);
  std::vector<uint8_t> valid;
  if (any_null_.load()) {
    valid.resize(rows_);
    for (size_t row = 0; row < rows_; ++row) {
      valid[row] = missing_[row] == 0 ? 1 : 0;
      // A value under a null is 0.
      if (valid[row] != 0) continue;
      if (!doubles_.empty()) doubles_[row] = 0;
      if (!ints_.empty()) ints_[row] = 0;
      if (!bools_.empty()) bools_[row] = 0;
    }
  }
  switch (type_) {
    case DataType::kDouble:
      return Column::Doubles(std::move(doubles_), std::move(valid));
    case DataType::kBool:
      return Column::Bools(std::move(bools_), std::move(valid));
    case DataType::kTimestamp:
      return Column::Timestamps(std::move(ints_), std::move(valid));
    default:
      return Column::Ints(std::move(ints_), std::move(valid));
  }
}

}  // namespace millrace::feature
