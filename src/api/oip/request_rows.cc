#include "api/oip/request_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/text.h"

namespace millrace::oip {
namespace {

using feature::Cell;
using inference::ServingVersion;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string ShapeText(const Tensor& tensor) {
  std::vector<std::string> extents;
  for (const int64_t extent : tensor.shape) extents.push_back(std::to_string(extent));
  return "[" + Join(extents, ", ") + "]";
}

// A number of any datatype but BYTES; NaN for missing.
double NumberAt(const Tensor& tensor, size_t i) {
  if (tensor.IsMissing(i)) return kNaN;
  if (const auto* reals = std::get_if<std::vector<double>>(&tensor.data)) return (*reals)[i];
  const int64_t whole = std::get<std::vector<int64_t>>(tensor.data)[i];
  return tensor.datatype == Datatype::kUint64 ? static_cast<double>(static_cast<uint64_t>(whole))
                                              : static_cast<double>(whole);
}

Status CheckNumbers(const Tensor& tensor) {
  if (tensor.datatype != Datatype::kBytes) return Ok();
  return InvalidArgument("input '{}' is BYTES; features are numbers (FP32, FP64, INT64 …)", tensor.name);
}

// [rows] or [rows, 1].
Result<size_t> RowsOfColumn(const Tensor& tensor) {
  const auto& shape = tensor.shape;
  if (shape.size() == 1 || (shape.size() == 2 && shape[1] == 1)) return static_cast<size_t>(shape[0]);
  return InvalidArgument("input '{}' has the shape {}; it should be [rows] or [rows, 1]", tensor.name,
                         ShapeText(tensor));
}

Status CheckRows(size_t rows, size_t most) {
  if (rows == 0) return InvalidArgument("the request has no rows");
  if (rows > most)
    return InvalidArgument("the request has {} rows; at most {} are taken at once", rows, most);
  return Ok();
}

Result<size_t> CommonRows(const InferRequest& request, size_t most) {
  MR_ASSIGN_OR_RETURN(const size_t rows, RowsOfColumn(request.inputs.front()));
  for (const Tensor& tensor : request.inputs) {
    MR_ASSIGN_OR_RETURN(const size_t own, RowsOfColumn(tensor));
    if (own != rows) {
      return InvalidArgument("input '{}' has {} rows, input '{}' has {}", request.inputs.front().name, rows,
                             tensor.name, own);
    }
  }
  MR_RETURN_IF_ERROR(CheckRows(rows, most));
  return rows;
}

Result<RequestRows> ReadMatrix(const Tensor& tensor, size_t features) {
  MR_RETURN_IF_ERROR(CheckNumbers(tensor));
  const auto& shape = tensor.shape;
  const size_t width = shape.empty() ? 0 : static_cast<size_t>(shape.back());
  if (shape.empty() || shape.size() > 2 || width != features) {
    return InvalidArgument("input '{}' has the shape {}; it should be [rows, {}], one column a feature",
                           tensor.name, ShapeText(tensor), features);
  }
  FeatureRows rows;
  rows.rows = shape.size() == 1 ? 1 : static_cast<size_t>(shape[0]);
  MR_RETURN_IF_ERROR(CheckRows(rows.rows, kMaxRows));
  rows.values.resize(rows.rows * features);
  for (size_t i = 0; i < rows.values.size(); ++i) rows.values[i] = static_cast<float>(NumberAt(tensor, i));
  return RequestRows(std::move(rows));
}

Result<RequestRows> ReadFeatureColumns(const InferRequest& request, const std::vector<std::string>& names) {
  MR_ASSIGN_OR_RETURN(const size_t n, CommonRows(request, kMaxRows));
  FeatureRows rows;
  rows.rows = n;
  rows.values.resize(n * names.size());
  for (size_t f = 0; f < names.size(); ++f) {
    const Tensor* tensor = request.Find(names[f]);
    if (tensor == nullptr) {
      return InvalidArgument("the input '{}' is missing: send every feature, or one tensor [rows, {}]",
                             names[f], names.size());
    }
    MR_RETURN_IF_ERROR(CheckNumbers(*tensor));
    for (size_t r = 0; r < n; ++r)
      rows.values[r * names.size() + f] = static_cast<float>(NumberAt(*tensor, r));
  }
  return RequestRows(std::move(rows));
}

Status WrongType(const Tensor& tensor, DataType type) {
  return InvalidArgument(
      "input '{}' is {}; the field is {}: send {}{}", tensor.name, DatatypeName(tensor.datatype),
      DataTypeName(type), DatatypeName(DatatypeOf(type)),
      type == DataType::kTimestamp ? " (microseconds since 1970) or BYTES (RFC 3339)" : "");
}

Result<Cell> WholeCell(const Tensor& tensor, size_t i, DataType type) {
  const auto* wholes = std::get_if<std::vector<int64_t>>(&tensor.data);
  if (wholes == nullptr) return WrongType(tensor, type);
  if (tensor.datatype == Datatype::kUint64 && (*wholes)[i] < 0) {
    return InvalidArgument("input '{}': value {} is larger than an int64", tensor.name, i);
  }
  return Cell::Int((*wholes)[i]);
}

Result<Cell> TimeCell(const Tensor& tensor, size_t i) {
  const auto* texts = std::get_if<std::vector<std::string_view>>(&tensor.data);
  if (texts == nullptr) return WholeCell(tensor, i, DataType::kTimestamp);
  auto time = ParseTime((*texts)[i]);
  if (!time.ok()) return time.status().WithContext(fmt::format("input '{}', value {}", tensor.name, i));
  return Cell::Timestamp(*time);
}

Result<Cell> DoubleCell(const Tensor& tensor, size_t i) {
  if (tensor.datatype == Datatype::kBytes || tensor.datatype == Datatype::kBool) {
    return WrongType(tensor, DataType::kDouble);
  }
  const auto* wholes = std::get_if<std::vector<int64_t>>(&tensor.data);
  constexpr int64_t kExact = int64_t{1} << 53;
  if (wholes != nullptr && ((*wholes)[i] > kExact || (*wholes)[i] < -kExact)) {
    return InvalidArgument("input '{}': value {} has more digits than a double", tensor.name, i);
  }
  return Cell::Double(NumberAt(tensor, i));
}

Result<Cell> CellAt(const Tensor& tensor, size_t i, DataType type) {
  if (tensor.IsMissing(i)) return Cell::Null();
  switch (type) {
    case DataType::kInt64:
      if (tensor.datatype == Datatype::kBool) return WrongType(tensor, type);
      return WholeCell(tensor, i, type);
    case DataType::kTimestamp:
      return TimeCell(tensor, i);
    case DataType::kDouble:
      return DoubleCell(tensor, i);
    case DataType::kBool: {
      MR_ASSIGN_OR_RETURN(const Cell whole, WholeCell(tensor, i, type));
      if (whole.integer != 0 && whole.integer != 1) return WrongType(tensor, type);
      return Cell::Bool(whole.integer == 1);
    }
    case DataType::kString: {
      const auto* texts = std::get_if<std::vector<std::string_view>>(&tensor.data);
      if (texts == nullptr) return WrongType(tensor, type);
      return Cell::Text((*texts)[i]);
    }
  }
  return WrongType(tensor, type);
}

Status UnknownInput(std::string_view name, const std::vector<std::string>& known, std::string_view what) {
  const std::string nearest = Nearest(name, known);
  return InvalidArgument("there is no {} '{}'{}; the inputs are {}", what, name,
                         nearest.empty() ? "" : ", did you mean '" + nearest + "'?", Join(known, ", "));
}

Result<RequestRows> ReadEvents(const InferRequest& request, const ServingVersion& version) {
  const Schema& fields = version.fields();
  MR_ASSIGN_OR_RETURN(const size_t n, CommonRows(request, kMaxEvents));
  for (const Tensor& tensor : request.inputs) {
    if (!fields.Find(tensor.name).has_value())
      return UnknownInput(tensor.name, fields.Names(), "request field");
  }
  const feature::ServicePlan& plan = *version.model().plan();
  EventRows events;
  events.rows = n;
  events.cells.resize(n * fields.size());
  for (size_t f = 0; f < fields.size(); ++f) {
    const Tensor* tensor = request.Find(fields[f].name);
    if (tensor == nullptr) {
      const bool is_id = plan.event_id.has_value() && f == *plan.event_id;
      if (is_id && version.learns() && request.learn) {
        return InvalidArgument(
            "the input '{}' is missing: the event is learned, and counted once by it (or set the parameter "
            "learn to "
            "false)",
            fields[f].name);
      }
      if (f < version.num_plan_fields() && !is_id) {
        return InvalidArgument("the input '{}' ({}) is missing; an event has {}", fields[f].name,
                               DatatypeName(DatatypeOf(fields[f].type)), Join(plan.fields.Names(), ", "));
      }
      continue;  // null
    }
    for (size_t r = 0; r < n; ++r) {
      MR_ASSIGN_OR_RETURN(events.cells[r * fields.size() + f], CellAt(*tensor, r, fields[f].type));
    }
  }
  return RequestRows(std::move(events));
}

}  // namespace

Datatype DatatypeOf(DataType type) {
  switch (type) {
    case DataType::kBool:
      return Datatype::kBool;
    case DataType::kInt64:
    case DataType::kTimestamp:
      return Datatype::kInt64;
    case DataType::kDouble:
      return Datatype::kFp64;
    case DataType::kString:
      return Datatype::kBytes;
  }
  return Datatype::kBytes;
}

Result<RequestRows> ReadRows(const InferRequest& request, const ServingVersion& version) {
  const std::vector<std::string>& names = version.model().feature_names();
  if (version.scores_events()) {
    const feature::ServicePlan& plan = *version.model().plan();
    if (request.Find(plan.fields[plan.event_time].name) != nullptr) return ReadEvents(request, version);
  }
  const Tensor& first = request.inputs.front();
  const auto is_feature = [&](const Tensor& tensor) {
    return std::find(names.begin(), names.end(), tensor.name) != names.end();
  };
  if (request.inputs.size() == 1 && (names.size() == 1 || !is_feature(first))) {
    // One tensor that could be a lone field of an event is a mistake of another kind than a wrong shape.
    if (!version.scores_events() || !version.fields().Find(first.name).has_value()) {
      return ReadMatrix(first, names.size());
    }
  }
  if (version.scores_events()) {
    const feature::ServicePlan& plan = *version.model().plan();
    const bool all_features = std::all_of(request.inputs.begin(), request.inputs.end(), is_feature);
    if (!all_features || request.inputs.size() != names.size()) {
      return InvalidArgument(
          "the input '{}' is missing: send an event ({}), or the {} features, as one tensor [rows, {}] or by "
          "name",
          plan.fields[plan.event_time].name, Join(plan.fields.Names(), ", "), names.size(), names.size());
    }
  }
  for (const Tensor& tensor : request.inputs) {
    if (!is_feature(tensor)) return UnknownInput(tensor.name, names, "feature");
  }
  return ReadFeatureColumns(request, names);
}

}  // namespace millrace::oip
