#include "autoscale/trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "autoscale/quantity.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace millrace::autoscale {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{256} << 20;
constexpr size_t kMaxLine = 4096;
constexpr size_t kMaxRows = 5'000'000;
constexpr double kMaxRate = 1e7;
constexpr double kMaxServiceMs = 3.6e6;
constexpr Micros kMaxDuration = std::chrono::hours(24 * 366);
constexpr double kMaxRequests = 2147483648.0;

const std::vector<std::string>& Columns() {
  static const std::vector<std::string> names = {"time", "rate", "arrivals", "service_ms"};
  return names;
}

// One row as it is written; times as text, since they may be instants.
struct Row {
  std::string time;
  std::optional<double> rate, arrivals, service_ms;
};

std::string_view Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

Result<double> NumberOf(std::string_view text, std::string_view column) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return InvalidArgument("{} is '{}', and must be a number", column, text);
  }
  return value;
}

std::optional<double>* TargetOf(Row& row, size_t column) {
  switch (column) {
    case 1:
      return &row.rate;
    case 2:
      return &row.arrivals;
    default:
      return &row.service_ms;
  }
}

Result<size_t> ColumnOf(std::string_view name) {
  const auto found = std::find(Columns().begin(), Columns().end(), name);
  if (found != Columns().end()) return static_cast<size_t>(found - Columns().begin());
  const std::string nearest = Nearest(name, Columns());
  return InvalidArgument("there is no column '{}' in a trace; {}", name,
                         nearest.empty() ? "it has time, rate or arrivals, and service_ms"
                                         : fmt::format("perhaps '{}' is meant", nearest));
}

Result<Row> CsvRow(std::string_view line, const std::vector<size_t>& columns) {
  Row row;
  size_t index = 0;
  while (true) {
    const size_t comma = line.find(',');
    const std::string_view field = Trim(line.substr(0, comma));
    if (index >= columns.size())
      return InvalidArgument("it has more than the header's {} fields", columns.size());
    if (columns[index] == 0) {
      row.time = std::string(field);
    } else if (!field.empty()) {
      MR_ASSIGN_OR_RETURN(*TargetOf(row, columns[index]), NumberOf(field, Columns()[columns[index]]));
    }
    ++index;
    if (comma == std::string_view::npos) break;
    line.remove_prefix(comma + 1);
  }
  if (index < columns.size())
    return InvalidArgument("it has {} of the header's {} fields", index, columns.size());
  return row;
}

Result<Row> JsonRow(std::string_view line) {
  MR_ASSIGN_OR_RETURN(const Json json, ParseJson(line, 4));
  if (!json.is_object()) return InvalidArgument("it is no JSON object");
  Row row;
  for (const auto& [key, value] : json.items()) {
    MR_ASSIGN_OR_RETURN(const size_t column, ColumnOf(key));
    if (column == 0) {
      if (!value.is_number() && !value.is_string()) return InvalidArgument("time is no number and no text");
      row.time = value.is_string() ? value.get<std::string>() : FormatJson(value);
    } else {
      if (!value.is_number()) return InvalidArgument("{} is no number", key);
      *TargetOf(row, column) = value.get<double>();
    }
  }
  return row;
}

Result<Micros> TimeOf(const Row& row, std::optional<EventTime>& start) {
  if (row.time.empty()) return InvalidArgument("it has no time");
  const Result<double> seconds = NumberOf(row.time, "time");
  if (seconds.ok()) {
    if (start && start->micros != 0)
      return InvalidArgument("time is a number, where the rows before have instants");
    start = EventTime{0};
    if (*seconds < 0 || *seconds > std::chrono::duration<double>(kMaxDuration).count()) {
      return InvalidArgument("time is {} s; 0 to {} can be", row.time, FormatDuration(kMaxDuration));
    }
    return Micros(std::llround(*seconds * 1e6));
  }
  Result<EventTime> instant = ParseTime(row.time);
  if (!instant.ok()) return InvalidArgument("time is '{}'; it must be seconds or RFC 3339", row.time);
  if (!start) start = *instant;
  if (*instant < *start) return InvalidArgument("its time is before that of the first row");
  return *instant - *start;
}

// Puts rows into a trace, one after the other.
class Builder {
 public:
  explicit Builder(std::string_view name) { trace_.name = std::string(name); }

  Status Add(const Row& row) {
    if (trace_.intervals.size() >= kMaxRows)
      return ResourceExhausted("a trace has at most {} rows", kMaxRows);
    MR_ASSIGN_OR_RETURN(const Micros begin, TimeOf(row, start_));
    if (row.rate && row.arrivals) return InvalidArgument("it has a rate and arrivals; give one of them");
    const Arrivals kind = row.rate ? Arrivals::kRate : (row.arrivals ? Arrivals::kCount : Arrivals::kRequest);
    if (trace_.intervals.empty()) {
      trace_.arrivals = kind;
    } else if (kind != trace_.arrivals) {
      return InvalidArgument("the rows before count in another way (rate, arrivals, or one request a row)");
    } else {
      const Micros before = trace_.intervals.back().begin;
      if (begin < before) return InvalidArgument("its time is before that of the row before");
      if (begin == before && kind != Arrivals::kRequest)
        return InvalidArgument("its time is that of the row before");
    }
    const double value = row.rate.value_or(row.arrivals.value_or(1));
    if (!(value >= 0) || (kind == Arrivals::kRate && value > kMaxRate) || value > kMaxRequests) {
      return InvalidArgument("{} requests{} is not possible", FormatReal(value),
                             kind == Arrivals::kRate ? "/s" : "");
    }
    if (kind == Arrivals::kCount && value != std::floor(value)) {
      return InvalidArgument("arrivals is {}, and must be whole", FormatReal(value));
    }
    const double service = row.service_ms.value_or(0);
    if (!(service >= 0 && service <= kMaxServiceMs)) {
      return InvalidArgument("service_ms is {}; 0 to {} can be", FormatReal(service),
                             FormatReal(kMaxServiceMs));
    }
    trace_.intervals.push_back({begin, value, service});
    return Ok();
  }

  Result<Trace> Finish() && {
    if (trace_.intervals.empty()) return InvalidArgument("{} holds no rows", trace_.name);
    trace_.start = start_.value_or(EventTime{0});
    const Micros last = trace_.intervals.back().begin;
    Micros length = std::chrono::seconds(60);
    if (trace_.arrivals == Arrivals::kRequest) {
      length = std::chrono::seconds(1);
    } else if (trace_.intervals.size() > 1) {
      length = last - trace_.intervals[trace_.intervals.size() - 2].begin;
    }
    trace_.duration = last + length;
    MR_RETURN_IF_ERROR(ValidateTrace(trace_));
    return std::move(trace_);
  }

 private:
  Trace trace_;
  std::optional<EventTime> start_;
};

Result<std::vector<size_t>> Header(std::string_view line) {
  std::vector<size_t> columns;
  for (const std::string& name : Split(line, ',')) {
    MR_ASSIGN_OR_RETURN(const size_t column, ColumnOf(Trim(name)));
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) {
      return InvalidArgument("the column '{}' comes twice", Columns()[column]);
    }
    columns.push_back(column);
  }
  if (std::find(columns.begin(), columns.end(), size_t{0}) == columns.end()) {
    return InvalidArgument("there is no column 'time'");
  }
  return columns;
}

}  // namespace

double Trace::Requests() const {
  double sum = 0;
  for (size_t i = 0; i < intervals.size(); ++i) {
    sum += arrivals == Arrivals::kRate
               ? intervals[i].value * std::chrono::duration<double>(EndOf(i) - intervals[i].begin).count()
               : intervals[i].value;
  }
  return sum;
}

double Trace::PeakRate() const {
  double peak = 0;
  if (arrivals == Arrivals::kRequest)
    return duration > Micros(0) ? Requests() / (static_cast<double>(duration.count()) / 1e6) : 0;
  for (size_t i = 0; i < intervals.size(); ++i) {
    const double seconds = std::chrono::duration<double>(EndOf(i) - intervals[i].begin).count();
    peak = std::max(peak, arrivals == Arrivals::kRate ? intervals[i].value : intervals[i].value / seconds);
  }
  return peak;
}

Status ValidateTrace(const Trace& trace) {
  if (trace.intervals.empty()) return InvalidArgument("{} holds no rows", trace.name);
  if (trace.duration <= Micros(0) || trace.duration > kMaxDuration) {
    return InvalidArgument("{} lasts {}; it must be longer than 0 and at most {}", trace.name,
                           FormatDuration(trace.duration), FormatDuration(kMaxDuration));
  }
  const double requests = trace.Requests();
  if (!(requests <= kMaxRequests)) {
    return InvalidArgument("{} has {:.3g} requests; at most {:.3g} can be simulated", trace.name, requests,
                           kMaxRequests);
  }
  return Ok();
}

Result<Trace> ParseTrace(std::string_view text, std::string_view name) {
  Builder builder(name);
  std::optional<std::vector<size_t>> columns;
  std::optional<bool> json;
  size_t number = 0;
  const auto at_line = [&](const Status& status) {
    return status.WithContext(fmt::format("{}, line {}", name, number));
  };
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (line.size() > kMaxLine) return at_line(InvalidArgument("it has more than {} characters", kMaxLine));
    if (!json) json = line.front() == '{';
    if (!*json && !columns) {
      Result<std::vector<size_t>> header = Header(line);
      if (!header.ok()) return at_line(header.status());
      columns = std::move(*header);
      continue;
    }
    const Result<Row> row = *json ? JsonRow(line) : CsvRow(line, *columns);
    if (!row.ok()) return at_line(row.status());
    const Status added = builder.Add(*row);
    if (!added.ok()) return at_line(added);
  }
  return std::move(builder).Finish();
}

Result<Trace> ReadTrace(const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxBytes));
  return ParseTrace(text, path);
}

}  // namespace millrace::autoscale
