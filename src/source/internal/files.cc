#include "source/internal/files.h"

#include <filesystem>

#include "base/parallel.h"
#include "source/internal/text_rows.h"
#include "source/internal/unpack.h"
#include "table/parquet.h"

namespace millrace::source::internal {
namespace {

constexpr int kSampleRows = 10'000;
constexpr size_t kSampleBytes = 8 << 20;
constexpr int64_t kReportEvery = 50'000;  // rows
constexpr int64_t kMaxColumns = 10'000;
constexpr size_t kMostFooters = 1024;  // that an inspection reads

// The first whole lines of a file.
Result<std::string> ReadBeginning(const std::string& path) {
  MR_ASSIGN_OR_RETURN(std::string bytes, ReadTextBeginning(path, kSampleBytes));
  if (bytes.size() < kSampleBytes) return bytes;
  const size_t last = bytes.rfind('\n');
  if (last != std::string::npos) bytes.resize(last + 1);
  return bytes;
}

Status Sample(FileFormat format, const std::string& path, Guesses& guesses) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadBeginning(path));
  MR_ASSIGN_OR_RETURN(const auto rows, OpenRows(format, path, bytes));
  if (format == FileFormat::kCsv) rows->Observe(guesses);  // a header alone has columns, too
  for (int i = 0; i < kSampleRows && rows->Next(); ++i) rows->Observe(guesses);
  if (guesses.names().size() > static_cast<size_t>(kMaxColumns)) {
    return ResourceExhausted("{} has more than {} columns", path, kMaxColumns);
  }
  return Ok();
}

DataType TypeOfColumn(const std::string& name, DataType guessed, const FileReadOptions& options) {
  for (const Field& field : options.declared) {
    if (field.name == name) return field.type;
  }
  if (name == options.event_time && guessed == DataType::kString) return DataType::kTimestamp;
  return guessed;
}

Result<Schema> InspectText(FileFormat format, std::span<const std::string> paths,
                           const FileReadOptions& options) {
  Guesses guesses;
  for (const std::string& path : paths) MR_RETURN_IF_ERROR(Sample(format, path, guesses));
  std::vector<Field> fields;
  for (const std::string& name : guesses.names()) {
    fields.push_back({name, TypeOfColumn(name, guesses.At(name).Type(), options)});
  }
  Schema schema(std::move(fields));
  if (format == FileFormat::kJsonLines) {
    // A declared field may be in none of the first rows.
    std::vector<Field> all = schema.fields();
    for (const Field& field : options.declared) {
      if (!schema.Find(field.name)) all.push_back(field);
    }
    schema = Schema(std::move(all));
  }
  if (schema.size() == 0)
    return DataLoss("{} and {} other files have no usable row", paths.front(), paths.size() - 1);
  return schema;
}

// One file of text: good rows into columns, the others into dead letters.
class TextFile {
 public:
  TextFile(const std::string& path, const Schema& schema, const FileReadOptions& options)
      : path_(path), schema_(schema), options_(options) {
    for (const Field& field : schema.fields()) builders_.emplace_back(field.type);
  }

  Result<RawRows> Read(FileFormat format) {
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadText(path_));
    text_bytes_ = static_cast<int64_t>(bytes.size());
    std::error_code error;
    const auto size = std::filesystem::file_size(path_, error);
    file_bytes_ = error ? 0 : static_cast<int64_t>(size);
    MR_ASSIGN_OR_RETURN(const auto rows, OpenRows(format, path_, bytes));
    MR_RETURN_IF_ERROR(rows->Bind(schema_, options_.time_zone));
    while (rows->Next()) {
      ++number_;
      MR_RETURN_IF_ERROR(ReadRow(*rows));
      if (number_ % kReportEvery == 0) Report(*rows);
    }
    Report(*rows);
    return Finish();
  }

 private:
  Status ReadRow(const TextRows& rows) {
    if (!rows.problem().empty()) {
      Reject(rows, std::string(rows.problem()));
      return Ok();
    }
    values_.clear();
    for (size_t c = 0; c < schema_.size(); ++c) {
      Result<Value> value = rows.Get(c);
      if (!value.ok()) {
        Reject(rows, fmt::format("column '{}': {}", schema_[c].name, value.status().message()));
        return Ok();
      }
      values_.push_back(std::move(value).value());
    }
    for (size_t c = 0; c < schema_.size(); ++c) MR_RETURN_IF_ERROR(builders_[c].Append(values_[c]));
    numbers_.push_back(number_);
    return Ok();
  }

  void Reject(const TextRows& rows, std::string reason) {
    dead_letters_.push_back({.file = path_,
                             .row = number_,
                             .reason = std::move(reason),
                             .text = std::string(rows.text().substr(0, 5000))});
  }

  void Report(const TextRows& rows) {
    const int64_t bytes = InFile(rows.position());
    if (options_.progress) options_.progress(number_ - reported_rows_, bytes - reported_bytes_);
    reported_rows_ = number_;
    reported_bytes_ = bytes;
  }

  // Where a position of the text is in the file, which may be compressed.
  int64_t InFile(int64_t position) const {
    if (text_bytes_ == 0 || text_bytes_ == file_bytes_) return position;
    return static_cast<int64_t>(static_cast<double>(position) / static_cast<double>(text_bytes_) *
                                static_cast<double>(file_bytes_));
  }

  Result<RawRows> Finish() {
    std::vector<Column> columns;
    for (ColumnBuilder& builder : builders_) columns.push_back(std::move(builder).Finish());
    RawRows raw;
    MR_ASSIGN_OR_RETURN(raw.table, Table::Create(schema_, std::move(columns)));
    if (dead_letters_.empty()) numbers_.clear();
    raw.files.push_back({path_, static_cast<int64_t>(raw.table.num_rows()), std::move(numbers_)});
    raw.dead_letters = std::move(dead_letters_);
    return raw;
  }

  const std::string& path_;
  const Schema& schema_;
  const FileReadOptions& options_;
  std::vector<ColumnBuilder> builders_;
  std::vector<Value> values_;     // of the row being read
  std::vector<int64_t> numbers_;  // of the good rows
  std::vector<DeadLetter> dead_letters_;
  int64_t text_bytes_ = 0;
  int64_t file_bytes_ = 0;
  int64_t number_ = 0;
  int64_t reported_rows_ = 0;
  int64_t reported_bytes_ = 0;
};

Result<RawRows> ReadText(FileFormat format, std::span<const std::string> paths,
                         const FileReadOptions& options) {
  MR_ASSIGN_OR_RETURN(const Schema schema, InspectText(format, paths, options));
  std::vector<RawRows> parts(paths.size());
  MR_RETURN_IF_ERROR(ParallelFor(options.threads, paths.size(), [&](size_t i) -> Status {
    MR_ASSIGN_OR_RETURN(parts[i], TextFile(paths[i], schema, options).Read(format));
    return Ok();
  }));
  RawRows whole;
  std::vector<Table> tables;
  for (RawRows& part : parts) {
    tables.push_back(std::move(part.table));
    whole.files.push_back(std::move(part.files.front()));
    std::move(part.dead_letters.begin(), part.dead_letters.end(), std::back_inserter(whole.dead_letters));
  }
  MR_ASSIGN_OR_RETURN(whole.table, Table::Concatenate(tables));
  return whole;
}

Result<RawRows> ReadParquetRows(std::span<const std::string> paths, const FileReadOptions& options) {
  MR_ASSIGN_OR_RETURN(ParquetParts parts, ReadParquetParts(paths, {.time_zone = options.time_zone,
                                                                   .threads = options.threads,
                                                                   .progress = options.progress}));
  RawRows raw;
  raw.table = std::move(parts.table);
  for (size_t i = 0; i < paths.size(); ++i) raw.files.push_back({paths[i], parts.rows[i], {}});
  return raw;
}

// Of very many files some, evenly spread, the first and the last among them: files are in order of
// their names, and a schema that changed does so from one of them on.
std::vector<std::string> Spread(std::span<const std::string> paths, size_t most) {
  if (paths.size() <= most) return {paths.begin(), paths.end()};
  std::vector<std::string> chosen;
  for (size_t i = 0; i < most; ++i) chosen.push_back(paths[i * (paths.size() - 1) / (most - 1)]);
  return chosen;
}

}  // namespace

Result<Schema> InspectFiles(FileFormat format, std::span<const std::string> paths,
                            const FileReadOptions& options) {
  if (format == FileFormat::kParquet) return ReadParquetSchema(Spread(paths, kMostFooters), options.threads);
  return InspectText(format, paths, options);
}

Result<RawRows> ReadFiles(FileFormat format, std::span<const std::string> paths,
                          const FileReadOptions& options) {
  if (format == FileFormat::kParquet) return ReadParquetRows(paths, options);
  return ReadText(format, paths, options);
}

}  // namespace millrace::source::internal
