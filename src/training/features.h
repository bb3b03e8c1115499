// Columns of a training or test table as a model takes them.
//
// The rule is the same in training, evaluation and serving: a value is rounded to
// float32 once; null and NaN are missing (NaN); bool is 0 or 1. What float32 cannot
// hold (infinities, and doubles that would round to one) is refused, with the row.
//
// Pure functions; thread safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "table/table.h"

namespace millrace::training {

// Row-major float32, num_rows × features.size(). InvalidArgument for a column that is
// missing, text or a timestamp, or holds what float32 cannot.
Result<std::vector<float>> FeatureMatrix(const Table& table, std::span<const std::string> features);

// Whether the label of `row` is 1; InvalidArgument when it is neither 0 nor 1. Not for nulls.
Result<bool> IsPositive(const Column& label, size_t row, const std::string& name);

// What a binary classifier needs: rows, a label of 0 and 1 with both classes.
struct LabelCounts {
  int64_t rows = 0;
  int64_t positives = 0;
};
Result<LabelCounts> CheckTrainable(const Table& table, const std::string& label);

}  // namespace millrace::training
