#include "training/features.h"

#include <cmath>
#include <limits>

#include "training/evaluate.h"

namespace millrace::training {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// Writes one column into its places of the row-major matrix.
Status Fill(const Column& column, const std::string& name, size_t first, size_t stride,
            std::vector<float>& out) {
  for (size_t row = 0; row < column.size(); ++row) {
    float& target = out[row * stride + first];
    if (column.IsNull(row)) {
      target = kMissing;
      continue;
    }
    switch (column.type()) {
      case DataType::kBool:
        target = static_cast<float>(column.bools()[row]);
        break;
      case DataType::kInt64:
        target = static_cast<float>(column.ints()[row]);
        break;
      default: {
        const double value = column.doubles()[row];
        target = static_cast<float>(value);
        if (std::isinf(target)) {
          return InvalidArgument("the feature '{}' of row {} is {}; a model takes float32, at most {:g}",
                                 name, row, value, std::numeric_limits<float>::max());
        }
      }
    }
  }
  return Ok();
}

}  // namespace

Result<std::vector<float>> FeatureMatrix(const Table& table, std::span<const std::string> features) {
  if (features.empty()) return InvalidArgument("a model needs at least one feature");
  std::vector<float> out(table.num_rows() * features.size());
  for (size_t i = 0; i < features.size(); ++i) {
    MR_ASSIGN_OR_RETURN(const Column column, table.Find(features[i]));
    if (column.type() == DataType::kString || column.type() == DataType::kTimestamp) {
      return InvalidArgument(
          "the feature '{}' is {}; a model takes bool, int64 and double: make it a number by an expression",
          features[i], DataTypeName(column.type()));
    }
    MR_RETURN_IF_ERROR(Fill(column, features[i], i, features.size(), out));
  }
  return out;
}

Result<bool> IsPositive(const Column& label, size_t row, const std::string& name) {
  double value = 0;
  switch (label.type()) {
    case DataType::kBool:
      value = label.bools()[row];
      break;
    case DataType::kInt64:
      value = static_cast<double>(label.ints()[row]);
      break;
    case DataType::kDouble:
      value = label.doubles()[row];
      break;
    default:
      return InvalidArgument("the label '{}' is {}; it must be bool, int64 or double, of 0 and 1", name,
                             DataTypeName(label.type()));
  }
  if (value == 0 || value == 1) return value == 1;
  return InvalidArgument("the label '{}' of row {} is {}; it must be 0 or 1", name, row, value);
}

Result<std::vector<uint8_t>> BinaryLabels(const Column& column, const std::string& name) {
  std::vector<uint8_t> labels(column.size());
  for (size_t row = 0; row < column.size(); ++row) {
    if (column.IsNull(row))
      return InvalidArgument("the label '{}' of row {} is null; it must be 0 or 1", name, row);
    MR_ASSIGN_OR_RETURN(const bool positive, IsPositive(column, row, name));
    labels[row] = positive ? 1 : 0;
  }
  return labels;
}

Result<LabelCounts> CheckTrainable(const Table& table, const std::string& label) {
  if (table.num_rows() == 0) {
    return InvalidArgument("the training set has no rows: check the model's split, `where` and data");
  }
  MR_ASSIGN_OR_RETURN(const Column column, table.Find(label));
  MR_ASSIGN_OR_RETURN(const std::vector<uint8_t> labels, BinaryLabels(column, label));
  LabelCounts counts{static_cast<int64_t>(labels.size()), 0};
  for (const uint8_t value : labels) counts.positives += value;
  if (counts.positives == 0 || counts.positives == counts.rows) {
    return InvalidArgument(
        "the label '{}' has one class only: all {} training rows are {}. A classifier needs both: take a "
        "longer or "
        "another training range",
        label, counts.rows, counts.positives == 0 ? 0 : 1);
  }
  return counts;
}

}  // namespace millrace::training
