#include "admission/jobs_csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace millrace::admission {
namespace {

constexpr size_t kMostRows = 1'000'000;
constexpr size_t kMostColumns = 64;
constexpr size_t kMostLine = 64 * 1024;
constexpr double kMostSeconds = 1e9;  // 31 years

Result<int64_t> Whole(std::string_view text, int64_t least, int64_t most) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return InvalidArgument("'{}' is not a whole number from {} to {}", text, least, most);
  }
  return value;
}

Result<double> Number(std::string_view text, double most) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0) || value > most) {
    return InvalidArgument("'{}' is not a number from 0 to {}", text, most);
  }
  return value;
}

Result<Micros> Seconds(std::string_view text) {
  MR_ASSIGN_OR_RETURN(const double seconds, Number(text, kMostSeconds));
  return Micros(std::llround(seconds * 1e6));
}

Status SetResource(const std::string& column, std::string_view text, SimulatedJob& job) {
  if (column == "cpu") {
    MR_ASSIGN_OR_RETURN(const double cores, Number(text, 1e9));
    job.workload.pods[0].requests["cpu"] = std::llround(cores * 1000);
    return Ok();
  }
  MR_ASSIGN_OR_RETURN(job.workload.pods[0].requests[column], Whole(text, 0, kMostAmount));
  return Ok();
}

Status SetField(const std::string& column, std::string_view text, EventTime start, SimulatedJob& job) {
  Workload& workload = job.workload;
  if (column == "name") {
    workload.name = text;
  } else if (column == "project") {
    workload.project = text;
  } else if (column == "arrival") {
    MR_ASSIGN_OR_RETURN(const Micros after, Seconds(text));
    workload.queued_at = start + after;
  } else if (column == "runs") {
    MR_ASSIGN_OR_RETURN(job.runs, Seconds(text));
  } else if (column == "pods") {
    MR_ASSIGN_OR_RETURN(workload.pods[0].count, Whole(text, 1, kMostPods));
  } else if (column == "priority") {
    MR_ASSIGN_OR_RETURN(workload.priority, Whole(text, -1'000'000'000, 1'000'000'000));
  } else if (column == "pools") {
    workload.pools = Split(text, '|');
  } else if (column == "limit") {
    MR_ASSIGN_OR_RETURN(workload.duration, Seconds(text));
  } else if (column == "checkpoint") {
    MR_ASSIGN_OR_RETURN(job.checkpoints_every, Seconds(text));
  } else if (column == "preemptible") {
    if (text != "true" && text != "false") return InvalidArgument("'{}' is neither true nor false", text);
    workload.preemptible = text == "true";
  } else {
    return SetResource(column, text, job);
  }
  return Ok();
}

Status CheckHeader(const std::vector<std::string>& columns) {
  if (columns.size() > kMostColumns) {
    return InvalidArgument("line 1 has {} columns; {} at most", columns.size(), kMostColumns);
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].empty()) return InvalidArgument("line 1: column {} has no name", i + 1);
    if (std::count(columns.begin(), columns.end(), columns[i]) > 1) {
      return InvalidArgument("line 1: two columns are called '{}'", columns[i]);
    }
  }
  for (const char* required : {"name", "project", "arrival", "runs"}) {
    if (std::find(columns.begin(), columns.end(), required) != columns.end()) continue;
    const std::string near = Nearest(required, columns);
    return InvalidArgument("line 1: the column '{}' is missing{}", required,
                           near.empty() ? "" : "; did you mean it by '" + near + "'?");
  }
  return Ok();
}

Result<SimulatedJob> ReadRow(const std::vector<std::string>& columns, std::string_view line,
                             EventTime start) {
  const std::vector<std::string> fields = Split(line, ',');
  if (fields.size() != columns.size()) {
    return InvalidArgument("it has {} fields; line 1 names {} columns", fields.size(), columns.size());
  }
  SimulatedJob job;
  job.workload.pods = {PodSet()};
  for (size_t i = 0; i < fields.size(); ++i) {
    const bool required =
        (columns[i] == "name" || columns[i] == "project" || columns[i] == "arrival" || columns[i] == "runs");
    if (fields[i].empty() && required) return InvalidArgument("its field '{}' is empty", columns[i]);
    if (fields[i].empty()) continue;
    MR_RETURN_IF_ERROR(
        SetField(columns[i], fields[i], start, job).WithContext("column '" + columns[i] + "'"));
  }
  return job;
}

}  // namespace

Result<std::vector<SimulatedJob>> ReadJobs(std::string_view text, EventTime start) {
  std::vector<SimulatedJob> jobs;
  std::vector<std::string> columns;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > kMostLine) return InvalidArgument("line {} is longer than {} bytes", number, kMostLine);
    if (line.find('"') != std::string_view::npos)
      return InvalidArgument("line {} has a quote; fields have none", number);
    if (!IsUtf8(line)) return InvalidArgument("line {} is not UTF-8", number);
    if (columns.empty()) {
      columns = Split(line, ',');
      MR_RETURN_IF_ERROR(CheckHeader(columns));
      continue;
    }
    if (line.empty()) continue;
    if (jobs.size() == kMostRows) return InvalidArgument("there are more than {} rows", kMostRows);
    Result<SimulatedJob> job = ReadRow(columns, line, start);
    if (!job.ok()) return job.status().WithContext(fmt::format("line {}", number));
    jobs.push_back(*std::move(job));
  }
  if (columns.empty()) return InvalidArgument("there is no first line that names the columns");
  return jobs;
}

}  // namespace millrace::admission
