// DuckDB's C handles, closed at the end of their scope. Private to src/source;
// only sql_step.cc includes it, and DuckDB's header with it.
#pragma once

#include <duckdb.h>

#include <utility>

namespace millrace::source::internal {

template <typename Handle, void (*Destroy)(Handle*)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  ~Owned() {
    if (handle_ != nullptr) Destroy(&handle_);
  }
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Handle get() const { return handle_; }
  Handle* out() { return &handle_; }

 private:
  Handle handle_ = nullptr;
};

inline void DestroyAppender(duckdb_appender* appender) { duckdb_appender_destroy(appender); }

using Config = Owned<duckdb_config, duckdb_destroy_config>;
using Engine = Owned<duckdb_database, duckdb_close>;
using Connection = Owned<duckdb_connection, duckdb_disconnect>;
using Appender = Owned<duckdb_appender, DestroyAppender>;
using Chunk = Owned<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using LogicalType = Owned<duckdb_logical_type, duckdb_destroy_logical_type>;
using Statements = Owned<duckdb_extracted_statements, duckdb_destroy_extracted>;
using Prepared = Owned<duckdb_prepared_statement, duckdb_destroy_prepare>;

class QueryResult {
 public:
  QueryResult() = default;
  ~QueryResult() { duckdb_destroy_result(&result_); }
  QueryResult(const QueryResult&) = delete;
  QueryResult& operator=(const QueryResult&) = delete;
  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_{};
};

}  // namespace millrace::source::internal
