#include "source/source.h"

#include <algorithm>
#include <mutex>

#include "source/internal/event_order.h"
#include "source/internal/files.h"
#include "source/internal/sql_step.h"

namespace millrace::source {
namespace {

using internal::FileFormat;
using internal::FileReadOptions;
using internal::OrderRules;
using internal::RawRows;

// Of a SQL step whose columns are asked for while others wait for the answer.
constexpr int64_t kDescribeMemory = int64_t{256} << 20;
constexpr Micros kDescribeTime = std::chrono::seconds(2);

std::vector<Field> DeclaredTypes(const resource::DataSourceSpec& spec) {
  std::vector<Field> declared;
  for (const resource::SourceColumn& column : spec.columns) {
    if (column.type) declared.push_back({column.name, *column.type});
  }
  return declared;
}

OrderRules RulesOf(const resource::DataSourceSpec& spec) {
  OrderRules rules{.event_time = spec.event_time, .event_id = spec.event_id, .known_later = {}};
  for (const resource::SourceColumn& column : spec.columns) {
    if (column.known_after) rules.known_later.push_back(column.name);
  }
  return rules;
}

// The declared columns without a type must be there all the same.
Status CheckDeclared(const resource::DataSourceSpec& spec, const Schema& schema) {
  for (const resource::SourceColumn& column : spec.columns) {
    if (schema.Find(column.name)) continue;
    const Field field{column.name, column.type.value_or(DataType::kString)};
    return internal::WithDeclaredTypes(schema, std::span(&field, 1)).status();
  }
  return internal::CheckRules(schema, RulesOf(spec));
}

// Calls the user's function one at a time, with sums.
class ProgressSum {
 public:
  ProgressSum(const std::function<void(const ReadProgress&)>& report, const SourceSnapshot& snapshot)
      : report_(report) {
    for (const SourceFile& file : snapshot.files) sum_.total_bytes += file.size;
  }
  void Add(int64_t rows, int64_t bytes) {
    if (!report_) return;
    const std::lock_guard lock(mutex_);
    sum_.rows += rows;
    sum_.bytes = std::min(sum_.bytes + bytes, sum_.total_bytes);
    report_(sum_);
  }

 private:
  const std::function<void(const ReadProgress&)>& report_;
  std::mutex mutex_;
  ReadProgress sum_;
};

std::vector<std::string> PathsOf(const SourceSnapshot& snapshot) {
  std::vector<std::string> paths;
  for (const SourceFile& file : snapshot.files) paths.push_back(file.path);
  return paths;
}

Result<FileReadOptions> FileOptions(const resource::DataSourceSpec& spec, int threads) {
  FileReadOptions options{
      .declared = {}, .event_time = spec.event_time, .time_zone = {}, .threads = threads, .progress = {}};
  // With a SQL step the declared types are those of its result.
  if (spec.files->sql.empty()) options.declared = DeclaredTypes(spec);
  MR_ASSIGN_OR_RETURN(options.time_zone, TimeZone::Load(spec.time_zone));
  return options;
}

Table WithoutDropped(const RawRows& rows) {
  if (rows.dropped.empty()) return rows.table;
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < static_cast<int64_t>(rows.table.num_rows()); ++row) {
    if (!rows.IsDropped(row)) kept.push_back(row);
  }
  return rows.table.Take(kept);
}

Result<RawRows> SqlStep(const resource::DataSourceSpec& spec, RawRows rows,
                        const internal::SqlOptions& options) {
  if (spec.files->sql.empty()) return rows;
  MR_ASSIGN_OR_RETURN(Table result, internal::RunSql(spec.files->sql, WithoutDropped(rows), options));
  const auto count = static_cast<int64_t>(result.num_rows());
  return RawRows{.table = std::move(result),
                 .files = {{.file = "sql", .rows = count, .numbers = {}}},
                 .dead_letters = std::move(rows.dead_letters),
                 .dropped = {}};
}

Result<SourceRows> ReadFound(const resource::DataSourceSpec& spec, const SourceSnapshot& snapshot,
                             const SourceReadOptions& options) {
  MR_ASSIGN_OR_RETURN(const FileFormat format, internal::FormatOf(*spec.files, snapshot));
  MR_ASSIGN_OR_RETURN(FileReadOptions file_options, FileOptions(spec, options.threads));
  ProgressSum progress(options.progress, snapshot);
  file_options.progress = [&](int64_t rows, int64_t bytes) { progress.Add(rows, bytes); };
  MR_ASSIGN_OR_RETURN(RawRows rows, internal::ReadFiles(format, PathsOf(snapshot), file_options));
  MR_ASSIGN_OR_RETURN(rows, SqlStep(spec, std::move(rows),
                                    {.time_zone = file_options.time_zone,
                                     .threads = options.threads,
                                     .memory_limit = options.memory_limit,
                                     .time_limit = options.sql_time_limit,
                                     .stop = options.stop}));
  MR_ASSIGN_OR_RETURN(rows,
                      internal::EnforceTypes(std::move(rows), DeclaredTypes(spec), file_options.time_zone));
  MR_RETURN_IF_ERROR(CheckDeclared(spec, rows.table.schema()));
  MR_ASSIGN_OR_RETURN(internal::OrderedEvents ordered, internal::OrderEvents(std::move(rows), RulesOf(spec)));
  SourceRows result;
  result.events = std::move(ordered.events);
  result.dead_letters = DeadLetterTable(ordered.dead_letters);
  result.duplicates = ordered.duplicates;
  result.rows_read =
      static_cast<int64_t>(result.events.num_rows() + result.dead_letters.num_rows()) + ordered.duplicates;
  return result;
}

}  // namespace

Result<SourceRows> ReadSource(const resource::DataSourceSpec& spec, const SourceReadOptions& options) {
  MR_ASSIGN_OR_RETURN(SourceSnapshot before, Fingerprint(spec));
  Result<SourceRows> rows = ReadFound(spec, before, options);
  // A file that was replaced meanwhile may have given rows of both, or an error that is none.
  const Result<SourceSnapshot> after = Fingerprint(spec);
  if (!after.ok() || after->digest != before.digest) {
    return Unavailable("the source's files were changed while they were read; they have to be read again");
  }
  if (rows.ok()) rows->snapshot = std::move(before);
  return rows;
}

Result<Schema> InspectSource(const resource::DataSourceSpec& spec) {
  MR_ASSIGN_OR_RETURN(const SourceSnapshot snapshot, Fingerprint(spec));
  MR_ASSIGN_OR_RETURN(const FileFormat format, internal::FormatOf(*spec.files, snapshot));
  MR_ASSIGN_OR_RETURN(const FileReadOptions options, FileOptions(spec, 0));
  MR_ASSIGN_OR_RETURN(Schema schema, internal::InspectFiles(format, PathsOf(snapshot), options));
  if (!spec.files->sql.empty()) {
    MR_ASSIGN_OR_RETURN(schema, internal::DescribeSql(spec.files->sql, schema,
                                                      {.time_zone = options.time_zone,
                                                       .threads = 1,
                                                       .memory_limit = kDescribeMemory,
                                                       .time_limit = kDescribeTime}));
  }
  MR_ASSIGN_OR_RETURN(schema, internal::WithDeclaredTypes(schema, DeclaredTypes(spec)));
  MR_RETURN_IF_ERROR(CheckDeclared(spec, schema));
  return schema;
}

}  // namespace millrace::source
