#include "cli/replay_run.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <thread>

#include "base/json.h"

namespace millrace::cli {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kKeptDifferences = 10;
constexpr std::string_view kVector = "vector.";
constexpr std::string_view kLater = "later.";

bool IsField(const std::string& name) {
  for (const std::string_view prefix : {kVector, kLater, std::string_view("entity.")}) {
    if (name.starts_with(prefix)) return false;
  }
  return name != "margin" && name != "score" && name != "counts" && name != "label";
}

void AppendValue(const Column& column, size_t row, std::string& body) {
  if (column.IsNull(row)) {
    body += "null";
    return;
  }
  switch (column.type()) {
    case DataType::kBool:
      body += column.bools()[row] != 0 ? "true" : "false";
      break;
    case DataType::kInt64:
    case DataType::kTimestamp:
      body += std::to_string(column.ints()[row]);
      break;
    case DataType::kDouble:
      // JSON has neither NaN nor infinities; a request says missing instead.
      body += std::isfinite(column.doubles()[row]) ? fmt::format("{}", column.doubles()[row]) : "null";
      break;
    case DataType::kString:
      body += FormatJson(Json(std::string(column.String(row))));
      break;
  }
}

std::string_view DatatypeOf(DataType type) {
  switch (type) {
    case DataType::kBool:
      return "BOOL";
    case DataType::kInt64:
    case DataType::kTimestamp:
      return "INT64";
    case DataType::kDouble:
      return "FP64";
    case DataType::kString:
      return "BYTES";
  }
  return "BYTES";
}

// What a replay reads of its rows, found once.
struct Columns {
  std::vector<size_t> fields;
  std::vector<size_t> vectors;
  size_t score = 0;
  std::optional<size_t> id;
  std::optional<size_t> time;
  struct Later {
    std::string name;
    size_t column = 0;
    Micros delay{0};
  };
  std::vector<Later> later;
};

Result<Columns> Find(const Table& rows, const ReplayOptions& options) {
  Columns columns;
  for (size_t i = 0; i < rows.num_columns(); ++i) {
    const std::string& name = rows.schema()[i].name;
    if (name.starts_with(kVector)) columns.vectors.push_back(i);
    if (IsField(name)) columns.fields.push_back(i);
    if (!name.starts_with(kLater)) continue;
    const std::string plain = name.substr(kLater.size());
    for (const resource::SourceColumn& column : options.columns) {
      if (column.name == plain && column.known_after)
        columns.later.push_back({plain, i, *column.known_after});
    }
  }
  const std::optional<size_t> score = rows.schema().Find("score");
  if (!score || columns.vectors.empty()) return DataLoss("the stored test rows hold no scores or no vectors");
  columns.score = *score;
  columns.id = rows.schema().Find(options.event_id);
  columns.time = rows.schema().Find(options.event_time);
  return columns;
}

struct Answer {
  double score = 0;
  std::vector<double> vector;  // NaN for null
};

std::vector<double> Numbers(const Json& data) {
  std::vector<double> numbers;
  numbers.reserve(data.size());
  for (const Json& value : data) {
    numbers.push_back(value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  return numbers;
}

Result<Answer> ParseAnswer(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  const auto outputs = json.is_object() ? json.find("outputs") : json.end();
  if (!json.is_object() || outputs == json.end() || !outputs->is_array())
    return Internal("an answer without outputs");
  Answer answer;
  bool scored = false;
  for (const Json& output : *outputs) {
    const auto data = output.find("data");
    if (data == output.end() || !data->is_array()) return Internal("an output without data");
    if (output.value("name", "") == "features") {
      answer.vector = Numbers(*data);
    } else if (!data->empty() && data->front().is_number()) {
      answer.score = data->front().get<double>();
      scored = true;
    }
  }
  if (!scored) return Internal("an answer without a score");
  return answer;
}

// The same bits; every NaN is the one missing value.
bool SameBits(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

double At(const Column& column, size_t row) {
  return column.IsNull(row) ? std::numeric_limits<double>::quiet_NaN() : column.doubles()[row];
}

void Keep(ReplayResult& result, size_t row, std::string what, double offline, double online) {
  if (result.differences.size() >= kKeptDifferences) return;
  result.differences.push_back({.row = static_cast<int64_t>(row),
                                .what = std::move(what),
                                .offline = fmt::format("{}", offline),
                                .online = fmt::format("{}", online)});
}

void Compare(const Table& rows, const Columns& columns, size_t row, const Answer& answer,
             ReplayResult& result) {
  bool same = answer.vector.size() == columns.vectors.size();
  if (!same) {
    Keep(result, row, "the length of the vector", static_cast<double>(columns.vectors.size()),
         static_cast<double>(answer.vector.size()));
  }
  for (size_t i = 0; i < columns.vectors.size() && i < answer.vector.size(); ++i) {
    const double offline = At(rows.column(columns.vectors[i]), row);
    if (SameBits(offline, answer.vector[i])) continue;
    same = false;
    Keep(result, row, rows.schema()[columns.vectors[i]].name.substr(kVector.size()), offline,
         answer.vector[i]);
  }
  if (!same) ++result.different_vectors;
  // A served score is a float32, whatever its digits in JSON.
  const double offline = At(rows.column(columns.score), row);
  if (!SameBits(static_cast<double>(static_cast<float>(answer.score)), offline)) {
    ++result.different_scores;
    Keep(result, row, "score", offline, answer.score);
  }
}

// Columns that are known later, kept back until they are.
class LaterColumns {
 public:
  LaterColumns(const Table& rows, const Columns& columns, const ReplayOptions& options)
      : rows_(rows), columns_(columns), options_(options) {}

  void Note(size_t row) {
    if (options_.push_target.empty() || !columns_.id || !columns_.time) return;
    const int64_t time = rows_.column(*columns_.time).ints()[row];
    for (const Columns::Later& later : columns_.later) {
      if (rows_.column(later.column).IsNull(row)) continue;
      pending_.push_back({time + later.delay.count(), row, &later});
    }
  }

  // Pushes what is known at `time`.
  Status PushUntil(http::Client& client, int64_t time, ReplayResult& result) {
    Json updates = Json::array();
    // With several delays the queue is in order for each of them only; the
    // first that is not due yet holds back those behind it for a moment.
    while (!pending_.empty() && pending_.front().due <= time) {
      const Pending& one = pending_.front();
      std::string value;
      AppendValue(rows_.column(one.later->column), one.row, value);
      std::string id;
      AppendValue(rows_.column(*columns_.id), one.row, id);
      updates.push_back({{options_.event_id, Json::parse(id)}, {one.later->name, Json::parse(value)}});
      pending_.pop_front();
    }
    if (updates.empty()) return Ok();
    result.updates += static_cast<int64_t>(updates.size());
    http::ClientRequest request;
    request.method = http::Method::kPost;
    request.target = options_.push_target;
    request.body = FormatJson(updates);
    MR_ASSIGN_OR_RETURN(const http::ClientResponse response, client.Send(request));
    return http::Failed(response);
  }

 private:
  struct Pending {
    int64_t due = 0;
    size_t row = 0;
    const Columns::Later* later = nullptr;
  };
  const Table& rows_;
  const Columns& columns_;
  const ReplayOptions& options_;
  std::deque<Pending> pending_;
};

}  // namespace

std::string InferBody(const Table& rows, const std::vector<size_t>& fields, size_t row,
                      const std::string& id) {
  std::string body = "{";
  if (!id.empty()) body += "\"id\":" + FormatJson(Json(id)) + ",";
  body += "\"inputs\":[";
  for (size_t i = 0; i < fields.size(); ++i) {
    const Field& field = rows.schema()[fields[i]];
    if (i > 0) body += ",";
    body += fmt::format(R"({{"name":{},"shape":[1],"datatype":"{}","data":[)", FormatJson(Json(field.name)),
                        DatatypeOf(field.type));
    AppendValue(rows.column(fields[i]), row, body);
    body += "]}";
  }
  return body + R"(],"parameters":{"features":true}})";
}

int64_t Quantile(std::vector<int64_t>& values, double quantile) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(quantile * static_cast<double>(values.size()));
  const auto index = static_cast<size_t>(std::clamp(rank - 1, 0.0, static_cast<double>(values.size() - 1)));
  return values[index];
}

Result<ReplayResult> Replay(http::Client& client, const Table& rows, const ReplayOptions& options) {
  MR_ASSIGN_OR_RETURN(const Columns columns, Find(rows, options));
  size_t total = rows.num_rows();
  if (options.limit > 0) total = std::min(total, static_cast<size_t>(options.limit));
  ReplayResult result;
  result.features = static_cast<int64_t>(columns.vectors.size());
  result.scores.reserve(total);
  result.nanos.reserve(total);
  LaterColumns later(rows, columns, options);
  http::ClientRequest request;
  request.method = http::Method::kPost;
  request.target = options.infer_target;
  const auto began = Steady::now();
  for (size_t row = 0; row < total; ++row) {
    if (columns.time) {
      MR_RETURN_IF_ERROR(later.PushUntil(client, rows.column(*columns.time).ints()[row], result));
    }
    std::string id;
    if (columns.id) AppendValue(rows.column(*columns.id), row, id);
    request.body = InferBody(rows, columns.fields, row, id);
    auto due = Steady::now();
    if (options.rate > 0) {
      const auto offset = std::chrono::duration<double>(static_cast<double>(row) / options.rate);
      due = began + std::chrono::duration_cast<Steady::duration>(offset);
      std::this_thread::sleep_until(due);
    }
    MR_ASSIGN_OR_RETURN(const http::ClientResponse response, client.Send(request));
    result.nanos.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now() - due).count());
    const Status failed = http::Failed(response);
    if (!failed.ok()) return failed.WithContext(fmt::format("row {}", row));
    MR_ASSIGN_OR_RETURN(const Answer answer, ParseAnswer(response.body));
    Compare(rows, columns, row, answer, result);
    result.scores.push_back(answer.score);
    later.Note(row);
    if (options.progress && row % 512 == 0)
      options.progress(static_cast<int64_t>(row), static_cast<int64_t>(total));
  }
  result.rows = static_cast<int64_t>(total);
  result.seconds = std::chrono::duration<double>(Steady::now() - began).count();
  return result;
}

}  // namespace millrace::cli
