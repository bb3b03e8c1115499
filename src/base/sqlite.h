// SQLite, as Millrace uses it: one writer, WAL, every statement prepared and
// bound (never pasted together from input).
//
//   MR_ASSIGN_OR_RETURN(Database db, Database::Open(path));
//   MR_ASSIGN_OR_RETURN(Statement s, db.Prepare("SELECT name FROM run WHERE id = ?1"));
//   MR_RETURN_IF_ERROR(s.Bind(1, id));
//   while (true) {
//     MR_ASSIGN_OR_RETURN(bool row, s.Step());
//     if (!row) break;
//     names.push_back(s.Text(0));
//   }
//
// A Database and its Statements belong to one thread at a time: the owner locks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace millrace {

class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  // Parameters count from 1; text and blobs are copied.
  Status Bind(int index, int64_t value);
  Status Bind(int index, double value);
  Status Bind(int index, std::string_view value);
  Status BindNull(int index);

  // True with a row, false at the end.
  Result<bool> Step();
  // Runs to the end, ignoring rows, and resets for the next use.
  Status Run();
  void Reset();

  // Of the current row; columns count from 0.
  bool IsNull(int column) const;
  int64_t Int(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Opens or makes the file; WAL, foreign keys on, synchronous=FULL, a busy
  // time-out of 5 s. ":memory:" is a database of its own, for tests.
  static Result<Database> Open(const std::string& path);

  Result<Statement> Prepare(std::string_view sql);
  // One or several statements without parameters.
  Status Execute(const std::string& sql);
  int64_t LastInsertId() const;
  // Rows changed by the last statement.
  int64_t Changes() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, Close> db_;
};

// BEGIN IMMEDIATE now; ROLLBACK at the end of scope unless Commit was called.
class Transaction {
 public:
  static Result<Transaction> Begin(Database& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  ~Transaction();
  Status Commit();

 private:
  explicit Transaction(Database* db) : db_(db) {}
  Database* db_;
};

}  // namespace millrace
