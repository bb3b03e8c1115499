// One column of a batch's result, or of one key's, while it is filled.
//
// Kernels fill columns of one key; those go, row by row and side by side, to a
// StagedRows (a cache line a row), because a key's rows lie all over the result
// and each would otherwise miss the cache once a column; from there to the result's
// columns, in order. Threads fill distinct rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/value.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

class OutputColumn {
 public:
  OutputColumn(DataType type, Value default_value, size_t rows);
  OutputColumn(OutputColumn&& other) noexcept;

  void SetInt(size_t row, int64_t value) { ints_[row] = value; }  // int64 and timestamp
  void SetDouble(size_t row, double value) { doubles_[row] = value; }
  void SetBool(size_t row, bool value) { bools_[row] = value ? 1 : 0; }
  // A string, by the row of `of` that holds it.
  void SetSource(size_t row, uint32_t source_row) { ints_[row] = source_row; }
  void SetNull(size_t row) {
    if (!any_null_.load(std::memory_order_relaxed)) any_null_.store(true, std::memory_order_relaxed);
    missing_[row] = 1;
  }
  // Forgets everything; then it has `rows` rows (for a key's columns).
  void Reset(size_t rows);
  bool any_null() const { return any_null_.load(std::memory_order_relaxed); }
  bool IsMissing(size_t row) const { return missing_[row] != 0; }
  // The values as words of 8 bytes, whatever the type.
  const char* WordBytes();
  // Rows [begin, end) from column `column` of staged rows.
  void CopyFrom(const class StagedRows& staged, size_t column, size_t begin, size_t end);
  // What an empty window gives.
  void SetDefault(size_t row);

  // `of`: where strings come from.
  Column Finish(const Column* of) &&;

 private:
  Column FinishText(const Column& of);

  DataType type_;
  Value default_;
  size_t rows_;
  std::vector<int64_t> ints_;
  std::vector<double> doubles_;
  std::vector<uint8_t> bools_;
  std::vector<uint8_t> missing_;
  std::atomic<bool> any_null_{false};
};

// Rows of up to kWidth words; uninitialised until written.
class StagedRows {
 public:
  static constexpr size_t kWidth = 8;
  StagedRows(size_t rows, size_t width);
  uint64_t* Row(size_t row) { return &words_[row * width_]; }
  const uint64_t* Row(size_t row) const { return &words_[row * width_]; }

 private:
  size_t width_;
  std::unique_ptr<uint64_t[]> words_;
};

}  // namespace millrace::feature
