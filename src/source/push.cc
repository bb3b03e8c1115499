#include "source/push.h"

#include <algorithm>
#include <optional>
#include <span>

#include "base/json.h"
#include "base/text.h"
#include "source/internal/event_order.h"
#include "source/internal/typed_value.h"

namespace millrace::source {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::string_view kOrigin = "push";

std::string UnknownField(const Schema& schema, const std::string& name) {
  const std::vector<std::string> names = schema.Names();
  const std::string nearest = Nearest(name, names);
  if (!nearest.empty()) return fmt::format("there is no column '{}'; did you mean '{}'?", name, nearest);
  return fmt::format("there is no column '{}'; the columns are {}", name, Join(names, ", "));
}

// {"a": [1, 2], "b": [3, 4]} → [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
Result<Json> RowsOfColumns(const Json& columns, const PushLimits& limits) {
  if (!columns.is_object() || columns.empty()) {
    return InvalidArgument("df is an object of columns, {{\"name\": [value, …], …}}");
  }
  std::optional<size_t> rows;
  for (const auto& [name, values] : columns.items()) {
    if (!values.is_array()) return InvalidArgument("df: column '{}' is a list of values, one a row", name);
    if (rows && *rows != values.size()) {
      return InvalidArgument("df: column '{}' has {} values, but '{}' has {}", name, values.size(),
                             columns.begin().key(), *rows);
    }
    rows = values.size();
  }
  if (*rows > limits.max_rows || *rows * columns.size() > limits.max_bytes) {
    return ResourceExhausted("{} rows at once are more than {}", *rows, limits.max_rows);
  }
  Json list = Json::array();
  for (size_t i = 0; i < *rows; ++i) {
    Json row = Json::object();
    for (const auto& [name, values] : columns.items()) row[name] = values[i];
    list.push_back(std::move(row));
  }
  return list;
}

// The rows of any form of body, as a list.
Result<Json> RowsOf(Json body, const Schema& schema, const PushLimits& limits) {
  if (body.is_array()) return body;
  if (!body.is_object()) return InvalidArgument("the body is an event (an object) or a list of events");
  if (body.contains("df") && !schema.Find("df")) return RowsOfColumns(body["df"], limits);
  if (body.contains("events") && !schema.Find("events")) {
    if (!body["events"].is_array()) return InvalidArgument("events is a list of events");
    return std::move(body["events"]);
  }
  return Json::array({std::move(body)});
}

class PushParser {
 public:
  explicit PushParser(const EventShape& shape) : shape_(shape) {
    for (const Field& field : shape.schema.fields()) builders_.emplace_back(field.type);
  }

  void Add(const Json& row) {
    ++number_;
    const Status status = !row.is_object() ? InvalidArgument("an event is an object")
                          : IsUpdate(row)  ? AddUpdate(row)
                                           : AddEvent(row);
    if (status.ok()) return;
    pushed_.dead_letters.push_back(
        {.file = std::string(kOrigin), .row = number_, .reason = status.message(), .text = FormatJson(row)});
  }

  Result<PushedEvents> Finish() {
    std::vector<Column> columns;
    for (ColumnBuilder& builder : builders_) columns.push_back(std::move(builder).Finish());
    MR_ASSIGN_OR_RETURN(pushed_.events, Table::Create(shape_.schema, std::move(columns)));
    return std::move(pushed_);
  }

 private:
  bool IsKnownLater(const std::string& name) const {
    return std::find(shape_.known_later.begin(), shape_.known_later.end(), name) != shape_.known_later.end();
  }

  bool IsUpdate(const Json& row) const {
    if (shape_.event_id.empty() || row.size() < 2) return false;
    const auto id = row.find(shape_.event_id);
    if (id == row.end() || id->is_null()) return false;
    for (const auto& [name, value] : row.items()) {
      const bool absent = name == shape_.event_time && value.is_null();
      if (name != shape_.event_id && !IsKnownLater(name) && !absent) return false;
    }
    return true;
  }

  Result<Value> Read(const std::string& name, const Json& value) const {
    const std::optional<size_t> index = shape_.schema.Find(name);
    if (!index) return InvalidArgument("{}", UnknownField(shape_.schema, name));
    Result<Value> read = internal::FromJson(value, shape_.schema[*index].type, shape_.time_zone);
    if (!read.ok()) return read.status().WithContext(fmt::format("'{}'", name));
    return read;
  }

  Status AddUpdate(const Json& row) {
    EventUpdate update;
    for (const auto& [name, value] : row.items()) {
      if (name == shape_.event_time) continue;
      MR_ASSIGN_OR_RETURN(Value read, Read(name, value));
      if (name == shape_.event_id) {
        update.event_id = std::move(read);
      } else {
        update.columns.emplace_back(name, std::move(read));
      }
    }
    pushed_.updates.push_back(std::move(update));
    pushed_.update_rows.push_back(number_);
    return Ok();
  }

  Status AddEvent(const Json& row) {
    std::vector<Value> values(shape_.schema.size());
    for (const auto& [name, value] : row.items()) {
      MR_ASSIGN_OR_RETURN(Value read, Read(name, value));
      values[*shape_.schema.Find(name)] = std::move(read);
    }
    if (IsNull(values[*shape_.schema.Find(shape_.event_time)])) {
      return InvalidArgument("the event has no event time '{}'", shape_.event_time);
    }
    for (size_t c = 0; c < values.size(); ++c) MR_RETURN_IF_ERROR(builders_[c].Append(values[c]));
    pushed_.event_rows.push_back(number_);
    return Ok();
  }

  const EventShape& shape_;
  std::vector<ColumnBuilder> builders_;
  PushedEvents pushed_;
  int64_t number_ = 0;
};

}  // namespace

Result<EventShape> ShapeOf(const resource::DataSourceSpec& spec, const Schema& schema) {
  EventShape shape{.schema = schema,
                   .event_time = spec.event_time,
                   .event_id = spec.event_id,
                   .known_later = {},
                   .time_zone = {}};
  for (const resource::SourceColumn& column : spec.columns) {
    if (column.known_after) shape.known_later.push_back(column.name);
  }
  MR_RETURN_IF_ERROR(internal::CheckRules(
      schema,
      {.event_time = shape.event_time, .event_id = shape.event_id, .known_later = shape.known_later}));
  MR_ASSIGN_OR_RETURN(shape.time_zone, TimeZone::Load(spec.time_zone));
  return shape;
}

Result<Schema> DeclaredSchema(const resource::DataSourceSpec& spec) {
  std::vector<Field> fields;
  for (const resource::SourceColumn& column : spec.columns) {
    if (!column.type) {
      return InvalidArgument(
          "columns: '{}' needs a type: a source that is only pushed to has no data to take it from",
          column.name);
    }
    fields.push_back({column.name, *column.type});
  }
  Schema schema(std::move(fields));
  MR_RETURN_IF_ERROR(ShapeOf(spec, schema).status());
  return schema;
}

Result<PushedEvents> ParsePushedEvents(std::string_view body, const EventShape& shape,
                                       const PushLimits& limits) {
  if (body.size() > limits.max_bytes) {
    return ResourceExhausted("a body of {} bytes is larger than {}", body.size(), limits.max_bytes);
  }
  MR_ASSIGN_OR_RETURN(Json json, ParseJson(body, kMaxDepth));
  MR_ASSIGN_OR_RETURN(const Json rows, RowsOf(std::move(json), shape.schema, limits));
  if (rows.size() > limits.max_rows) {
    return ResourceExhausted("{} events at once are more than {}", rows.size(), limits.max_rows);
  }
  PushParser parser(shape);
  for (const Json& row : rows) parser.Add(row);
  return parser.Finish();
}

}  // namespace millrace::source
