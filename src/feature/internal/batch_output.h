// One column of a batch's result while threads fill it, each its own rows.
#pragma once

#include <atomic>
#include <cstdint>
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

}  // namespace millrace::feature
