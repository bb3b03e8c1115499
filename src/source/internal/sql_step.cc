#include "source/internal/sql_step.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "source/internal/duckdb_handles.h"

namespace millrace::source::internal {
namespace {

std::string Quoted(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    quoted += c;
    if (c == quote) quoted += c;
  }
  return quoted + quote;
}

duckdb_type TypeInDuckDb(DataType type) {
  switch (type) {
    case DataType::kBool:
      return DUCKDB_TYPE_BOOLEAN;
    case DataType::kInt64:
      return DUCKDB_TYPE_BIGINT;
    case DataType::kDouble:
      return DUCKDB_TYPE_DOUBLE;
    case DataType::kString:
      return DUCKDB_TYPE_VARCHAR;
    case DataType::kTimestamp:
      break;
  }
  return DUCKDB_TYPE_TIMESTAMP_TZ;
}

std::string_view NameInDuckDb(DataType type) {
  switch (type) {
    case DataType::kBool:
      return "BOOLEAN";
    case DataType::kInt64:
      return "BIGINT";
    case DataType::kDouble:
      return "DOUBLE";
    case DataType::kString:
      return "VARCHAR";
    case DataType::kTimestamp:
      break;
  }
  return "TIMESTAMPTZ";
}

// How a result's column becomes one of ours: the type, and the expression that makes it.
struct Projection {
  Field field;
  std::string expression;
  bool local_time = false;
};

Result<Projection> Project(const std::string& name, duckdb_type type) {
  const std::string column = Quoted(name, '"');
  const auto as = [&](DataType ours, std::string_view sql_type, bool local = false) {
    return Projection{{name, ours}, fmt::format("CAST({} AS {})", column, sql_type), local};
  };
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      return as(DataType::kBool, "BOOLEAN");
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
      return as(DataType::kInt64, "BIGINT");  // fails where it does not fit
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
      return as(DataType::kDouble, "DOUBLE");
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_UUID:
      return as(DataType::kString, "VARCHAR");
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return as(DataType::kTimestamp, "TIMESTAMPTZ");
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_DATE:
      return as(DataType::kTimestamp, "TIMESTAMP", true);
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return Projection{{name, DataType::kTimestamp},
                        fmt::format("CASE WHEN epoch_ns({0}) % 1000 <> 0 THEN error('a timestamp is no whole "
                                    "microsecond') ELSE CAST({0} AS TIMESTAMP) END",
                                    column),
                        true};
    default:
      return InvalidArgument(
          "files.sql: column '{}' of the result has a type without an exact form here; cast it to BIGINT, "
          "DOUBLE, "
          "BOOLEAN, VARCHAR or TIMESTAMPTZ",
          name);
  }
}

// Interrupts what runs on a connection when the time is up or a stop is asked for, until it is gone itself.
class Watchdog {
 public:
  Watchdog(duckdb_connection connection, Micros limit, std::stop_token stop)
      : stop_(std::move(stop)), wake_(stop_, Wake{*this}), thread_([this, connection, limit](auto done) {
          Watch(connection, std::chrono::steady_clock::now() + limit, done);
        }) {}
  // Whether it has interrupted anything.
  bool barked() const { return barked_; }

 private:
  struct Wake {
    Watchdog& dog;
    void operator()() const {
      // Under the lock, or it could come between the look at stop_ and the wait, and be lost.
      const std::lock_guard lock(dog.mutex_);
      dog.changed_.notify_all();
    }
  };

  void Watch(duckdb_connection connection, std::chrono::steady_clock::time_point deadline,
             const std::stop_token& done) {
    constexpr std::chrono::milliseconds kAgain(20);
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, done, deadline, [this] { return stop_.stop_requested(); });
    // An interrupt between two statements is lost, so it comes again.
    while (!done.stop_requested()) {
      barked_ = true;
      duckdb_interrupt(connection);
      changed_.wait_for(lock, done, kAgain, [] { return false; });
    }
  }

  std::atomic<bool> barked_{false};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::stop_token stop_;
  std::stop_callback<Wake> wake_;
  std::jthread thread_;
};

class SqlSession {
 public:
  static Result<SqlSession> Open(const SqlOptions& options);
  Status CreateFiles(const Schema& schema);
  Status Load(const Table& files);
  Result<Table> Select(const std::string& sql);
  Result<Schema> Describe(const std::string& sql);
  duckdb_connection connection() const { return connection_.get(); }

 private:
  SqlSession() = default;
  Status Execute(const std::string& sql);
  Status CheckOneSelect(const std::string& sql);
  Result<std::vector<Projection>> ProjectResult(const std::string& sql);
  Result<Table> Fetch(const std::string& sql, const std::vector<Projection>& projections);

  Engine engine_;
  Connection connection_;
  TimeZone zone_;
};

Result<SqlSession> SqlSession::Open(const SqlOptions& options) {
  SqlSession session;
  session.zone_ = options.time_zone;
  Config config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess) return Internal("DuckDB has no configuration");
  std::vector<std::pair<std::string, std::string>> settings = {
      {"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},   {"temp_directory", ""},
      {"preserve_insertion_order", "true"},
  };
  if (options.threads > 0) settings.emplace_back("threads", std::to_string(options.threads));
  if (options.memory_limit > 0)
    settings.emplace_back("memory_limit", fmt::format("{}B", options.memory_limit));
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name.c_str(), value.c_str()) != DuckDBSuccess) {
      return Internal("DuckDB refuses {} = '{}'", name, value);
    }
  }
  char* error = nullptr;
  if (duckdb_open_ext(nullptr, session.engine_.out(), config.get(), &error) != DuckDBSuccess) {
    const std::string why = error != nullptr ? error : "no reason given";
    duckdb_free(error);
    return Internal("DuckDB does not open: {}", why);
  }
  if (duckdb_connect(session.engine_.get(), session.connection_.out()) != DuckDBSuccess) {
    return Internal("DuckDB gives no connection");
  }
  // Not in the configuration: DuckDB then refuses the temp_directory, which is to be none.
  MR_RETURN_IF_ERROR(session.Execute("SET enable_external_access = false"));
  const std::string zone = options.time_zone.IsUtc() ? "UTC" : options.time_zone.name();
  const Status zone_set = session.Execute(fmt::format("SET TimeZone = {}", Quoted(zone, '\'')));
  if (!zone_set.ok()) {
    return InvalidArgument("files.sql knows no time zone '{}'; use UTC or a name such as Europe/Zurich",
                           zone);
  }
  MR_RETURN_IF_ERROR(session.Execute("SET lock_configuration = true"));
  return session;
}

Status SqlSession::Execute(const std::string& sql) {
  QueryResult result;
  if (duckdb_query(connection_.get(), sql.c_str(), result.get()) == DuckDBSuccess) return Ok();
  const char* error = duckdb_result_error(result.get());
  return InvalidArgument("files.sql: {}", error != nullptr ? error : "DuckDB gives no reason");
}

// Writes rows [begin, begin + rows) of a column into a chunk's vector.
void FillVector(duckdb_vector vector, const Column& column, size_t begin, size_t rows) {
  void* data = duckdb_vector_get_data(vector);
  switch (column.type()) {
    case DataType::kBool:
      std::transform(column.bools().begin() + static_cast<std::ptrdiff_t>(begin),
                     column.bools().begin() + static_cast<std::ptrdiff_t>(begin + rows),
                     static_cast<bool*>(data), [](uint8_t v) { return v != 0; });
      break;
    case DataType::kInt64:
    case DataType::kTimestamp:
      std::copy_n(column.ints().data() + begin, rows, static_cast<int64_t*>(data));
      break;
    case DataType::kDouble:
      std::copy_n(column.doubles().data() + begin, rows, static_cast<double*>(data));
      break;
    case DataType::kString:
      for (size_t i = 0; i < rows; ++i) {
        const std::string_view text = column.String(begin + i);
        duckdb_vector_assign_string_element_len(vector, i, text.data(), text.size());
      }
      break;
  }
  if (!column.has_nulls()) return;
  duckdb_vector_ensure_validity_writable(vector);
  uint64_t* validity = duckdb_vector_get_validity(vector);
  for (size_t i = 0; i < rows; ++i) {
    if (column.IsNull(begin + i)) duckdb_validity_set_row_invalid(validity, i);
  }
}

Status SqlSession::CreateFiles(const Schema& schema) {
  std::string columns;
  for (const Field& field : schema.fields()) {
    if (!columns.empty()) columns += ", ";
    columns += fmt::format("{} {}", Quoted(field.name, '"'), NameInDuckDb(field.type));
  }
  return Execute(fmt::format("CREATE TABLE files ({})", columns));
}

Status SqlSession::Load(const Table& files) {
  MR_RETURN_IF_ERROR(CreateFiles(files.schema()));
  std::vector<LogicalType> owned;
  std::vector<duckdb_logical_type> types;
  for (const Field& field : files.schema().fields()) {
    owned.emplace_back(duckdb_create_logical_type(TypeInDuckDb(field.type)));
    types.push_back(owned.back().get());
  }
  Appender appender;
  if (duckdb_appender_create(connection_.get(), nullptr, "files", appender.out()) != DuckDBSuccess) {
    return Internal("DuckDB takes no rows");
  }
  const Chunk chunk(duckdb_create_data_chunk(types.data(), types.size()));
  const size_t capacity = duckdb_vector_size();
  for (size_t begin = 0; begin < files.num_rows(); begin += capacity) {
    const size_t rows = std::min(capacity, files.num_rows() - begin);
    duckdb_data_chunk_reset(chunk.get());
    for (size_t c = 0; c < files.num_columns(); ++c) {
      FillVector(duckdb_data_chunk_get_vector(chunk.get(), c), files.column(c), begin, rows);
    }
    duckdb_data_chunk_set_size(chunk.get(), rows);
    if (duckdb_append_data_chunk(appender.get(), chunk.get()) != DuckDBSuccess) {
      return ResourceExhausted("files.sql: DuckDB takes no more rows: {}",
                               duckdb_appender_error(appender.get()));
    }
  }
  if (duckdb_appender_close(appender.get()) != DuckDBSuccess) {
    return ResourceExhausted("files.sql: DuckDB takes no more rows: {}",
                             duckdb_appender_error(appender.get()));
  }
  return Ok();
}

Status SqlSession::CheckOneSelect(const std::string& sql) {
  Statements statements;
  const idx_t count = duckdb_extract_statements(connection_.get(), sql.c_str(), statements.out());
  if (count == 0) {
    const char* error = duckdb_extract_statements_error(statements.get());
    return InvalidArgument("files.sql: {}", error != nullptr ? error : "there is no statement");
  }
  Prepared prepared;
  if (count > 1)
    return InvalidArgument("files.sql has {} statements; right would be one SELECT … FROM files", count);
  if (duckdb_prepare_extracted_statement(connection_.get(), statements.get(), 0, prepared.out()) !=
      DuckDBSuccess) {
    const char* error = duckdb_prepare_error(prepared.get());
    return InvalidArgument("files.sql: {}", error != nullptr ? error : "DuckDB gives no reason");
  }
  if (duckdb_prepared_statement_type(prepared.get()) != DUCKDB_STATEMENT_TYPE_SELECT) {
    return InvalidArgument("files.sql is no SELECT; right would be SELECT … FROM files");
  }
  return Ok();
}

Result<std::vector<Projection>> SqlSession::ProjectResult(const std::string& sql) {
  QueryResult result;
  if (duckdb_query(connection_.get(), fmt::format("SELECT * FROM ({}\n) LIMIT 0", sql).c_str(),
                   result.get()) != DuckDBSuccess) {
    return InvalidArgument("files.sql: {}", duckdb_result_error(result.get()));
  }
  std::vector<Projection> projections;
  for (idx_t c = 0; c < duckdb_column_count(result.get()); ++c) {
    MR_ASSIGN_OR_RETURN(Projection projection,
                        Project(duckdb_column_name(result.get(), c), duckdb_column_type(result.get(), c)));
    projections.push_back(std::move(projection));
  }
  return projections;
}

Status AppendVector(ColumnBuilder& builder, duckdb_vector vector, const Projection& projection, idx_t rows,
                    const TimeZone& zone) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  const void* data = duckdb_vector_get_data(vector);
  const auto value_at = [&](idx_t i) -> Value {
    switch (projection.field.type) {
      case DataType::kBool:
        return static_cast<const bool*>(data)[i];
      case DataType::kInt64:
        return static_cast<const int64_t*>(data)[i];
      case DataType::kDouble:
        return static_cast<const double*>(data)[i];
      case DataType::kTimestamp: {
        const int64_t micros = static_cast<const int64_t*>(data)[i];
        return projection.local_time ? zone.FromLocal(micros) : EventTime{micros};
      }
      case DataType::kString:
        break;
    }
    duckdb_string_t text = static_cast<const duckdb_string_t*>(data)[i];
    return std::string(duckdb_string_t_data(&text), duckdb_string_t_length(text));
  };
  for (idx_t i = 0; i < rows; ++i) {
    if (validity != nullptr && !duckdb_validity_row_is_valid(validity, i)) {
      builder.AppendNull();
    } else {
      MR_RETURN_IF_ERROR(builder.Append(value_at(i)));
    }
  }
  return Ok();
}

Result<Table> SqlSession::Fetch(const std::string& sql, const std::vector<Projection>& projections) {
  std::string projected = "SELECT ";
  std::vector<Field> fields;
  std::vector<ColumnBuilder> builders;
  for (const Projection& projection : projections) {
    if (!fields.empty()) projected += ", ";
    projected += projection.expression;
    fields.push_back(projection.field);
    builders.emplace_back(projection.field.type);
  }
  projected += fmt::format(" FROM ({}\n)", sql);
  QueryResult result;
  if (duckdb_query(connection_.get(), projected.c_str(), result.get()) != DuckDBSuccess) {
    return InvalidArgument("files.sql: {}", duckdb_result_error(result.get()));
  }
  for (;;) {
    const Chunk chunk(duckdb_fetch_chunk(*result.get()));
    if (chunk.get() == nullptr) break;
    const idx_t rows = duckdb_data_chunk_get_size(chunk.get());
    if (rows == 0) break;
    for (size_t c = 0; c < builders.size(); ++c) {
      MR_RETURN_IF_ERROR(AppendVector(builders[c], duckdb_data_chunk_get_vector(chunk.get(), c),
                                      projections[c], rows, zone_));
    }
  }
  std::vector<Column> columns;
  for (ColumnBuilder& builder : builders) columns.push_back(std::move(builder).Finish());
  Result<Table> table = Table::Create(Schema(std::move(fields)), std::move(columns));
  return table.ok() ? std::move(table) : table.status().WithContext("files.sql");
}

// The statement goes into brackets, where a closing semicolon has no place.
std::string WithoutSemicolon(const std::string& sql) {
  return sql.substr(0, sql.find_last_not_of("; \t\r\n") + 1);
}

Result<Table> SqlSession::Select(const std::string& sql) {
  MR_RETURN_IF_ERROR(CheckOneSelect(sql));
  const std::string inner = WithoutSemicolon(sql);
  MR_ASSIGN_OR_RETURN(const std::vector<Projection> projections, ProjectResult(inner));
  return Fetch(inner, projections);
}

Result<Schema> SqlSession::Describe(const std::string& sql) {
  MR_RETURN_IF_ERROR(CheckOneSelect(sql));
  Prepared prepared;
  const std::string all = fmt::format("SELECT * FROM ({}\n)", WithoutSemicolon(sql));
  if (duckdb_prepare(connection_.get(), all.c_str(), prepared.out()) != DuckDBSuccess) {
    const char* error = duckdb_prepare_error(prepared.get());
    return InvalidArgument("files.sql: {}", error != nullptr ? error : "DuckDB gives no reason");
  }
  if (duckdb_nparams(prepared.get()) > 0) {
    return InvalidArgument("files.sql has a parameter, and nothing gives it a value; write the value itself");
  }
  std::vector<Field> fields;
  for (idx_t c = 0; c < duckdb_prepared_statement_column_count(prepared.get()); ++c) {
    const char* text = duckdb_prepared_statement_column_name(prepared.get(), c);
    const std::string name = text != nullptr ? text : "";
    duckdb_free(const_cast<char*>(text));  // NOLINT: it is DuckDB's own, and to be freed
    MR_ASSIGN_OR_RETURN(Projection projection,
                        Project(name, duckdb_prepared_statement_column_type(prepared.get(), c)));
    fields.push_back(std::move(projection.field));
  }
  return Schema(std::move(fields));
}

bool IsOutOfMemory(const Status& status) {
  return status.message().find("Out of Memory Error") != std::string::npos;
}

}  // namespace

Result<Table> RunSql(const std::string& sql, const Table& files, const SqlOptions& options) {
  MR_ASSIGN_OR_RETURN(SqlSession session, SqlSession::Open(options));
  const Watchdog watchdog(session.connection(), options.time_limit, options.stop);
  const Status loaded = session.Load(files);
  Result<Table> result = loaded.ok() ? session.Select(sql) : Result<Table>(loaded);
  if (result.ok() || !watchdog.barked()) return result;
  if (options.stop.stop_requested()) return Cancelled("files.sql was called off");
  return InvalidArgument(
      "files.sql has not ended within its limit of {}; join and sum less in it, or prepare the rows before "
      "Millrace reads them",
      FormatDuration(options.time_limit));
}

Result<Schema> DescribeSql(const std::string& sql, const Schema& files, const SqlOptions& options) {
  MR_ASSIGN_OR_RETURN(SqlSession session, SqlSession::Open(options));
  const Watchdog watchdog(session.connection(), options.time_limit, options.stop);
  const Status created = session.CreateFiles(files);
  Result<Schema> schema = created.ok() ? session.Describe(sql) : Result<Schema>(created);
  if (schema.ok() || (!watchdog.barked() && !IsOutOfMemory(schema.status()))) return schema;
  return Unavailable("the columns that files.sql makes are not known yet: they were not found within {}",
                     FormatDuration(options.time_limit));
}

}  // namespace millrace::source::internal
