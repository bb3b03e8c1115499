#include "base/sqlite.h"

#include <sqlite3.h>

namespace millrace {
namespace {

Status FromSqlite(sqlite3* db, int code, std::string_view what) {
  const std::string text =
      fmt::format("{}: {}", what, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Status(Code::kUnavailable, text);
    case SQLITE_CONSTRAINT:
      return Status(Code::kAlreadyExists, text);
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return Status(Code::kResourceExhausted, text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Status(Code::kPermissionDenied, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Status(Code::kDataLoss, text);
    case SQLITE_CANTOPEN:
      return Status(Code::kNotFound, text);
    case SQLITE_IOERR:
      return Status(Code::kUnavailable, text);
    default:
      return Status(Code::kInternal, text);
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

Status Statement::Bind(int index, int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), index, value);
  return code == SQLITE_OK ? Ok() : FromSqlite(nullptr, code, "binding a number");
}

Status Statement::Bind(int index, double value) {
  const int code = sqlite3_bind_double(statement_.get(), index, value);
  return code == SQLITE_OK ? Ok() : FromSqlite(nullptr, code, "binding a number");
}

Status Statement::Bind(int index, std::string_view value) {
  const int code = sqlite3_bind_text64(statement_.get(), index, value.data() == nullptr ? "" : value.data(),
                                       value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return code == SQLITE_OK ? Ok() : FromSqlite(nullptr, code, "binding a text");
}

Status Statement::BindNull(int index) {
  const int code = sqlite3_bind_null(statement_.get(), index);
  return code == SQLITE_OK ? Ok() : FromSqlite(nullptr, code, "binding a null");
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return FromSqlite(sqlite3_db_handle(statement_.get()), code, "the database refused");
}

Status Statement::Run() {
  for (;;) {
    const Result<bool> row = Step();
    if (!row.ok()) {
      Reset();
      return row.status();
    }
    if (!*row) break;
  }
  Reset();
  return Ok();
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::Real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string()
                          : std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

Result<Database> Database::Open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (code != SQLITE_OK) return FromSqlite(raw, code, "cannot open " + path);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 5000);
  const Status set = db.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
  if (!set.ok()) return set.WithContext(path);
  return db;
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return FromSqlite(db_.get(), code, fmt::format("preparing '{}'", sql));
  return Statement(raw);
}

Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Ok() : FromSqlite(db_.get(), code, fmt::format("running '{}'", sql));
}

int64_t Database::LastInsertId() const { return sqlite3_last_insert_rowid(db_.get()); }
int64_t Database::Changes() const { return sqlite3_changes64(db_.get()); }

Result<Transaction> Transaction::Begin(Database& db) {
  MR_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  return Transaction(&db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) (void)db_->Execute("ROLLBACK").ok();
}

Status Transaction::Commit() {
  MR_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  db_ = nullptr;
  return Ok();
}

}  // namespace millrace
